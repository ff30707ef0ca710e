// SPDX-License-Identifier: ISC
// Pictures for upload tests, made from the demo picture by editing its segments.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { deflateSync } from 'node:zlib';
import { TOP } from './service.js';

export const demo = await readFile(path.join(TOP, 'docs', 'demo.jpg'));

/** Width and height of a JPEG, from its frame header. */
export function jpegSize(bytes) {
	for (let at = 2; at < bytes.length;) {
		const marker = bytes[at + 1];
		if (marker >= 0xc0 && marker <= 0xc2) {
			return { width: bytes.readUInt16BE(at + 7), height: bytes.readUInt16BE(at + 5) };
		}
		at += 2 + bytes.readUInt16BE(at + 2);
	}
	throw new Error('no frame header');
}

/** The demo picture with EXIF: turned by `orientation`, with a maker's name and a place. */
export function withExif(orientation) {
	const entry = (tag, type, count, value) => {
		const bytes = Buffer.alloc(12);
		bytes.writeUInt16BE(tag, 0);
		bytes.writeUInt16BE(type, 2);
		bytes.writeUInt32BE(count, 4);
		if (type === 3) bytes.writeUInt16BE(value, 8); else bytes.writeUInt32BE(value, 8);
		return bytes;
	};
	const maker = Buffer.from('SecretCamera\0');
	const makerAt = 8 + 2 + 3 * 12 + 4;
	const gpsAt = makerAt + maker.length + 1;
	const ifd = Buffer.concat([
		Buffer.from([0, 3]), entry(0x010f, 2, maker.length, makerAt), entry(0x0112, 3, 1, orientation),
		entry(0x8825, 4, 1, gpsAt), Buffer.alloc(4), maker, Buffer.alloc(1),
		Buffer.from([0, 1]), entry(0x0001, 2, 2, 0x4e000000), Buffer.alloc(4),
	]);
	const tiff = Buffer.concat([Buffer.from('MM\0*\0\0\0\x08', 'latin1'), ifd]);
	const body = Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), tiff]);
	const head = Buffer.from([0xff, 0xe1, (body.length + 2) >> 8, (body.length + 2) & 255]);
	return Buffer.concat([demo.subarray(0, 2), head, body, demo.subarray(2)]);
}

const crcTable = Array.from({ length: 256 }, (_, n) => {
	let c = n;
	for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
	return c >>> 0;
});
export const crc32 = (bytes) => { // zlib has one only from Node 20 on
	let c = 0xffffffff;
	for (const byte of bytes) c = crcTable[(c ^ byte) & 255] ^ (c >>> 8);
	return (c ^ 0xffffffff) >>> 0;
};

export function chunk(type, data) {
	const bytes = Buffer.alloc(12 + data.length);
	bytes.writeUInt32BE(data.length, 0);
	bytes.write(type, 4, 'latin1');
	data.copy(bytes, 8);
	bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
	return bytes;
}

/** A grey PNG; with `claim`, one that says it has another size than its data. */
export function png(width, height, claim = { width, height }, fill = (rows) => rows.fill(128)) {
	const header = Buffer.alloc(13);
	header.writeUInt32BE(claim.width, 0);
	header.writeUInt32BE(claim.height, 4);
	header.set([8, 0, 0, 0, 0], 8);
	const rows = fill(Buffer.alloc((width + 1) * height));
	for (let y = 0; y < height; y++) rows[y * (width + 1)] = 0; // no filter
	return Buffer.concat([
		Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', header),
		chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0)),
	]);
}

/** A PDF of one page, 300 x 200 points, with a black half and a word in a font that it does not bring. */
export function pdf(word = 'Parley') {
	const draw = `0 0 300 100 re f BT /F 40 Tf 20 120 Td (${word}) Tj ET`;
	return Buffer.from('%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n'
		+ '3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 4 0 R'
		+ '/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>endobj\n'
		+ `4 0 obj<</Length ${draw.length}>>stream\n${draw}\nendstream endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n`, 'latin1');
}

export function form(bytes, filename, type = 'application/octet-stream', field = 'file') {
	const data = new FormData();
	data.append(field, new Blob([bytes], { type }), filename);
	return data;
}

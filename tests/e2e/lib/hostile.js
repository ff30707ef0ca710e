// SPDX-License-Identifier: ISC
// Files that somebody might send to do harm, or by mistake: made here, each with what it must be answered.
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { chunk, crc32, demo, png } from './pictures.js';

const latin = (text) => Buffer.from(text, 'latin1');
const le16 = (value) => Buffer.from([value & 255, (value >> 8) & 255]);
const le32 = (value) => { const b = Buffer.alloc(4); b.writeUInt32LE(value >>> 0); return b; };

/** A PNG of one grey pixel with more chunks between its header and its data. */
function pngWith(...chunks) {
	const plain = png(1, 1);
	return Buffer.concat([plain.subarray(0, 33), ...chunks, plain.subarray(33)]);
}

/** A GIF of `frames` frames that say they are `width` x `height`, with data of one pixel. */
export function gif(frames, width = 1, height = 1) {
	const frame = Buffer.concat([
		latin('!\xf9\x04\x00\x01\x00\x00\x00,'), le16(0), le16(0), le16(width), le16(height), Buffer.from([0, 2, 2, 0x44, 1, 0]),
	]);
	return Buffer.concat([
		latin('GIF89a'), le16(width), le16(height), Buffer.from([0x80, 0, 0, 0, 0, 0, 255, 255, 255]),
		...Array(frames).fill(frame), latin(';'),
	]);
}

/** A ZIP file; entries are {name, data} or {name, packed, unpacked, at} that claim what they like. */
export function zip(entries) {
	const files = [];
	const list = [];
	let at = 0;
	for (const { name, data = Buffer.alloc(0), packed, unpacked = data.length, at: claimed } of entries) {
		const body = packed ?? deflateRawSync(data);
		const head = [Buffer.from([20, 0, 0, 0, 8, 0, 0, 0, 0, 0]), le32(crc32(data)), le32(body.length), le32(unpacked), le16(Buffer.byteLength(name))];
		if (claimed === undefined) files.push(latin('PK\x03\x04'), ...head, le16(0), Buffer.from(name), body);
		list.push(latin('PK\x01\x02'), le16(20), ...head, le16(0), Buffer.alloc(10), le32(claimed ?? at), Buffer.from(name));
		if (claimed === undefined) at += 30 + Buffer.byteLength(name) + body.length;
	}
	const tail = Buffer.concat(list);
	return Buffer.concat([
		...files, tail, latin('PK\x05\x06'), le32(0), le16(entries.length), le16(entries.length), le32(tail.length), le32(at), le16(0),
	]);
}

/** The demo picture, its frame header saying another size. */
function jpegOf(width, height) {
	const bytes = Buffer.from(demo);
	for (let at = 2; at < bytes.length; at += 2 + bytes.readUInt16BE(at + 2)) {
		if (bytes[at + 1] < 0xc0 || bytes[at + 1] > 0xc2) continue;
		bytes.writeUInt16BE(height, at + 5);
		bytes.writeUInt16BE(width, at + 7);
		break;
	}
	return bytes;
}

const zeros = (n) => Buffer.alloc(n);
const page = '<!DOCTYPE html><html><script>alert(1)</script></html>';

/** What is refused: [what it is, bytes, the name it goes by, the statuses that are right]. */
export const refused = [
	['zero bytes', zeros(0), 'a.jpg', [422]],
	['a PNG of 60,000 x 60,000 pixels', png(10, 10, { width: 60000, height: 60000 }), 'a.png', [422]],
	['a PNG of 2^31 pixels a side', png(1, 1, { width: 0x7fffffff, height: 0x7fffffff }), 'a.png', [415, 422]],
	['a PNG of no pixels', png(1, 1, { width: 0, height: 0 }), 'a.png', [415, 422]],
	['a JPEG of 65,500 x 65,500 pixels', jpegOf(65500, 65500), 'a.jpg', [422]],
	['a GIF of 65,535 x 65,535 pixels', gif(1, 65535, 65535), 'a.gif', [422]],
	['a GIF of many frames of 20,000 x 20,000 pixels', gif(500, 20000, 20000), 'a.gif', [422]],
	['a WebP that is only a header', latin('RIFF\xff\xff\xff\x7fWEBPVP8X\x0a\0\0\0\x10\0\0\0\xff\xff\xff\xff\xff\xff'), 'a.webp', [415, 422]],
	['half a JPEG', demo.subarray(0, demo.length >> 1), 'a.jpg', [422]],
	['the first bytes of a JPEG', demo.subarray(0, 20), 'a.jpg', [415, 422]],
	['half a PNG', png(500, 500).subarray(0, 100), 'a.png', [415, 422]],
	['a GIF without a frame', gif(0), 'a.gif', [415, 422]],
	['half of an animation', gif(10).subarray(0, 150), 'a.gif', [422]],
	['a GIF of 10,000 frames', gif(10000), 'a.gif', [422]],
	['a JPEG that has less than it says', jpegOf(4000, 4000), 'a.jpg', [422]],
	['a GIF that is JavaScript', latin('GIF89a=1;alert(document.domain)//'), 'a.gif', [415, 422]],
	['a picture with a wrong checksum', Buffer.concat([png(1, 1).subarray(0, 29), zeros(4), png(1, 1).subarray(33)]), 'a.png', [415, 422]],
	['SVG', latin('<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>'), 'a.svg', [415]],
	['SVG that says it is a PNG', latin('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'), 'a.png', [415]],
	['packed SVG', gzipSync('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'a.svgz', [415]],
	['a page', latin(page), 'a.html', [415]],
	['a page that says it is a picture', latin(page), 'a.jpg', [415]],
	['a page behind blanks and comments', latin(`\ufeff\n<!-- -->\n<!-- x -->${page}`), 'a.txt', [415]],
	['a page in UTF-16', Buffer.from(`\ufeff${page}`, 'utf16le'), 'a.txt', [415]],
	['XML that grows', latin('<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;">]><l>&b;</l>'), 'a.xml', [415]],
	['TIFF', latin('II*\0\x08\0\0\0\0\0\0\0\0\0'), 'a.tif', [415]],
	['BMP', Buffer.concat([latin('BM'), zeros(60)]), 'a.bmp', [415]],
	['an icon', Buffer.concat([Buffer.from([0, 0, 1, 0, 1, 0, 16, 16, 0, 0, 1, 0, 32, 0]), zeros(60)]), 'a.ico', [415]],
	['OpenEXR', Buffer.concat([Buffer.from([0x76, 0x2f, 0x31, 1, 2, 0, 0, 0]), zeros(60)]), 'a.exr', [415]],
	['a program', Buffer.concat([latin('\x7fELF\x02\x01\x01'), zeros(100)]), 'a.txt', [415]],
	['a program for Windows', Buffer.concat([latin('MZ\x90\0\x03'), zeros(100)]), 'a.jpg', [415]],
	['text with escapes for terminals', latin('a\x1b]0;owned\x07b'), 'a.txt', [415]],
	['text with a NUL', latin('a\0b'), 'a.txt', [415]],
	['a gzip file', gzipSync(zeros(1000)), 'a.gz', [415]],
	['a tape archive', Buffer.concat([latin('a.txt'), zeros(252), latin('ustar\x0000'), zeros(247)]), 'a.tar', [415]],
	['a ZIP of 30 MB of zeros', zip([{ name: 'a', data: zeros(30e6) }]), 'a.zip', [422]],
	['a ZIP within a ZIP of zeros', zip([{ name: 'b.zip', packed: zeros(1000), unpacked: 5e5 }]), 'a.zip', [422]],
	['a ZIP whose entries are one', zip([{ name: 'a', data: Buffer.from('x'.repeat(1000)) },
		...Array(50).fill({ name: 'a', packed: deflateRawSync(zeros(10)), unpacked: 5e6, at: 0 })]), 'a.zip', [422]],
	['a ZIP whose file is more than it says', zip([{ name: 'a', packed: deflateRawSync(zeros(1e6)), unpacked: 10 }]), 'a.zip', [422]],
	['a ZIP in a ZIP in a ZIP, and so on', [1, 2, 3, 4].reduce((inner) => zip([{ name: 'a', data: inner }]), zip([])), 'a.zip', [422]],
	['a ZIP whose file leads out of it', zip([{ name: '../../a', data: latin('x') }]), 'a.zip', [422]],
	['a ZIP behind a picture', Buffer.concat([png(1, 1), zip([{ name: 'a', data: latin(page) }])]), 'a.png', [415]],
	['a ZIP behind a PDF', Buffer.concat([latin('%PDF-1.4\n%%EOF\n'), zip([{ name: 'a', data: latin('x') }])]), 'a.pdf', [415]],
	['half a ZIP', zip([{ name: 'a', data: Buffer.from('some words') }]).subarray(0, 50), 'a.zip', [422]],
	['a ZIP that points beyond its end', zip([{ name: 'a', data: latin('x') }, { name: 'b', packed: zeros(4), at: 1e6 }]), 'a.zip', [422]],
];

/** What looks odd and is taken, as the type that it is: [what it is, bytes, name, type]. */
export const taken = [
	['a page behind a picture', Buffer.concat([demo, latin(page)]), 'a.jpg', 'image/jpeg'],
	['a picture that says it is text', demo, 'notes.txt', 'image/jpeg'],
	['a GIF of 900 frames', gif(900), 'a.gif', 'image/gif'],
	['a PNG with a text that grows', pngWith(chunk('zTXt', Buffer.concat([latin('Comment\0\0'), deflateSync(zeros(8e6))]))), 'a.png', 'image/png'],
	['a PNG with a colour profile that grows', pngWith(chunk('iCCP', Buffer.concat([latin('icc\0\0'), deflateSync(zeros(8e6))]))), 'a.png', 'image/png'],
	['a PNG with secrets in text', pngWith(chunk('tEXt', latin('Author\0SecretCamera'))), 'a.png', 'image/png'],
	['one character', latin('x'), 'a', 'text/plain'],
	['a ZIP with a ZIP', zip([{ name: 'b.zip', data: zip([{ name: 'a', data: latin('words') }]) }]), 'a.zip', 'application/zip'],
	['an empty ZIP', zip([]), 'a.zip', 'application/zip'],
];

/** Names as a form sends them (bytes between the quotes), and what becomes of them; null: refused with 400. */
export const names = [
	['../../etc/passwd', 'passwd'], ['C:\\\\Users\\\\a\\\\photo.txt', 'photo.txt'], ['/etc/cron.d/x', 'x'],
	['..', 'file'], ['', 'file'], ['.htaccess', 'htaccess'], ['   .  ', 'file'], ['a.txt. ', 'a.txt'],
	['photo\u202egpj.exe', 'photogpj.exe'], ['a\u200b\u2066b\u2069.txt', 'ab.txt'], ['a%0d%0aSet-Cookie: x.txt', 'aSet-Cookie: x.txt'],
	['a\\"b.txt', 'a"b.txt'], ['na\u00efve \ud83d\ude00.txt', 'na\u00efve \ud83d\ude00.txt'], ['a\u0007\u001b[2Jb.txt', 'a[2Jb.txt'],
	[`${'n'.repeat(4096)}.txt`, `${'n'.repeat(251)}.txt`], [`${'\u00e4'.repeat(2040)}.txt`, `${'\u00e4'.repeat(125)}.txt`],
	['a\0b.txt', null],
];

// SPDX-License-Identifier: ISC
// Four clients that each upload a picture of 10 MiB, one after the other, until standard input ends;
// then a line of how many were taken and how many refused.
//
//	uploading.mjs PORT SECRET
import { randomFillSync } from 'node:crypto';
import { png } from '../e2e/lib/pictures.js';
import { signToken } from '../e2e/lib/service.js';

const [port, secret] = process.argv.slice(2);
const now = Math.floor(Date.now() / 1000);
const token = signToken(secret, { sub: 's0', iat: now, exp: now + 3600 });
const picture = png(3200, 3200, undefined, randomFillSync); // noise, the hardest to encode
const pictures = { done: 0, failed: 0 };
let over = false;

async function upload() {
	const answer = await fetch(`http://127.0.0.1:${port}/v1/uploads?filename=a.png`, {
		method: 'POST', body: picture,
		headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/octet-stream' },
	});
	await answer.arrayBuffer();
	pictures[answer.status === 201 ? 'done' : 'failed']++;
}

async function client() {
	while (!over) await upload();
}

process.stdin.resume().on('end', () => { over = true; });
const clients = Array.from({ length: 4 }, client);
console.log('uploading');
await Promise.all(clients);
console.log(JSON.stringify(pictures));

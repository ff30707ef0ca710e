// SPDX-License-Identifier: ISC
// An S3-compatible store, and between it and the service somebody who breaks things.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, rm, utimes } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { freePort } from './service.js';

const BUCKET = 'files';
const PREFIX = 'chat';
const PAGE = 3; // keys of a list's page

const answerWith = (status, code) => (request, response) => {
	response.writeHead(status, { 'Content-Type': 'application/xml' });
	response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>broken</Message></Error>`);
};

export class ObjectStore {
	static async start(directory) {
		const store = new ObjectStore();
		store.directory = directory;
		store.requests = [];
		store.unsigned = [];
		store.kept = 0;
		store.held = new Set();
		store.faults = [];
		const port = await freePort();
		store.server = fork(new URL('./object-store-server.js', import.meta.url),
			[JSON.stringify({ port, directory, bucket: BUCKET, page: PAGE })], { execArgv: ['--openssl-legacy-provider'] });
		await once(store.server, 'message');
		store.upstream = port;
		store.front = http.createServer((request, response) => store.serve(request, response));
		// Its own limits are not ours.
		store.front.requestTimeout = 0;
		await new Promise((resolve) => { store.front.listen(0, '127.0.0.1', resolve); });
		store.port = store.front.address().port;
		store.url = `http://127.0.0.1:${store.port}`;
		return store;
	}

	/** The settings of a service that uses it. */
	get env() {
		return {
			PARLEY_S3_ENDPOINT: this.url, PARLEY_S3_BUCKET: BUCKET, PARLEY_S3_PREFIX: PREFIX,
			PARLEY_S3_KEY_ID: 'S3RVER', PARLEY_S3_SECRET_KEY: 'S3RVER', PARLEY_S3_SECONDS: '5', no_proxy: '127.0.0.1',
		};
	}

	async stop() {
		this.release();
		this.front.closeAllConnections();
		this.front.close();
		const ended = once(this.server, 'exit');
		this.server.disconnect();
		await ended;
		await rm(this.directory, { recursive: true, force: true });
	}

	/** The next requests (method and path) that fit meet these, one each; `always`: all from now on. */
	break(fits, ...faults) { this.faults.push(...faults.map((fault) => ({ fits, fault }))); }
	always(fault) { this.fault = fault; }
	mend() {
		this.fault = undefined;
		this.faults = [];
		this.release();
	}

	/** Ends the requests that are held. */
	release() {
		for (const request of this.held) request.destroy();
		this.held.clear();
	}

	/** As a real store does, which the server does not. */
	isThere(request) {
		return request.method === 'PUT' && request.headers['if-none-match'] === '*'
			&& existsSync(path.join(this.directory, `${request.url}._S3rver_object`));
	}

	serve(request, response) {
		this.requests.push(`${request.method} ${request.url}`);
		// The server lets in who shows no credentials at all; a real one does not.
		if (!request.headers.authorization && !request.url.includes('X-Amz-Signature=')) {
			this.unsigned.push(`${request.method} ${request.url}`);
			answerWith(403, 'AccessDenied')(request, response);
			return;
		}
		request.on('error', () => {});
		if (this.isThere(request)) {
			this.kept++;
			request.resume();
			answerWith(412, 'PreconditionFailed')(request, response);
			return;
		}
		response.on('error', () => {});
		const next = this.faults.findIndex((one) => one.fits.test(`${request.method} ${request.url}`));
		const fault = this.fault ?? (next >= 0 ? this.faults.splice(next, 1)[0].fault : pass);
		fault(request, response, this);
	}

	/** Keys and sizes of what is stored, without the prefix. */
	async objects() {
		const root = path.join(this.directory, BUCKET, PREFIX);
		const names = await readdir(root, { recursive: true }).catch(() => []);
		return names.filter((name) => name.endsWith('._S3rver_object')).map((name) => name.replace('._S3rver_object', '')).sort();
	}

	/** As if it had been stored an hour ago. */
	async age(key) {
		const then = Date.now() / 1000 - 3600;
		await utimes(path.join(this.directory, BUCKET, PREFIX, `${key}._S3rver_object`), then, then);
	}

	/** As if somebody had removed it. */
	async remove(key) {
		const dir = path.join(this.directory, BUCKET, PREFIX, path.dirname(key));
		for (const name of await readdir(dir)) if (name.startsWith(path.basename(key))) await rm(path.join(dir, name));
	}
}

/** To the store and back. */
function pass(request, response, store, edit = {}) {
	const onward = http.request({
		port: store.upstream, host: '127.0.0.1', method: request.method, path: request.url,
		headers: { ...request.headers, ...edit },
	});
	onward.on('response', (answer) => {
		response.writeHead(answer.statusCode, answer.headers);
		answer.pipe(response);
	});
	onward.on('error', () => response.destroy());
	request.pipe(onward);
	request.on('close', () => { if (!request.complete) onward.destroy(); });
}

/** The ways to break: nothing answers, the link is cut after half of a body, errors, an answer cut short. */
export const faults = {
	cut: (request) => request.destroy(),
	cutInBody: (request) => {
		let bytes = 0;
		request.on('data', (piece) => {
			bytes += piece.length;
			if (bytes >= Number(request.headers['content-length']) / 2) request.destroy();
		});
	},
	hold: (request, response, store) => { store.held.add(request); request.resume(); },
	error500: answerWith(500, 'InternalError'),
	slowDown: answerWith(503, 'SlowDown'),
	noConditions: answerWith(501, 'NotImplemented'),
	full: answerWith(507, 'XMinioStorageFull'),
	wrongSignature: (request, response, store) => pass(request, response, store, {
		authorization: request.headers.authorization.replace(/.$/, (c) => (c === '0' ? '1' : '0')),
	}),
	halfAnswer: (request, response, store) => {
		request.resume();
		response.writeHead(200, { 'Content-Type': 'application/xml', 'Content-Length': 100000 });
		response.write('<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated>');
		setImmediate(() => response.destroy());
	},
};

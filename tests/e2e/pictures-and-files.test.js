// SPDX-License-Identifier: ISC
// Uploads and files: handed on by Kore, and straight from Nginx to FastCGI.
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { demo, form, jpegSize, pdf, png, withExif } from './lib/pictures.js';
import { Caller, Service, until } from './lib/service.js';
import { Socket } from './lib/streams.js';

const env = { PARLEY_URL_KEYS: `now:${'n'.repeat(32)},before:${'b'.repeat(32)}`, PARLEY_ORIGINS: 'https://app.example' };

for (const [where, options] of [['through Kore alone', { workers: 1, env }], ['through Nginx', { instances: 1, env }]]) {
	test(where, async (t) => {
		const service = await Service.start(options);
		t.after(() => service.stop());
		const [alice, bob, eve] = ['alice', 'bob', 'eve'].map((user) => service.as(user));
		for (const caller of [alice, bob, eve]) await caller.get('/v1/me');

		await t.test('a photo sent in a message is seen by the other, and by nobody else', async () => {
			const upload = await alice.post('/v1/uploads', form(demo, 'a “view”.jpg'));
			assert.equal(upload.status, 201, JSON.stringify(upload.body));
			const { id, width, height, type, filename, url, thumbnail_url: thumbnail } = upload.body;
			assert.deepEqual({ width, height, type, filename }, { width: 1200, height: 800, type: 'image/jpeg', filename: 'a “view”.jpg' });
			assert.equal((await bob.get(url)).status, 404);
			const socket = await Socket.open(bob);
			const conversation = await alice.direct('bob');
			const sent = await alice.send(conversation.id, 'look', { attachments: [id] });
			assert.equal(sent.status, 201, JSON.stringify(sent.body));
			const event = await socket.wait('message.created');
			assert.deepEqual(event.data, sent.body);
			assert.equal(event.data.attachments[0].thumbnail_url, thumbnail);
			for (const reader of [alice, bob]) {
				const small = await reader.get(thumbnail);
				assert.equal(small.status, 200);
				assert.deepEqual(jpegSize(small.bytes), { width: 300, height: 200 });
				assert.equal(small.headers.get('x-content-type-options'), 'nosniff');
				const whole = await reader.get(url);
				assert.equal(whole.headers.get('content-type'), 'image/jpeg');
				assert.match(whole.headers.get('content-disposition'), /filename\*=UTF-8''a%20%E2%80%9Cview%E2%80%9D\.jpg/);
				assert.deepEqual(jpegSize(whole.bytes), { width: 1200, height: 800 });
			}
			assert.equal((await eve.get(url)).status, 404);
			assert.equal((await eve.get(thumbnail)).status, 404);
			assert.equal((await eve.get(`/v1/uploads/${id}`)).status, 404);
			assert.equal((await eve.send((await eve.direct('bob')).id, 'stolen', { attachments: [id] })).status, 422);
			socket.close();
		});

		await t.test('ranges, validators and HEAD', async () => {
			const { url } = (await alice.post('/v1/uploads', form(demo, 'x.jpg'))).body;
			const whole = await alice.get(url);
			const part = await alice.get(url, { Range: 'bytes=10-19' });
			assert.equal(part.status, 206);
			assert.deepEqual(part.bytes, whole.bytes.subarray(10, 20));
			assert.equal(part.headers.get('content-range'), `bytes 10-19/${whole.bytes.length}`);
			assert.deepEqual((await alice.get(url, { Range: 'bytes=-5' })).bytes, whole.bytes.subarray(-5));
			assert.equal((await alice.get(url, { Range: 'bytes=99999999-' })).status, 416);
			const etag = whole.headers.get('etag');
			assert.match(etag, /^"[0-9a-f]{64}"$/);
			for (const [headers, status] of [[{ Range: 'bytes=0-1,5-6' }, 200], [{ Range: 'bytes=9-1' }, 200],
				[{ Range: 'lines=1-2' }, 200], [{ Range: 'bytes=0-1', 'If-Range': etag }, 206],
				[{ Range: 'bytes=0-1', 'If-Range': '"old"' }, 200], [{ Range: 'bytes=0-1', 'If-Match': etag }, 206],
				[{ 'If-Match': '"old"' }, 412], [{ 'If-None-Match': `"old", W/${etag}` }, 304],
				[{ 'If-None-Match': '"old"' }, 200], [{ Range: 'bytes=0-1', 'If-None-Match': '*' }, 304]]) {
				const answer = await alice.get(url, headers);
				assert.equal(answer.status, status, JSON.stringify(headers));
				if (status === 412) continue;
				assert.equal(answer.headers.get('etag'), etag, JSON.stringify(headers));
				assert.equal(answer.headers.get('vary'), 'Accept', JSON.stringify(headers));
				assert.match(answer.headers.get('cache-control'), /^private, /);
				assert.match(answer.headers.get('content-security-policy'), /^sandbox/);
				if (status === 304) continue;
				assert.equal(answer.headers.get('accept-ranges'), 'bytes');
				assert.equal(answer.headers.get('last-modified'), null);
				assert.deepEqual(answer.bytes, status === 206 ? whole.bytes.subarray(0, 2) : whole.bytes);
			}
			const short = await alice.call('HEAD', url, undefined, { Range: 'bytes=0-1' });
			assert.equal(short.status, 200);
			assert.equal(short.headers.get('content-length'), String(whole.bytes.length));
			const same = await alice.get(url, { 'If-None-Match': whole.headers.get('etag') });
			assert.equal(same.status, 304);
			assert.equal(same.bytes.length, 0);
			const head = await alice.call('HEAD', url);
			assert.equal(head.status, 200);
			assert.equal(head.bytes.length, 0);
			assert.equal(head.headers.get('content-length'), String(whole.bytes.length));
		});

		await t.test('who reads slowly holds up nobody', async () => {
			const text = Buffer.alloc(9e6, 'All work and no play makes a dull boy.\n');
			const { url } = await alice.done('POST', '/v1/uploads', form(text, 'long.txt'));
			const stalled = [];
			for (let i = 0; i < 6; i++) {
				const socket = net.connect(service.port, '127.0.0.1');
				socket.write(`GET ${url} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${alice.token}\r\n\r\n`);
				await once(socket, 'readable');
				assert.match(String(socket.read(15)), /^HTTP\/1.1 200 OK/);
				stalled.push(socket);
			}
			// There are four file processes; one of them answers this.
			assert.deepEqual((await alice.get(url, { Range: 'bytes=8999990-' })).bytes, text.subarray(8999990));
			const late = stalled.pop();
			let bytes = 15;
			for await (const piece of late) {
				bytes += piece.length;
				if (bytes > text.length + 200) break;
			}
			assert.ok(bytes > text.length);
			for (const socket of stalled) socket.destroy();
		});

		await t.test('a page of another origin reads it', async () => {
			const { url } = (await alice.post('/v1/uploads', form(demo, 'x.jpg'))).body;
			const { headers } = await alice.get(url, { Origin: 'https://app.example' });
			assert.equal(headers.get('access-control-allow-origin'), 'https://app.example');
			assert.match(headers.get('access-control-expose-headers'), /Content-Disposition/);
			assert.equal(headers.get('vary'), 'Accept, Origin');
		});

		await t.test('a signed address needs no credentials, for one file in one form', async () => {
			const nobody = new Caller(service, null, 'nobody');
			const { id, url } = (await alice.post('/v1/uploads', form(demo, 'x.jpg'))).body;
			assert.equal((await nobody.get(url)).status, 401);
			const sign = (who, body) => who.done('POST', '/v1/files/sign', { upload_ids: [id], ...body });
			assert.deepEqual((await sign(bob)).data, []);
			const [link] = (await sign(alice, { variant: 'thumbnail', seconds: 300 })).data;
			assert.ok(Date.parse(link.expires_at) - Date.now() <= 300e3);
			const found = await nobody.get(link.url, { Accept: 'image/avif,image/webp,*/*' });
			assert.equal(found.status, 200);
			assert.equal(found.headers.get('content-type'), 'image/webp');
			assert.equal(found.headers.get('vary'), 'Accept');
			assert.match(found.headers.get('cache-control'), /^public, max-age=(2\d\d|300)$/);
			assert.match(found.headers.get('content-disposition'), /^inline/);
			assert.match((await nobody.get(`${link.url}&download=true`)).headers.get('content-disposition'), /^attachment/);
			assert.equal((await bob.get(link.url)).status, 200);
			const socket = await Socket.open(alice);
			const reply = await socket.request('files.sign', { upload_ids: [id], variant: 'thumbnail' });
			assert.equal((await nobody.get(reply.data.data[0].url)).status, 200);
			socket.close();
			for (const wrong of [link.url.replace('thumbnail', 'original'), link.url.replace('key=now', 'key=before'),
				link.url.replace(/expires=\d/, 'expires=9'), link.url.replace(/signature=../, 'signature=xx')]) {
				const refused = await nobody.get(wrong);
				assert.equal(refused.status, 403, wrong);
				assert.equal(refused.body.code, 'signature_invalid');
			}
			const past = Math.floor(Date.now() / 1000) - 5;
			const signature = createHmac('sha256', 'b'.repeat(32)).update(`parley file\n${id}\nthumbnail\n${past}`).digest('hex');
			const over = await nobody.get(`/v1/files/${id}/thumbnail?expires=${past}&key=before&signature=${signature}`);
			assert.equal(over.body.code, 'signature_expired');
		});

		await t.test('one\'s own files and a gallery are what events say they are', async () => {
			const [mine, theirs] = [await Socket.open(alice), await Socket.open(bob)];
			const { id: group } = await alice.done('POST', '/v1/conversations', { type: 'group', name: 'Pictures', member_ids: ['bob'] });
			const photo = await alice.done('POST', '/v1/uploads', form(demo, 'x.jpg'));
			assert.deepEqual((await mine.wait('upload.ready', (event) => event.data.id === photo.id)).data, photo);
			const { id: sent } = (await alice.send(group, 'look', { attachments: [photo.id] })).body;
			const list = async (who, query) => (await who.done('GET', `/v1/uploads?${query}`)).data;
			assert.deepEqual((await list(alice, 'kind=image&limit=1')), [photo]);
			const [shown] = await list(bob, `conversation_id=${group}&kind=image`);
			const { shared, ...file } = shown;
			assert.deepEqual(file, photo);
			assert.equal(shared.message_id, sent);
			assert.deepEqual(await list(bob, `conversation_id=${group}&kind=video`), []);
			assert.equal((await eve.get(`/v1/uploads?conversation_id=${group}`)).status, 404);

			const named = await mine.request('uploads.update', { upload_id: photo.id, filename: 'a\u202egpj.exe', alt: 'A “view”' });
			assert.equal(named.status, 200, JSON.stringify(named));
			assert.equal(named.data.filename, 'agpj.exe.jpg');
			assert.deepEqual((await mine.wait('upload.updated')).data, named.data);
			const changed = await theirs.wait('message.updated', (event) => event.data.id === sent);
			assert.deepEqual([changed.data.attachments[0].alt, changed.data.attachments[0].filename], ['A “view”', 'agpj.exe.jpg']);
			const { shared: where, ...again } = (await list(bob, `conversation_id=${group}`))[0];
			assert.deepEqual(again, named.data);
			assert.deepEqual(where, shared);
			assert.deepEqual((await bob.done('GET', `/v1/messages/${sent}`)), changed.data);

			assert.equal((await alice.call('DELETE', `/v1/uploads/${photo.id}`)).body.code, 'in_use');
			await alice.done('DELETE', `/v1/messages/${sent}`);
			await alice.done('DELETE', `/v1/uploads/${photo.id}`);
			assert.equal((await mine.wait('upload.deleted')).data.id, photo.id);
			assert.equal((await alice.get(photo.url)).status, 404);
			assert.deepEqual(await list(bob, `conversation_id=${group}`), []);
			const bad = await alice.post('/v1/uploads', form(Buffer.from('\x89PNG\r\n\x1a\nnothing', 'latin1'), 'broken.png'));
			const failed = (await mine.wait('upload.failed')).data;
			assert.deepEqual(failed, { id: null, filename: 'broken.png', code: bad.body.code, detail: bad.body.detail });
			for (const socket of [mine, theirs]) socket.close();
		});

		await t.test('orientation is applied and what the camera wrote is gone', async () => {
			const turned = await alice.post('/v1/uploads', form(withExif(6), 'turned.jpg'));
			assert.equal(turned.status, 201, JSON.stringify(turned.body));
			assert.deepEqual([turned.body.width, turned.body.height], [800, 1200]);
			for (const where of [turned.body.url, turned.body.thumbnail_url]) {
				const { bytes } = await alice.get(where);
				assert.equal(bytes.includes('SecretCamera'), false);
				assert.equal(bytes.includes('Exif'), false);
			}
			const wide = await alice.post('/v1/uploads', form(png(3000, 60), 'wide.png'));
			assert.equal(wide.status, 201, JSON.stringify(wide.body));
			assert.equal(wide.body.width, 2000);
		});

		await t.test('other forms of a picture: WebP for who takes it, an avatar, a blur', async () => {
			const { id, url, blurhash, thumbnail_url: thumbnail } = (await alice.post('/v1/uploads', form(demo, 'view.jpeg'))).body;
			assert.match(blurhash, /^L[0-9A-Za-z#$%*+,\-.:;=?@[\]^_{|}~]{27}$/);
			for (const where of [url, thumbnail, `/v1/files/${id}/avatar`]) {
				const jpeg = await alice.get(where, { Accept: 'image/*,*/*;q=0.8' });
				const webp = await alice.get(where, { Accept: 'image/avif,image/webp,*/*;q=0.8' });
				assert.equal(jpeg.headers.get('content-type'), 'image/jpeg', where);
				assert.equal(webp.headers.get('content-type'), 'image/webp', where);
				assert.match(webp.headers.get('content-disposition'), /\.webp"/, where);
				assert.equal(webp.bytes.subarray(8, 12).toString(), 'WEBP');
				assert.equal((await alice.get(where, { Accept: 'image/webp;q=0, image/jpeg' })).headers.get('content-type'), 'image/jpeg');
			}
			assert.deepEqual(jpegSize((await alice.get(`/v1/files/${id}/avatar`)).bytes), { width: 64, height: 64 });
			assert.equal((await alice.get(`/v1/files/${id}/source`)).status, 404, 'not kept unless configured');
		});

		await t.test('a PDF is shown by its first page; what is not on the list is refused', async () => {
			const paper = await alice.post('/v1/uploads', form(pdf(), 'paper.pdf'));
			assert.equal(paper.status, 201, JSON.stringify(paper.body));
			const { type, width, height, blurhash, url, preview_url: preview, thumbnail_url: thumbnail } = paper.body;
			assert.deepEqual({ type, width, height }, { type: 'application/pdf', width: 1200, height: 800 });
			assert.equal(blurhash.length, 28);
			const page = await alice.get(preview);
			assert.deepEqual(jpegSize(page.bytes), { width: 1200, height: 800 });
			assert.match(page.headers.get('content-disposition'), /^inline; filename="preview.jpg"/);
			assert.deepEqual(jpegSize((await alice.get(thumbnail)).bytes), { width: 300, height: 200 });
			const whole = await alice.get(url);
			assert.deepEqual(whole.bytes, pdf());
			assert.match(whole.headers.get('content-disposition'), /^attachment/);
			assert.equal((await alice.post('/v1/uploads', form('%PDF-1.4\nnothing in it\n', 'a.pdf'))).body.code, 'unreadable_document');
			const locked = await alice.post('/v1/uploads', form('%PDF-1.4\ntrailer<</Encrypt 9 0 R>>\n', 'a.pdf'));
			assert.equal(locked.status, 201, 'nobody can draw what has a password');
			assert.equal(locked.body.preview_url, null);
			const film = Buffer.from('\0\0\0\x18ftypmp42\0\0\0\0isommp42', 'latin1');
			assert.equal((await alice.post('/v1/uploads', form(film, 'a.mp4'))).status, 415);
		});

		await t.test('the type comes from the content, whatever the name says', async () => {
			const mislabelled = await alice.post('/v1/uploads', form(demo, 'notes.txt', 'text/plain'));
			assert.equal(mislabelled.body.type, 'image/jpeg');
			const text = await alice.post('/v1/uploads', form('just words\n', 'words.txt'));
			assert.equal(text.status, 201, JSON.stringify(text.body));
			const served = await alice.get(text.body.url);
			assert.match(served.headers.get('content-disposition'), /^attachment/);
			assert.equal(served.body, 'just words\n');
			const raw = await alice.call('POST', '/v1/uploads?filename=raw.md', '# raw\n', { 'Content-Type': 'application/octet-stream' });
			assert.equal(raw.status, 201, JSON.stringify(raw.body));
			assert.equal(raw.body.filename, 'raw.md');
		});

		await t.test('what cannot be taken is refused with a reason, and leaves nothing behind', async () => {
			const cases = [
				['nothing', form('', 'empty.jpg'), [400, 422]],
				['a program', form(Buffer.concat([Buffer.from('\x7fELF\x02\x01\x01', 'latin1'), randomBytes(500)]), 'a.jpg'), [415]],
				['SVG', form('<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>', 'a.svg'), [415]],
				['HTML', form('<!DOCTYPE html><html><script>1</script></html>', 'a.jpg'), [415]],
				['half a picture', form(demo.subarray(0, 3000), 'half.jpg'), [422]],
				['a bomb', form(png(10, 10, { width: 60000, height: 60000 }), 'bomb.png'), [413, 422]],
				['another field', form(demo, 'a.jpg', 'image/jpeg', 'picture'), [422]],
				['too much', form(randomBytes(10.2 * 1024 * 1024), 'big.zip'), [413]],
			];
			for (const [what, body, statuses] of cases) {
				const answer = await alice.post('/v1/uploads', body);
				assert.ok(statuses.includes(answer.status), `${what}: ${answer.status} ${JSON.stringify(answer.body)}`);
				assert.equal(answer.body.status, answer.status, what);
				assert.ok(answer.body.detail, what);
			}
			assert.equal((await service.as(null).post('/v1/uploads', form(demo, 'x.jpg'), { Authorization: 'Bearer x.y.z' })).status, 401);
			const path = await alice.post('/v1/uploads', form(demo, '../../etc/passwd\u202egpj.jpg'));
			assert.equal(path.status, 201);
			assert.doesNotMatch(path.body.filename, /[/\\\u202e]/);
		});

		await t.test('a FastCGI process that dies costs its own request only', async () => {
			await service.dev('restart', 'fcgi');
			await until(async () => (await alice.post('/v1/uploads', form(demo, 'again.jpg'))).status === 201, 'an upload', 10000);
		});
	});
}

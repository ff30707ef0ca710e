// SPDX-License-Identifier: ISC
// The S3-compatible server of object-store.js, a process of its own: it encrypts the tokens of its
// lists in a way for which OpenSSL wants --openssl-legacy-provider.
import S3rver from '@20minutes/s3rver';

const { port, directory, bucket, page } = JSON.parse(process.argv[2]);
const server = new S3rver({
	port, address: '127.0.0.1', silent: true, directory, configureBuckets: [{ name: bucket }],
});
// Short pages, so that a list has several.
const list = server.store.listObjects.bind(server.store);
server.store.listObjects = (name, options) => list(name, { ...options, maxKeys: Math.min(page, options.maxKeys) });
await server.run();
process.send('ready');
process.on('disconnect', () => process.exit());

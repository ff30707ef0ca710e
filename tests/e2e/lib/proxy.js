// SPDX-License-Identifier: ISC
// Stands between a service and its PostgreSQL, to break the links as a network does: without a word.
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';

export class DatabaseProxy {
	/** For the `prepare` of a service: its settings then name the proxy. */
	static async before(service, port = 54329) {
		const proxy = new DatabaseProxy();
		proxy.links = new Set();
		const dir = path.join(service.state, 'proxy');
		const there = async () => path.join((await service.settings()).PARLEY_RUN_DIR, `.s.PGSQL.${port}`);
		mkdirSync(dir);
		chmodSync(dir, 0o755);
		const here = path.join(dir, `.s.PGSQL.${port}`);
		rmSync(here, { force: true });
		proxy.server = net.createServer(async (client) => {
			proxy.links.add(client);
			client.on('error', () => {});
			client.on('close', () => proxy.links.delete(client));
			const socket = await there();
			if (client.destroyed) return;
			const database = net.connect(socket);
			client.pipe(database);
			database.pipe(client);
			database.on('error', () => client.destroy());
			// What the client began is finished: PostgreSQL sees the end only when it reads again.
			client.on('close', () => { database.end(); database.resume(); });
			database.on('close', () => client.destroy());
		});
		await new Promise((resolve) => proxy.server.listen(here, resolve));
		chmodSync(here, 0o777);
		service.env.PARLEY_DATABASE_URL = `host=${dir} port=${port} user=parley dbname=parley`;
		return proxy;
	}

	/** Breaks every link; what was already on its way to PostgreSQL is carried out. */
	cut() {
		for (const client of this.links) client.destroy();
	}

	close() {
		this.server.close();
		this.cut();
	}
}

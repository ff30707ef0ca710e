// SPDX-License-Identifier: ISC
// nginx with nchan: fan-out with nothing stored and nobody checked.
import fs from 'node:fs';
import { answers, ended, nginx, roomsFile, shapes, until } from '../common.mjs';

const port = 19389;
const module = [process.env.NCHAN_MODULE, '/usr/lib/nginx/modules/ngx_nchan_module.so']
	.find((file) => file && fs.existsSync(file));

export class Nchan {
	name = 'nginx with nchan';
	places = [port];
	listen = 'nchan';
	secret = '';
	post = ['POST /pub/%r', '%t'];
	rooms = {};

	static get installed() {
		return module !== undefined;
	}

	async start() {
		this.child = nginx('nchan', 1, `
			keepalive_requests 10000000;
			server {
				listen 127.0.0.1:${port} backlog=4096;
				location ~ /sub/(.+)$ { nchan_subscriber websocket; nchan_channel_id $1; }
				location ~ /pub/(.+)$ { nchan_publisher; nchan_channel_id $1; nchan_message_buffer_length 20; }
			}`, `load_module ${module};`);
		this.watched = { server: this.child.pid };
		for (const [name, { rooms }] of Object.entries(shapes)) {
			this.rooms[name] = roomsFile('nchan', name, Array.from({ length: rooms }, (_, i) => `${name}${i}`));
		}
		await until(this.name, answers(port));
	}

	async stop() {
		await ended(this.child ? [this.child] : []);
	}
}

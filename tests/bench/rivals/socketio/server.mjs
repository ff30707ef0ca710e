// SPDX-License-Identifier: ISC
// The rival: what a chat server on Socket.IO 4 and PostgreSQL usually does. JWT at the handshake, the
// rooms of the user joined from the database, each message checked against membership, stored
// durably, then broadcast to its room. The same over REST.
//
//	PORT, DATABASE_URL, JWT_SECRET; COMMITS=2: a transaction for the message and one for the room's
//	time, as many write it; COMMITS=1: one statement does all, the best there is.
//	REDIS: its socket, when there are several processes.
import crypto from 'node:crypto';
import http from 'node:http';
import { createAdapter } from '@socket.io/redis-adapter';
import Redis from 'ioredis';
import jwt from 'jsonwebtoken';
import pg from 'pg';
import { Server } from 'socket.io';

const { PORT, DATABASE_URL, JWT_SECRET, COMMITS = '1', REDIS } = process.env;
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 10 });

// Made once: of a string, jsonwebtoken makes a key for each token, which takes longer than all the rest.
const key = crypto.createSecretKey(Buffer.from(JWT_SECRET));
const claims = (token) => jwt.verify(token, key, { algorithms: ['HS256'] });
const query = (name, text, values) => pool.query({ name, text, values });

const oneCommit = `
	with member as (select 1 from members where room_id = $1 and user_id = $2),
	touched as (update rooms set last_at = now() where id = $1 and exists (select from member))
	insert into messages (room_id, sender_id, text) select $1, $2, $3 from member
	returning id, created_at`;

async function store(room, user, text) {
	if (typeof text !== 'string' || text.length === 0 || text.length > 10000) throw new Error('invalid');
	let row;
	if (COMMITS === '1') {
		row = (await query('send', oneCommit, [room, user, text])).rows[0];
		if (row === undefined) throw new Error('not a member');
	} else {
		const member = await query('member',
			'select 1 from members where room_id = $1 and user_id = $2', [room, user]);
		if (member.rowCount === 0) throw new Error('not a member');
		row = (await query('insert',
			'insert into messages (room_id, sender_id, text) values ($1, $2, $3) returning id, created_at',
			[room, user, text])).rows[0];
		await query('touch', 'update rooms set last_at = now() where id = $1', [room]);
	}
	const message = { id: row.id, room, sender: user, text, created_at: row.created_at };
	io.to(room).emit('message', message);
	return message;
}

async function history(room, user) {
	const member = await query('member',
		'select 1 from members where room_id = $1 and user_id = $2', [room, user]);
	if (member.rowCount === 0) throw new Error('not a member');
	return (await query('history', `
		select m.id, m.room_id, m.sender_id, u.name, m.text, m.created_at
		from messages m join users u on u.id = m.sender_id
		where m.room_id = $1 order by m.id desc limit 50`, [room])).rows;
}

const body = (request) => new Promise((resolve, reject) => {
	let text = '';
	request.setEncoding('utf8');
	request.on('data', (piece) => { text += piece; });
	request.on('end', () => resolve(JSON.parse(text)));
	request.on('error', reject);
});

// GET and POST /rooms/ROOM/messages
async function rest(request, response) {
	let status = 200;
	let answer;
	try {
		const user = claims((request.headers.authorization ?? '').slice(7)).sub;
		const room = request.url.split('/')[2];
		answer = request.method === 'POST'
			? await store(room, user, (await body(request)).text)
			: await history(room, user);
	} catch (error) {
		status = 400;
		answer = { error: error.message };
	}
	const text = JSON.stringify(answer);
	response.writeHead(status, {
		'Content-Type': 'application/json',
		'Content-Length': Buffer.byteLength(text),
	});
	response.end(text);
}

const server = http.createServer(rest);
const io = new Server(server, { transports: ['websocket'], serveClient: false, perMessageDeflate: false });
if (REDIS) io.adapter(createAdapter(new Redis(REDIS), new Redis(REDIS)));

io.use((socket, next) => {
	try {
		socket.data.user = claims(socket.handshake.auth.token).sub;
		next();
	} catch (error) {
		next(error);
	}
});

io.on('connection', async (socket) => {
	const { user } = socket.data;
	socket.on('message', async ({ room, text }, reply) => {
		try {
			reply({ ok: true, message: await store(room, user, text) });
		} catch (error) {
			reply({ ok: false, error: error.message });
		}
	});
	const rooms = await query('rooms', 'select room_id from members where user_id = $1', [user]);
	for (const { room_id: room } of rooms.rows) socket.join(room);
	socket.emit('ready', { user });
});

server.keepAliveTimeout = 60000;
server.listen({ port: Number(PORT), host: '127.0.0.1', backlog: 4096 });

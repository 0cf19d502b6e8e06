// Socket.IO with its Redis adapter: messages of `PUBLISH r<room> message` go to everybody in the room, newcomers get the
// newest. The adapter tells its other nodes of each message, as it would where there are several.
import { createServer } from 'node:http';
import { createAdapter } from '@socket.io/redis-adapter';
import Redis from 'ioredis';
import { Server } from 'socket.io';

const [, , url] = process.argv;
const server = createServer();
const io = new Server(server, { transports: ['websocket'], perMessageDeflate: false });
io.adapter(createAdapter(new Redis(url), new Redis(url)));

const newest = new Map();
const redis = new Redis(url);
await redis.psubscribe('r*');
redis.on('pmessage', (_pattern, channel, message) => {
  const value = JSON.parse(message);
  newest.set(channel, value);
  io.to(channel).emit('m', value);
});

io.on('connection', (socket) => {
  const channel = `r${socket.handshake.query.room}`;
  socket.join(channel);
  if (newest.has(channel)) socket.emit('m', newest.get(channel));
});
server.listen(0, '127.0.0.1', () => console.log(`ready http://127.0.0.1:${server.address().port}`));

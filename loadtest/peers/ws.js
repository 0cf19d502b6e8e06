// ws with ioredis: messages of `PUBLISH r<room> message` go to whoever is connected to /room/<room>, newcomers get the
// newest. As its documentation has it: no compression, a frame is made for each receiver.
import { createServer } from 'node:http';
import Redis from 'ioredis';
import { WebSocketServer } from 'ws';

const rooms = new Map();
const room = (name) => {
  if (!rooms.has(name)) rooms.set(name, { newest: undefined, members: new Set() });
  return rooms.get(name);
};

const redis = new Redis(process.argv[2]);
await redis.psubscribe('r*');
redis.on('pmessage', (_pattern, channel, message) => {
  const here = room(channel.slice(1));
  here.newest = message;
  for (const socket of here.members) socket.send(message);
});

const server = createServer();
const sockets = new WebSocketServer({ server, perMessageDeflate: false });
sockets.on('connection', (socket, request) => {
  const here = room(request.url.split('/').pop());
  here.members.add(socket);
  socket.on('close', () => here.members.delete(socket));
  socket.on('error', () => socket.terminate());
  if (here.newest !== undefined) socket.send(here.newest);
});
server.listen(0, '127.0.0.1', () => console.log(`ready http://127.0.0.1:${server.address().port}`));

/** A device on sockets of the test. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Device } from '../../src/device.js';
import { record } from '../support/bench.js';
import { fakeWebSocket } from '../support/sockets.js';

const TYPES = [
  'message', 'gap', 'connected', 'lost', 'leaving', 'lost-often', 'subscribed', 'subscription-refused', 'dropped', 'complaint',
  'published', 'publish-refused',
];

/** A device, its sockets, and what it told: `[type, detail]`. */
async function start(context, servers = ['ws://a', 'ws://b'], settings = {}) {
  const { FakeWebSocket, sockets } = fakeWebSocket();
  const device = new Device(servers, { settings, WebSocket: FakeWebSocket });
  const told = [];
  for (const type of TYPES) device.addEventListener(type, (event) => told.push([event.type, event.detail]));
  context.after(() => {
    const closing = device.close();
    sockets.at(-1).end(1000);
    return closing;
  });
  await settled();
  return { device, sockets, told, FakeWebSocket };
}

async function connected(context, ...rest) {
  const started = await start(context, ...rest);
  started.sockets[0].accept();
  return { ...started, socket: started.sockets[0] };
}

/** What was begun without waiting is done. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

async function until(what, condition) {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    assert(performance.now() < deadline, `never came true: ${what}`);
    await settled();
  }
}

test('a subscribed device is told what comes', async (context) => {
  const { device, socket, told } = await connected(context, ['ws://a']);

  device.subscribe('/t/k');
  assert.deepEqual(socket.sent, [{ op: 'subscribe', id: 1, subject: '/t/k' }]);
  assert.equal(socket.asked, 'tidegate.v1.json');
  socket.say({ op: 'subscribed', id: 1, subject: '/t/k', recovery: 'none' });
  socket.say(record('e', 41, null));
  socket.say(record('e', 44, 43));

  const message = { subject: '/t/k', key: null, partition: null, epoch: 'e', seq: 41, kind: 'update', data: 'd', gap: null };
  const gap = { after: 41, expected: 43 };
  assert.deepEqual(told, [
    ['connected', { url: 'ws://a/' }],
    ['subscribed', { subject: '/t/k', recovery: 'none', reason: null }],
    ['message', message],
    ['gap', { subject: '/t/k', epoch: 'e', seq: 44, ...gap }],
    ['message', { ...message, seq: 44, gap }],
  ]);
  assert.deepEqual(device.positions('/t/k'), [{ epoch: 'e', seq: 44 }]);
  assert.deepEqual(device.counters(), { received: 2, duplicates: 0, gaps: 1, strays: 0, attempts: 1 });
});

test('a server that turns a device away is left alone as long as it asked, where that can be seen', async (context) => {
  const { FakeWebSocket, sockets } = fakeWebSocket();
  FakeWebSocket.shows = true;
  const device = new Device(['ws://a', 'ws://b'], { WebSocket: FakeWebSocket });
  context.after(() => {
    const closing = device.close();
    sockets.at(-1).end(1000);
    return closing;
  });
  const lost = [];
  device.addEventListener('lost', ({ detail }) => lost.push(detail));
  await settled();

  assert(sockets[0].refuse(302, { location: 'ws://elsewhere/' }));
  await until('the other server is tried', () => sockets.length === 2);
  assert(sockets[1].refuse(503, { 'retry-after': '7' }));

  const [redirected, refused] = lost;
  assert.deepEqual([redirected.cause, redirected.retryIn], ['redirected', 0]);
  assert.equal(redirected.detail, 'to ws://elsewhere/: name that server instead');
  assert.deepEqual([refused.cause, refused.detail], ['refused', 'HTTP 503']);
  assert(refused.retryIn >= 7_000 && refused.retryIn <= 9_000, `${refused.retryIn}`);
});

test('a publish ends when the record is in the log', async (context) => {
  const { device, socket } = await connected(context);

  const publishing = device.publish('/t/k', '21.5');
  const [{ id, publish_id }] = socket.sent;
  socket.say({ op: 'published', id, partition: 2, seq: 9 });

  assert.match(publish_id, /^[0-9a-f]{16}-0$/);
  assert.deepEqual(await publishing, { partition: 2, seq: 9 });
});

test('a refused publish says why', async (context) => {
  const { device, socket } = await connected(context);

  const publishing = device.publish('/t/k', Uint8Array.of(0, 255));
  socket.say({ op: 'error', id: 1, code: 'not-allowed', reason: 'read only' });

  await assert.rejects(publishing, { name: 'PublishRefused', code: 'not-allowed', reason: 'read only' });
});

test('what is wrong is refused before anything is sent', async (context) => {
  const { device, socket } = await connected(context);

  assert.throws(() => device.subscribe('t/k'), { name: 'SubjectError' });
  await assert.rejects(device.publish('/t/*', 'x'), { name: 'SubjectError' });
  await assert.rejects(device.publish('/t/k', 7), { name: 'TypeError' });
  assert.throws(() => new Device([], { WebSocket: class {} }), { name: 'ServerListError' });
  assert.throws(() => new Device(['ws://a'], { WebSocket: null }), /pass a class as the option `WebSocket`/);
  assert.deepEqual(socket.sent, []);
});

test('a device of a gateway that dies goes on with another at once', async (context) => {
  const { device, sockets, socket, told } = await connected(context);
  device.subscribe('/t/k');
  socket.say({ op: 'subscribed', id: 1, subject: '/t/k', recovery: 'none' });
  socket.say(record('e', 41, null));

  socket.end(1006);
  await until('another attempt', () => sockets.length === 2);
  sockets[1].accept();

  assert.notEqual(sockets[1].url, socket.url);
  assert.deepEqual(sockets[1].sent, [{ op: 'subscribe', id: 2, subject: '/t/k', from: [{ epoch: 'e', seq: 41 }] }]);
  const lost = told.find(([type]) => type === 'lost');
  assert.deepEqual(lost[1], { url: socket.url, cause: 'broken', code: null, detail: '', wasConnected: true, retryIn: 0 });
});

test('a gateway that closes is left with its code', async (context) => {
  const { socket, told } = await connected(context);

  socket.say({ op: 'reconnect', after_ms: 10 });
  socket.end(1012);

  const lost = told.find(([type]) => type === 'lost')[1];
  assert.deepEqual([lost.cause, lost.code, lost.wasConnected], ['closed', 1012, true]);
  assert(lost.retryIn > 0 && lost.retryIn <= 10, lost.retryIn);
});

test('a publish that was cut off is sent again with its id', async (context) => {
  const { device, sockets, socket } = await connected(context);
  const publishing = device.publish('/t/k', 'x');

  socket.fail('reset');
  await until('another attempt', () => sockets.length === 2);
  sockets[1].accept();
  sockets[1].say({ op: 'published', id: 2, partition: 0, seq: 1 });

  assert.equal(sockets[1].sent[0].publish_id, socket.sent[0].publish_id);
  assert.deepEqual(await publishing, { partition: 0, seq: 1 });
});

test('a server that refuses is told once, although sockets tell it twice', async (context) => {
  const { sockets, told } = await start(context);

  sockets[0].fail('connection refused');

  assert.deepEqual(told.map(([type, { cause, detail }]) => [type, cause, detail]), [['lost', 'unreachable', 'connection refused']]);
});

test('a server that speaks another protocol is no gateway', async (context) => {
  const { sockets, told } = await start(context);

  sockets[0].accept('chat');

  assert.equal(told[0][1].cause, 'not-a-gateway');
  assert.equal(sockets[0].closedWith, 'without a code');
});

test('a server that accepts and never answers costs one timeout', async (context) => {
  const { sockets, told } = await start(context, ['ws://a', 'ws://b'], { connectTimeout: 20 });

  await until('another attempt', () => sockets.length === 2);

  assert.equal(told[0][1].cause, 'connect-timeout');
  assert.equal(sockets[0].closedWith, 4000);
  sockets[0].accept();
  assert.equal(told.length, 1);
});

test('a socket that cannot even be made is an attempt that failed', async (context) => {
  const { sockets, told, FakeWebSocket } = await start(context);

  FakeWebSocket.refuses = true;
  sockets[0].fail('gone');
  await until('both servers have failed', () => told.length >= 2);

  assert.deepEqual([told[1][1].cause, told[1][1].detail], ['unreachable', 'this page may not connect there']);
});

test('binary frames of a newer gateway are no reason to leave', async (context) => {
  const { socket, told } = await connected(context);

  socket.onmessage({ data: new ArrayBuffer(3) });

  assert.deepEqual(told.map(([type]) => type), ['connected']);
});

test('a closed device says goodbye and tells nothing more', async (context) => {
  const { device, socket, told } = await connected(context);
  const publishing = device.publish('/t/k', 'x');

  const closing = device.close();
  socket.end(1000);
  await closing;

  await assert.rejects(publishing, { name: 'DeviceClosed' });
  await assert.rejects(device.publish('/t/k', 'x'), { name: 'DeviceClosed' });
  assert.throws(() => device.subscribe('/t/k'), { name: 'DeviceClosed' });
  assert.equal(socket.closedWith, 1000);
  assert.equal(device.connectedTo, null);
  assert.deepEqual(told.map(([type]) => type), ['connected']);
});

test('a gateway that never says goodbye is not waited for without end', async (context) => {
  const { device } = await connected(context);

  await device.close();
});

test('a device may be closed by its own listener', async (context) => {
  const { device, socket, told } = await connected(context);
  device.subscribe('/t/k');
  device.addEventListener('message', () => device.close());

  socket.say(record('e', 1, null));
  socket.onmessage?.({ data: JSON.stringify(record('e', 2, 1)) });

  assert.deepEqual(told.filter(([type]) => type === 'message').length, 1);
});

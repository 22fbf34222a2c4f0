// What an application writes compiles; what it gets wrong does not: each `@ts-expect-error` fails if there is no error.

import { Device, PublishRefused, encodeKey } from '../../src/index.js';
import type { Data, Message, Position, Published } from '../../src/index.js';

const device = new Device(['100 wss://a.example', '50 wss://b.example'], {
  settings: { keepalive: { interval: 10_000 }, publishWindow: 1 },
  WebSocket,
});

device.addEventListener('message', ({ detail, type }) => {
  const message: Message = detail;
  const data: Data = message.data;
  const name: 'message' = type;
  if (typeof data === 'string') data.trim();
  else if (data !== null) data.byteLength.toFixed();
  // @ts-expect-error It may be bytes or nothing.
  message.data.trim();
  return name;
});
device.addEventListener('lost', ({ detail }) => {
  if (detail.cause === 'closed') console.log(detail.code, detail.retryIn);
  // @ts-expect-error There is no such cause.
  if (detail.cause === 'clossed') console.log();
}, { once: true });
device.addEventListener('subscribed', ({ detail }) => detail.recovery === 'resynced' && detail.reason === 'diverged');

const stored: Position[] = device.positions('/telemetry/dev-1');
device.subscribe('/telemetry/dev-1', { from: stored });
device.subscribe(`/telemetry/${encodeKey('50%')}`, { history: 10 });
device.replaceServers('wss://c.example');

async function publish(): Promise<Published | undefined> {
  try {
    await device.publish('/t/k', new Uint8Array(3).buffer);
    await device.publish('/t/k', null);
    return await device.publish('/t/k', 'text');
  } catch (error) {
    if (error instanceof PublishRefused) console.log(error.code, error.reason);
    return undefined;
  } finally {
    await device.close();
  }
}
publish();

// @ts-expect-error There is no such event.
device.addEventListener('mesage', () => {});
// @ts-expect-error A number is no value.
device.publish('/t/k', 21.5);
// @ts-expect-error There is no such setting.
new Device('wss://a.example', { settings: { conectTimeout: 1 } });

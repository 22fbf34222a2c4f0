/** A device whose whole life is told, line by line, to whoever started it. Runs in Node and in browsers. */

import { Device } from '../../src/index.js';

const TYPES = ['message', 'gap', 'connected', 'lost', 'leaving', 'lost-often', 'subscribed', 'subscription-refused', 'dropped', 'complaint'];

/**
 * Connects to `servers`, subscribes to `subjects`, waits until they are subscribed, and publishes each of `records`, which
 * are `[subject, value]`, one every few milliseconds. Ends once a message with the text `end` has come on each subject of
 * `ends`.
 */
export async function live({ servers, subjects, ends, records, every }, say, WebSocket) {
  const device = new Device(servers, { WebSocket });
  for (const type of TYPES) {
    device.addEventListener(type, ({ detail }) => say({ type, ...spell(detail) }));
  }
  const ended = onEach(ends, device, 'message', ({ data }) => data === 'end');
  const subscribed = onEach(subjects, device, 'subscribed', () => true);
  subjects.forEach((subject) => device.subscribe(subject));
  await subscribed;
  const published = [];
  for (const [subject, value] of records) {
    const data = value?.bytes ? Uint8Array.from(value.bytes) : value;
    published.push(device.publish(subject, data).catch(({ code, message }) => ({ refused: code ?? message })));
    await new Promise((resolve) => setTimeout(resolve, every));
  }
  say({ type: 'published', places: await Promise.all(published) });
  await ended;
  const counters = device.counters();
  await device.close();
  say({ type: 'closed', ...counters });
}

/** Settles once something has happened on each of these subjects. */
function onEach(subjects, device, type, condition) {
  const waiting = new Set(subjects);
  return new Promise((resolve) => {
    device.addEventListener(type, ({ detail }) => {
      if (condition(detail)) waiting.delete(detail.subject);
      if (waiting.size === 0) resolve();
    });
  });
}

/** JSON has no bytes. */
function spell(detail) {
  return detail.data instanceof Uint8Array ? { ...detail, data: { bytes: [...detail.data] } } : detail;
}

/**
 * The device side of Tidegate for browsers and Node: connect to one of many gateways, subscribe, publish, and go on where
 * the last connection ended. `index.d.ts` describes it.
 *
 * - `device.js`, `link.js`: a device, with sockets and a clock.
 * - `session.js`: what outlives connections. Pure: it is told what happens and what time it is, and answers what to do.
 * - `reconnect.js`, `failover.js`, `backoff.js`, `loss-rate.js`, `server-list.js`: when to connect, and where.
 * - `liveness.js`: whether the gateway is still there.
 * - `subscriptions.js`, `progress.js`: what is heard, and how far; duplicates and gaps.
 * - `publications.js`: what is not in the log yet.
 * - `subject.js`, `requests.js`, `answers.js`, `base64.js`: the words on the wire.
 *
 * Absent: storage. `Device.positions` gives what is worth storing, the option `from` takes it back.
 */

export { Device, DeviceEvent } from './device.js';
export { DeviceClosed, PublishQueueFull, PublishRefused, ServerListError, SubjectError } from './errors.js';
export { encodeKey } from './subject.js';

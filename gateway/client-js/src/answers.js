/** Reads what a gateway says. Unknown fields are ignored, because the gateway may be newer than this device. */

import { decodeBase64 } from './base64.js';

const KINDS = ['snapshot', 'update', 'recovered'];
const RECOVERIES = ['none', 'synced', 'resynced'];
const RESYNC_REASONS = ['history-evicted', 'history-not-loaded', 'diverged'];

/** A frame that is no message of a gateway. The device should connect to another one. */
export class AnswerError extends Error {
  name = 'AnswerError';
}

/**
 * Reads a text frame as `{ op, … }`. A message always has `key`, `partition` and `prev`, which are `null` where they do
 * not apply; an unknown op is `{ op: 'unknown' }`.
 */
export function parseAnswer(text) {
  let wire;
  try {
    wire = JSON.parse(text);
  } catch (error) {
    throw new AnswerError(`the gateway sent what is no message: ${error.message}`);
  }
  if (typeof wire !== 'object' || wire === null || typeof wire.op !== 'string') throw wrong('op');
  return Object.hasOwn(READERS, wire.op) ? READERS[wire.op](wire) : { op: 'unknown' };
}

const READERS = {
  message: (wire) => ({
    op: 'message',
    subject: string(wire, 'subject'),
    ...wildcardRecord(wire),
    epoch: string(wire, 'epoch'),
    seq: integer(wire, 'seq'),
    prev: wire.prev === undefined || wire.prev === null ? null : integer(wire, 'prev'),
    kind: oneOf(KINDS, wire, 'kind'),
    data: value(wire),
  }),
  subscribed: (wire) => {
    const recovery = oneOf(RECOVERIES, wire, 'recovery');
    // A reason of a newer gateway is handled like the gravest.
    const reason = RESYNC_REASONS.includes(wire.reason) ? wire.reason : 'other';
    return {
      op: 'subscribed',
      id: optionalId(wire),
      subject: string(wire, 'subject'),
      recovery,
      reason: recovery === 'resynced' ? reason : null,
    };
  },
  unsubscribed: (wire) => ({ op: 'unsubscribed', id: integer(wire, 'id') }),
  published: (wire) => ({
    op: 'published',
    id: integer(wire, 'id'),
    partition: integer(wire, 'partition'),
    seq: integer(wire, 'seq'),
  }),
  position: (wire) => ({ op: 'position', subject: string(wire, 'subject'), at: places(wire) }),
  dropped: (wire) => ({
    op: 'dropped',
    subject: string(wire, 'subject'),
    count: integer(wire, 'count'),
    reason: string(wire, 'reason'),
  }),
  reconnect: (wire) => {
    // It may be larger than numbers are exact; it is cut anyway.
    if (typeof wire.after_ms !== 'number' || !(wire.after_ms >= 0)) throw wrong('after_ms');
    return { op: 'reconnect', after: wire.after_ms };
  },
  error: (wire) => ({
    op: 'error',
    id: optionalId(wire),
    code: string(wire, 'code'),
    reason: wire.reason === undefined ? '' : string(wire, 'reason'),
  }),
};

/** Under a wildcard a message says which record it is, and `prev` counts in its partition. */
function wildcardRecord(wire) {
  if (wire.key === undefined) return { key: null, partition: null };
  return { key: wire.key === null ? null : string(wire, 'key'), partition: integer(wire, 'partition') };
}

function value(wire) {
  if ((wire.data === undefined) === (wire.data_base64 === undefined)) throw wrong('data');
  if (wire.data === null) return null;
  if (wire.data !== undefined) return string(wire, 'data');
  const bytes = decodeBase64(string(wire, 'data_base64'));
  if (bytes === null) throw wrong('data_base64');
  return bytes;
}

function places(wire) {
  if (!Array.isArray(wire.at)) throw wrong('at');
  return wire.at.map((place) => {
    if (typeof place !== 'object' || place === null) throw wrong('at');
    return { partition: integer(place, 'partition'), epoch: string(place, 'epoch'), seq: integer(place, 'seq') };
  });
}

function optionalId(wire) {
  return wire.id === undefined || wire.id === null ? null : integer(wire, 'id');
}

function string(wire, field) {
  if (typeof wire[field] !== 'string') throw wrong(field);
  return wire[field];
}

/** Beyond 2^53 numbers are not exact, and positions have to be. */
function integer(wire, field) {
  if (!Number.isSafeInteger(wire[field])) throw wrong(field);
  return wire[field];
}

function oneOf(words, wire, field) {
  if (!words.includes(wire[field])) throw wrong(field);
  return wire[field];
}

function wrong(field) {
  return new AnswerError(`the gateway sent what is no message: \`${field}\` is missing or wrong`);
}

/** What a device says to a gateway: text frames of the subprotocol `tidegate.v1.json`. */

import { encodeBase64 } from './base64.js';

export const SUBPROTOCOL = 'tidegate.v1.json';

export function encodeSubscribe(id, subject, from, history) {
  // `undefined` leaves a field out.
  return JSON.stringify({ op: 'subscribe', id, subject, from: from.length > 0 ? from : undefined, history });
}

export function encodeUnsubscribe(id, subject) {
  return JSON.stringify({ op: 'unsubscribe', id, subject });
}

/** `value` comes from `encodeValue`. */
export function encodePublish(id, subject, value, publishId) {
  return JSON.stringify({ op: 'publish', id, subject, ...value, publish_id: publishId });
}

/** A record's value as it goes over the wire: text, any bytes, or `null`, which deletes the key in a compacted topic. */
export function encodeValue(data) {
  if (data === null) return { data };
  if (typeof data === 'string') {
    // JSON would carry it, UTF-8 cannot.
    if (/\p{Surrogate}/u.test(data)) throw new TypeError('the text holds half of a surrogate pair, which is no character');
    return { data };
  }
  if (data instanceof ArrayBuffer) return { data_base64: encodeBase64(new Uint8Array(data)) };
  if (ArrayBuffer.isView(data)) {
    return { data_base64: encodeBase64(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)) };
  }
  throw new TypeError(`a ${typeof data} cannot be published: give a string, bytes, or null`);
}

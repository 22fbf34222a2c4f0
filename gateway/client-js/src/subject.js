/**
 * `/topic/key` is the record with that key in that topic; `/topic/*` is the whole topic.
 *
 * A key may hold any bytes. `%XX` (upper case) stands for a byte that text cannot carry safely, and for nothing else: the
 * percent sign, control characters, bytes that are not UTF-8, and the star of a key that is exactly `*`. So every subject
 * has one spelling, and can be compared as text.
 */

import { SubjectError } from './errors.js';

/** Kafka's own limit. */
const MAX_TOPIC = 249;

/** Throws what is wrong with a subject, and how to write it. */
export function checkSubject(text) {
  const [, topic, key] = /^\/([^/]*)\/(.*)$/s.exec(text) ?? [];
  if (key === undefined) {
    throw new SubjectError(`\`${shorten(text)}\` is no subject: write /topic/key, or /topic/* for the whole topic`);
  }
  if (!/^[A-Za-z0-9._-]+$/.test(topic) || topic.length > MAX_TOPIC || topic === '.' || topic === '..') {
    throw new SubjectError(
      `\`${shorten(topic)}\` is no topic name: use 1 to ${MAX_TOPIC} letters, digits, \`.\`, \`_\` and \`-\``,
    );
  }
  if (key === '*') return;
  const canonical = encodeKey(decodeKey(key));
  if (canonical !== key) {
    throw new SubjectError(`\`${shorten(text)}\` has to be spelled \`${shorten(`/${topic}/${canonical}`)}\``);
  }
}

export function isWildcard(subject) {
  return /^\/[^/]*\/\*$/.test(subject);
}

/**
 * A record's key, text or bytes, as it is spelled in a subject.
 *
 *     `/telemetry/${encodeKey('50%')}`   // → /telemetry/50%25
 */
export function encodeKey(key) {
  const bytes = typeof key === 'string' ? new TextEncoder().encode(key) : key;
  if (bytes.length === 1 && bytes[0] === 0x2a) return '%2A';
  let encoded = '';
  for (let at = 0; at < bytes.length; ) {
    const character = characterAt(bytes, at);
    if (character === null) {
      encoded += escapeByte(bytes[at]);
      at += 1;
    } else {
      encoded += /[%\p{Cc}]/u.test(character.text) ? escapeAll(bytes, at, character.length) : character.text;
      at += character.length;
    }
  }
  return encoded;
}

/** The character that begins at a byte; `null` if none does. */
function characterAt(bytes, at) {
  const first = bytes[at];
  if (first < 0x80) return { text: String.fromCharCode(first), length: 1 };
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  try {
    // A byte order mark is a character like any other here.
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(at, at + length));
    return { text, length };
  } catch {
    return null;
  }
}

function escapeAll(bytes, at, length) {
  return Array.from(bytes.subarray(at, at + length), escapeByte).join('');
}

function escapeByte(byte) {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

function decodeKey(key) {
  if (/\p{Surrogate}/u.test(key)) {
    throw new SubjectError(`the key \`${shorten(key)}\` holds half of a surrogate pair, which is no character`);
  }
  const spelled = new TextEncoder().encode(key);
  const bytes = [];
  for (let at = 0; at < spelled.length; at += 1) {
    if (spelled[at] !== 0x25) {
      bytes.push(spelled[at]);
      continue;
    }
    const digits = String.fromCharCode(...spelled.subarray(at + 1, at + 3));
    if (!/^[0-9A-Fa-f]{2}$/.test(digits)) {
      throw new SubjectError(
        `the key \`${shorten(key)}\` has a \`%\` at byte ${at} without two hexadecimal digits: write a percent sign as %25`,
      );
    }
    bytes.push(Number.parseInt(digits, 16));
    at += 2;
  }
  return Uint8Array.from(bytes);
}

/** Errors repeat what was written, but not without end. */
function shorten(text) {
  const characters = [...String(text)];
  return characters.length > 120 ? `${characters.slice(0, 120).join('')}…` : characters.join('');
}

/** The words on the wire. The frames are spelled as the gateway spells them. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseAnswer } from '../../src/answers.js';
import { decodeBase64, encodeBase64 } from '../../src/base64.js';
import { encodePublish, encodeSubscribe, encodeUnsubscribe, encodeValue } from '../../src/requests.js';
import { random } from '../support/random.js';

test('requests are spelled as gateways read them', () => {
  const from = [{ epoch: 'e', seq: 41 }];

  assert.equal(encodeSubscribe(1, '/t/k', [], undefined), '{"op":"subscribe","id":1,"subject":"/t/k"}');
  assert.equal(
    encodeSubscribe(1, '/t/k', from, undefined),
    '{"op":"subscribe","id":1,"subject":"/t/k","from":[{"epoch":"e","seq":41}]}',
  );
  assert.equal(encodeSubscribe(1, '/t/k', [], 10), '{"op":"subscribe","id":1,"subject":"/t/k","history":10}');
  assert.equal(encodeUnsubscribe(2, '/t/k'), '{"op":"unsubscribe","id":2,"subject":"/t/k"}');
});

test('values are text, bytes or nothing', () => {
  const published = (data) => encodePublish(3, '/t/k', encodeValue(data), 'p-0');

  assert.equal(published('x"y'), '{"op":"publish","id":3,"subject":"/t/k","data":"x\\"y","publish_id":"p-0"}');
  assert.equal(published(null), '{"op":"publish","id":3,"subject":"/t/k","data":null,"publish_id":"p-0"}');
  for (const bytes of [Uint8Array.of(0, 255), Uint8Array.of(0, 255).buffer, new Uint8Array([9, 0, 255]).subarray(1), new DataView(new Uint8Array([0, 255]).buffer)]) {
    assert.equal(published(bytes), '{"op":"publish","id":3,"subject":"/t/k","data_base64":"AP8=","publish_id":"p-0"}');
  }
});

test('what is no value is refused', () => {
  assert.throws(() => encodeValue(21.5), { name: 'TypeError', message: 'a number cannot be published: give a string, bytes, or null' });
  assert.throws(() => encodeValue(undefined), TypeError);
  assert.throws(() => encodeValue('a\ud83d'), { message: /half of a surrogate pair/ });
});

test('base64 reads back as written', () => {
  const next = random(1);
  for (let length = 0; length < 200; length += 1) {
    const bytes = Uint8Array.from({ length }, () => next() * 256);

    assert.equal(encodeBase64(bytes), Buffer.from(bytes).toString('base64'));
    assert.deepEqual(decodeBase64(encodeBase64(bytes)), bytes);
  }
  assert.equal(encodeBase64(new Uint8Array(1_000_000)).length, 1_333_336);
});

test('what is no base64 is refused', () => {
  for (const text of ['A', 'AA', 'AAA', 'AA=', 'A===', 'AA ==', 'AA==\n', '_w==', '====']) {
    assert.equal(decodeBase64(text), null, text);
  }
});

test('messages are read whole', () => {
  assert.deepEqual(
    parseAnswer('{"op":"message","subject":"/t/k","epoch":"e","seq":42,"prev":41,"kind":"update","data":"text","new":1}'),
    { op: 'message', subject: '/t/k', key: null, partition: null, epoch: 'e', seq: 42, prev: 41, kind: 'update', data: 'text' },
  );
  assert.deepEqual(
    parseAnswer('{"op":"message","subject":"/t/*","key":null,"partition":3,"epoch":"e","seq":0,"prev":null,"kind":"recovered","data_base64":"AP8="}'),
    { op: 'message', subject: '/t/*', key: null, partition: 3, epoch: 'e', seq: 0, prev: null, kind: 'recovered', data: Uint8Array.of(0, 255) },
  );
  assert.equal(
    parseAnswer('{"op":"message","subject":"/t/k","epoch":"e","seq":42,"prev":41,"kind":"snapshot","data":null}').data,
    null,
  );
});

test('answers are read', () => {
  const read = [
    ['{"op":"subscribed","id":1,"subject":"/t/k","recovery":"none"}', { op: 'subscribed', id: 1, subject: '/t/k', recovery: 'none', reason: null }],
    ['{"op":"subscribed","subject":"/t/k","recovery":"resynced","reason":"diverged"}', { op: 'subscribed', id: null, subject: '/t/k', recovery: 'resynced', reason: 'diverged' }],
    ['{"op":"subscribed","subject":"/t/k","recovery":"resynced","reason":"of tomorrow"}', { op: 'subscribed', id: null, subject: '/t/k', recovery: 'resynced', reason: 'other' }],
    ['{"op":"unsubscribed","id":1,"subject":"/t/k"}', { op: 'unsubscribed', id: 1 }],
    ['{"op":"published","id":1,"partition":0,"seq":7}', { op: 'published', id: 1, partition: 0, seq: 7 }],
    ['{"op":"position","subject":"/t/*","at":[{"partition":0,"epoch":"e","seq":-1}]}', { op: 'position', subject: '/t/*', at: [{ partition: 0, epoch: 'e', seq: -1 }] }],
    ['{"op":"dropped","subject":"/t/k","count":7,"reason":"conflated"}', { op: 'dropped', subject: '/t/k', count: 7, reason: 'conflated' }],
    ['{"op":"reconnect","after_ms":1500}', { op: 'reconnect', after: 1500 }],
    ['{"op":"error","code":"bad-json","reason":"no JSON"}', { op: 'error', id: null, code: 'bad-json', reason: 'no JSON' }],
    ['{"op":"of tomorrow","id":"x"}', { op: 'unknown' }],
    ['{"op":"toString"}', { op: 'unknown' }],
  ];
  for (const [text, answer] of read) assert.deepEqual(parseAnswer(text), answer);
});

test('what is no message names the field', () => {
  const wrong = [
    ['[]', 'op'],
    ['null', 'op'],
    ['{"op":7}', 'op'],
    ['{"op":"message","subject":"/t/k","epoch":"e","seq":"42","kind":"update","data":"x"}', 'seq'],
    ['{"op":"message","subject":"/t/k","epoch":"e","seq":9007199254740993,"kind":"update","data":"x"}', 'seq'],
    ['{"op":"message","subject":"/t/k","epoch":"e","seq":1,"kind":"of tomorrow","data":"x"}', 'kind'],
    ['{"op":"message","subject":"/t/k","epoch":"e","seq":1,"kind":"update"}', 'data'],
    ['{"op":"message","subject":"/t/k","epoch":"e","seq":1,"kind":"update","data":"x","data_base64":"AA=="}', 'data'],
    ['{"op":"message","subject":"/t/k","epoch":"e","seq":1,"kind":"update","data_base64":"A"}', 'data_base64'],
    ['{"op":"message","subject":"/t/*","key":"k","epoch":"e","seq":1,"kind":"update","data":"x"}', 'partition'],
    ['{"op":"subscribed","id":1,"subject":"/t/k","recovery":"perhaps"}', 'recovery'],
    ['{"op":"published","id":1,"partition":0}', 'seq'],
    ['{"op":"position","subject":"/t/k","at":{}}', 'at'],
    ['{"op":"position","subject":"/t/k","at":[null]}', 'at'],
    ['{"op":"reconnect"}', 'after_ms'],
    ['{"op":"error","id":1}', 'code'],
  ];
  for (const [text, field] of wrong) {
    assert.throws(() => parseAnswer(text), {
      name: 'AnswerError',
      message: `the gateway sent what is no message: \`${field}\` is missing or wrong`,
    });
  }
  assert.throws(() => parseAnswer('hello'), { name: 'AnswerError' });
});

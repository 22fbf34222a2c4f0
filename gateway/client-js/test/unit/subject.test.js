import assert from 'node:assert/strict';
import { test } from 'node:test';

import { checkSubject, encodeKey, isWildcard } from '../../src/subject.js';

test('plain subjects are what they are', () => {
  for (const subject of ['/t/k', '/t/', '/t/*', '/a.b_c-1/k/with/slashes', '/t/über', '/t/😀', '/t/k ', '/t/**', '/t/\ufeffk', '/t/50%25']) {
    checkSubject(subject);
  }
});

test('what is no subject is named with its remedy', () => {
  const wrong = [
    ['t/k', '`t/k` is no subject: write /topic/key, or /topic/* for the whole topic'],
    ['/t', '`/t` is no subject: write /topic/key, or /topic/* for the whole topic'],
    ['//k', '`` is no topic name: use 1 to 249 letters, digits, `.`, `_` and `-`'],
    ['/../k', '`..` is no topic name: use 1 to 249 letters, digits, `.`, `_` and `-`'],
    ['/a b/k', '`a b` is no topic name: use 1 to 249 letters, digits, `.`, `_` and `-`'],
    ['/t/50%', 'the key `50%` has a `%` at byte 2 without two hexadecimal digits: write a percent sign as %25'],
    ['/t/ü%x1', 'the key `ü%x1` has a `%` at byte 2 without two hexadecimal digits: write a percent sign as %25'],
    ['/t/%61', '`/t/%61` has to be spelled `/t/a`'],
    ['/t/%2a', '`/t/%2a` has to be spelled `/t/%2A`'],
    ['/t/a\n', '`/t/a\n` has to be spelled `/t/a%0A`'],
    ['/t/\u0085', '`/t/\u0085` has to be spelled `/t/%C2%85`'],
    ['/t/\ud800', 'the key `\ud800` holds half of a surrogate pair, which is no character'],
  ];
  for (const [subject, message] of wrong) {
    assert.throws(() => checkSubject(subject), { name: 'SubjectError', message });
  }
});

test('errors do not repeat long texts in full', () => {
  assert.throws(() => checkSubject(`/${'t'.repeat(5000)}/k`), (error) => error.message.length < 250);
});

test('every key has one spelling', () => {
  const spelled = [
    ['dev-1', 'dev-1'],
    ['50%', '50%25'],
    ['*', '%2A'],
    ['**', '**'],
    ['a\u0000b\u007f', 'a%00b%7F'],
    ['\ufeff€😀', '\ufeff€😀'],
    [Uint8Array.of(0x61, 0xff, 0xc3, 0x28, 0xe2, 0x82), 'a%FF%C3(%E2%82'],
    [Uint8Array.of(0xed, 0xa0, 0x80), '%ED%A0%80'],
    ['', ''],
  ];
  for (const [key, expected] of spelled) {
    assert.equal(encodeKey(key), expected);
    checkSubject(`/t/${expected}`);
  }
});

test('only a lone star is the whole topic', () => {
  assert.deepEqual(['/t/*', '/t/%2A', '/t/**', '/t/a/*'].map(isWildcard), [true, false, false, false]);
});

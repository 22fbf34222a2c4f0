import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ServerListError } from '../../src/errors.js';
import { parseServers } from '../../src/server-list.js';

test('entries have a weight or the greatest', () => {
  assert.deepEqual(parseServers(['25 ws://a:1', 'wss://b', '  0   ws://c:3/path?x=y ']), [
    { url: 'ws://a:1/', weight: 25 },
    { url: 'wss://b/', weight: 100 },
    { url: 'ws://c:3/path?x=y', weight: 0 },
  ]);
});

test('a single server may stand for a list of one', () => {
  assert.deepEqual(parseServers('wss://[2001:db8::1]:8443'), [{ url: 'wss://[2001:db8::1]:8443/', weight: 100 }]);
});

test('lists without a choice are refused', () => {
  assert.throws(() => parseServers([]), { name: 'ServerListError', message: /^the server list is empty: name at least one/ });
  assert.throws(() => parseServers(['0 ws://a', '0 ws://b']), { message: /^every server has the weight 0/ });
});

test('endless lists are refused', () => {
  assert.throws(() => parseServers(Array(65_536).fill('ws://a')), { message: 'the server list has 65536 servers, 65535 are allowed' });
});

test('wrong weights are repeated in the error', () => {
  for (const weight of ['101', '-1', 'x', '1.5', '256', '1e1', '0x1']) {
    assert.throws(() => parseServers([`${weight} ws://a`]), {
      message: `the weight \`${weight}\` is no whole number from 0 to 100`,
    });
  }
});

test('what is no server is named', () => {
  const wrong = [
    ['http://a', 'it does not begin with ws:// or wss://'],
    ['', 'it does not begin with ws:// or wss://'],
    ['ws://', 'its host or port is broken'],
    ['ws://:80', 'its host or port is broken'],
    ['ws://a:+80', 'its host or port is broken'],
    ['ws://a:65536', 'its host or port is broken'],
    ['ws://::1', 'its host or port is broken'],
    ['ws://[::1', 'its host or port is broken'],
    ['ws://a:0', 'its port is no number from 1 to 65535'],
    ['ws://user@a', 'it holds a user'],
    ['ws://a/#', 'it holds a fragment'],
  ];
  for (const [url, what] of wrong) {
    assert.throws(() => parseServers([url]), (error) => {
      assert(error instanceof ServerListError);
      assert.equal(error.message, `\`${url}\` is no server: ${what}; write it like wss://gateway.example:443/`);
      return true;
    });
  }
});

/** A gateway that is silent, or never answers, is left. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Bench } from '../support/bench.js';

const SETTINGS = { keepalive: { interval: 25_000, timeout: 10_000 }, answerTimeout: 15_000, connectTimeout: 10_000 };

const PROBE = { op: 'unsubscribe', id: 1, subject: '/tidegate.alive/device7' };

function connected(settings = SETTINGS) {
  const bench = new Bench(['ws://a', 'ws://b'], settings);
  const attempt = bench.connect();
  bench.events();
  return { bench, attempt };
}

/** The session has left for another server, for this reason. */
function assertLeft(bench, cause) {
  const [disconnect, connect] = bench.actions();
  assert.deepEqual(disconnect, { do: 'disconnect', code: 4000 });
  assert.equal(connect.do, 'connect');
  assert.deepEqual(bench.eventsOf('lost').map((lost) => lost.cause), [cause]);
}

test('a silent gateway is asked for a sign of life, then left', () => {
  const { bench } = connected();

  bench.pass(24_999);
  bench.idle();
  bench.pass(1);
  assert.deepEqual(bench.sent(), [PROBE]);
  bench.pass(9_999);
  bench.idle();
  bench.pass(1);

  assertLeft(bench, 'silent');
});

test('the answer to a probe is a sign of life and no news', () => {
  const { bench, attempt } = connected();
  bench.pass(25_000);
  assert.deepEqual(bench.sent(), [PROBE]);

  bench.hear(attempt, { op: 'error', id: 1, code: 'not-subscribed', reason: 'this connection has no such subscription' });
  bench.pass(24_999);

  bench.idle();
  assert.deepEqual(bench.events(), []);
});

test('a probe that is waited for puts no other request under suspicion', () => {
  const { bench, attempt } = connected({ ...SETTINGS, keepalive: { interval: 5_000, timeout: 10_000 } });
  bench.session.publish('/t/k', 'a', bench.now);
  bench.pass(5_000);
  bench.sent();

  bench.hear(attempt, { op: 'error', id: 2, code: 'not-subscribed', reason: '' });
  bench.pass(10_000);

  assertLeft(bench, 'no-answer');
});

test('any sign of life puts the probe off', () => {
  const { bench, attempt } = connected();

  bench.pass(20_000);
  bench.session.handleAlive(attempt, bench.now);
  bench.pass(24_000);

  bench.idle();
});

test('an answer after a late probe is enough', () => {
  const { bench, attempt } = connected();

  // The machine was asleep.
  bench.pass(1_000_000);
  assert.deepEqual(bench.sent(), [PROBE]);
  bench.pass(9_000);
  bench.session.handleAlive(attempt, bench.now);
  bench.pass(9_000);

  bench.idle();
  assert(bench.session.isConnected);
});

test('a request without an answer ends the connection', () => {
  const { bench, attempt } = connected();
  bench.session.publish('/t/k', 'a', bench.now);
  bench.sent();

  // Signs of life alone do not answer.
  bench.pass(14_000);
  bench.session.handleAlive(attempt, bench.now);
  bench.idle();
  bench.pass(1_000);

  assertLeft(bench, 'no-answer');
});

test('a server that accepts and never answers is left', () => {
  const bench = new Bench(['ws://a', 'ws://b'], SETTINGS);
  bench.connecting();

  bench.pass(10_000);

  assertLeft(bench, 'connect-timeout');
});

test('a server that speaks something else is left', () => {
  const { bench, attempt } = connected();

  bench.hear(attempt, 'hello');

  assertLeft(bench, 'bad-message');
});

test('without requests and keepalive there is nothing to wait for', () => {
  const bench = new Bench(['ws://a'], { ...SETTINGS, keepalive: null });
  bench.connect();
  bench.passToDeadline();

  assert.equal(bench.session.deadline(), Infinity);
});

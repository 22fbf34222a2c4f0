/** Positions, resumption, duplicates and gaps. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Bench, record, wildcardRecord } from '../support/bench.js';

const subscribed = (recovery, reason) => ({ op: 'subscribed', id: 1, subject: '/t/k', recovery, reason });

const positioned = (subject, ...at) => ({ op: 'position', subject, at });

/** A session that has got record 41 of epoch `e`. */
function at41() {
  const { bench, attempt } = Bench.subscribed('/t/k');
  bench.sent();
  bench.hear(attempt, subscribed('none'));
  assert.deepEqual(bench.hear(attempt, record('e', 41, 12)), [41]);
  bench.events();
  return { bench, attempt };
}

/** What the session asks the next gateway for. */
function resumes(bench, attempt) {
  bench.lose(attempt, 'broken');
  const next = bench.connect();
  const [{ from, history }] = bench.sent();
  return { next, from, history };
}

test('a first subscribe asks for no position', () => {
  const { bench } = Bench.subscribed('/t/k');

  assert.deepEqual(bench.sent(), [{ op: 'subscribe', id: 1, subject: '/t/k' }]);
});

test('history is asked for only where there is no position', () => {
  const { bench, attempt } = Bench.subscribed('/t/k', { history: 10 });
  assert.deepEqual(bench.sent(), [{ op: 'subscribe', id: 1, subject: '/t/k', history: 10 }]);

  bench.hear(attempt, record('e', 41, null));
  const { from, history } = resumes(bench, attempt);

  assert.deepEqual({ from, history }, { from: [{ epoch: 'e', seq: 41 }], history: undefined });
});

test('an application may go on where its last run ended', () => {
  const { bench, attempt } = Bench.subscribed('/t/k', { from: [{ epoch: 'e', seq: 41 }] });

  assert.deepEqual(bench.sent(), [{ op: 'subscribe', id: 1, subject: '/t/k', from: [{ epoch: 'e', seq: 41 }] }]);
  assert.deepEqual(bench.hear(attempt, record('e', 41, null)), []);
  assert.deepEqual(bench.hear(attempt, record('e', 50, 41)), [50]);
  assert.deepEqual(bench.session.positions('/t/k'), [{ epoch: 'e', seq: 50 }]);
});

test('positions and histories that are none are refused', () => {
  const bench = new Bench();
  for (const from of [[41], [{ epoch: 'e' }], [{ epoch: 'e', seq: '41' }], 'e', null]) {
    assert.throws(() => bench.session.subscribe('/t/k', { from }, bench.now), TypeError);
  }
  for (const history of [-1, 1.5, '10', null]) {
    assert.throws(() => bench.session.subscribe('/t/k', { history }, bench.now), TypeError);
  }
  assert.throws(() => bench.session.subscribe('t/k', {}, bench.now), { name: 'SubjectError' });
  assert.deepEqual(bench.session.subjects(), []);
});

test('the next gateway is told the last position', () => {
  const { bench, attempt } = at41();

  assert.deepEqual(resumes(bench, attempt).from, [{ epoch: 'e', seq: 41 }]);
});

test('the application is told what became of missed messages', () => {
  const { bench, attempt } = at41();

  bench.hear(attempt, subscribed('synced'));
  bench.hear(attempt, { ...subscribed('resynced', 'diverged'), id: undefined });

  assert.deepEqual(bench.events(), [
    { type: 'subscribed', subject: '/t/k', recovery: 'synced', reason: null },
    { type: 'subscribed', subject: '/t/k', recovery: 'resynced', reason: 'diverged' },
  ]);
});

test('what was delivered is not delivered again', () => {
  const { bench, attempt } = at41();

  for (const seq of [41, 12, 0]) assert.deepEqual(bench.hear(attempt, record('e', seq, null)), []);
  assert.deepEqual(bench.hear(attempt, record('e', 42, 41)), [42]);
  assert.equal(bench.session.counters().duplicates, 3);
});

test('offsets may have holes as long as nothing is skipped', () => {
  const { bench, attempt } = at41();

  assert.deepEqual(bench.hear(attempt, record('e', 57, 41)), [57]);
  // The log was compacted: 41 and 57 are no longer in it, but they were delivered.
  assert.deepEqual(bench.hear(attempt, record('e', 60, 12)), [60]);
});

test('a skipped message is a gap, and the next is delivered', () => {
  const { bench, attempt } = at41();

  assert.deepEqual(bench.hear(attempt, record('e', 57, 50)), ['gap 41..50', 57]);
  assert.deepEqual(bench.hear(attempt, record('e', 58, 57)), [58]);
  assert.equal(bench.session.counters().gaps, 1);
});

test('a message that names none before it is a gap once there was one', () => {
  const { bench, attempt } = at41();

  assert.deepEqual(bench.hear(attempt, record('e', 57, null)), ['gap 41..null', 57]);
});

test('a new epoch that goes on exactly is no gap', () => {
  const { bench, attempt } = at41();

  assert.deepEqual(bench.hear(attempt, record('e2', 42, 41)), [42]);
  assert.deepEqual(bench.session.positions('/t/k'), [{ epoch: 'e2', seq: 42 }]);
});

test('a new epoch that begins elsewhere is a gap', () => {
  for (const [seq, prev] of [[57, 50], [38, 30]]) {
    const { bench, attempt } = at41();

    assert.deepEqual(bench.hear(attempt, record('e2', seq, prev)), [`gap 41..${prev}`, seq]);
  }
});

// A key moves when partitions are added: its first message in the new one names none before it.
test('a key that moves to another partition is no gap', () => {
  const { bench, attempt } = at41();

  assert.deepEqual(bench.hear(attempt, record('f', 3, null)), [3]);
  assert.deepEqual(bench.hear(attempt, record('f', 9, 3)), [9]);
  assert.deepEqual(bench.session.positions('/t/k'), [{ epoch: 'e', seq: 41 }, { epoch: 'f', seq: 9 }]);
});

test('a resync is told once, and not as a gap again', () => {
  const { bench, attempt } = at41();

  bench.hear(attempt, subscribed('resynced', 'history-evicted'));

  assert.deepEqual(bench.hear(attempt, record('e', 90, 89, 'snapshot')), [90]);
  assert.deepEqual(bench.hear(attempt, record('e', 92, 91)), ['gap 90..91', 92]);
});

test('a last value that was delivered before is not delivered by a resync', () => {
  const { bench, attempt } = at41();

  bench.hear(attempt, subscribed('resynced', 'history-not-loaded'));

  assert.deepEqual(bench.hear(attempt, record('e', 41, null, 'snapshot')), []);
});

// Brokers without topic ids give a topic that was deleted and made again the same epochs.
test('a history that did not last hides nothing of its successor', () => {
  for (const reason of ['diverged', 'of tomorrow']) {
    const { bench, attempt } = at41();

    bench.hear(attempt, subscribed('resynced', reason));

    assert.deepEqual(bench.hear(attempt, record('e', 0, null, 'snapshot')), [0]);
    assert.deepEqual(bench.session.positions('/t/k'), [{ epoch: 'e', seq: 0 }]);
  }
});

test('a quiet subscription resumes from where the gateway said it stands', () => {
  const { bench, attempt } = Bench.subscribed('/t/k');
  bench.sent();
  bench.hear(attempt, subscribed('none'));

  bench.hear(attempt, positioned('/t/k', { partition: 0, epoch: 'e', seq: 99 }));
  const { next, from } = resumes(bench, attempt);

  assert.deepEqual(from, [{ epoch: 'e', seq: 99 }]);
  assert.deepEqual(bench.hear(next, record('e', 120, null)), [120]);
  assert.deepEqual(bench.hear(next, record('e', 130, 125)), ['gap 120..125', 130]);
});

test('a gap after a stated position is seen', () => {
  const { bench, attempt } = at41();

  bench.hear(attempt, positioned('/t/k', { partition: 0, epoch: 'e', seq: 99 }));

  assert.deepEqual(bench.hear(attempt, record('e', 120, 110)), ['gap 99..110', 120]);
});

test('partitions of a wildcard count for themselves', () => {
  const { bench, attempt } = Bench.subscribed('/t/*');
  bench.sent();
  const hears = (...frame) => bench.hear(attempt, wildcardRecord(...frame));

  assert.deepEqual(hears(0, 'a', 5, 4), [5]);
  assert.deepEqual(hears(1, 'b', 5, 4), [5]);
  assert.deepEqual(hears(1, 'b', 6, 5), [6]);
  assert.deepEqual(hears(0, 'a', 8, 7), ['gap 5..7', 8]);
  // Another leader, in each partition at its own place.
  assert.deepEqual(hears(1, 'b2', 7, 6), [7]);
  assert.deepEqual(hears(0, 'a2', 9, 8), [9]);
  assert.deepEqual(bench.session.positions('/t/*'), [{ epoch: 'a2', seq: 9 }, { epoch: 'b2', seq: 7 }]);
});

test('stated positions take the place of all others', () => {
  const { bench, attempt } = Bench.subscribed('/t/*');
  bench.sent();
  bench.hear(attempt, wildcardRecord(0, 'a', 5, 4));

  bench.hear(attempt, positioned('/t/*', { partition: 1, epoch: 'b', seq: 9 }, { partition: 0, epoch: 'a', seq: 5 }));
  assert.deepEqual(bench.session.positions('/t/*'), [{ epoch: 'b', seq: 9 }, { epoch: 'a', seq: 5 }]);
  assert.deepEqual(bench.hear(attempt, wildcardRecord(0, 'a2', 6, 5)), [6]);

  assert.deepEqual(bench.session.positions('/t/*'), [{ epoch: 'b', seq: 9 }, { epoch: 'a2', seq: 6 }]);
});

test('positions that are kept have a limit', () => {
  const { bench, attempt } = Bench.subscribed('/t/*');
  bench.sent();

  for (let partition = 0; partition < 5000; partition += 1) {
    bench.hear(attempt, wildcardRecord(partition, `e${partition}`, 1, null));
  }

  assert.equal(bench.session.positions('/t/*').length, 4096);
  assert.deepEqual(bench.session.positions('/t/*').at(-1), { epoch: 'e4999', seq: 1 });
});

test('dropped messages are told', () => {
  const { bench, attempt } = at41();

  bench.hear(attempt, { op: 'dropped', subject: '/t/k', count: 7, reason: 'conflated' });

  assert.deepEqual(bench.events(), [{ type: 'dropped', subject: '/t/k', count: 7, reason: 'conflated' }]);
});

test('an ended subscription delivers nothing more', () => {
  const { bench, attempt } = at41();

  bench.session.unsubscribe('/t/k', bench.now);

  assert.deepEqual(bench.sent(), [{ op: 'unsubscribe', id: 2, subject: '/t/k' }]);
  assert.deepEqual(bench.hear(attempt, record('e', 42, 41)), []);
  assert.equal(bench.session.counters().strays, 1);
  assert.deepEqual(bench.session.subjects(), []);
});

test('a subscription that the gateway never heard of ends in silence', () => {
  const bench = new Bench();
  bench.session.subscribe('/t/k', {}, bench.now);

  bench.session.unsubscribe('/t/k', bench.now);
  bench.connect();

  bench.idle();
});

test('a refused subscription is told and gone', () => {
  const { bench, attempt } = Bench.subscribed('/t/k');
  bench.sent();
  bench.events();

  bench.hear(attempt, { op: 'error', id: 1, code: 'unknown-topic', reason: 'no such topic' });

  assert.deepEqual(bench.events(), [
    { type: 'subscription-refused', subject: '/t/k', code: 'unknown-topic', reason: 'no such topic', retried: false },
  ]);
  assert.deepEqual(bench.session.subjects(), []);
});

test('a subscription that cannot be served now is asked for again', () => {
  const { bench, attempt } = Bench.subscribed('/t/k');
  bench.sent();

  bench.hear(attempt, { op: 'error', id: 1, code: 'overloaded', reason: 'later' });
  bench.idle();
  assert.equal(bench.passToDeadline(), 1_000);

  assert.deepEqual(bench.sent(), [{ op: 'subscribe', id: 2, subject: '/t/k' }]);
});

test('what is left of an earlier connection is ignored', () => {
  const { bench, attempt: old } = at41();
  bench.lose(old, 'broken');
  bench.connect();
  bench.sent();

  assert.deepEqual(bench.hear(old, record('e', 42, 41)), []);
  bench.lose(old, 'broken');

  assert(bench.session.isConnected);
  assert.deepEqual(bench.session.positions('/t/k'), [{ epoch: 'e', seq: 41 }]);
});

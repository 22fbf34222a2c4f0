/** When a session connects again, and where. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Failover } from '../../src/failover.js';
import { parseServers } from '../../src/server-list.js';
import { Bench } from '../support/bench.js';
import { random } from '../support/random.js';

const SETTINGS = { keepalive: null, backoffBase: 100, backoffCap: 5_000, spread: 2_000 };

const A = 'ws://a/';
const B = 'ws://b/';
const C = 'ws://c/';

function retryIn(bench) {
  const lost = bench.eventsOf('lost');
  assert.equal(lost.length, 1);
  return lost[0].retryIn;
}

test('weights are shares, and zero is never chosen', () => {
  const ROUNDS = 40_000;
  const servers = parseServers(['50 ws://a', '0 ws://b', '25 ws://c', '25 ws://d']);
  const failover = new Failover();
  const next = random(1);
  const counts = new Map(servers.map(({ url }) => [url, 0]));

  for (let round = 0; round < ROUNDS; round += 1) {
    const { url } = failover.pick(servers, 0, next);
    counts.set(url, counts.get(url) + 1);
  }

  for (const [url, share] of [[A, 0.5], [B, 0], [C, 0.25], ['ws://d/', 0.25]]) {
    // Six standard deviations of a binomial distribution.
    const slack = 6 * Math.sqrt(ROUNDS * share * (1 - share));
    assert(Math.abs(counts.get(url) - ROUNDS * share) <= slack, `${counts.get(url)} of ${ROUNDS} for a share of ${share}`);
  }
});

test('a failed server is left alone for its time', () => {
  const servers = parseServers(['100 ws://a', '1 ws://b']);
  const failover = new Failover();
  const next = random(1);
  const picks = (now) => new Set(Array.from({ length: 300 }, () => failover.pick(servers, now, next).url));

  failover.setAside(A, 0, 60_000);

  assert.deepEqual([...picks(59_999)], [B]);
  assert(picks(60_000).has(A));
});

test('another server is tried at once', () => {
  const bench = new Bench(['ws://a', 'ws://b'], SETTINGS);
  const { attempt, url } = bench.working();

  bench.lose(attempt, 'broken');

  assert.equal(retryIn(bench), 0);
  assert.notEqual(bench.connecting().url, url);
});

test('no server is tried twice while another is untried', () => {
  for (let seed = 0; seed < 50; seed += 1) {
    const bench = new Bench(['9 ws://a', '1 ws://b', '90 ws://c', '0 ws://d'], SETTINGS, seed);

    const round = [bench.fail(), bench.fail(), bench.fail()];

    assert.deepEqual(round.sort(), [A, B, C]);
    bench.idle();
  }
});

test('rounds of failures wait longer and longer, up to the cap, with full jitter', () => {
  const waits = Array.from({ length: 9 }, () => []);
  for (let seed = 0; seed < 300; seed += 1) {
    const bench = new Bench(['ws://a', 'ws://b'], SETTINGS, seed);
    for (const round of waits) {
      bench.fail();
      bench.fail();
      round.push(bench.passToDeadline());
    }
  }

  waits.forEach((round, index) => {
    const bound = Math.min(100 * 2 ** index, 5_000);
    assert(Math.max(...round) <= bound && Math.max(...round) > bound * 0.9, `round ${index}: ${Math.max(...round)}`);
    assert(Math.min(...round) < bound * 0.1, `round ${index}: ${Math.min(...round)}`);
  });
});

test('a connection that only opens does not reset the back-off', () => {
  const bench = new Bench(['ws://a'], SETTINGS);
  let total = 0;

  for (let round = 0; round < 12; round += 1) {
    bench.lose(bench.connect(), 'closed', 1011);
    total += bench.passToDeadline();
  }

  assert(total > 5_000, `${total}`);
});

test('a gateway that never answers does not reset the back-off', () => {
  // Whoever takes such a connection for one that worked comes back at once.
  const bench = new Bench(['ws://a'], { ...SETTINGS, spread: 0 });
  bench.session.subscribe('/t/a', {}, bench.now);
  let total = 0;

  for (let round = 0; round < 12; round += 1) {
    const attempt = bench.connect();
    // Longer than a connection without requests takes to count as working.
    bench.pass(12_000);
    bench.events();
    bench.lose(attempt, 'closed', 1011);
    total += retryIn(bench);
    bench.passToDeadline();
  }

  assert(total > 5_000, `${total}`);
});

test('a connection that works resets the back-off', () => {
  const bench = new Bench(['ws://a'], { ...SETTINGS, spread: 0 });
  for (let round = 0; round < 12; round += 1) {
    bench.fail();
    bench.passToDeadline();
  }

  bench.lose(bench.working().attempt, 'broken');
  bench.fail();

  assert(bench.passToDeadline() <= 100);
});

test('an answer proves that a session works before time does', () => {
  const bench = new Bench(['ws://a'], { ...SETTINGS, spread: 0 });
  for (let round = 0; round < 12; round += 1) {
    bench.fail();
    bench.passToDeadline();
  }

  bench.session.subscribe('/t/k', {}, bench.now);
  const attempt = bench.connect();
  bench.hear(attempt, { op: 'subscribed', id: 1, subject: '/t/k', recovery: 'none' });
  bench.sent();
  bench.lose(attempt, 'broken');
  bench.fail();

  assert(bench.passToDeadline() <= 100);
});

test('devices of one address spread their return', () => {
  const waits = Array.from({ length: 1000 }, (_, seed) => {
    const bench = new Bench(['ws://adc'], SETTINGS, seed);
    bench.lose(bench.working().attempt, 'broken');
    return retryIn(bench);
  });

  for (let quarter = 0; quarter < 4; quarter += 1) {
    const share = waits.filter((wait) => wait >= quarter * 500 && wait < (quarter + 1) * 500).length;
    assert(share > 170 && share < 330, `${share} of 1000 in quarter ${quarter}`);
  }
});

test('a hint is obeyed when the gateway closes', () => {
  const bench = new Bench(['ws://a', 'ws://b'], SETTINGS);
  const { attempt, url } = bench.working();

  bench.hear(attempt, { op: 'reconnect', after_ms: 1500 });
  assert.deepEqual(bench.events(), [{ type: 'leaving', after: 1500 }]);
  bench.pass(100);
  bench.lose(attempt, 'closed', 1012);

  bench.idle();
  assert.equal(bench.passToDeadline(), 1400);
  assert.notEqual(bench.connecting().url, url);
});

test('a hint is obeyed when the gateway does not close', () => {
  const bench = new Bench(['ws://a', 'ws://b'], SETTINGS);
  const { attempt, url } = bench.working();

  bench.hear(attempt, { op: 'reconnect', after_ms: 1500 });
  bench.pass(1500);

  const [disconnect, connect] = bench.actions();
  assert.deepEqual(disconnect, { do: 'disconnect', code: 1000 });
  assert.equal(connect.do, 'connect');
  assert.notEqual(connect.url, url);
});

test('an endless hint is cut to the longest allowed', () => {
  const bench = new Bench(['ws://a'], SETTINGS);
  const { attempt } = bench.working();

  bench.hear(attempt, '{"op":"reconnect","after_ms":18446744073709551615}');
  bench.lose(attempt, 'closed', 1012);

  assert.equal(bench.passToDeadline(), 600_000);
});

test('a lone server is left alone as long as it asked, and a part of the spread', () => {
  const waits = Array.from({ length: 200 }, (_, seed) => {
    const bench = new Bench(['ws://a'], SETTINGS, seed);
    bench.refuse(bench.connecting().attempt, 20_000);
    const wait = bench.passToDeadline();
    bench.connecting();
    return wait;
  });

  assert(waits.every((wait) => wait >= 20_000 && wait <= 22_000));
  const early = waits.filter((wait) => wait < 21_000).length;
  assert(early > 60 && early < 140, `${early} of 200`);
});

test('a dead server is not tried again while another only asked for time', () => {
  const bench = new Bench(['ws://a', 'ws://b'], SETTINGS);
  const dead = bench.fail();
  for (let round = 0; round < 5; round += 1) {
    const { attempt, url } = bench.connecting();
    assert.notEqual(url, dead);
    bench.refuse(attempt, 3_000);
    bench.passToDeadline();
  }
});

test('a wish that outlasts the time of a dead server does not keep devices from it', () => {
  const bench = new Bench(['ws://a', 'ws://b'], SETTINGS);
  const dead = bench.fail();
  bench.refuse(bench.connecting().attempt, 500_000);

  assert.equal(bench.passToDeadline(), 60_000);
  assert.equal(bench.connecting().url, dead);
});

test('to come back in no time says nothing', () => {
  const bench = new Bench(['ws://a'], SETTINGS);
  let total = 0;
  for (let round = 0; round < 12; round += 1) {
    bench.refuse(bench.connecting().attempt, 0);
    total += bench.passToDeadline();
  }

  assert(total > 5_000, `${total}`);
});

test('frequent losses are told once', () => {
  const bench = new Bench(['ws://a', 'ws://b', 'ws://c'], { ...SETTINGS, spread: 0 });
  const told = [];

  for (let round = 0; round < 15; round += 1) {
    let [action] = bench.actions();
    for (; !action; [action] = bench.actions()) bench.passToDeadline();
    bench.session.handleConnected(action.attempt, bench.now);
    bench.lose(action.attempt, 'broken');
    told.push(...bench.eventsOf('lost-often'));
  }

  assert.deepEqual(told, [{ type: 'lost-often', count: 10, within: 60_000 }]);
});

test('a closed session wants nothing, and opens again', () => {
  const bench = new Bench(['ws://a'], SETTINGS);
  bench.working();

  bench.session.close();
  assert.deepEqual(bench.action(), { do: 'disconnect', code: 1000 });
  assert.equal(bench.session.deadline(), Infinity);
  bench.session.open(bench.now);

  bench.connecting();
});

test('a new list counts from the next attempt', () => {
  const bench = new Bench(['ws://a', 'ws://b'], SETTINGS);
  const { attempt } = bench.working();

  bench.session.replaceServers(parseServers(['5 ws://c', '0 ws://a', '0 ws://b']));
  assert(bench.session.isConnected);
  bench.lose(attempt, 'broken');

  assert.equal(bench.connecting().url, C);
});

test('a new list does not revive a dead server', () => {
  for (let seed = 0; seed < 50; seed += 1) {
    const bench = new Bench(['ws://a', 'ws://b'], SETTINGS, seed);
    const { attempt, url: dead } = bench.working();
    bench.lose(attempt, 'broken');
    const second = bench.connect();

    bench.session.replaceServers(parseServers(['1 ws://c', `100 ${dead}`]));
    bench.lose(second, 'broken');

    assert.equal(bench.connecting().url, C);
  }
});

test('the loss of a server that is no longer listed holds nothing against the others', () => {
  const bench = new Bench(['ws://a'], SETTINGS);
  const { attempt } = bench.working();

  bench.session.replaceServers(parseServers(['ws://b', 'ws://c']));
  bench.lose(attempt, 'broken');

  assert.deepEqual([bench.fail(), bench.fail()].sort(), [B, C]);
});

test('settings that are none are refused', () => {
  assert.throws(() => new Bench(['ws://a'], { conectTimeout: 1 }), {
    name: 'TypeError',
    message: /^the setting `conectTimeout` is unknown: there are connectTimeout, answerTimeout/,
  });
  assert.throws(() => new Bench(['ws://a'], { spread: -1 }), { message: /^the setting `spread` is -1/ });
  assert.throws(() => new Bench(['ws://a'], { spread: Infinity }), TypeError);
  assert.throws(() => new Bench(['ws://a'], { keepalive: { timeout: '1s' } }), { message: /^the setting keepalive `timeout` is 1s/ });
});

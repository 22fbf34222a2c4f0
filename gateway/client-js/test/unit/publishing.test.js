/** Publishes survive connections, and keep their ids and their order. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Bench } from '../support/bench.js';

function connected(settings) {
  const bench = new Bench(['ws://a', 'ws://b'], settings);
  const attempt = bench.connect();
  bench.events();
  return { bench, attempt };
}

const publish = (bench, data) => bench.session.publish('/t/k', data, bench.now);

const published = (id) => ({ op: 'published', id, partition: 3, seq: 43 });

const contents = (frames) => frames.map(({ data }) => data);

const publishIds = (frames) => frames.map(({ publish_id }) => publish_id);

test('a publish is answered by its ticket', () => {
  const { bench, attempt } = connected();

  const ticket = publish(bench, 'a');
  assert.deepEqual(bench.sent(), [{ op: 'publish', id: 1, subject: '/t/k', data: 'a', publish_id: 'device7-0' }]);
  bench.hear(attempt, published(1));

  assert.deepEqual(bench.events(), [{ type: 'published', ticket, partition: 3, seq: 43 }]);
  assert.equal(bench.session.unansweredPublishes, 0);
});

test('publishes wait for a connection, in order', () => {
  const bench = new Bench();
  for (const data of ['a', 'b', 'c']) publish(bench, data);

  bench.connect();

  assert.deepEqual(contents(bench.sent()), ['a', 'b', 'c']);
});

test('unanswered publishes are sent again with their ids', () => {
  const { bench, attempt } = connected();
  for (const data of ['a', 'b', 'c']) publish(bench, data);
  const first = bench.sent();
  bench.hear(attempt, published(2));

  bench.lose(attempt, 'broken');
  const next = bench.connect();
  const again = bench.sent();
  bench.hear(next, published(again[0].id));
  again.push(...bench.sent());

  assert.deepEqual(contents(again), ['a', 'c']);
  assert.deepEqual(publishIds(again), publishIds([first[0], first[2]]));
});

test('a publish that is sent again is not overtaken though it is refused once more', () => {
  const { bench, attempt } = connected();
  for (const data of ['a', 'b']) publish(bench, data);
  bench.sent();
  bench.lose(attempt, 'broken');
  publish(bench, 'c');

  const next = bench.connect();
  const [again] = bench.sent();
  bench.hear(next, { op: 'error', id: again.id, code: 'overloaded', reason: 'busy' });
  publish(bench, 'd');
  bench.idle();
  bench.passToDeadline();

  const order = [];
  for (let sent = bench.sent(); sent.length > 0; sent = bench.sent()) {
    for (const { id } of sent) bench.hear(next, published(id));
    order.push(contents(sent));
  }
  assert.deepEqual(order, [['a'], ['b'], ['c', 'd']]);
});

test('nothing is sent past a publish that is put off', () => {
  const { bench, attempt } = connected();
  publish(bench, 'a');
  bench.sent();
  bench.hear(attempt, { op: 'error', id: 1, code: 'overloaded', reason: 'busy' });

  publish(bench, 'b');

  bench.idle();
  bench.passToDeadline();
  assert.deepEqual(contents(bench.sent()), ['a']);
});

test('subscriptions go before publishes', () => {
  const bench = new Bench();
  publish(bench, 'a');
  bench.session.subscribe('/t/k', {}, bench.now);

  bench.connect();

  assert.deepEqual(bench.sent().map(({ op }) => op), ['subscribe', 'publish']);
});

test('an answer of an earlier connection answers nothing', () => {
  const { bench, attempt } = connected();
  publish(bench, 'a');
  bench.sent();
  bench.lose(attempt, 'broken');
  bench.events();

  bench.hear(attempt, published(1));

  assert.deepEqual(bench.events(), []);
  assert.equal(bench.session.unansweredPublishes, 1);
});

test('the window bounds what is on its way', () => {
  const { bench, attempt } = connected({ publishWindow: 2 });
  for (const data of ['a', 'b', 'c', 'd']) publish(bench, data);

  assert.deepEqual(contents(bench.sent()), ['a', 'b']);
  bench.hear(attempt, published(1));
  assert.deepEqual(contents(bench.sent()), ['c']);
});

test('a publish that cannot be taken now is sent again after a while', () => {
  for (const code of ['publish-unconfirmed', 'kafka-unavailable', 'overloaded', 'draining']) {
    const { bench, attempt } = connected();
    publish(bench, 'a');
    const first = bench.sent();

    bench.hear(attempt, { op: 'error', id: 1, code, reason: 'away' });
    bench.idle();
    assert.equal(bench.passToDeadline(), 1_000);

    assert.deepEqual(publishIds(bench.sent()), publishIds(first));
    assert.deepEqual(bench.events(), []);
  }
});

test('a publish that is refused for good is told and forgotten', () => {
  for (const code of ['record-too-large', 'publish-refused', 'of-tomorrow']) {
    const { bench, attempt } = connected();
    const ticket = publish(bench, 'a');
    bench.sent();

    bench.hear(attempt, { op: 'error', id: 1, code, reason: 'no' });

    assert.deepEqual(bench.events(), [{ type: 'publish-refused', ticket, code, reason: 'no' }]);
    bench.lose(attempt, 'broken');
    bench.connect();
    bench.idle();
  }
});

// Sent again, it would end every connection.
test('the publish that a gateway closed for is refused', () => {
  const { bench, attempt } = connected();
  publish(bench, 'a');
  const ticket = publish(bench, 'much too large');
  publish(bench, 'b');
  bench.sent();

  bench.lose(attempt, 'closed', 1009);
  const next = bench.connect();

  const [first] = bench.sent();
  bench.hear(next, published(first.id));
  assert.deepEqual([first.data, ...contents(bench.sent())], ['a', 'b']);
  assert.deepEqual(bench.eventsOf('publish-refused').map((refused) => [refused.ticket, refused.code]), [[ticket, 'record-too-large']]);
});

test('a session holds no more publishes than it may', () => {
  const bench = new Bench(['ws://a'], { publishQueue: 2 });
  publish(bench, 'a');
  publish(bench, 'b');

  assert.throws(() => publish(bench, 'c'), { name: 'PublishQueueFull', limit: 2 });
});

test('a whole topic is no place to publish to', () => {
  const bench = new Bench();

  assert.throws(() => bench.session.publish('/t/*', 'x', bench.now), {
    name: 'SubjectError',
    message: '`/t/*` names a whole topic: publish to one key',
  });
});

test('bytes are taken as they are when they are published', () => {
  const bench = new Bench();
  const bytes = Uint8Array.of(1, 2, 3);

  publish(bench, bytes);
  bytes.fill(9);
  bench.connect();

  assert.equal(bench.sent()[0].data_base64, 'AQID');
});

test('a complaint about no open request is told', () => {
  const { bench, attempt } = connected();

  bench.hear(attempt, { op: 'error', code: 'bad-json', reason: 'what?' });

  assert.deepEqual(bench.events(), [{ type: 'complaint', code: 'bad-json', reason: 'what?' }]);
});

/** Whatever happens between a log and a device: nothing is lost without a word, doubled or swapped. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseServers } from '../../src/server-list.js';
import { Session } from '../../src/session.js';
import { random } from '../support/random.js';
import { PARTITIONS, World, selects } from '../support/world.js';

const SUBJECTS = ['/t/k0', '/t/k1', '/t/*'];

const RUNS = 1_500;

test('nothing is lost, doubled or swapped', () => {
  // Leaders change here and frames vanish below: under an exact subject, whose messages name no partition, a new epoch
  // after a message that vanished may look like another partition going on.
  const steps = [[6, 'append'], [6, 'deliver'], [2, 'cut'], [1, 'changeLeader'], [1, 'double']];
  for (let seed = 1; seed <= RUNS; seed += 1) {
    for (const [subject, ledger] of live(seed, steps)) {
      assert.equal(ledger.gaps, 0, `seed ${seed}: ${subject} has a gap that is none`);
      assert.deepEqual(ledger.unexplained, [], `seed ${seed}: ${subject} misses records`);
    }
  }
});

test('nothing is lost without a word even if frames vanish', () => {
  const steps = [[6, 'append'], [6, 'deliver'], [2, 'cut'], [1, 'double'], [1, 'swallow']];
  let gaps = 0;
  for (let seed = 1; seed <= RUNS; seed += 1) {
    for (const [subject, ledger] of live(seed, steps)) {
      assert.deepEqual(ledger.unexplained, [], `seed ${seed}: ${subject} misses records`);
      gaps += ledger.gaps;
    }
  }
  assert(gaps > 0, 'no frame ever vanished');
});

/** A life of up to 120 steps; answers the ledgers of its subjects. */
function live(seed, steps) {
  const next = random(seed);
  const total = steps.reduce((sum, [weight]) => sum + weight, 0);
  const device = new TestDevice();
  for (let left = 1 + next() * 119; left > 0; left -= 1) {
    let ticket = next() * total;
    const [, step] = steps.find(([weight]) => (ticket -= weight) < 0);
    device[step](next);
  }
  return device.settle();
}

class TestDevice {
  #world = new World();
  #session = new Session(parseServers(['ws://a', 'ws://b']), { settings: { keepalive: null }, publisher: 'p', random: random(1) });
  #now = 0;
  #attempt = null;
  /** Each record of the log has to be delivered, or something has to be said. */
  #ledgers = new Map(SUBJECTS.map((subject) => [subject, { delivered: new Set(), excused: new Set(), last: [], gaps: 0 }]));

  constructor() {
    this.#session.open(this.#now);
    for (const subject of SUBJECTS) this.#session.subscribe(subject, {}, this.#now);
    this.#act();
  }

  append(next) {
    this.#world.append(Math.floor(next() * 4), next() < 0.5);
  }

  deliver(next) {
    for (let frames = 1 + next() * 11; frames > 0; frames -= 1) this.#deliverOne();
  }

  cut() {
    this.#world.cut();
    this.#session.handleLost(this.#attempt, { cause: 'broken' }, this.#now);
    this.#now += 60_000;
    this.#session.handleTimeout(this.#now);
    this.#act();
  }

  changeLeader(next) {
    this.#world.partitions[Math.floor(next() * PARTITIONS)].leaderEpoch += 1;
  }

  /** A frame arrives twice. */
  double() {
    const [frame] = this.#world.wire;
    if (frame?.missable) this.#hear(frame.text);
  }

  /** A message never arrives, although the connection stays. */
  swallow() {
    if (this.#world.wire[0]?.missable) this.#world.wire.shift();
  }

  /** One more record for each key shows what is missing before it. */
  settle() {
    for (let key = 0; key < 4; key += 1) this.#world.append(key);
    while (this.#world.wire.length > 0) this.#deliverOne();
    for (const [subject, ledger] of this.#ledgers) {
      ledger.unexplained = this.#log(subject).filter((place) => !ledger.delivered.has(place) && !ledger.excused.has(place));
    }
    return this.#ledgers;
  }

  /** The network is perfect: attempts succeed, requests arrive. */
  #act() {
    for (let action = this.#session.nextAction(); action; action = this.#session.nextAction()) {
      if (action.do === 'send') this.#world.take(action.text);
      if (action.do === 'connect') {
        this.#attempt = action.attempt;
        this.#session.handleConnected(action.attempt, this.#now);
      }
    }
  }

  #deliverOne() {
    const frame = this.#world.wire.shift();
    if (frame) this.#hear(frame.text);
  }

  #hear(text) {
    const message = this.#session.handleText(this.#attempt, text, this.#now);
    if (message) this.#note(message);
    for (let event = this.#session.nextEvent(); event; event = this.#session.nextEvent()) {
      // The device is told that it does not get what is in the log so far.
      if (event.type === 'subscribed' && event.recovery !== 'synced') {
        for (const place of this.#log(event.subject)) this.#ledgers.get(event.subject).excused.add(place);
      }
    }
  }

  #note({ subject, seq, data: partition, gap }) {
    const ledger = this.#ledgers.get(subject);
    const place = `${partition}:${seq}`;
    assert(!ledger.delivered.has(place), `${place} is doubled`);
    assert(!(ledger.last[partition] >= seq), `${place} came after ${ledger.last[partition]}`);
    ledger.delivered.add(place);
    ledger.last[partition] = seq;
    if (gap) {
      ledger.gaps += 1;
      for (let missing = (gap.after ?? -1) + 1; missing < seq; missing += 1) ledger.excused.add(`${partition}:${missing}`);
    }
  }

  #log(subject) {
    return this.#world.partitions.flatMap(({ records }, number) =>
      records.filter(({ key }) => selects(subject, key)).map(({ offset }) => `${number}:${offset}`),
    );
  }
}

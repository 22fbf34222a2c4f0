/** A session on a bench: the test is its transport, its application and its clock. */

import assert from 'node:assert/strict';

import { parseServers } from '../../src/server-list.js';
import { Session } from '../../src/session.js';
import { random } from './random.js';

export class Bench {
  now = 1_000_000;

  constructor(servers = ['ws://a', 'ws://b'], settings = {}, seed = 7) {
    this.session = new Session(parseServers(servers), { settings, publisher: `device${seed}`, random: random(seed) });
    this.session.open(this.now);
  }

  /** A bench whose session is connected, and subscribed to a subject. */
  static subscribed(subject, options) {
    const bench = new Bench();
    bench.session.subscribe(subject, options, bench.now);
    return { bench, attempt: bench.connect() };
  }

  actions() {
    return drain(() => this.session.nextAction());
  }

  events() {
    return drain(() => this.session.nextEvent());
  }

  /** The events of one type. */
  eventsOf(type) {
    return this.events().filter((event) => event.type === type);
  }

  /** The one thing that the session wants done. */
  action() {
    const actions = this.actions();
    assert.equal(actions.length, 1, JSON.stringify(actions));
    return actions[0];
  }

  idle() {
    assert.deepEqual(this.actions(), []);
  }

  connecting() {
    const action = this.action();
    assert.equal(action.do, 'connect');
    return action;
  }

  /** Lets the pending attempt succeed. */
  connect() {
    const { attempt } = this.connecting();
    this.session.handleConnected(attempt, this.now);
    return attempt;
  }

  /** A connection on which a session has worked. */
  working() {
    const { attempt, url } = this.connecting();
    this.session.handleConnected(attempt, this.now);
    this.pass(5_000);
    this.events();
    return { attempt, url };
  }

  /** Lets the pending attempt fail; answers its server. */
  fail() {
    const { attempt, url } = this.connecting();
    this.lose(attempt, 'unreachable');
    return url;
  }

  /** The requests that the session wants sent. */
  sent() {
    return this.actions().map((action) => {
      assert.equal(action.do, 'send');
      return JSON.parse(action.text);
    });
  }

  /** What a frame brings: `gap after..expected` and `seq` of a new message, or nothing. */
  hear(attempt, frame) {
    const text = typeof frame === 'string' ? frame : JSON.stringify(frame);
    const message = this.session.handleText(attempt, text, this.now);
    if (message === null) return [];
    return message.gap ? [`gap ${message.gap.after}..${message.gap.expected}`, message.seq] : [message.seq];
  }

  lose(attempt, cause, code = null) {
    this.session.handleLost(attempt, { cause, code }, this.now);
  }

  /** The server turns the attempt away and asks to be left alone. */
  refuse(attempt, retryAfter) {
    this.session.handleLost(attempt, { cause: 'refused', retryAfter }, this.now);
  }

  pass(time) {
    this.now += time;
    this.session.handleTimeout(this.now);
  }

  /** Goes to the session's next deadline; answers how long that took. */
  passToDeadline() {
    const time = this.session.deadline() - this.now;
    assert.notEqual(time, Infinity, 'the session waits for nothing');
    this.pass(Math.max(time, 0));
    return time;
  }
}

/** A record on `/t/k`. */
export function record(epoch, seq, prev, kind = 'update') {
  return { op: 'message', subject: '/t/k', epoch, seq, prev, kind, data: 'd' };
}

/** A record under `/t/*`. */
export function wildcardRecord(partition, epoch, seq, prev) {
  return { ...record(epoch, seq, prev), subject: '/t/*', key: 'k', partition };
}

function drain(next) {
  const all = [];
  for (let one = next(); one !== null; one = next()) all.push(one);
  return all;
}

/** The session: what a device keeps while connections come and go. */

import { AnswerError, parseAnswer } from './answers.js';
import { PublishQueueFull, SubjectError } from './errors.js';
import { Liveness } from './liveness.js';
import { Publications } from './publications.js';
import { Reconnect } from './reconnect.js';
import { encodeUnsubscribe, encodeValue } from './requests.js';
import { completeSettings } from './settings.js';
import { checkSubject, isWildcard } from './subject.js';
import { Subscriptions } from './subscriptions.js';

/** Errors after which the same request may succeed later, here or on another gateway. */
const RETRYABLE = new Set(['publish-unconfirmed', 'kafka-unavailable', 'overloaded', 'draining']);

/** RFC 6455, 7.4.1: the gateway was sent a message that it takes for too big. */
const TOO_BIG = 1009;

/** Close codes that a browser lets a page send: a normal end, and one of the range for applications. */
const NORMAL = 1000;
const GIVEN_UP = 4000;

/**
 * A device's session, as a machine without sockets, timers or a clock of its own.
 *
 * Hand in what happens with the `handle…` methods, then do what `nextAction` says until it answers `null`, take the news
 * from `nextEvent`, and call `handleTimeout` no later than `deadline()`. Times are milliseconds on a clock that never goes
 * back. Actions are `{ do: 'connect', url, attempt }`, `{ do: 'send', text }` and `{ do: 'disconnect', code }`; everything
 * that is handed in names the attempt it belongs to, so that what is left of an earlier one is ignored.
 */
export class Session {
  #settings;
  #reconnect;
  #liveness;
  #publications;
  #subscriptions = new Subscriptions();
  #attempt = 0;
  #nextId = 1;
  /** The subject that is asked to be ended as a sign of life. It is never subscribed. */
  #aliveSubject;
  #probeId = null;
  /** When requests that the gateway put off are sent again. */
  #retryAt = Infinity;
  #actions = [];
  #events = [];
  #counters = { received: 0, duplicates: 0, gaps: 0, strays: 0, attempts: 0 };

  /**
   * A session that does nothing until it is opened. `servers` come from `parseServers`; no two sessions may have the same
   * `publisher`, a short text that begins the ids of their publishes.
   */
  constructor(servers, { settings, publisher, random = Math.random }) {
    this.#settings = completeSettings(settings);
    this.#reconnect = new Reconnect(servers, this.#settings, random);
    this.#liveness = new Liveness(this.#settings);
    this.#publications = new Publications(publisher);
    this.#aliveSubject = `/tidegate.alive/${publisher}`;
  }

  // What the application wants.

  /** Begins to connect, and goes on for ever. */
  open(now) {
    this.#reconnect.open(now);
    this.handleTimeout(now);
  }

  /** Leaves. Subscriptions, positions and unanswered publishes are kept for another `open`. */
  close() {
    if (this.#reconnect.close()) this.#disconnect(NORMAL);
  }

  /** Subscribes, now or as soon as there is a connection. Does nothing if the subject is subscribed already. */
  subscribe(subject, { from = [], history } = {}, now) {
    checkSubject(subject);
    this.#subscriptions.add(subject, checkPositions(from), checkHistory(history));
    this.#flush(now);
  }

  /** Ends a subscription and forgets its positions. */
  unsubscribe(subject, now) {
    const frame = this.#subscriptions.remove(subject, this.#nextId);
    if (frame !== null) this.#request(frame, now);
  }

  /**
   * Publishes, now or as soon as there is a connection, and again until a gateway has answered. Every attempt bears the
   * same `publish_id`, so that devices are given the record once. Answers a ticket, which names the publish in events.
   */
  publish(subject, data, now) {
    checkSubject(subject);
    if (isWildcard(subject)) throw new SubjectError(`\`${subject}\` names a whole topic: publish to one key`);
    const value = encodeValue(data);
    const limit = this.#settings.publishQueue;
    if (this.#publications.length >= limit) throw new PublishQueueFull(limit);
    const ticket = this.#publications.add(subject, value);
    this.#flush(now);
    return ticket;
  }

  /** Takes another list of servers. The present connection stays. */
  replaceServers(servers) {
    this.#reconnect.replaceServers(servers);
  }

  // What happens.

  /** The WebSocket of this attempt is open. */
  handleConnected(attempt, now) {
    if (attempt !== this.#attempt) return;
    const url = this.#reconnect.connected(now);
    if (url === null) return;
    this.#liveness.begin(now);
    this.#events.push({ type: 'connected', url });
    this.#flush(now);
  }

  /** A text frame arrived. Answers the message in it, if it is a new one; all else becomes an event. */
  handleText(attempt, text, now) {
    if (attempt !== this.#attempt || !this.isConnected) return null;
    this.#liveness.heard(now);
    let answer;
    try {
      answer = parseAnswer(text);
    } catch (error) {
      if (!(error instanceof AnswerError)) throw error;
      this.#giveUp({ cause: 'bad-message', detail: error.message }, now);
      this.handleTimeout(now);
      return null;
    }
    if (answer.op === 'message') return this.#receive(answer);
    this.#take(answer, now);
    return null;
  }

  /** Any other sign of life arrived. */
  handleAlive(attempt, now) {
    if (attempt === this.#attempt) this.#liveness.heard(now);
  }

  /** The attempt failed, or its connection is closed or broken: `{ cause, code, detail, retryAfter }`. */
  handleLost(attempt, lost, now) {
    if (attempt !== this.#attempt) return;
    if (lost.code === TOO_BIG) this.#refuseLargest();
    this.#lose(lost, now);
    this.handleTimeout(now);
  }

  /** Time has passed. */
  handleTimeout(now) {
    if (this.#retryAt <= now) {
      this.#retryAt = Infinity;
      this.#subscriptions.retry();
      this.#publications.retry();
    }
    const due = this.isConnected ? this.#liveness.due(now) : null;
    if (due?.probe) this.#probe();
    if (due?.giveUp) this.#giveUp({ cause: due.giveUp }, now);
    for (let next = this.#reconnect.due(now); next !== null; next = this.#reconnect.due(now)) {
      if (next.connect !== undefined) this.#connect(next.connect);
      else this.#giveUp({ cause: next.giveUp }, now);
    }
    this.#flush(now);
  }

  // What is to be done and told.

  /** The next thing that the transport has to do, or `null`. */
  nextAction() {
    return this.#actions.shift() ?? null;
  }

  /** The next news for the application, or `null`. */
  nextEvent() {
    return this.#events.shift() ?? null;
  }

  /** When to call `handleTimeout` at the latest; `Infinity` if time brings nothing. */
  deadline() {
    const liveness = this.isConnected ? this.#liveness.deadline() : Infinity;
    return Math.min(this.#reconnect.deadline(), liveness, this.#retryAt);
  }

  // What is known.

  /** Whether a connection is up. */
  get isConnected() {
    return this.#reconnect.isUp;
  }

  /** The server that is connected, or `null`. */
  get connectedTo() {
    return this.isConnected ? this.#reconnect.url : null;
  }

  /** The last positions of a subscription: what to give as `from` after a restart. */
  positions(subject) {
    return this.#subscriptions.get(subject)?.progress.positions() ?? [];
  }

  /** The subjects that are subscribed. */
  subjects() {
    return this.#subscriptions.subjects();
  }

  /** How many publishes wait for their answer. */
  get unansweredPublishes() {
    return this.#publications.length;
  }

  /** What the session has seen. */
  counters() {
    return { ...this.#counters };
  }

  // What the gateway says.

  #receive({ op, prev, ...message }) {
    const subscription = this.#subscriptions.get(message.subject);
    if (!subscription) {
      this.#counters.strays += 1;
      return null;
    }
    const accepted = subscription.progress.accept({ ...message, prev });
    if (accepted === null) {
      this.#counters.duplicates += 1;
      return null;
    }
    this.#counters.received += 1;
    if (accepted.gap) this.#counters.gaps += 1;
    return { ...message, gap: accepted.gap };
  }

  #take(answer, now) {
    switch (answer.op) {
      case 'subscribed':
        if (answer.id !== null) this.#liveness.answered(now);
        return this.#beginSubscription(answer);
      case 'unsubscribed':
        this.#liveness.answered(now);
        return this.#reconnect.works();
      case 'published':
        this.#liveness.answered(now);
        return this.#published(answer, now);
      case 'position':
        return this.#subscriptions.get(answer.subject)?.progress.checkpoint(answer.at);
      case 'dropped':
        return this.#tell('dropped', { subject: answer.subject, count: answer.count, reason: answer.reason });
      case 'reconnect':
        this.#reconnect.hint(answer.after, now);
        return this.#tell('leaving', { after: answer.after });
      case 'error':
        return this.#refused(answer, now);
      default:
        return undefined;
    }
  }

  #beginSubscription({ subject, recovery, reason }) {
    const subscription = this.#subscriptions.get(subject);
    if (!subscription) return;
    subscription.state = 'live';
    if (recovery === 'none') subscription.progress.restart();
    if (recovery === 'resynced') subscription.progress.resync(reason);
    this.#reconnect.works();
    this.#tell('subscribed', { subject, recovery, reason });
  }

  #published({ id, partition, seq }, now) {
    this.#reconnect.works();
    const publication = this.#publications.sent(id);
    if (publication) {
      this.#publications.remove(publication);
      this.#tell('published', { ticket: publication.ticket, partition, seq });
    }
    this.#flush(now);
  }

  /** An answer that says "not now" proves less than one that says "done", so only the latter counts as working. */
  #refused({ id, code, reason }, now) {
    const retried = RETRYABLE.has(code);
    if (retried) this.#retryAt = Math.min(this.#retryAt, now + this.#settings.retryAfterRefusal);
    else this.#reconnect.works();
    if (id !== null && id === this.#probeId) {
      this.#probeId = null;
      return;
    }
    if (id !== null) this.#liveness.answered(now);
    const subscription = this.#subscriptions.asked(id);
    const publication = this.#publications.sent(id);
    if (subscription) {
      if (retried) subscription.state = 'put-off';
      else this.#subscriptions.remove(subscription.subject, id);
      this.#tell('subscription-refused', { subject: subscription.subject, code, reason, retried });
    } else if (publication && retried) {
      publication.state = 'put-off';
    } else if (publication) {
      this.#refusePublish(publication, code, reason);
      this.#flush(now);
    } else {
      this.#tell('complaint', { code, reason });
    }
  }

  /** Whatever was too big, the largest was: it would end the next connection as well. */
  #refuseLargest() {
    const largest = this.#publications.largestSent();
    if (largest) this.#refusePublish(largest, 'record-too-large', 'the gateway closed the connection because of its size');
  }

  #refusePublish(publication, code, reason) {
    this.#publications.remove(publication);
    this.#tell('publish-refused', { ticket: publication.ticket, code, reason });
  }

  // What the session does.

  #tell(type, detail) {
    this.#events.push({ type, ...detail });
  }

  #connect(url) {
    this.#attempt += 1;
    this.#counters.attempts += 1;
    this.#actions.push({ do: 'connect', url, attempt: this.#attempt });
  }

  /** Sends what is to be sent, if there is a connection. */
  #flush(now) {
    if (!this.isConnected) return;
    const next = () =>
      this.#subscriptions.nextFrame(this.#nextId) ??
      this.#publications.nextFrame(this.#nextId, this.#settings.publishWindow);
    for (let frame = next(); frame !== null; frame = next()) this.#request(frame, now);
  }

  #request(text, now) {
    this.#nextId += 1;
    this.#liveness.asked(now);
    this.#reconnect.asked();
    this.#actions.push({ do: 'send', text });
  }

  /** A page cannot send a ping, so it asks for something whose answer is known: there is no such subscription to end. */
  #probe() {
    this.#probeId = this.#nextId;
    this.#nextId += 1;
    this.#actions.push({ do: 'send', text: encodeUnsubscribe(this.#probeId, this.#aliveSubject) });
  }

  /** The session itself ends the attempt or the connection. */
  #giveUp(lost, now) {
    this.#disconnect(lost.cause === 'moved' ? NORMAL : GIVEN_UP);
    this.#lose(lost, now);
  }

  /** What was to be sent on the connection is sent on the next one instead. */
  #disconnect(code) {
    this.#actions = [{ do: 'disconnect', code }];
    this.#forgetConnection();
  }

  #lose({ cause, code = null, detail = '', retryAfter = null }, now) {
    const aftermath = this.#reconnect.lost(now, retryAfter);
    if (aftermath === null) return;
    this.#forgetConnection();
    this.#actions = this.#actions.filter((action) => action.do === 'disconnect');
    const { url, wasConnected, retryIn, often } = aftermath;
    this.#tell('lost', { url, cause, code, detail, wasConnected, retryIn });
    if (often) this.#tell('lost-often', { count: this.#settings.often, within: this.#settings.oftenWithin });
  }

  #forgetConnection() {
    this.#attempt += 1;
    this.#subscriptions.disconnected();
    this.#publications.disconnected();
    this.#probeId = null;
    this.#retryAt = Infinity;
  }
}

function checkPositions(from) {
  const positions = Array.isArray(from) ? from : [from];
  for (const position of positions) {
    if (typeof position?.epoch !== 'string' || !Number.isSafeInteger(position.seq)) {
      throw new TypeError('`from` takes what `positions` gave: [{ epoch: "…", seq: 41 }]');
    }
  }
  return positions;
}

function checkHistory(history) {
  if (history !== undefined && !(Number.isSafeInteger(history) && history >= 0)) {
    throw new TypeError(`\`history\` is ${String(history)}: give the number of messages`);
  }
  return history;
}

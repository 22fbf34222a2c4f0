/** A device: a session with sockets and a clock. */

import { DeviceClosed, PublishRefused } from './errors.js';
import { Link } from './link.js';
import { parseServers } from './server-list.js';
import { Session } from './session.js';

/** The longest that timers of browsers and Node can wait, in milliseconds; a longer wait is made in steps. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** News of a device; `detail` is what `index.d.ts` says for the event's type. */
export class DeviceEvent extends Event {
  constructor(type, detail) {
    super(type);
    this.detail = detail;
  }
}

export class Device extends EventTarget {
  #session;
  #WebSocket;
  #link = null;
  #timer = null;
  /** When the timer goes off. */
  #wakeAt = Infinity;
  #publishing = new Map();
  #closed = null;

  constructor(servers, { settings, WebSocket = globalThis.WebSocket } = {}) {
    super();
    if (typeof WebSocket !== 'function') {
      throw new TypeError('there is no WebSocket here (Node has one from version 22): pass a class as the option `WebSocket`');
    }
    this.#WebSocket = WebSocket;
    this.#session = new Session(parseServers(servers), { settings, publisher: randomPublisher() });
    this.#session.open(now());
    // Whoever made the device has yet to add listeners.
    queueMicrotask(() => this.#turn());
  }

  get connectedTo() {
    return this.#session.connectedTo;
  }

  get unansweredPublishes() {
    return this.#session.unansweredPublishes;
  }

  subscribe(subject, options) {
    this.#stayOpen();
    this.#session.subscribe(subject, options, now());
    this.#turn();
  }

  unsubscribe(subject) {
    this.#stayOpen();
    this.#session.unsubscribe(subject, now());
    this.#turn();
  }

  async publish(subject, data) {
    this.#stayOpen();
    const ticket = this.#session.publish(subject, data, now());
    const answered = new Promise((resolve, reject) => this.#publishing.set(ticket, { resolve, reject }));
    this.#turn();
    return answered;
  }

  positions(subject) {
    return this.#session.positions(subject);
  }

  subjects() {
    return this.#session.subjects();
  }

  counters() {
    return this.#session.counters();
  }

  replaceServers(servers) {
    this.#stayOpen();
    this.#session.replaceServers(parseServers(servers));
  }

  close() {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close() {
    clearTimeout(this.#timer);
    this.#session.close();
    for (const { reject } of this.#publishing.values()) reject(new DeviceClosed());
    this.#publishing.clear();
    const link = this.#link;
    this.#link = null;
    await link?.leave(this.#session.nextAction()?.code);
  }

  #stayOpen() {
    if (this.#closed) throw new DeviceClosed();
  }

  /** Does what the session says, tells what it has to tell, and sleeps until it wants to be woken. */
  #turn() {
    if (this.#closed) return;
    for (let action = this.#session.nextAction(); action; action = this.#session.nextAction()) this.#act(action);
    for (let event = this.#session.nextEvent(); event; event = this.#session.nextEvent()) this.#tell(event);
    this.#sleep();
  }

  #act(action) {
    switch (action.do) {
      case 'connect':
        return this.#connect(action);
      case 'send':
        return this.#link?.send(action.text);
      default:
        this.#link?.leave(action.code);
        this.#link = null;
    }
  }

  #connect({ url, attempt }) {
    const hears = (handle) => (happening) => {
      handle(happening, now());
      this.#turn();
    };
    const told = {
      connected: hears((_, time) => this.#session.handleConnected(attempt, time)),
      text: hears((text, time) => this.#receive(this.#session.handleText(attempt, text, time))),
      alive: hears((_, time) => this.#session.handleAlive(attempt, time)),
      lost: hears((lost, time) => this.#session.handleLost(attempt, lost, time)),
    };
    try {
      this.#link = new Link(this.#WebSocket, url, told);
    } catch (error) {
      // A page that came by https may not connect by ws, for example.
      this.#link = null;
      this.#session.handleLost(attempt, { cause: 'unreachable', detail: String(error?.message ?? error) }, now());
    }
  }

  #receive(message) {
    if (message === null) return;
    const { subject, epoch, seq, gap } = message;
    if (gap) this.#dispatch('gap', { subject, epoch, seq, ...gap });
    this.#dispatch('message', message);
  }

  /** Answers of publishes go to those who wait for them, all else to the listeners. */
  #tell({ type, ...detail }) {
    const { ticket, ...answer } = detail;
    const waiting = this.#publishing.get(ticket);
    if (waiting === undefined) return this.#dispatch(type, detail);
    this.#publishing.delete(ticket);
    if (type === 'published') return waiting.resolve(answer);
    return waiting.reject(new PublishRefused(answer.code, answer.reason));
  }

  #dispatch(type, detail) {
    // A listener may have closed the device.
    if (!this.#closed) this.dispatchEvent(new DeviceEvent(type, detail));
  }

  /** A timer that goes off too early costs less than one that is set anew with each message. */
  #sleep() {
    const deadline = this.#session.deadline();
    if (this.#closed || deadline >= this.#wakeAt) return;
    clearTimeout(this.#timer);
    this.#wakeAt = deadline;
    const wait = Math.min(Math.max(Math.ceil(deadline - now()), 0), LONGEST_TIMER);
    this.#timer = setTimeout(() => {
      this.#wakeAt = Infinity;
      this.#session.handleTimeout(now());
      this.#turn();
    }, wait);
  }
}

/** A clock that never goes back, in milliseconds. */
function now() {
  return performance.now();
}

/** 64 random bits, so that no two devices ever publish under the same ids. */
function randomPublisher() {
  const words = new Uint32Array(2);
  // Node 18 has no global `crypto`.
  if (globalThis.crypto) globalThis.crypto.getRandomValues(words);
  else words.forEach((_, at) => (words[at] = Math.random() * 2 ** 32));
  return Array.from(words, (word) => word.toString(16).padStart(8, '0')).join('');
}

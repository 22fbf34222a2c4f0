/** When to connect, and to which server. */

import { Backoff } from './backoff.js';
import { Failover } from './failover.js';
import { LossRate } from './loss-rate.js';

const CLOSED = Object.freeze({ is: 'closed' });

export class Reconnect {
  #servers;
  #settings;
  #random;
  /**
   * `closed`, `waiting` (until), `connecting` (url, deadline) or `up` (url, provenAt, leaveAt). A connection is proven
   * when a session has worked on it, not when it opened: `provenAt` is when that counts as shown without a request,
   * `null` once it was. `leaveAt` is `null` unless the gateway announced that it leaves.
   */
  #state = CLOSED;
  #failover = new Failover();
  #backoff = new Backoff();
  #losses = new LossRate();
  /** A gateway that left asked to wait until then. */
  #hinted = null;

  constructor(servers, settings, random) {
    this.#servers = servers;
    this.#settings = settings;
    this.#random = random;
  }

  /** Takes another list. A server that is connected stays so, and one that failed lately stays set aside. */
  replaceServers(servers) {
    this.#servers = servers;
  }

  open(now) {
    if (this.#state.is === 'closed') this.#state = { is: 'waiting', until: now };
  }

  /** Answers whether there is something to disconnect. */
  close() {
    const busy = this.url !== null;
    this.#state = CLOSED;
    return busy;
  }

  get isUp() {
    return this.#state.is === 'up';
  }

  /** The server that is connected, or being connected to. */
  get url() {
    return this.#state.url ?? null;
  }

  /** The attempt succeeded, as far as the transport can tell. Answers its server, or `null` if there is no attempt. */
  connected(now) {
    if (this.#state.is !== 'connecting') return null;
    const { url } = this.#state;
    this.#state = { is: 'up', url, provenAt: now + this.#settings.settle, leaveAt: null };
    return url;
  }

  /** A request was sent: only an answer proves anything now, and time alone does not. */
  asked() {
    if (this.isUp && this.#state.provenAt !== null) this.#state.provenAt = Infinity;
  }

  /** The gateway answered a request: now the session works, and failures count from nothing again. */
  works() {
    if (this.isUp && this.#state.provenAt !== null) {
      this.#state.provenAt = null;
      this.#backoff.reset();
    }
  }

  /** The gateway is leaving, and asks to come back after some time. */
  hint(after, now) {
    this.#hinted = now + Math.min(after, this.#settings.longestHint);
    if (this.isUp) this.#state.leaveAt = this.#hinted;
  }

  /**
   * The attempt failed, or the connection is lost; `retryAfter` is how long the server asked to be left alone, in
   * milliseconds, or `null`. Answers what that means, or `null` if there was no attempt.
   */
  lost(now, retryAfter = null) {
    const { url } = this;
    if (url === null) return null;
    const wasConnected = this.isUp;
    const worked = wasConnected && this.#state.provenAt === null;
    const wait = this.#waitAfter(url, worked, retryAfter, now);
    // The hint is jittered by the gateway, so it takes the place of a jitter of ours.
    const earliest = worked && this.#hinted !== null ? now : now + wait;
    const until = Math.max(this.#hinted ?? now, earliest);
    this.#hinted = null;
    this.#state = { is: 'waiting', until };
    return { url, wasConnected, retryIn: until - now, often: wasConnected && this.#losses.note(now, this.#settings) };
  }

  #waitAfter(url, worked, retryAfter, now) {
    const { setAside, spread, backoffBase, backoffCap, longestHint } = this.#settings;
    if (retryAfter > 0) {
      // Everybody who was turned away in the same second was told the same.
      this.#failover.leaveAlone(url, now, Math.min(retryAfter, longestHint) + spread * this.#random());
    } else {
      // "Come back in no time" says as much as nothing: the back-off decides.
      this.#failover.setAside(url, now, setAside);
    }
    if (this.#failover.hasUntried(this.#servers, now)) return 0;
    const until = this.#failover.firstToWaitFor(this.#servers, now);
    if (until !== null) return until - now;
    this.#failover.beginRound();
    return worked ? spread * this.#random() : this.#backoff.next(backoffBase, backoffCap, this.#random);
  }

  /** What is due now: `{ connect: url }`, `{ giveUp: cause }` or `null`. Ask again until nothing is. */
  due(now) {
    const state = this.#state;
    switch (state.is) {
      case 'waiting': {
        if (state.until > now) return null;
        const { url } = this.#failover.pick(this.#servers, now, this.#random);
        this.#state = { is: 'connecting', url, deadline: now + this.#settings.connectTimeout };
        return { connect: url };
      }
      case 'connecting':
        return state.deadline <= now ? { giveUp: 'connect-timeout' } : null;
      case 'up':
        if (state.leaveAt !== null && state.leaveAt <= now) return { giveUp: 'moved' };
        if (state.provenAt !== null && state.provenAt <= now) this.works();
        return null;
      default:
        return null;
    }
  }

  /** When to ask what is due; `Infinity` if time brings nothing. */
  deadline() {
    const state = this.#state;
    switch (state.is) {
      case 'waiting':
        return state.until;
      case 'connecting':
        return state.deadline;
      case 'up':
        return Math.min(state.provenAt ?? Infinity, state.leaveAt ?? Infinity);
      default:
        return Infinity;
    }
  }
}

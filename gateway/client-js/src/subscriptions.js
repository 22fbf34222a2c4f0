/** What the application wants to hear. Subscriptions outlive connections. */

import { Progress } from './progress.js';
import { encodeSubscribe, encodeUnsubscribe } from './requests.js';

/**
 * The subscriptions of a session. Each is `wanted`, `asked` (on this connection, with an id), `live`, or `put-off` because
 * the gateway could not serve it just now.
 */
export class Subscriptions {
  #bySubject = new Map();

  /** Adds a subscription, unless it is there already. */
  add(subject, from, history) {
    if (this.#bySubject.has(subject)) return;
    this.#bySubject.set(subject, { subject, progress: new Progress(from), history, state: 'wanted', id: null });
  }

  /** Removes a subscription; answers the frame that tells the gateway, or `null` if it knows nothing of it. */
  remove(subject, id) {
    const removed = this.#bySubject.get(subject);
    this.#bySubject.delete(subject);
    const known = removed?.state === 'asked' || removed?.state === 'live';
    return known ? encodeUnsubscribe(id, subject) : null;
  }

  get(subject) {
    return this.#bySubject.get(subject);
  }

  subjects() {
    return [...this.#bySubject.keys()];
  }

  /** The next frame to send, or `null`. The id is the request's. */
  nextFrame(id) {
    const next = this.#find(({ state }) => state === 'wanted');
    if (!next) return null;
    next.state = 'asked';
    next.id = id;
    const from = next.progress.positions();
    // Positions say exactly what is missing; a number of messages is a guess.
    return encodeSubscribe(id, next.subject, from, from.length === 0 ? next.history : undefined);
  }

  /** The subscription that a request was for; `undefined` if it is no open subscribe. */
  asked(id) {
    return this.#find((subscription) => subscription.state === 'asked' && subscription.id === id);
  }

  /** What was put off may be asked for again. */
  retry() {
    this.#change((state) => state === 'put-off');
  }

  /** The next gateway knows nothing of them. */
  disconnected() {
    this.#change(() => true);
  }

  #change(which) {
    for (const subscription of this.#bySubject.values()) {
      if (which(subscription.state)) subscription.state = 'wanted';
    }
  }

  #find(condition) {
    for (const subscription of this.#bySubject.values()) {
      if (condition(subscription)) return subscription;
    }
    return undefined;
  }
}

/**
 * Publishes that are not answered yet. They outlive connections, and keep their order and their ids.
 *
 * While all is well, as many are on their way as the window takes. A publish that has to be sent again goes alone: a gateway may refuse it once
 * more, and whatever was sent behind it would be in the log before it.
 */

import { encodePublish } from './requests.js';

/**
 * The publishes of a session that wait for an answer, oldest first. Each is `ready`, `sent` (with an id) or `put-off`; `again` says that it was
 * sent before, and whether the log has it is unknown.
 */
export class Publications {
  #queue = [];
  /** Makes the ids of this session's publishes unlike those of any other. */
  #publisher;
  #next = 0;

  constructor(publisher) {
    this.#publisher = publisher;
  }

  get length() {
    return this.#queue.length;
  }

  /** `value` is the record's value as it goes over the wire. Answers the ticket of the publish. */
  add(subject, value) {
    const ticket = this.#next++;
    this.#queue.push({ ticket, subject, value, state: 'ready', id: null, size: 0, again: false });
    return ticket;
  }

  /** The next frame to send, or `null` if order or the window allow none. The id is the request's. */
  nextFrame(id, window) {
    const next = this.#nextToSend(window);
    if (!next) return null;
    next.state = 'sent';
    next.id = id;
    const frame = encodePublish(id, next.subject, next.value, this.publishId(next.ticket));
    next.size = frame.length;
    return frame;
  }

  /** What the records of this publish are known by. */
  publishId(ticket) {
    return `${this.#publisher}-${ticket}`;
  }

  /** The publish that a request was for; `undefined` if it is no open one. */
  sent(id) {
    return this.#queue.find((publication) => publication.state === 'sent' && publication.id === id);
  }

  /** The largest publish that waits for its answer on this connection; `undefined` if none does. */
  largestSent() {
    const sent = this.#queue.filter(({ state }) => state === 'sent');
    return sent.reduce((largest, each) => (largest && largest.size >= each.size ? largest : each), undefined);
  }

  /** It is over, one way or the other. */
  remove(publication) {
    this.#queue.splice(this.#queue.indexOf(publication), 1);
  }

  /** What was put off may be sent again. */
  retry() {
    this.#makeReady((state) => state === 'put-off');
  }

  /** Nothing that was sent on the lost connection is certain. */
  disconnected() {
    this.#makeReady((state) => state !== 'ready');
  }

  /** The oldest publish that is ready, unless it would have to overtake one that may be sent once more. */
  #nextToSend(window) {
    let sent = 0;
    for (const publication of this.#queue) {
      const { state, again } = publication;
      if (state === 'ready') return sent < (again ? 1 : Math.max(window, 1)) ? publication : null;
      if (state === 'put-off' || again) return null;
      sent += 1;
    }
    return null;
  }

  #makeReady(which) {
    for (const publication of this.#queue) {
      if (which(publication.state)) {
        publication.state = 'ready';
        publication.again = true;
      }
    }
  }
}

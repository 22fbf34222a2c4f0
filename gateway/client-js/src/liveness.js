/** Whether the gateway is still there, and answers. */

export class Liveness {
  #settings;
  #heard = 0;
  #probed = false;
  #unanswered = 0;
  /** The oldest moment that an answer is owed since. */
  #owedSince = null;

  constructor(settings) {
    this.#settings = settings;
  }

  /** A new connection. */
  begin(now) {
    this.#heard = now;
    this.#probed = false;
    this.#unanswered = 0;
    this.#owedSince = null;
  }

  heard(now) {
    this.#heard = now;
    this.#probed = false;
  }

  /** A request was sent. */
  asked(now) {
    this.#unanswered += 1;
    this.#owedSince ??= now;
  }

  /** A request was answered. Each answer gives the others as much time again, since a gateway may answer them in turn. */
  answered(now) {
    this.#unanswered = Math.max(this.#unanswered - 1, 0);
    this.#owedSince = this.#unanswered > 0 ? now : null;
  }

  /** What time has brought: `{ probe: true }`, `{ giveUp: cause }` or `null`. */
  due(now) {
    if (this.#answerDeadline() <= now) return { giveUp: 'no-answer' };
    if (this.#lifeDeadline() > now) return null;
    if (this.#probed) return { giveUp: 'silent' };
    this.#probed = true;
    // The time to answer counts from the probe, however late it was sent: the machine may have been asleep.
    this.#heard = now - this.#settings.keepalive.interval;
    return { probe: true };
  }

  deadline() {
    return Math.min(this.#answerDeadline(), this.#lifeDeadline());
  }

  #answerDeadline() {
    return this.#owedSince === null ? Infinity : this.#owedSince + this.#settings.answerTimeout;
  }

  #lifeDeadline() {
    const { keepalive } = this.#settings;
    if (keepalive === null) return Infinity;
    return this.#heard + keepalive.interval + (this.#probed ? keepalive.timeout : 0);
  }
}

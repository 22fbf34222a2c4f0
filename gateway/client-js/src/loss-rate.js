/** Counts lost connections in windows of time. */

export class LossRate {
  #since = null;
  #count = 0;

  /** Answers whether the count reaches the threshold now, which happens once per window. */
  note(now, { often, oftenWithin }) {
    this.#since ??= now;
    if (now - this.#since >= oftenWithin) {
      this.#since = now;
      this.#count = 0;
    }
    this.#count += 1;
    return this.#count === often;
  }
}

/** Truncated exponential back-off with full jitter. */

export class Backoff {
  /** How many rounds of failures in a row there were. */
  #rounds = 0;

  /** The wait before the next round: anything from nothing to `base`, doubled with each round, but at most `cap`. */
  next(base, cap, random) {
    const longest = Math.min(base * 2 ** this.#rounds, cap);
    // 2^20 times any sensible base is over any sensible cap.
    this.#rounds = Math.min(this.#rounds + 1, 20);
    return longest * random();
  }

  /** The session works: the next failure is a first one. */
  reset() {
    this.#rounds = 0;
  }
}

/** Which server next: by weight, but none that failed while another is untried. */

export class Failover {
  /** The servers that are left alone: URL → until when, unless every server has failed. */
  #aside = new Map();

  setAside(url, now, period) {
    for (const [other, until] of this.#aside) {
      if (until <= now) this.#aside.delete(other);
    }
    this.#aside.set(url, now + period);
  }

  /** Whether a server could be tried that has not failed lately. */
  hasUntried(servers, now) {
    return servers.some(({ url, weight }) => weight > 0 && !this.#isAside(url, now));
  }

  /** Forgets the failures, since every server has failed. */
  beginRound() {
    this.#aside.clear();
  }

  /** Chooses by weight among the servers that are not set aside; among all of them if there are none. */
  pick(servers, now, random) {
    const untried = servers.filter(({ url }) => !this.#isAside(url, now));
    const candidates = total(untried) > 0 ? untried : servers;
    let ticket = random() * total(candidates);
    const chosen = candidates.find(({ weight }) => (ticket -= weight) < 0);
    // Rounding may leave a crumb of the ticket.
    return chosen ?? candidates.findLast(({ weight }) => weight > 0);
  }

  #isAside(url, now) {
    const until = this.#aside.get(url);
    return until !== undefined && until > now;
  }
}

function total(servers) {
  return servers.reduce((sum, { weight }) => sum + weight, 0);
}

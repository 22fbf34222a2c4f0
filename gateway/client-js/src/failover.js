/** Which server next: by weight, but none that failed while another is untried. */

export class Failover {
  /**
   * The servers that are left alone: URL → until when, and whether they asked for it. Those that failed may be tried before
   * their time once every server has; those that asked are there, and are left alone in any case.
   */
  #aside = new Map();

  /** Leaves a server that failed alone for a while. */
  setAside(url, now, period) {
    this.#leave(url, now, { until: now + period, asked: false });
  }

  /** Leaves a server alone for as long as it asked. */
  leaveAlone(url, now, asked) {
    this.#leave(url, now, { until: now + asked, asked: true });
  }

  #leave(url, now, aside) {
    for (const [other, { until }] of this.#aside) {
      if (until <= now) this.#aside.delete(other);
    }
    this.#aside.set(url, aside);
  }

  /** Whether a server could be tried that has not failed lately. */
  hasUntried(servers, now) {
    return servers.some(({ url, weight }) => weight > 0 && !this.#isAside(url, now));
  }

  /**
   * When the first server can be tried again, if one of them only asked to be left alone: waiting for it is better than
   * knocking at those that failed. `null` if none asked.
   */
  firstToWaitFor(servers, now) {
    const usable = servers
      .filter(({ url, weight }) => weight > 0 && this.#isAside(url, now))
      .map(({ url }) => this.#aside.get(url));
    return usable.some(({ asked }) => asked) ? Math.min(...usable.map(({ until }) => until)) : null;
  }

  /** Forgets the failures, since every server has failed, but not what servers asked for. */
  beginRound() {
    for (const [url, { asked }] of this.#aside) {
      if (!asked) this.#aside.delete(url);
    }
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
    const aside = this.#aside.get(url);
    return aside !== undefined && aside.until > now;
  }
}

function total(servers) {
  return servers.reduce((sum, { weight }) => sum + weight, 0);
}

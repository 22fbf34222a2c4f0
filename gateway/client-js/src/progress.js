/** How far a subscription has got, per partition: duplicates are behind it, gaps are before it. */

/** The most positions that a gateway takes with a subscribe. */
const MAX_POSITIONS = 4096;

/**
 * The last position of each partition of a subject. Under an exact subject there is nearly always one.
 *
 * A stream is one partition's messages: `{ partition, epoch, seq, basis }`. `partition` is `null` until a message under a
 * wildcard or a position of the gateway names it; a stream is then recognised by its epoch, or by the sequence number
 * that a new epoch continues. `basis` is what the position rests on, and so what may follow it:
 *
 * - `message`: the next one names it as the one before.
 * - `word`: the gateway's, or the application's, that nothing is missing up to here. The next message names one that is
 *   not after it, or none.
 * - `resynced`: the gateway said that something is missing after it. Whatever follows is no news.
 */
export class Progress {
  #streams;
  /** The gateway has named every partition that counts: another one can only begin with its first message. */
  #complete = false;

  /** A subscription that begins from nothing, or from where an earlier session ended. */
  constructor(positions = []) {
    this.#streams = positions
      .slice(0, MAX_POSITIONS)
      .map(({ epoch, seq }) => ({ partition: null, epoch, seq, basis: 'word' }));
  }

  /** The positions to resume from. */
  positions() {
    return this.#streams.map(({ epoch, seq }) => ({ epoch, seq }));
  }

  /** The subscription begins from nothing. */
  restart() {
    this.#streams = [];
    this.#complete = false;
  }

  /** The gateway cannot give everything that was missed, and said so. */
  resync(reason) {
    if (reason === 'history-evicted' || reason === 'history-not-loaded') {
      for (const stream of this.#streams) stream.basis = 'resynced';
    } else {
      // The positions are in a history that did not last; a new one may even bear the same numbers.
      this.restart();
    }
  }

  /** The gateway has sent everything up to these places, which are all there are. */
  checkpoint(places) {
    const known = this.#streams;
    this.#complete = true;
    this.#streams = places.slice(0, MAX_POSITIONS).map(({ partition, epoch, seq }) => {
      // Nothing new was said if this is, or is behind, a message that was delivered.
      const delivered = known.find((stream) => stream.epoch === epoch && stream.seq >= seq);
      return delivered ? { ...delivered, partition } : { partition, epoch, seq, basis: 'word' };
    });
  }

  /** Takes note of a message. Answers `null` if it was delivered before, else `{ gap }`, whose gap may be `null`. */
  accept(message) {
    const stream = this.#find(message);
    if (stream) return acceptOn(stream, message);
    const gap = this.#gapBeforeUnknown(message);
    this.#add(message);
    return { gap };
  }

  #find({ partition, epoch, prev }) {
    const by = (condition) => this.#streams.find(condition);
    if (partition !== null) {
      return (
        by((stream) => stream.partition === partition) ??
        by((stream) => stream.partition === null && stream.epoch === epoch)
      );
    }
    // Epochs first: a coincidence of numbers could name the wrong partition where there are several.
    return by((stream) => stream.epoch === epoch) ?? by((stream) => stream.seq === prev);
  }

  /**
   * A message in a partition of which nothing is known yet begins a stream. It tells of a gap where it names a message
   * before it that this subscription should have got.
   */
  #gapBeforeUnknown({ partition, kind, prev }) {
    const unknown = !this.#complete && (this.#streams.length === 0 || partition !== null);
    const begins = unknown || kind === 'snapshot' || prev === null;
    const resynced = this.#streams.some(({ basis }) => basis === 'resynced');
    // Without a partition's number, any stream might be the one that a new epoch goes on.
    const explained = partition === null && this.#streams.some((stream) => mayBeFollowedBy(stream, prev, false));
    if (begins || resynced || explained) return null;
    return { after: this.#streams.length === 1 ? this.#streams[0].seq : null, expected: prev };
  }

  #add({ partition, epoch, seq }) {
    // A gateway would not take more; only a topic whose histories break again and again comes this far.
    if (this.#streams.length >= MAX_POSITIONS) this.#streams.shift();
    this.#streams.push({ partition, epoch, seq, basis: 'message' });
  }
}

function acceptOn(stream, { partition, epoch, seq, prev, kind }) {
  const sameEpoch = stream.epoch === epoch;
  if (sameEpoch && seq <= stream.seq) return null;
  const expected = kind === 'snapshot' || mayBeFollowedBy(stream, prev, sameEpoch);
  const gap = expected ? null : { after: stream.seq, expected: prev };
  stream.epoch = epoch;
  stream.seq = seq;
  stream.partition ??= partition;
  stream.basis = 'message';
  return { gap };
}

function mayBeFollowedBy({ basis, seq }, prev, sameEpoch) {
  if (basis === 'resynced') return true;
  if (prev === null) return basis === 'word';
  // Compaction may have taken messages out of the log, but none that was not delivered.
  if (basis === 'word' || sameEpoch) return prev <= seq;
  // A new history goes on exactly here, or something of ours did not last.
  return prev === seq;
}

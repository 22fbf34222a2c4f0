/** A log and the gateways before it, as simple as can be: they know the whole log, but remember only its end. */

export const PARTITIONS = 2;

/** How many missed messages a gateway can still send. */
const CACHE = 6;

export class World {
  /** Offsets have holes: transaction markers. */
  partitions = Array.from({ length: PARTITIONS }, () => ({ records: [], leaderEpoch: 0, nextOffset: 0 }));
  #subscriptions = [];
  /** Frames on their way to the device. The loss of a `missable` one can be seen. */
  wire = [];

  append(key, hole = false) {
    const number = key % PARTITIONS;
    const partition = this.partitions[number];
    if (hole) partition.nextOffset += 1;
    const record = { offset: partition.nextOffset, key, leaderEpoch: partition.leaderEpoch };
    partition.nextOffset += 1;
    partition.records.push(record);
    for (const subject of this.#subscriptions) {
      if (selects(subject, key)) this.#sendRecord(subject, number, record, 'update');
    }
  }

  /** The connection breaks; what was on its way is lost. */
  cut() {
    this.#subscriptions = [];
    this.wire = [];
  }

  take(request) {
    const { op, id, subject, from = [] } = JSON.parse(request);
    if (op !== 'subscribe') throw new Error(`a ${op} is not expected`);
    const missed = this.#missed(subject, from);
    const synced = from.length > 0 && missed.length <= CACHE;
    const recovery = from.length === 0 ? 'none' : synced ? 'synced' : 'resynced';
    this.#send({ op: 'subscribed', id, subject, recovery, reason: 'history-evicted' }, false);
    if (synced) for (const [number, record] of missed) this.#sendRecord(subject, number, record, 'recovered');
    else this.#sendBeginning(subject);
    this.#subscriptions.push(subject);
  }

  #missed(subject, from) {
    const seen = (number) =>
      Math.max(-1, ...from.filter(({ epoch }) => epoch.startsWith(`T.${number}.`)).map(({ seq }) => seq));
    return this.partitions.flatMap(({ records }, number) =>
      records
        .filter(({ offset, key }) => offset > seen(number) && selects(subject, key))
        .map((record) => [number, record]),
    );
  }

  /** The last value of a key; where there is none, the place where the subscription begins. */
  #sendBeginning(subject) {
    const last = subject.endsWith('/*') ? undefined : this.#missed(subject, []).at(-1);
    if (last) return this.#sendRecord(subject, ...last, 'snapshot');
    const at = this.partitions.map(({ leaderEpoch, nextOffset }, partition) => ({
      partition,
      epoch: `T.${partition}.${leaderEpoch}`,
      seq: nextOffset - 1,
    }));
    return this.#send({ op: 'position', subject, at }, false);
  }

  #sendRecord(subject, number, { offset, key, leaderEpoch }, kind) {
    const earlier = this.partitions[number].records.filter((record) => record.offset < offset && selects(subject, record.key));
    const message = {
      op: 'message',
      subject,
      ...(subject.endsWith('/*') ? { key: `k${key}`, partition: number } : {}),
      epoch: `T.${number}.${leaderEpoch}`,
      seq: offset,
      prev: earlier.at(-1)?.offset ?? null,
      kind,
      data: String(number),
    };
    this.#send(message, kind !== 'snapshot');
  }

  #send(message, missable) {
    this.wire.push({ text: JSON.stringify(message), missable });
  }
}

export function selects(subject, key) {
  return subject === '/t/*' || subject === `/t/k${key}`;
}

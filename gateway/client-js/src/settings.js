/** How patient a session is. All times are in milliseconds; `index.d.ts` says what each is for. */

const DEFAULTS = Object.freeze({
  connectTimeout: 10_000,
  answerTimeout: 15_000,
  keepalive: Object.freeze({ interval: 25_000, timeout: 10_000 }),
  setAside: 60_000,
  spread: 2_000,
  backoffBase: 500,
  backoffCap: 30_000,
  settle: 5_000,
  longestHint: 600_000,
  often: 10,
  oftenWithin: 60_000,
  publishWindow: 64,
  publishQueue: 1_000,
  retryAfterRefusal: 1_000,
});

/** The settings that were given, and the defaults of the others. */
export function completeSettings(given = {}) {
  const { keepalive = DEFAULTS.keepalive, ...numbers } = given;
  checkNumbers(numbers, DEFAULTS, 'the setting');
  if (keepalive === null) return Object.freeze({ ...DEFAULTS, ...numbers, keepalive });
  checkNumbers(keepalive, DEFAULTS.keepalive, 'the setting keepalive');
  return Object.freeze({
    ...DEFAULTS,
    ...numbers,
    keepalive: Object.freeze({ ...DEFAULTS.keepalive, ...keepalive }),
  });
}

function checkNumbers(given, known, where) {
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(known, name)) {
      throw new TypeError(`${where} \`${name}\` is unknown: there are ${Object.keys(known).join(', ')}`);
    }
    if (typeof value !== 'number' || !(value >= 0) || value === Infinity) {
      throw new TypeError(`${where} \`${name}\` is ${String(value)}: give a number that is not negative`);
    }
  }
}

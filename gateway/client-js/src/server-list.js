/** The servers a device may connect to, each with a weight: `100 wss://a.example:443`. */

import { ServerListError } from './errors.js';

const MAX_WEIGHT = 100;
const MAX_SERVERS = 65_535;

/** Reads entries like `100 wss://a.example`, or `wss://a.example` with weight 100, as `{ url, weight }`. */
export function parseServers(entries) {
  const list = typeof entries === 'string' ? [entries] : [...entries];
  if (list.length === 0) {
    throw new ServerListError('the server list is empty: name at least one, like `100 wss://gateway.example:443`');
  }
  if (list.length > MAX_SERVERS) {
    throw new ServerListError(`the server list has ${list.length} servers, ${MAX_SERVERS} are allowed`);
  }
  const servers = list.map(parseServer);
  if (servers.every(({ weight }) => weight === 0)) {
    throw new ServerListError('every server has the weight 0, so that none can be chosen: give one a weight of 1 to 100');
  }
  return Object.freeze(servers);
}

function parseServer(entry) {
  const [, weight, url] = /^(?:(\S+)\s+)?(\S.*)$/s.exec(String(entry).trim()) ?? [, undefined, ''];
  return Object.freeze({ url: parseUrl(url), weight: weight === undefined ? MAX_WEIGHT : parseWeight(weight) });
}

function parseWeight(text) {
  const weight = Number(text);
  if (!/^\d{1,3}$/.test(text) || weight > MAX_WEIGHT) {
    throw new ServerListError(`the weight \`${text}\` is no whole number from 0 to ${MAX_WEIGHT}`);
  }
  return weight;
}

function parseUrl(text) {
  const wrong = (what) =>
    new ServerListError(`\`${text}\` is no server: ${what}; write it like wss://gateway.example:443/`);
  if (!/^wss?:\/\//i.test(text)) throw wrong('it does not begin with ws:// or wss://');
  let url;
  try {
    url = new URL(text);
  } catch {
    throw wrong('its host or port is broken');
  }
  if (url.port === '0') throw wrong('its port is no number from 1 to 65535');
  if (url.username || url.password) throw wrong('it holds a user');
  // A browser would refuse the fragment when it connects.
  if (text.includes('#')) throw wrong('it holds a fragment');
  return url.href;
}

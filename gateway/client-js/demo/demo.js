/** The page: a form, a device, and what it tells. */

import { Device } from '../src/index.js';
import { Chart } from './chart.js';

/** Lines that are kept in the log. */
const LOG_LINES = 100;

/** Milliseconds from one published value to the next. */
const WAVE_STEP = 100;

const element = (id) => document.getElementById(id);

const chart = new Chart(element('chart'));
let device = null;
let wave = null;

start();

function start() {
  const asked = new URLSearchParams(location.search);
  element('servers').value = asked.getAll('server').join('\n') || '100 ws://127.0.0.1:8800';
  element('subject').value = asked.get('subject') ?? '/telemetry/demo';
  element('setup').addEventListener('submit', (event) => {
    event.preventDefault();
    if (device) disconnect();
    else connect();
  });
  element('publish').addEventListener('click', toggleWave);
  if (asked.has('server')) connect();
  showFacts();
}

function connect() {
  const servers = element('servers').value.split('\n').filter((line) => line.trim() !== '');
  const subject = element('subject').value;
  element('mistake').textContent = '';
  try {
    device = new Device(servers);
    device.subscribe(subject);
  } catch (error) {
    element('mistake').textContent = error.message;
    disconnect();
    return;
  }
  chart.clear();
  listen();
  element('connect').textContent = 'Disconnect';
  element('publish').disabled = subject.endsWith('/*');
  showState('waiting', 'connecting');
}

function disconnect() {
  device?.close();
  device = null;
  stopWave();
  element('connect').textContent = 'Connect';
  element('publish').disabled = true;
  showState('idle', 'not connected');
}

function listen() {
  const on = (type, listener) => device.addEventListener(type, ({ detail }) => listener(detail));
  on('connected', ({ url }) => {
    showState('connected', 'connected');
    chart.reconnect();
    log(`connected to ${url}`, 'good');
  });
  on('lost', ({ url, cause, code, detail, wasConnected, retryIn }) => {
    showState('waiting', 'connecting');
    const why = [cause, code, detail].filter(Boolean).join(' ');
    const next = retryIn === 0 ? 'another server at once' : `again in ${seconds(retryIn)}`;
    log(`${wasConnected ? 'lost' : 'cannot connect to'} ${url} (${why}): ${next}`, 'bad');
  });
  on('leaving', ({ after }) => log(`the gateway leaves: come back in ${seconds(after)}`));
  on('lost-often', ({ count, within }) => log(`${count} connections lost in ${seconds(within)}`, 'bad'));
  on('subscribed', ({ subject, recovery, reason }) => log(...describeRecovery(subject, recovery, reason)));
  on('subscription-refused', ({ subject, reason, retried }) => {
    log(`${subject} is refused: ${reason}${retried ? '; again later' : ''}`, 'bad');
  });
  on('gap', ({ subject, after, expected }) => log(`a gap on ${subject}: ${after ?? '?'} is not followed by ${expected ?? 'the first'}`, 'bad'));
  on('dropped', ({ subject, count, reason }) => log(`${count} messages on ${subject} left out: ${reason}`, 'bad'));
  on('complaint', ({ code, reason }) => log(`the gateway complains: ${code}: ${reason}`, 'bad'));
  on('message', draw);
}

function describeRecovery(subject, recovery, reason) {
  switch (recovery) {
    case 'synced':
      return [`${subject} goes on: nothing was missed, or it follows`, 'good'];
    case 'resynced':
      return [`${subject} goes on, but something is missing (${reason})`, 'bad'];
    default:
      return [`${subject} begins`, ''];
  }
}

function draw({ data, kind, gap, epoch, seq }) {
  element('position').textContent = `${seq} @ ${epoch}`;
  element('value').textContent = typeof data === 'string' ? data : data === null ? 'no value' : `${data.length} bytes`;
  const value = readNumber(data);
  if (value !== null) chart.add(value, { recovered: kind === 'recovered', gap: gap !== null });
}

/** The number in a text, or the first one in a JSON object; `null` if there is none. */
function readNumber(data) {
  if (typeof data !== 'string' || data.trim() === '') return null;
  try {
    const read = JSON.parse(data);
    const candidates = typeof read === 'object' && read !== null ? Object.values(read) : [read];
    return candidates.find(Number.isFinite) ?? null;
  } catch {
    return null;
  }
}

function toggleWave() {
  if (wave) return stopWave();
  const subject = element('subject').value;
  const publisher = device;
  let step = 0;
  element('publish').setAttribute('aria-pressed', 'true');
  element('publish').textContent = 'Stop publishing';
  wave = setInterval(() => {
    step += 1;
    const value = 20 + 4 * Math.sin(step / 14) + 1.5 * Math.sin(step / 5);
    publisher.publish(subject, value.toFixed(2)).catch(({ name, message }) => {
      if (name !== 'DeviceClosed') log(`not published: ${message}`, 'bad');
    });
  }, WAVE_STEP);
}

function stopWave() {
  clearInterval(wave);
  wave = null;
  element('publish').setAttribute('aria-pressed', 'false');
  element('publish').textContent = 'Publish a wave';
}

function showState(state, words) {
  element('state').dataset.state = state;
  element('state').textContent = words;
}

/** Counters are read a few times per second, however many messages come. */
function showFacts() {
  const EVERY = 250;
  if (device) {
    const { received, gaps, duplicates, attempts } = device.counters();
    const facts = { received, gaps, duplicates, attempts, unanswered: device.unansweredPublishes };
    for (const [id, fact] of Object.entries(facts)) element(id).textContent = fact.toLocaleString('en');
  }
  element('server').textContent = device?.connectedTo ?? '–';
  setTimeout(showFacts, EVERY);
}

function log(text, tone = '') {
  const line = document.createElement('li');
  const time = document.createElement('time');
  const words = document.createElement('span');
  time.textContent = new Date().toLocaleTimeString('en-GB');
  words.textContent = text;
  words.className = tone;
  line.append(time, words);
  element('log').prepend(line);
  while (element('log').childElementCount > LOG_LINES) element('log').lastElementChild.remove();
}

function seconds(milliseconds) {
  return `${Number((milliseconds / 1000).toFixed(1))} s`;
}

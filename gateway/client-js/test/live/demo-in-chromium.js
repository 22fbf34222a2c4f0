/**
 * `node demo-in-chromium.js PARAMETERS`: opens the demo in headless Chromium, lets it publish, and tells what the page
 * shows, until it is ended.
 */

import { serve } from '../../demo/serve.js';
import { Chromium } from './chromium.js';

const { servers, subject } = JSON.parse(process.argv[2]);

/** What the page shows, read on the page. */
function shown() {
  const text = (id) => document.getElementById(id).textContent;
  return {
    type: 'shown',
    state: text('state'),
    server: text('server'),
    received: Number(text('received')),
    gaps: Number(text('gaps')),
    position: text('position'),
    value: text('value'),
    mistake: text('mistake'),
    chart: document.getElementById('chart').getAttribute('aria-label'),
    log: Array.from(document.querySelectorAll('#log li span'), (line) => line.textContent),
  };
}

const server = await serve(0);
const chromium = await Chromium.start();
const say = (line) => console.log(JSON.stringify(line));
// Violations of the page's security policy come as log entries.
chromium.on('Log.entryAdded', ({ entry }) => say({ type: 'complaint', text: entry.text }));
chromium.on('Runtime.exceptionThrown', ({ exceptionDetails: { text, exception } }) => {
  say({ type: 'exception', text: `${text} ${exception?.description ?? ''}` });
});
const page = await chromium.page();
const evaluate = async (code) => {
  const { result } = await chromium.send('Runtime.evaluate', { expression: code, returnByValue: true }, page);
  return result.value;
};
const query = new URLSearchParams([...servers.map((each) => ['server', each]), ['subject', subject]]);
const loaded = new Promise((resolve) => chromium.on('Page.loadEventFired', resolve));
await chromium.send('Log.enable', {}, page);
await chromium.send('Page.navigate', { url: `http://127.0.0.1:${server.address().port}/demo/?${query}` }, page);
await loaded;
await evaluate(`document.getElementById('publish').click()`);
for (;;) {
  say(await evaluate(`(${shown})()`));
  await new Promise((resolve) => setTimeout(resolve, 50));
}

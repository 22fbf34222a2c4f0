/** `node in-chromium.js PARAMETERS`: a told device on a page in headless Chromium. */

import { readFileSync } from 'node:fs';

import { serve } from '../../demo/serve.js';
import { Chromium } from './chromium.js';

const server = await serve(0);
const { certificate } = JSON.parse(process.argv[2]);
const chromium = await Chromium.start({ believed: certificate ? [readFileSync(certificate)] : [] });
const closed = new Promise((resolve, reject) => {
  chromium.on('Runtime.consoleAPICalled', ({ args: [{ value }] }) => {
    console.log(value);
    if (JSON.parse(value).type === 'closed') resolve();
  });
  chromium.on('Runtime.exceptionThrown', ({ exceptionDetails: { text, exception } }) => {
    reject(new Error(`the page failed: ${text} ${exception?.description ?? ''}`));
  });
});
const page = await chromium.page();
const parameters = encodeURIComponent(process.argv[2]);
await chromium.send('Page.navigate', { url: `http://127.0.0.1:${server.address().port}/test/live/page.html#${parameters}` }, page);
await closed;
await chromium.stop();
server.close();

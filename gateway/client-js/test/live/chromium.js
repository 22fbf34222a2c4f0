/** A headless Chromium, driven over its debugging pipe (https://chromedevtools.github.io/devtools-protocol/). */

import { spawn } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ARGUMENTS = ['--headless=new', '--remote-debugging-pipe', '--no-first-run', '--disable-gpu', '--mute-audio', '--hide-scrollbars'];

/** The browser reads commands from this descriptor, and writes to the next. */
const COMMANDS = 3;

export class Chromium {
  #process;
  #profile;
  #next = 1;
  #waiting = new Map();
  #listeners = [];
  #unread = [];

  /** `believed` are certificates, in PEM, whose keys it believes although nobody it knows has signed them. */
  static async start({ program = 'chromium', believed = [] } = {}) {
    const chromium = new Chromium();
    chromium.#profile = await mkdtemp(join(tmpdir(), 'chromium-'));
    // Inside a container, and as root, there is no sandbox to be had; only our own pages are opened.
    const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
    const keys = believed.length > 0 ? [`--ignore-certificate-errors-spki-list=${believed.map(keyHash).join(',')}`] : [];
    chromium.#process = spawn(program, [...ARGUMENTS, ...sandbox, ...keys, `--user-data-dir=${chromium.#profile}`], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    chromium.#process.on('error', (error) => chromium.#fail(error));
    chromium.#process.on('exit', () => chromium.#fail(new Error('the browser has ended')));
    chromium.#process.stdio[COMMANDS].on('error', (error) => chromium.#fail(error));
    chromium.#process.stdio[COMMANDS + 1].on('data', (chunk) => chromium.#read(chunk));
    return chromium;
  }

  /** A blank page; answers the session that its commands and events belong to. */
  async page() {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    await this.send('Runtime.enable', {}, sessionId);
    await this.send('Page.enable', {}, sessionId);
    return sessionId;
  }

  send(method, params = {}, sessionId = undefined) {
    const id = this.#next++;
    const answered = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#process.stdio[COMMANDS].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return answered;
  }

  /** Calls back with the parameters of each event of this name. */
  on(method, listener) {
    this.#listeners.push({ method, listener });
  }

  async stop() {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.send('Browser.close').catch(() => {});
    await ended;
    // The browser's own children may still be writing there.
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  #read(chunk) {
    let rest = chunk;
    for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0)) {
      this.#take(JSON.parse(Buffer.concat([...this.#unread, rest.subarray(0, end)]).toString()));
      this.#unread = [];
      rest = rest.subarray(end + 1);
    }
    this.#unread.push(rest);
  }

  #take({ id, result, error, method, params }) {
    if (id === undefined) {
      for (const each of this.#listeners) if (each.method === method) each.listener(params);
      return;
    }
    const { resolve, reject } = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) reject(new Error(error.message));
    else resolve(result);
  }

  #fail(error) {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

/** SHA-256 of a certificate's SubjectPublicKeyInfo, as browsers name keys. */
function keyHash(pem) {
  const key = new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(key).digest('base64');
}

/** The way to the gateway: one WebSocket, whose happenings are told in the session's words. */

import { SUBPROTOCOL } from './requests.js';

/** RFC 6455, 7.1.5: the connection ended without a close frame. */
const ABNORMAL = 1006;

/** How long to wait for a gateway to answer the end of a connection. */
const PATIENCE = 1_000;

/**
 * `told` is `{ connected(), text(text), alive(), lost({ cause, code, detail, retryAfter }) }`. After `lost`, and after `leave`,
 * nothing more is told.
 */
export class Link {
  #socket;
  #told;
  #opened = false;

  constructor(WebSocket, url, told) {
    this.#told = told;
    const socket = new WebSocket(url, SUBPROTOCOL);
    this.#socket = socket;
    socket.onopen = () => this.#open();
    socket.onmessage = ({ data }) => (typeof data === 'string' ? told.text(data) : told.alive());
    socket.onclose = ({ code }) => this.#closed(code);
    // Where a close event follows as well, it comes too late to be told.
    socket.onerror = ({ message }) => this.#lost({ cause: this.#opened ? 'broken' : 'unreachable', detail: message });
    // Only the package `ws` shows an answer that is no WebSocket.
    socket.on?.('unexpected-response', (request, { statusCode, headers }) => {
      this.#refused(statusCode, headers);
      request.destroy();
    });
  }

  send(text) {
    // A socket that is closing throws nothing, but some that are not open do; the end is told by itself.
    if (this.#socket.readyState === 1) this.#socket.send(text);
  }

  /** Ends the connection or the attempt; settles once it is over, as far as the gateway takes part. */
  leave(code) {
    this.#fallSilent();
    return new Promise((resolve) => {
      const patience = setTimeout(resolve, PATIENCE);
      const over = () => {
        clearTimeout(patience);
        resolve();
      };
      if (this.#socket.readyState === 3) return over();
      this.#socket.onclose = over;
      this.#socket.onerror = over;
      this.#socket.close(code);
    });
  }

  #open() {
    if (this.#socket.protocol !== SUBPROTOCOL) {
      const detail = `the server does not speak ${SUBPROTOCOL}`;
      this.#lost({ cause: 'not-a-gateway', detail });
      this.#socket.close();
      return;
    }
    this.#opened = true;
    this.#told.connected();
  }

  #refused(status, { location, 'retry-after': retryAfter }) {
    if (status >= 300 && status < 400) {
      return this.#lost({ cause: 'redirected', detail: `to ${location}: name that server instead` });
    }
    // The form with a date is left to those whose clocks agree.
    const seconds = /^\d+$/.test(retryAfter?.trim() ?? '') ? Number(retryAfter) : null;
    this.#lost({ cause: 'refused', detail: `HTTP ${status}`, retryAfter: seconds === null ? null : seconds * 1_000 });
  }

  #closed(code) {
    if (!this.#opened) this.#lost({ cause: 'unreachable' });
    else if (code === ABNORMAL) this.#lost({ cause: 'broken' });
    else this.#lost({ cause: 'closed', code });
  }

  #lost({ cause, code = null, detail = '', retryAfter = null }) {
    this.#fallSilent();
    this.#told.lost({ cause, code, detail: detail ?? '', retryAfter });
  }

  #fallSilent() {
    this.#socket.onopen = null;
    this.#socket.onmessage = null;
    this.#socket.onclose = null;
    // Where sockets are event emitters, an error that nobody hears ends the process.
    this.#socket.onerror = () => {};
  }
}

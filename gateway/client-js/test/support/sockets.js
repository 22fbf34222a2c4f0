/** WebSockets without a network: the test is the gateway at the other end. */

/** A class to give to a device, whose sockets appear in `sockets`, the latest last. */
export function fakeWebSocket() {
  const sockets = [];

  /** With `shows`, it shows answers that are no WebSocket, as the package `ws` does. */
  class FakeWebSocket {
    readyState = 0;
    protocol = '';
    sent = [];
    closedWith = null;

    constructor(url, protocol) {
      if (FakeWebSocket.refuses) throw new Error('this page may not connect there');
      Object.assign(this, { url, asked: protocol });
      if (FakeWebSocket.shows) this.on = (event, listener) => (this.listening = { ...this.listening, [event]: listener });
      sockets.push(this);
    }

    send(text) {
      this.sent.push(JSON.parse(text));
    }

    close(code) {
      this.closedWith = code ?? 'without a code';
      this.readyState = 2;
    }

    // What the gateway does.

    accept(protocol = this.asked) {
      this.protocol = protocol;
      this.readyState = 1;
      this.onopen?.();
    }

    say(frame) {
      this.onmessage?.({ data: JSON.stringify(frame) });
    }

    /** Answers with an HTTP error; what is left of the request has to be destroyed. */
    refuse(statusCode, headers) {
      let destroyed = false;
      this.listening['unexpected-response']({ destroy: () => (destroyed = true) }, { statusCode, headers });
      this.readyState = 3;
      return destroyed;
    }

    fail(message) {
      this.onerror?.({ message });
      this.end(1006);
    }

    end(code) {
      this.readyState = 3;
      this.onclose?.({ code });
    }
  }

  return { FakeWebSocket, sockets };
}

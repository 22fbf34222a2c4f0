//! How patient a session is.

use std::time::Duration;

/// How a session connects, waits and retries. Share it between sessions behind an `Arc`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The longest an attempt may take, from the first packet to the end of the WebSocket handshake. Half of it is the name service's:
    /// where that is silent, addresses known from before are tried.
    pub connect_timeout: Duration,
    /// The longest a gateway may take to answer a request.
    pub answer_timeout: Duration,
    /// Ping when nothing was heard for so long; `None` leaves it to the transport.
    pub keepalive: Option<Keepalive>,
    /// How long a server that failed is left alone while there are others; all are tried again once all have failed.
    pub set_aside: Duration,
    /// With one server there is no other to go to at once, so a first retry waits a random part of this, lest all devices come back in one moment.
    /// A server that asks to be left alone by `Retry-After` is left alone for that time and a random part of this.
    pub spread: Duration,
    /// The back-off after a round of failures is a random part of `backoff_base`, doubled with each further round…
    pub backoff_base: Duration,
    /// …up to this.
    pub backoff_cap: Duration,
    /// A connection without requests counts as working after so long; otherwise the first answer decides.
    pub settle: Duration,
    /// The longest wait that a gateway may ask for by `reconnect` or `Retry-After`.
    pub longest_hint: Duration,
    /// Tell the application when this many connections were lost within [`Settings::often_within`].
    pub often: u32,
    /// See [`Settings::often`].
    pub often_within: Duration,
    /// How many publishes may wait for their answer on a connection. With 1, a publish that is refused and sent
    /// again never changes places with a later one.
    pub publish_window: usize,
    /// How many publishes the session holds before it refuses more.
    pub publish_queue: usize,
    /// How long to wait before a request is sent again that the gateway could not serve just now.
    pub retry_after_refusal: Duration,
}

/// How a session makes sure that the gateway is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// Ping when nothing was heard for so long.
    pub interval: Duration,
    /// The gateway is gone when nothing was heard for so long after a ping.
    pub timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(15),
            keepalive: Some(Keepalive {
                interval: Duration::from_secs(25),
                timeout: Duration::from_secs(10),
            }),
            set_aside: Duration::from_secs(60),
            spread: Duration::from_secs(2),
            backoff_base: Duration::from_millis(500),
            backoff_cap: Duration::from_secs(30),
            settle: Duration::from_secs(5),
            longest_hint: Duration::from_secs(600),
            often: 10,
            often_within: Duration::from_secs(60),
            publish_window: 64,
            publish_queue: 1000,
            retry_after_refusal: Duration::from_secs(1),
        }
    }
}

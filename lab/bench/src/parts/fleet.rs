//! The devices: connections on the engine, so that they cost little themselves. They count what comes and, by the stamp
//! that each message ends with, how long it took.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use gateway_engine::{
    App, Closed, ConnId, Dial, DialRequest, DialTls, EventLoop, Failure, Limits, LoopConfig,
    Message, Net,
};
use gateway_protocol::message::{SUBPROTOCOL, encode_subscribe};
use gateway_protocol::proxy_header::encode_v2;
use hdrhistogram::Histogram;
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use super::words::{
    Answer, BEGINNING, Believed, Counts, FleetSetting, Latency, Order, Subscribing, now, orders,
    read, say, stamp,
};

/// Dials under way at a time.
const AT_A_TIME: usize = 128;

/// A server that is busy with others may take this long to answer.
const HANDSHAKE: Duration = Duration::from_secs(60);

/// The longest latency that is told from longer ones, in microseconds.
const LONGEST: u64 = 600_000_000;

/// Runs until standard input ends.
pub(super) fn play(setting: &str) -> anyhow::Result<()> {
    let setting: FleetSetting = read(setting)?;
    let config = LoopConfig {
        limits: Limits {
            handshake_timeout: HANDSHAKE,
            ..Limits::default()
        },
        keepalive: None,
        ..LoopConfig::default()
    };
    let (event_loop, mailbox) = EventLoop::new(config, Fleet::new(setting)?)?;
    let thread = std::thread::spawn(move || event_loop.run().map(drop));
    for order in orders() {
        let sent = mailbox.send(order?);
        sent.map_err(|_| anyhow!("the event loop has ended"))?;
    }
    mailbox.stop();
    let ended = thread.join();
    Ok(ended.map_err(|_| anyhow!("the event loop panicked"))??)
}

struct Fleet {
    setting: FleetSetting,
    request: Arc<DialRequest>,
    /// Ordered, dialled, and ready for messages.
    wanted: usize,
    dialled: usize,
    ready: usize,
    /// Connections that are there, whatever their state.
    alive: usize,
    closing: bool,
    messages: u64,
    latest_bytes: usize,
    awaited: Option<u64>,
    /// What one device suffers, many do: it is said once.
    failed: bool,
    clock: Stopwatch,
}

/// TLS as a device speaks it that comes for the first time: it has no session to go on with.
fn tls(believed: &Believed) -> anyhow::Result<DialTls> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(believed.der.clone()))?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(DialTls {
        config: Arc::new(config),
        name: ServerName::try_from(believed.name.clone())?,
    })
}

/// What a device is.
#[derive(Debug, Default)]
struct Device {
    number: u32,
    ready: bool,
}

impl Fleet {
    fn new(setting: FleetSetting) -> anyhow::Result<Self> {
        let request = DialRequest {
            host: setting.server.to_string(),
            path: "/".to_owned(),
            subprotocols: if setting.manners.subprotocol {
                vec![SUBPROTOCOL.to_owned()]
            } else {
                Vec::new()
            },
            tls: setting.manners.believes.as_ref().map(tls).transpose()?,
            ..DialRequest::default()
        };
        Ok(Self {
            setting,
            request: Arc::new(request),
            wanted: 0,
            dialled: 0,
            ready: 0,
            alive: 0,
            closing: false,
            messages: 0,
            latest_bytes: 0,
            awaited: None,
            failed: false,
            clock: Stopwatch::new()?,
        })
    }

    fn dial(&mut self, net: &mut Net<Device>) {
        while self.dialled < self.wanted && self.dialled - self.ready < AT_A_TIME {
            let number = u32::try_from(self.dialled).unwrap_or(u32::MAX);
            let dial = Dial {
                remote: self.setting.server,
                local: self.source(number),
                late_port: true,
                preface: self.preface(number),
                request: Arc::clone(&self.request),
            };
            let device = Device {
                number,
                ready: false,
            };
            if let Err(error) = net.connect(dial, device) {
                return self.fail(&format!("device {number} cannot be dialled: {error}"));
            }
            self.dialled += 1;
            self.alive += 1;
        }
    }

    /// Where a device comes from, if the kernel is not to choose.
    fn source(&self, number: u32) -> Option<SocketAddr> {
        let [_, high, middle, low] = number.to_be_bytes();
        // 127.0.0.0/16 is left to servers.
        let address = [127, high.checked_add(1)?, middle, low];
        let own = self.setting.manners.own_address;
        own.then(|| SocketAddr::from((address, 0)))
    }

    /// The header that a load balancer would send for this device.
    fn preface(&self, number: u32) -> Bytes {
        if !self.setting.manners.proxy {
            return Bytes::new();
        }
        let [_, high, middle, low] = number.to_be_bytes();
        let client = SocketAddr::from(([10, high, middle, low], 40_000));
        encode_v2(client, self.setting.server, &[], false)
            .map(Bytes::from)
            .unwrap_or_default()
    }

    fn became_ready(&mut self, net: &mut Net<Device>, conn: ConnId) {
        match net.session_mut(conn) {
            Some(device) if !device.ready => device.ready = true,
            _ => return,
        }
        self.ready += 1;
        if self.ready == self.wanted {
            say(&Answer::Ready);
        }
        self.dial(net);
    }

    fn take(&mut self, text: &str) {
        self.messages += 1;
        self.latest_bytes = text.len();
        if let Some(stamp) = stamp(text) {
            self.clock.note(stamp, self.ready);
        }
        if self.awaited.is_some_and(|awaited| self.messages >= awaited) {
            self.awaited = None;
            say(&Answer::Reached);
        }
    }

    fn fail(&mut self, reason: &str) {
        if !std::mem::replace(&mut self.failed, true) {
            say(&Answer::Failed {
                reason: reason.to_owned(),
            });
        }
    }

    fn gone(&mut self) {
        self.alive -= 1;
        if self.closing && self.alive == 0 {
            self.closing = false;
            (self.wanted, self.dialled, self.ready) = (0, 0, 0);
            say(&Answer::Closed);
        }
    }
}

impl App for Fleet {
    type Command = Order;
    type Session = Device;

    fn on_command(&mut self, net: &mut Net<Device>, order: Order) {
        match order {
            Order::Connect { devices } if devices <= self.ready => say(&Answer::Ready),
            Order::Connect { devices } => {
                self.wanted = devices;
                self.dial(net);
            }
            Order::StopReading { devices } => {
                let conns: Vec<ConnId> = net.connections().take(devices).collect();
                conns.into_iter().for_each(|conn| net.pause(conn));
                say(&Answer::Ready);
            }
            Order::Close if self.alive == 0 => say(&Answer::Closed),
            Order::Close => {
                self.closing = true;
                let conns: Vec<ConnId> = net.connections().collect();
                conns.into_iter().for_each(|conn| net.abort(conn));
            }
            Order::Await { messages } if self.messages >= messages => say(&Answer::Reached),
            Order::Await { messages } => self.awaited = Some(messages),
            Order::Count => say(&Answer::Counts(Counts {
                messages: self.messages,
                latest_bytes: self.latest_bytes,
                writes: net.counters().writes,
            })),
            Order::Latencies => say(&self.clock.take()),
            Order::Broadcast { .. } => self.fail("a fleet does not broadcast"),
        }
    }

    fn on_open(&mut self, net: &mut Net<Device>, conn: ConnId) {
        let subject = match &self.setting.manners.subject {
            Subscribing::Nothing => return self.became_ready(net, conn),
            Subscribing::Shared(subject) => subject.clone(),
            Subscribing::Own(subject) => {
                let number = net.session(conn).map_or(0, |device| device.number);
                format!("{subject}{number:06}")
            }
        };
        if let Err(error) = net.send_text(conn, &encode_subscribe(1, &subject, &[], None)) {
            self.fail(&format!("a device cannot subscribe: {error}"));
        }
    }

    fn on_message(&mut self, net: &mut Net<Device>, conn: ConnId, message: Message<'_>) {
        match message {
            Message::Text(text) if text.starts_with(BEGINNING) => self.take(text),
            Message::Text(text) if text.starts_with(r#"{"op":"error""#) => self.fail(text),
            // The subscription is answered.
            Message::Text(_) | Message::Binary(_) => self.became_ready(net, conn),
        }
    }

    fn on_close(&mut self, _: &mut Net<Device>, _: ConnId, closed: &Closed) {
        if !self.closing {
            self.fail(&format!("a device lost its connection: {closed:?}"));
        }
        self.gone();
    }

    fn on_failed(&mut self, _: &mut Net<Device>, _: ConnId, failure: &Failure) {
        if !self.closing {
            self.fail(&format!("a device did not connect: {failure:?}"));
        }
        self.gone();
    }
}

/// How long messages took.
struct Stopwatch {
    each: Histogram<u64>,
    last: Histogram<u64>,
    /// Per stamp, how many devices have the message.
    seen: HashMap<u64, usize>,
}

impl Stopwatch {
    fn new() -> anyhow::Result<Self> {
        let histogram = || Histogram::new_with_max(LONGEST, 3).context("no histogram");
        Ok(Self {
            each: histogram()?,
            last: histogram()?,
            seen: HashMap::new(),
        })
    }

    fn note(&mut self, stamp: u64, devices: usize) {
        let took = now().saturating_sub(stamp) / 1_000;
        self.each.saturating_record(took);
        let seen = self.seen.entry(stamp).or_default();
        *seen += 1;
        if *seen == devices {
            self.seen.remove(&stamp);
            self.last.saturating_record(took);
        }
    }

    /// What was noted, and a new beginning.
    fn take(&mut self) -> Answer {
        let latency = |histogram: &Histogram<u64>| Latency {
            count: histogram.len(),
            p50: histogram.value_at_quantile(0.5) as f64,
            p99: histogram.value_at_quantile(0.99) as f64,
        };
        let answer = Answer::Latencies {
            each: latency(&self.each),
            last: latency(&self.last),
        };
        self.each.reset();
        self.last.reset();
        self.seen.clear();
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_device_of_a_message_is_told_apart() {
        let mut clock = Stopwatch::new().unwrap();
        let stamp = now() - 5_000_000_000;

        clock.note(stamp, 2);
        clock.note(stamp, 2);

        let Answer::Latencies { each, last } = clock.take() else {
            panic!("latencies were asked for");
        };
        assert_eq!((each.count, last.count), (2, 1));
        assert!(each.p50 >= 5_000_000.0, "{each:?}");
        assert!(matches!(
            clock.take(),
            Answer::Latencies { each, .. } if each.count == 0
        ));
    }
}

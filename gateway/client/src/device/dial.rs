//! From a server of the list to an open WebSocket: name, address, TCP, TLS, handshake.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use gateway_protocol::message::SUBPROTOCOL;
use rand::rngs::SmallRng;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::ClientRequestBuilder;
use tokio_tungstenite::tungstenite::error::Error;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::http::Uri;
use tokio_tungstenite::tungstenite::http::header::{LOCATION, RETRY_AFTER};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::options::Transport;
use crate::address_book::AddressBook;
use crate::event::{Cause, Lost};
use crate::server_url::ServerUrl;

/// A connection with or without TLS.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

pub(super) type WebSocket = WebSocketStream<Box<dyn Stream>>;

/// The addresses of one server's name, which outlive attempts.
#[derive(Debug, Clone, Default)]
pub(super) struct SharedBook(Arc<Mutex<AddressBook>>);

impl SharedBook {
    pub(super) fn lock(&self) -> MutexGuard<'_, AddressBook> {
        // A book is whole between any two of its methods, so that a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One attempt. It may be dropped at any time: an address is set aside before it is tried, and taken back when it works.
pub(super) struct Dial {
    pub(super) url: ServerUrl,
    pub(super) book: SharedBook,
    pub(super) transport: Transport,
    pub(super) set_aside: Duration,
    /// No server is left alone for longer because it asked.
    pub(super) longest_hint: Duration,
    /// How long the name service may take.
    pub(super) name_patience: Duration,
    pub(super) rng: SmallRng,
}

/// Where an attempt led.
pub(super) struct Dialed {
    pub(super) socket: WebSocket,
    pub(super) ip: IpAddr,
}

impl Dial {
    pub(super) async fn run(mut self) -> Result<Dialed, Lost> {
        let addresses = self.addresses().await?;
        let (ip, stream) = match self.first_to_answer(addresses).await {
            Ok(first) => first,
            Err(lost) => return Err(self.with_prospects(lost)),
        };
        match self.open(stream).await {
            Ok(socket) => {
                self.book.lock().worked(ip);
                Ok(Dialed { socket, ip })
            }
            Err(lost) => {
                if let Some(asked) = lost.retry_after {
                    let mut book = self.book.lock();
                    book.leave_alone(ip, Instant::now(), asked.min(self.longest_hint));
                }
                Err(self.with_prospects(lost))
            }
        }
    }

    /// A failure with what is known of the name's other addresses: whether one should be tried now, and for how long the
    /// machines that are there asked to be left alone.
    fn with_prospects(&self, mut lost: Lost) -> Lost {
        let now = Instant::now();
        let book = self.book.lock();
        lost.another_address = match lost.cause {
            Cause::Refused { .. } => book.has_another_machine(now),
            _ => book.has_untried(now),
        };
        lost.retry_after = book.asked_for(now);
        lost
    }

    async fn addresses(&mut self) -> Result<Vec<IpAddr>, Lost> {
        let host = &self.url.host;
        if let Ok(ip) = host.parse::<IpAddr>() {
            self.book
                .lock()
                .learn([ip], AddressBook::LONGEST_TTL, Instant::now());
            return Ok(vec![ip]);
        }
        if self.book.lock().is_stale(Instant::now()) {
            let question = self.transport.resolver.resolve(host);
            // A name service that is silent must not take the whole attempt: known addresses are still to be tried.
            let answer = tokio::time::timeout(self.name_patience, question)
                .await
                .unwrap_or_else(|_| Err(io::Error::other("the name service does not answer")));
            self.learn(answer)?;
        }
        Ok(self.book.lock().order(Instant::now(), &mut self.rng))
    }

    /// Old addresses are better than none, so that a name service that fails does not end what works.
    fn learn(&self, answer: io::Result<super::Resolved>) -> Result<(), Lost> {
        let now = Instant::now();
        let mut book = self.book.lock();
        let detail = match answer {
            Ok(answer) if !answer.addresses.is_empty() => {
                book.learn(answer.addresses, answer.ttl, now);
                return Ok(());
            }
            Ok(_) => "the name has no addresses".to_owned(),
            Err(error) => error.to_string(),
        };
        if book.is_empty() {
            return Err(
                Lost::new(Cause::Unresolvable).with_detail(format!("{}: {detail}", self.url.host))
            );
        }
        Ok(())
    }

    /// Happy eyeballs (RFC 8305): another address joins in whenever one fails or takes its time; the first wins. One that was
    /// overtaken before it had its time is as it was; one that had it and said nothing stays set aside.
    async fn first_to_answer(&self, addresses: Vec<IpAddr>) -> Result<(IpAddr, TcpStream), Lost> {
        let mut waiting = addresses.into_iter();
        let mut attempts = FuturesUnordered::new();
        let mut racing: Vec<Racer> = vec![];
        let mut failure = Lost::new(Cause::Unreachable);
        loop {
            if let Some(ip) = waiting.next() {
                let begun = Instant::now();
                let before = self.book.lock().set_aside(ip, begun, self.set_aside);
                racing.push(Racer { ip, begun, before });
                attempts.push(connect(SocketAddr::new(ip, self.url.port)));
            }
            let answer = if waiting.len() == 0 {
                attempts.next().await
            } else {
                let patience = tokio::time::timeout(self.transport.stagger, attempts.next());
                let Ok(answer) = patience.await else { continue };
                answer
            };
            match answer {
                Some((address, Ok(stream))) => {
                    self.put_back(&racing, address.ip());
                    return Ok((address.ip(), stream));
                }
                Some((address, Err(error))) => {
                    racing.retain(|racer| racer.ip != address.ip());
                    failure.detail = format!("{address}: {error}").into();
                }
                None if waiting.len() == 0 => return Err(failure),
                None => {}
            }
        }
    }

    fn put_back(&self, racing: &[Racer], winner: IpAddr) {
        let mut book = self.book.lock();
        let overtaken =
            |racer: &&Racer| racer.ip != winner && racer.begun.elapsed() < self.transport.stagger;
        for racer in racing.iter().filter(overtaken) {
            book.put_back(racer.ip, racer.before);
        }
    }

    async fn open(&self, stream: TcpStream) -> Result<WebSocket, Lost> {
        /// The default of 128 KiB is filled with zeros at every read.
        const READ_BUFFER: usize = 4096;

        // Small messages should leave at once; a kernel that refuses is only slower.
        let _ = stream.set_nodelay(true);
        let stream = self.secure(stream).await?;
        let not_a_gateway = |detail: String| Lost::new(Cause::NotAGateway).with_detail(detail);
        // The scheme only decides on TLS, which is done here.
        let uri: Uri = format!("ws://{}{}", self.url.authority(), self.url.path)
            .parse()
            .map_err(|error| not_a_gateway(format!("{}: {error}", self.url)))?;
        let request = ClientRequestBuilder::new(uri).with_sub_protocol(SUBPROTOCOL);
        let limit = Some(self.transport.max_message);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(limit)
            .max_frame_size(limit);
        match client_async_with_config(request, stream, Some(config)).await {
            Ok((socket, _)) => Ok(socket),
            Err(Error::Http(response)) => Err(refusal(&response)),
            Err(Error::Io(error)) => Err(Lost::new(Cause::Broken).with_detail(error.to_string())),
            Err(error) => Err(not_a_gateway(error.to_string())),
        }
    }

    #[cfg(feature = "tls")]
    async fn secure(&self, stream: TcpStream) -> Result<Box<dyn Stream>, Lost> {
        if !self.url.tls {
            return Ok(Box::new(stream));
        }
        let stream = super::tls::begin(&self.url.host, stream, self.transport.tls.clone()).await?;
        Ok(Box::new(stream))
    }

    #[cfg(not(feature = "tls"))]
    async fn secure(&self, stream: TcpStream) -> Result<Box<dyn Stream>, Lost> {
        if self.url.tls {
            return Err(Lost::new(Cause::Tls)
                .with_detail("this program was built without the feature `tls`"));
        }
        Ok(Box::new(stream))
    }
}

/// An address that has been asked and has not failed.
struct Racer {
    ip: IpAddr,
    begun: Instant,
    /// Until when it was to be left alone before.
    before: Option<Instant>,
}

async fn connect(address: SocketAddr) -> (SocketAddr, io::Result<TcpStream>) {
    (address, TcpStream::connect(address).await)
}

/// What an HTTP answer that is no upgrade means.
fn refusal(response: &Response) -> Lost {
    let text = |name| {
        response
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    if response.status().is_redirection() {
        let target = text(LOCATION).unwrap_or("nowhere");
        return Lost::new(Cause::Redirected)
            .with_detail(format!("to {target}: name that server instead"));
    }
    if response.status().is_success() {
        return Lost::new(Cause::NotAGateway)
            .with_detail(format!("it answered with HTTP {}", response.status()));
    }
    // The form with a date is left to those whose clocks agree.
    let retry_after = text(RETRY_AFTER)
        .and_then(|seconds| seconds.trim().parse().ok())
        .map(Duration::from_secs);
    Lost::new(Cause::Refused {
        status: response.status().as_u16(),
    })
    .with_retry_after(retry_after)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[tokio::test]
    async fn racer_that_merely_lost_is_not_held_for_dead() {
        let [winner, overtaken, silent] = [1, 2, 3].map(|last| IpAddr::from([10, 0, 0, last]));
        let dial = Dial {
            url: "ws://gateways.example".parse().unwrap(),
            book: SharedBook::default(),
            transport: Transport::default(),
            set_aside: Duration::from_secs(60),
            longest_hint: Duration::from_secs(60),
            name_patience: Duration::from_secs(1),
            rng: SmallRng::seed_from_u64(1),
        };
        let now = Instant::now();
        let period = dial.set_aside;
        let mut racing = vec![];
        {
            let mut book = dial.book.lock();
            book.learn([winner, overtaken, silent], period, now);
            for (ip, begun) in [
                (silent, now - dial.transport.stagger),
                (winner, now),
                (overtaken, now),
            ] {
                let before = book.set_aside(ip, now, period);
                racing.push(Racer { ip, begun, before });
            }
        }

        dial.put_back(&racing, winner);

        let usable = dial.book.lock().order(now, &mut SmallRng::seed_from_u64(1));
        assert_eq!(usable, [overtaken]);
    }
}

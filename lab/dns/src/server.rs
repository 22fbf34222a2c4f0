//! The sockets: a thread of its own, UDP and TCP on one port.

use std::io;
use std::net::{self, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Semaphore, oneshot};

use crate::answer::{Counts, Service, Transport, answer};
use crate::zone::Zone;

/// TCP connections at once; further ones wait.
const CONNECTIONS: usize = 256;

/// How long a TCP connection may be silent.
const IDLE: Duration = Duration::from_secs(5);

/// Longer questions are not read.
const LONGEST_QUESTION: usize = 4096;

/// How often a port is sought that is free for UDP and TCP alike.
const TRIES: usize = 16;

/// Why a name server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No port can be had.
    #[error("the name server finds no loopback port that is free for UDP and TCP: {0}")]
    Port(io::Error),
    /// No thread, or no event loop for it, can be had.
    #[error("the name server cannot run: {0}")]
    Thread(io::Error),
}

/// A running name server on this machine's loopback; it ends when dropped.
#[derive(Debug)]
pub struct NameServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Dropped to end the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared(Mutex<Desk>);

#[derive(Debug)]
struct Desk {
    service: Service,
    rng: SmallRng,
}

impl NameServer {
    /// Starts one that answers from this zone. Equal seeds make equal random orders.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(zone: Zone, seed: u64) -> Result<Self, StartError> {
        let (udp, tcp) = bind().map_err(StartError::Port)?;
        let address = udp.local_addr().map_err(StartError::Port)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(StartError::Thread)?;
        let shared = Arc::new(Shared(Mutex::new(Desk {
            service: Service::new(zone),
            rng: SmallRng::seed_from_u64(seed),
        })));
        let (stop, stopped) = oneshot::channel();
        let desk = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("names".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    // Neither can fail on the runtime's own thread, with sockets that do not block.
                    let (Ok(udp), Ok(tcp)) = (UdpSocket::from_std(udp), TcpListener::from_std(tcp))
                    else {
                        return;
                    };
                    tokio::select! {
                        () = serve_udp(&udp, &desk) => {}
                        () = serve_tcp(&tcp, &desk) => {}
                        // An error means that the handle is gone, which is the sign to stop.
                        _ = stopped => {}
                    }
                });
            })
            .map_err(StartError::Thread)?;
        Ok(Self {
            address,
            shared,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where to ask, over UDP and TCP.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what it knows and how it behaves; the next answer is given from that.
    pub fn change<T>(&self, change: impl FnOnce(&mut Service) -> T) -> T {
        change(&mut self.shared.lock().service)
    }

    /// What was asked so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.lock().service.counts
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so itself.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Desk> {
        // The desk is whole between any two answers, so that a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, message: &[u8], transport: Transport) -> Option<Vec<u8>> {
        let desk = &mut *self.lock();
        answer(
            &mut desk.service,
            message,
            transport,
            Instant::now(),
            &mut desk.rng,
        )
    }
}

/// One port for both.
fn bind() -> io::Result<(net::UdpSocket, net::TcpListener)> {
    let mut tries = 0;
    loop {
        let udp = net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        match net::TcpListener::bind(udp.local_addr()?) {
            Ok(tcp) => {
                udp.set_nonblocking(true)?;
                tcp.set_nonblocking(true)?;
                return Ok((udp, tcp));
            }
            Err(error) if tries == TRIES => return Err(error),
            Err(_) => tries += 1,
        }
    }
}

async fn serve_udp(socket: &UdpSocket, desk: &Shared) {
    let mut message = vec![0; LONGEST_QUESTION];
    loop {
        // What fails is an answer to somebody who is gone (ICMP), never the socket itself.
        let Ok((len, peer)) = socket.recv_from(&mut message).await else {
            continue;
        };
        if let Some(answer) = desk.answer(&message[..len], Transport::Udp) {
            let _ = socket.send_to(&answer, peer).await;
        }
    }
}

async fn serve_tcp(listener: &TcpListener, desk: &Arc<Shared>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            // Short of descriptors, most likely; others have to finish first.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let desk = Arc::clone(desk);
        tokio::spawn(async move {
            // Whoever breaks off asks again.
            let _ = converse(stream, &desk).await;
            drop(place);
        });
    }
}

/// Questions and answers, each after its length (RFC 1035, section 4.2.2).
async fn converse(mut stream: TcpStream, desk: &Shared) -> io::Result<()> {
    loop {
        let len = tokio::time::timeout(IDLE, stream.read_u16()).await??;
        if usize::from(len) > LONGEST_QUESTION {
            return Ok(());
        }
        let mut message = vec![0; usize::from(len)];
        tokio::time::timeout(IDLE, stream.read_exact(&mut message)).await??;
        let Some(answer) = desk.answer(&message, Transport::Tcp) else {
            continue;
        };
        let len = u16::try_from(answer.len()).map_err(io::Error::other)?;
        let framed = [&len.to_be_bytes(), answer.as_slice()].concat();
        tokio::time::timeout(IDLE, stream.write_all(&framed)).await??;
    }
}

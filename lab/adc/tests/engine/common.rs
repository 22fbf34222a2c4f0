//! Members, clients and waiting, for the tests of the engine.

use std::{
    future::Future,
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use lab_adc::{
    engine::Engine,
    model::{Model, VirtualServer},
};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// A member that greets each connection with its own port and then echoes.
pub(crate) struct Member {
    pub(crate) address: SocketAddr,
    peers: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Member {
    pub(crate) fn start() -> Self {
        Self::listening_on(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    /// A member that comes back where it was.
    pub(crate) fn restart(address: SocketAddr) -> Self {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.bind(&address.into()).unwrap();
        socket.listen(64).unwrap();
        Self::listening_on(socket.into())
    }

    fn listening_on(listener: TcpListener) -> Self {
        let address = listener.local_addr().unwrap();
        let peers = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&peers);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                seen.lock().unwrap().push(stream.peer_addr().unwrap());
                thread::spawn(move || greet_and_echo(stream, address));
            }
        });
        Self { address, peers }
    }

    /// Who has connected, in order.
    pub(crate) fn peers(&self) -> Vec<SocketAddr> {
        self.peers.lock().unwrap().clone()
    }
}

fn greet_and_echo(mut stream: TcpStream, own: SocketAddr) {
    if stream.write_all(&own.port().to_be_bytes()).is_err() {
        return;
    }
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        if stream.write_all(&buffer[..read]).is_err() {
            return;
        }
    }
    let _already_gone = stream.shutdown(Shutdown::Write);
}

/// An engine before these members, with changes to its one virtual server.
pub(crate) fn engine(members: &[&Member], change: impl FnOnce(&mut Model)) -> Engine {
    let mut model = Model::simple(any_port(), members.iter().map(|member| member.address));
    change(&mut model);
    Engine::start(model).unwrap()
}

pub(crate) fn virtual_server(model: &mut Model) -> &mut VirtualServer {
    &mut model.virtual_servers[0]
}

pub(crate) fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Connects and answers with the connection and the member that greeted it.
pub(crate) fn connect(engine: &Engine) -> (TcpStream, u16) {
    let mut stream = dial(engine);
    let port = greeting(&mut stream).unwrap();
    (stream, port)
}

pub(crate) fn dial(engine: &Engine) -> TcpStream {
    let stream = TcpStream::connect(engine.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Which member greets.
pub(crate) fn greeting(stream: &mut TcpStream) -> std::io::Result<u16> {
    let mut port = [0; 2];
    stream.read_exact(&mut port)?;
    Ok(u16::from_be_bytes(port))
}

/// Whether bytes come back.
pub(crate) fn is_alive(stream: &mut TcpStream) -> bool {
    let mut echo = [0; 4];
    stream
        .write_all(b"ping")
        .and_then(|()| stream.read_exact(&mut echo))
        .is_ok()
        && &echo == b"ping"
}

/// How a connection ends that nobody speaks on any more.
pub(crate) fn end_of(stream: &mut TcpStream) -> Result<usize, std::io::ErrorKind> {
    stream.read(&mut [0; 16]).map_err(|error| error.kind())
}

/// Waits until it is so.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Runs a question to a handle to its answer.
pub(crate) fn ask<T>(question: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(question)
}

/// Abandons a connection with a reset.
pub(crate) fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
}

//! The real HAProxy as a witness: for the same connection the engine must send the same PROXY header, byte for byte.
//!
//! Without HAProxy on this machine every test is ignored, and says why.

use std::{
    error::Error,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use lab_adc::{
    engine::Engine,
    model::{Model, Monitor, MonitorKind, MonitorProxy, ProxyProtocol},
    proxy_header,
};
use libtest_mimic::{Arguments, Failed, Trial};
use socket2::{Domain, Socket, Type};

type Outcome<T> = Result<T, Box<dyn Error>>;

const PATIENCE: Duration = Duration::from_secs(10);
/// Version of the header, as the engine and as HAProxy name it.
const KINDS: [(ProxyProtocol, &str); 3] = [
    (ProxyProtocol::V1, "send-proxy"),
    (ProxyProtocol::V2, "send-proxy-v2"),
    (
        ProxyProtocol::V2Crc,
        "send-proxy-v2 proxy-v2-options crc32c",
    ),
];

fn main() {
    // Ports are found free and taken again later; nobody else may take them meanwhile.
    let arguments = Arguments {
        test_threads: Some(1),
        ..Arguments::from_args()
    };
    let haproxy = [
        "/usr/sbin/haproxy",
        "/usr/local/sbin/haproxy",
        "/usr/bin/haproxy",
    ]
    .into_iter()
    .find(|path| Path::new(path).is_file());
    let mut trials = Vec::new();
    for (kind, option) in KINDS {
        for loopback in ["127.0.0.1", "::1"] {
            let name = format!("{option} of a client at {loopback} has HAProxy's bytes");
            trials.push(trial(haproxy, name, move |haproxy| {
                connection_has_the_same_bytes(haproxy, kind, option, loopback)
            }));
        }
    }
    for (kind, option) in [
        (MonitorProxy::V2Local, KINDS[1].1),
        (MonitorProxy::V2LocalCrc, KINDS[2].1),
        (MonitorProxy::V1, KINDS[0].1),
    ] {
        let name = format!("a probe with {option} has HAProxy's bytes");
        trials.push(trial(haproxy, name, move |haproxy| {
            probe_has_the_same_bytes(haproxy, kind, option)
        }));
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn trial(
    haproxy: Option<&'static str>,
    name: String,
    test: impl FnOnce(&str) -> Outcome<()> + Send + 'static,
) -> Trial {
    match haproxy {
        Some(haproxy) => Trial::test(name, move || test(haproxy).map_err(Failed::from)),
        None => Trial::test(
            format!("{name} (ignored: HAProxy is not installed; sudo apt-get install haproxy)"),
            || Ok(()),
        )
        .with_ignored_flag(true),
    }
}

fn connection_has_the_same_bytes(
    haproxy: &str,
    kind: ProxyProtocol,
    option: &str,
    loopback: &str,
) -> Outcome<()> {
    let member = Member::open(loopback)?;
    let listen = free_address(loopback)?;
    let client = free_address(loopback)?;

    let config = format!(
        "frontend in\n bind {listen}\n default_backend out\nbackend out\n server m {} {option}\n",
        member.address
    );
    let theirs = {
        let _haproxy = Haproxy::start(haproxy, &config)?;
        member.header_of(&connect(client, listen)?)?
    };
    let mut model = Model::simple(listen, [member.address]);
    model.virtual_servers[0].proxy_protocol = kind;
    let ours = {
        let _engine = Engine::start(model)?;
        member.header_of(&connect(client, listen)?)?
    };

    assert_eq!(
        ours,
        theirs,
        "ours {:?}, HAProxy's {:?}",
        ours.escape_ascii().to_string(),
        theirs.escape_ascii().to_string()
    );
    let read = proxy_header::read(&theirs)?.ok_or("HAProxy's header is incomplete")?;
    assert_eq!(read.client, client);
    Ok(())
}

fn probe_has_the_same_bytes(haproxy: &str, kind: MonitorProxy, option: &str) -> Outcome<()> {
    let member = Member::open("127.0.0.1")?;
    let listen = free_address("127.0.0.1")?;

    let config = format!(
        "frontend in\n bind {listen}\n default_backend out\nbackend out\n option httpchk\n server m {} {option} check inter 100ms\n",
        member.address
    );
    let (theirs, their_address) = {
        let _haproxy = Haproxy::start(haproxy, &config)?;
        member.probe()?
    };
    let mut model = Model::simple(listen, [member.address]);
    model.pools[0].monitors = vec![Monitor {
        proxy_protocol: kind,
        ..Monitor::new(MonitorKind::http("/"))
    }];
    let (ours, our_address) = {
        let _engine = Engine::start(model)?;
        member.probe()?
    };

    let header = |bytes: &[u8], own: SocketAddr| {
        let text = bytes.escape_ascii().to_string();
        // Only the kernel's choice of port tells the two apart.
        let text = text.replace(&own.port().to_string(), "PORT");
        text.split("OPTIONS /")
            .next()
            .and_then(|text| text.split("GET /").next())
            .map(str::to_owned)
    };
    assert_eq!(header(&ours, our_address), header(&theirs, their_address));
    Ok(())
}

/// Where both send their headers.
struct Member {
    listener: TcpListener,
    address: SocketAddr,
}

impl Member {
    fn open(loopback: &str) -> Outcome<Self> {
        let listener = TcpListener::bind((loopback, 0))?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Everything that is sent before the client's own first words.
    fn header_of(&self, mut client: &TcpStream) -> Outcome<Vec<u8>> {
        const FIRST_WORDS: &[u8] = b"first words";
        let (mut stream, _) = self.listener.accept()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        client.write_all(FIRST_WORDS)?;
        let mut bytes = Vec::new();
        while !bytes.ends_with(FIRST_WORDS) {
            read_some(&mut stream, &mut bytes)?;
        }
        bytes.truncate(bytes.len() - FIRST_WORDS.len());
        // No TIME_WAIT: the next client comes from the same port.
        socket2::SockRef::from(client).set_linger(Some(Duration::ZERO))?;
        Ok(bytes)
    }

    /// What the next probe says at first, and where it comes from.
    fn probe(&self) -> Outcome<(Vec<u8>, SocketAddr)> {
        let (mut stream, own) = self.listener.accept()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut bytes = Vec::new();
        // The request follows its header; both are here once its end is.
        while !bytes.ends_with(b"\r\n\r\n") || !bytes.windows(6).any(|window| window == b"HTTP/1") {
            read_some(&mut stream, &mut bytes)?;
        }
        Ok((bytes, own))
    }
}

fn read_some(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Outcome<()> {
    let mut more = [0; 512];
    match stream.read(&mut more)? {
        0 => Err(format!("ended after {:?}", bytes.escape_ascii().to_string()).into()),
        read => {
            bytes.extend_from_slice(&more[..read]);
            Ok(())
        }
    }
}

struct Haproxy(Child);

impl Haproxy {
    fn start(binary: &str, config: &str) -> Outcome<Self> {
        let directory = tempfile::tempdir()?;
        let socket = directory.path().join("stats.sock");
        let file = directory.path().join("haproxy.cfg");
        let defaults =
            "defaults\n mode tcp\n timeout connect 5s\n timeout client 1m\n timeout server 1m\n";
        std::fs::write(
            &file,
            format!(
                "global\n stats socket {}\n maxconn 100\n{defaults}{config}",
                socket.display()
            ),
        )?;
        let child = Command::new(binary)
            .args(["-db", "-f"])
            .arg(&file)
            .stderr(Stdio::null())
            .spawn()?;
        let mut haproxy = Self(child);
        let deadline = Instant::now() + PATIENCE;
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            let ended = haproxy.0.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                return Err(format!("HAProxy does not start ({ended:?}) with\n{config}").into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(haproxy)
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn connect(from: SocketAddr, to: SocketAddr) -> Outcome<TcpStream> {
    let socket = Socket::new(Domain::for_address(from), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&from.into())?;
    socket.connect(&to.into())?;
    Ok(socket.into())
}

fn free_address(loopback: &str) -> Outcome<SocketAddr> {
    Ok(TcpListener::bind((loopback, 0))?.local_addr()?)
}

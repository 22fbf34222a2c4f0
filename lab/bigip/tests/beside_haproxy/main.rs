//! The real HAProxy as a witness for the shipped iRules. For the same four numbers they send the same header, byte for
//! byte, and HAProxy as a member (`accept-proxy`) believes what they say.
//!
//! Both take the family of the header from the client's side: an IPv6 client before an IPv4 member is `TCP6` (v1) and
//! 0x21 (v2) with both IPv6 addresses, an IPv4 client before an IPv6 member `TCP4` and 0x11. Nobody maps addresses.
//!
//! Without HAProxy on this machine every test is ignored, and says why; it fails where `TIDEGATE_REQUIRE=all` is set.

mod process;
#[path = "../shipped_files_run/support.rs"]
mod support;

use std::error::Error;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use lab_bigip::translate::Stage;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use socket2::{Domain, Socket, Type};

use process::Haproxy;
use support::{objects, objects_in, stage, start, start_on};

type Outcome<T> = Result<T, Box<dyn Error>>;

const PATIENCE: Duration = Duration::from_secs(10);
const FILE: &str = "tls-passthrough.as3.json";
/// Versions of the header, as the site file and as HAProxy name them.
const VERSIONS: [(&str, &str); 2] = [("v1", "send-proxy"), ("v2", "send-proxy-v2")];
/// Clients as another proxy tells them, since no socket of this machine has these addresses.
const TOLD: [&str; 7] = [
    "192.0.2.7:50001",
    "10.255.0.1:1",
    "255.255.255.255:65535",
    "[2001:db8::7]:50001",
    "[1::]:65535",
    "[fe80::1:0:0:1]:1",
    "[2001:db8:0:1:1:1:1:1]:8",
];

fn main() {
    // Ports are found free and taken again later; nobody else may take them meanwhile.
    let arguments = Arguments {
        test_threads: Some(1),
        ..Arguments::from_args()
    };
    let mut trials = Vec::new();
    for (version, option) in VERSIONS {
        for (client, member) in [
            ("127.0.0.1", "127.0.0.1"),
            ("::1", "::1"),
            ("::1", "127.0.0.1"),
            ("127.0.0.1", "::1"),
        ] {
            let name = format!(
                "{version} of {} clients before {} members is HAProxy's {option}",
                family(client),
                family(member)
            );
            trials.push(trial(name, move |haproxy| {
                bytes_are_alike(haproxy, (version, option), client, member)
            }));
        }
        for route_domain in [0, 7] {
            let name = format!("HAProxy believes {version} from route domain {route_domain}");
            trials.push(trial(name, move |haproxy| {
                haproxy_believes(haproxy, version, route_domain)
            }));
        }
    }
    trials.push(trial(
        "HAProxy does not believe a header with a route domain in it".to_owned(),
        haproxy_refuses_a_route_domain,
    ));
    libtest_mimic::run(&arguments, trials).exit();
}

fn trial(name: String, test: impl FnOnce(&str) -> Outcome<()> + Send + 'static) -> Trial {
    Trial::ignorable_test(name, move || match process::installed() {
        Some(haproxy) => test(haproxy)
            .map(|()| Completion::Completed)
            .map_err(Failed::from),
        None => without_haproxy(),
    })
}

fn without_haproxy() -> Result<Completion, Failed> {
    const WHY: &str = "HAProxy is not installed: sudo apt-get install haproxy";
    match std::env::var("TIDEGATE_REQUIRE").is_ok_and(|required| required == "all") {
        true => Err(format!("required, and cannot run here: {WHY}").into()),
        false => Ok(Completion::ignored_with(WHY)),
    }
}

fn family(address: &str) -> &'static str {
    match address.matches(':').count() > 1 {
        true => "IPv6",
        false => "IPv4",
    }
}

fn bytes_are_alike(
    haproxy: &str,
    (version, option): (&str, &str),
    loopback: &str,
    member: &str,
) -> Outcome<()> {
    let told = TOLD.iter().filter(|told| family(told) == family(loopback));
    // The first is who it is.
    for told in std::iter::once(&"").chain(told) {
        let member = Member::open(member)?;
        let (client, listen) = (free_address(loopback)?, free_address(loopback)?);

        let (accepts, known_as) = match *told {
            "" => ("", client),
            told => ("accept-proxy", told.parse()?),
        };
        let line = line(known_as, listen);
        let introduction = if told.is_empty() { "" } else { line.as_str() };
        let config = format!(
            "frontend in\n bind {listen} {accepts}\n default_backend out\nbackend out\n server m {} {option}\n",
            member.address
        );
        let theirs = {
            let _haproxy = Haproxy::start(haproxy, "tcp", &config)?;
            member.header_of(&connect(client, listen)?, introduction)?
        };
        let ours = {
            let stage = Stage {
                data: listen,
                accept_proxy: !told.is_empty(),
                ..stage()
            };
            let _standin = start_on(&objects(FILE, version, member.address), &stage);
            member.header_of(&connect(client, listen)?, introduction)?
        };

        if ours != theirs {
            let (ours, theirs) = (ours.escape_ascii(), theirs.escape_ascii());
            return Err(format!("{line:?}\n  ours:      {ours}\n  HAProxy's: {theirs}").into());
        }
        // Alike is not enough: it is the client's family, and in version 1 the whole line is known.
        let is_right = match version {
            "v1" => ours == line.as_bytes(),
            _ => ours.get(13) == Some(if listen.is_ipv6() { &0x21 } else { &0x11 }),
        };
        if !is_right {
            return Err(format!("{} is not {line:?}", ours.escape_ascii()).into());
        }
    }
    Ok(())
}

/// What version 1 says of a connection.
fn line(client: SocketAddr, destination: SocketAddr) -> String {
    format!(
        "PROXY {} {} {} {} {}\r\n",
        if client.is_ipv6() { "TCP6" } else { "TCP4" },
        client.ip(),
        destination.ip(),
        client.port(),
        destination.port()
    )
}

fn haproxy_believes(haproxy: &str, version: &str, route_domain: u16) -> Outcome<()> {
    let member = free_address("127.0.0.1")?;
    let _member = Haproxy::start(haproxy, "http", &echo(member))?;
    let standin = start(&objects_in(route_domain, FILE, version, member));

    let (client, answer) = ask(standin.address())?;

    let wanted = format!(
        "{} {} {} {}",
        client.ip(),
        client.port(),
        standin.address().ip(),
        standin.address().port()
    );
    match answer.split_once("\r\n\r\n") {
        Some((_, told)) if told == wanted => Ok(()),
        _ => Err(format!("HAProxy did not believe {wanted}, it answered {answer:?}").into()),
    }
}

/// What most people copy: the address as the device writes it. The test above could not fail if this were believed.
fn haproxy_refuses_a_route_domain(haproxy: &str) -> Outcome<()> {
    let member = free_address("127.0.0.1")?;
    let _member = Haproxy::start(haproxy, "http", &echo(member))?;
    let mut objects = objects_in(7, FILE, "v1", member);
    for rule in objects.iter_mut().filter(|object| object.kind == "rule") {
        let body = rule.body.take().unwrap_or_default();
        rule.body = Some(body.replace("[getfield [IP::client_addr] \"%\" 1]", "[IP::client_addr]"));
    }
    let standin = start(&objects);

    let (_, answer) = ask(standin.address())?;

    match answer.contains(" 200 ") {
        false => Ok(()),
        true => Err(format!("HAProxy believed an address with a route domain: {answer:?}").into()),
    }
}

/// An HTTP server that answers who it believes its client is, and where that client connected to.
fn echo(listen: SocketAddr) -> String {
    format!(
        "frontend member\n bind {listen} accept-proxy\n http-request return status 200 content-type text/plain \
         lf-string \"%[src] %[src_port] %[dst] %[dst_port]\"\n"
    )
}

/// A request through the stand-in; an end without an answer is an empty answer.
fn ask(address: SocketAddr) -> Outcome<(SocketAddr, String)> {
    let mut client = TcpStream::connect(address)?;
    client.set_read_timeout(Some(PATIENCE))?;
    let who = client.local_addr()?;
    client.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut answer = Vec::new();
    match client.read_to_end(&mut answer) {
        Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => {
            return Err(error.into());
        }
        Ok(_) | Err(_) => {}
    }
    Ok((who, String::from_utf8_lossy(&answer).into_owned()))
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

    /// Everything that is sent before the client's own first words; what the client is told to be goes before them.
    fn header_of(&self, mut client: &TcpStream, told: &str) -> Outcome<Vec<u8>> {
        const FIRST_WORDS: &[u8] = b"first words";
        client.write_all(told.as_bytes())?;
        client.write_all(FIRST_WORDS)?;
        let (mut stream, _) = self.listener.accept()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut bytes = Vec::new();
        while !bytes.ends_with(FIRST_WORDS) {
            let mut more = [0; 512];
            match stream.read(&mut more)? {
                0 => {
                    return Err(
                        format!("ended after {:?}", bytes.escape_ascii().to_string()).into(),
                    );
                }
                read => bytes.extend_from_slice(&more[..read]),
            }
        }
        bytes.truncate(bytes.len() - FIRST_WORDS.len());
        // No TIME_WAIT: the next client comes from the same port.
        socket2::SockRef::from(client).set_linger(Some(Duration::ZERO))?;
        Ok(bytes)
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
    let loopback: IpAddr = loopback.parse()?;
    Ok(TcpListener::bind((loopback, 0))?.local_addr()?)
}

//! Listeners that speak TLS, met by an implementation of TLS that is not the gateway's loop.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::{Message, WebSocket};

use crate::support::gateway::{Setup, run, write_config};
use crate::support::{Kafka, PATIENCE, eventually};

#[test]
fn records_and_publishes_pass_over_either_back_end() {
    for backend in ["epoll", "auto"] {
        let kafka = Kafka::with_topics(&[("t", 1)]);
        let pair = Pair::new();
        let gateway = Setup::default()
            .backend(backend)
            .listener(&pair.keys())
            .ready(&kafka);
        let mut device = device(gateway.address(), b"", &pair.certificate);

        ask(&mut device, r#"{"op":"subscribe","id":1,"subject":"/t/k"}"#);
        assert!(hear(&mut device).contains("\"subscribed\""));
        assert!(hear(&mut device).contains("\"position\""));
        kafka.write_texts("t", "k", &["from Kafka"]);
        assert!(hear(&mut device).contains("from Kafka"));
        ask(
            &mut device,
            r#"{"op":"publish","id":2,"subject":"/t/other","data":"x"}"#,
        );
        assert!(hear(&mut device).contains("\"published\""));
        assert_eq!(gateway.metric("tidegate_tls_handshakes_total"), 1.0);
    }
}

#[test]
fn tls_begins_behind_a_required_proxy_header() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let pair = Pair::new();
    let gateway = Setup::default()
        .listener("proxy-protocol = \"required\"\ntrusted = [\"127.0.0.0/8\"]")
        .listener(&pair.keys())
        .ready(&kafka);

    let _device = device(
        gateway.address(),
        b"PROXY TCP4 192.0.2.7 198.51.100.1 40001 443\r\n",
        &pair.certificate,
    );

    let connections = gateway.get("/connections").body;
    assert!(connections.contains("192.0.2.7:40001"), "{connections}");
}

#[test]
fn what_is_no_tls_is_refused_and_counted() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let pair = Pair::new();
    let gateway = Setup::default().listener(&pair.keys()).ready(&kafka);

    let mut stream = TcpStream::connect(gateway.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    drop(stream);

    // An alert: type 21, and nothing of HTTP.
    assert_eq!(answer.first(), Some(&21), "{answer:?}");
    eventually("it is counted", || {
        gateway.metric("tidegate_refused_total{reason=\"tls\"}") == 1.0
    });
}

#[test]
fn a_handshake_that_stalls_is_closed_and_counted() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let pair = Pair::new();
    let gateway = Setup::default()
        .listener(&pair.keys())
        .with("[limits]\nhandshake-timeout = \"200ms\"")
        .ready(&kafka);

    let mut stream = TcpStream::connect(gateway.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // The head of a record, and then nothing.
    stream.write_all(&[22, 3, 1]).unwrap();

    assert_eq!(stream.read(&mut [0; 8]).unwrap_or(0), 0);
    eventually("it is counted", || {
        gateway.metric("tidegate_refused_total{reason=\"handshake-timeout\"}") == 1.0
    });
}

#[test]
fn one_connection_too_many_is_told_so_before_the_handshake() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let pair = Pair::new();
    let gateway = Setup::default()
        .listener(&pair.keys())
        .with("[limits]\nconnections = 1")
        .ready(&kafka);
    let _first = device(gateway.address(), b"", &pair.certificate);

    let mut stream = TcpStream::connect(gateway.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();

    // A fatal alert, internal_error: RFC 8446 section 6.
    assert_eq!(answer, [21, 3, 3, 0, 2, 2, 80]);
    assert_eq!(
        gateway.metric("tidegate_refused_total{reason=\"connections\"}"),
        1.0
    );
}

#[test]
fn sighup_shows_new_connections_a_new_certificate_and_keeps_the_old_ones() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let pair = Pair::new();
    let gateway = Setup::default().listener(&pair.keys()).ready(&kafka);
    let mut old = device(gateway.address(), b"", &pair.certificate);
    let before = pair.certificate.clone();

    let renewed = pair.renew();
    gateway.signal("HUP");

    eventually("the new one is shown", || {
        shown(gateway.address(), &before).is_none()
    });
    let _new = device(gateway.address(), b"", &renewed);
    ask(&mut old, r#"{"op":"subscribe","id":1,"subject":"/t/k"}"#);
    assert!(hear(&mut old).contains("\"subscribed\""));

    // What cannot be used changes nothing.
    std::fs::write(pair.folder.path().join("key.pem"), "damaged").unwrap();
    gateway.signal("HUP");
    eventually("it is logged", || gateway.log().contains("not read again"));
    let _newer = device(gateway.address(), b"", &renewed);
}

#[test]
fn files_that_are_missing_damaged_or_do_not_fit_end_with_2_and_the_remedy() {
    let (pair, other) = (Pair::new(), Pair::new());
    let complaint = |certificate: &Path, key: &Path| {
        let toml = format!(
            "[[listener]]\naddress = \"127.0.0.1:0\"\ntls.certificate = {certificate:?}\ntls.key = {key:?}\n\
             [kafka]\ntopics = [\"t\"]\n[kafka.properties]\n\"bootstrap.servers\" = \"127.0.0.1:1\"\n"
        );
        let (_folder, path) = write_config(&toml);
        let output = run(&["--check-config", path.to_str().unwrap()]);
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let says = |certificate: &Path, key: &Path, line: u32, words: &str| {
        let (status, text) = complaint(certificate, key);
        assert_eq!(status, Some(2), "{text}");
        assert!(text.contains(&format!("gateway.toml:{line}:")), "{text}");
        assert!(text.contains(words), "{text}");
    };

    assert_eq!(
        complaint(&pair.path(CERTIFICATE), &pair.path(KEY)).0,
        Some(0)
    );
    let nowhere = pair.path("nowhere.pem");
    says(&nowhere, &pair.path(KEY), 3, "cannot read");
    says(&pair.path(CERTIFICATE), &nowhere, 4, "cannot read");
    says(&pair.path(KEY), &pair.path(KEY), 3, "holds none");
    says(
        &pair.path(CERTIFICATE),
        &other.path(KEY),
        4,
        "is not that of the certificate",
    );
}

#[test]
fn half_of_a_pair_is_refused() {
    let (_folder, path) = write_config(
        "[[listener]]\naddress = \"127.0.0.1:0\"\ntls.key = \"key.pem\"\n\
         [kafka]\ntopics = [\"t\"]\n[kafka.properties]\n\"bootstrap.servers\" = \"127.0.0.1:1\"\n",
    );

    let output = run(&["--check-config", path.to_str().unwrap()]);

    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("TLS without `tls.certificate`"), "{text}");
}

type Device = WebSocket<StreamOwned<ClientConnection, TcpStream>>;

const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";

/// A certificate for `localhost` and its key, in files.
struct Pair {
    folder: TempDir,
    certificate: CertificateDer<'static>,
}

impl Pair {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificate = write_pair(folder.path());
        Self {
            folder,
            certificate,
        }
    }

    /// Puts another pair in the place of this one.
    fn renew(&self) -> CertificateDer<'static> {
        write_pair(self.folder.path())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The keys of a listener.
    fn keys(&self) -> String {
        format!(
            "tls.certificate = {:?}\ntls.key = {:?}",
            self.path(CERTIFICATE),
            self.path(KEY)
        )
    }
}

fn write_pair(folder: &Path) -> CertificateDer<'static> {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join(CERTIFICATE), pair.cert.pem()).unwrap();
    std::fs::write(folder.join(KEY), pair.signing_key.serialize_pem()).unwrap();
    pair.cert.der().clone()
}

/// A device behind a preface, which believes this certificate and no other.
fn device(address: SocketAddr, preface: &[u8], certificate: &CertificateDer<'static>) -> Device {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(preface).unwrap();
    let stream = StreamOwned::new(client(certificate), socket);
    let mut request = "wss://localhost/".into_client_request().unwrap();
    request.headers_mut().insert(
        "Sec-WebSocket-Protocol",
        "tidegate.v1.json".parse().unwrap(),
    );
    tungstenite::client(request, stream).unwrap().0
}

/// A handshake, if the certificate that is shown is this one.
fn shown(address: SocketAddr, certificate: &CertificateDer<'static>) -> Option<()> {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut client = client(certificate);
    while client.is_handshaking() {
        client.complete_io(&mut socket).ok()?;
    }
    Some(())
}

fn client(certificate: &CertificateDer<'static>) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    ClientConnection::new(Arc::new(config), name).unwrap()
}

fn ask(device: &mut Device, request: &str) {
    device.send(Message::text(request)).unwrap();
}

fn hear(device: &mut Device) -> String {
    loop {
        match device.read().unwrap() {
            Message::Text(text) => return text.to_string(),
            Message::Ping(_) => {}
            other => panic!("not a text message: {other:?}"),
        }
    }
}

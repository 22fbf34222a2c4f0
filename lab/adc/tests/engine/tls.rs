//! TLS that ends at the virtual server.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::Arc,
    time::Duration,
};

use lab_adc::{
    engine::{Engine, Refusal, StartError},
    model::{Model, Tls},
};
use tempfile::TempDir;
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto::ring::default_provider,
    pki_types::CertificateDer,
};

use super::common::{Member, any_port, ask, dial, engine, virtual_server, wait_until};

const NAME: &str = "gateway.test";

#[test]
fn a_client_speaks_tls_and_its_member_the_clear() {
    let member = Member::start();
    let shown = Shown::make();
    let engine = engine(&[&member], |model| {
        virtual_server(model).tls = Some(shown.files());
    });
    let mut client = shown.client(engine.address());

    let mut greeting = [0; 2];
    client.read_exact(&mut greeting).unwrap();
    assert_eq!(u16::from_be_bytes(greeting), member.address.port());

    // More than the engine's buffer and the sockets' hold at once, both ways.
    let sent: Vec<u8> = (0..3_000_000u32).map(|byte| byte as u8).collect();
    for part in sent.chunks(100_000) {
        client.write_all(part).unwrap();
        let mut echoed = vec![0; part.len()];
        client.read_exact(&mut echoed).unwrap();
        assert!(echoed == part);
    }

    client.conn.send_close_notify();
    client.flush().unwrap();
    assert_eq!(client.read(&mut [0; 1]).unwrap(), 0, "the end is passed on");
}

#[test]
fn who_speaks_no_tls_is_refused_and_reaches_no_member() {
    let member = Member::start();
    let shown = Shown::make();
    let engine = engine(&[&member], |model| {
        virtual_server(model).tls = Some(shown.files());
    });

    let mut client = dial(&engine);
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();

    wait_until("the refusal is counted", || {
        let stats = ask(engine.handle().stats()).unwrap();
        stats.virtual_servers[0].refused.get(&Refusal::Tls) == Some(&1)
    });
    assert_eq!(member.peers(), []);
}

#[test]
fn an_engine_without_its_certificate_says_which_file() {
    let mut model = Model::simple(any_port(), [SocketAddr::from(([127, 0, 0, 1], 9))]);
    virtual_server(&mut model).tls = Some(Tls {
        certificate: Path::new("/nowhere/devices.pem").to_owned(),
        key: Path::new("/nowhere/devices.key").to_owned(),
    });

    let error = Engine::start(model).unwrap_err();

    assert!(matches!(error, StartError::Tls { .. }));
    assert!(
        error.to_string().starts_with(
            "virtual server `virtual` cannot end TLS: cannot read /nowhere/devices.pem: "
        ),
        "{error}"
    );
}

/// A certificate of a test's own.
struct Shown {
    folder: TempDir,
    certificate: CertificateDer<'static>,
}

impl Shown {
    fn make() -> Self {
        let pair = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("devices.pem"), pair.cert.pem()).unwrap();
        let key = pair.signing_key.serialize_pem();
        std::fs::write(folder.path().join("devices.key"), key).unwrap();
        Self {
            folder,
            certificate: pair.cert.der().clone(),
        }
    }

    fn files(&self) -> Tls {
        Tls {
            certificate: self.folder.path().join("devices.pem"),
            key: self.folder.path().join("devices.key"),
        }
    }

    fn client(&self, address: SocketAddr) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let session = ClientConnection::new(Arc::new(config), NAME.try_into().unwrap()).unwrap();
        let socket = TcpStream::connect(address).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        StreamOwned::new(session, socket)
    }
}

//! `wss://`: the device speaks only to the server that it means.

use std::sync::Arc;

use gateway_client::{
    Cause, Device, DeviceOptions, Event, Inbox, News, Resolve, Resolved, ServerList, Transport,
};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::gateway::{Gateway, in_time, next_loss, shake_hands};

const CERTIFICATE: &[u8] = include_bytes!("certificates/gateway.example.pem");
const KEY: &[u8] = include_bytes!("certificates/gateway.example.key");

/// Every name leads to this machine.
struct Here;

impl Resolve for Here {
    fn resolve<'a>(
        &'a self,
        _: &'a str,
    ) -> std::pin::Pin<Box<dyn Future<Output = std::io::Result<Resolved>> + Send + 'a>> {
        let addresses = vec![std::net::Ipv4Addr::LOCALHOST.into()];
        Box::pin(async move {
            Ok(Resolved {
                addresses,
                ttl: std::time::Duration::from_secs(30),
            })
        })
    }
}

fn device(host: &str, port: u16, tls: Option<Arc<ClientConfig>>) -> (Device, Inbox) {
    let transport = Transport {
        resolver: Arc::new(Here),
        tls,
        ..Transport::default()
    };
    let servers = ServerList::parse([format!("wss://{host}:{port}")]).unwrap();
    Device::connect(
        servers,
        DeviceOptions {
            transport,
            seed: Some(1),
            ..DeviceOptions::default()
        },
    )
}

/// Trusts the test's certificate and no other.
fn trusting() -> Option<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(CERTIFICATE).unwrap())
        .unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    Some(Arc::new(
        builder.with_root_certificates(roots).with_no_client_auth(),
    ))
}

fn acceptor() -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE).unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth();
    TlsAcceptor::from(Arc::new(
        builder.with_single_cert(vec![certificate], key).unwrap(),
    ))
}

/// What becomes of a device that means this host and trusts these certificates.
async fn loss_with(host: &str, tls: Option<Arc<ClientConfig>>) -> (Cause, String) {
    let gateway = Gateway::start().await;
    let (_device, mut inbox) = device(host, gateway.address().port(), tls);
    let stream = gateway.accept_tcp().await;
    assert!(in_time(acceptor().accept(stream)).await.is_err());
    next_loss(&mut inbox).await
}

#[tokio::test]
async fn trusted_certificate_of_the_right_name_connects() {
    let gateway = Gateway::start().await;
    let (_device, mut inbox) = device("gateway.example", gateway.address().port(), trusting());

    let stream = gateway.accept_tcp().await;
    let stream = in_time(acceptor().accept(stream)).await.unwrap();
    let _socket = shake_hands(stream).await;

    assert!(matches!(
        in_time(inbox.next()).await,
        Some(News::Event(Event::Connected { .. }))
    ));
}

#[tokio::test]
async fn certificate_for_another_name_is_told() {
    let (cause, detail) = loss_with("other.example", trusting()).await;

    assert_eq!(cause, Cause::Tls);
    assert!(detail.contains("not valid for name"), "{detail}");
}

#[tokio::test]
async fn certificate_that_nobody_vouches_for_is_told() {
    let (cause, detail) = loss_with("gateway.example", None).await;

    assert_eq!(cause, Cause::Tls);
    assert!(detail.contains("certificate"), "{detail}");
}

//! A server on tokio-tungstenite, as one writes it first: a task per connection that waits for the next broadcast and for
//! the device. The one thing that may be tuned is the size of its read buffer.

use std::sync::Arc;

use anyhow::Context as _;
use futures_util::{SinkExt as _, StreamExt as _};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::accept_async_with_config;
use tungstenite::Message;
use tungstenite::protocol::WebSocketConfig;

use super::words::{Answer, Order, Shown, message, orders, say};

/// Messages that may wait for a task.
const WAITING: usize = 1024;

/// Runs until standard input ends.
pub(super) fn play(read_buffer: Option<usize>, shown: Option<&Shown>) -> anyhow::Result<()> {
    let tls = shown.map(acceptor).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .context("no runtime")?;
    let (news, _) = broadcast::channel(WAITING);
    let publisher = news.clone();
    let (ended, end) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // The bench is told by the end of this process.
        let _ = ended.send(publish(&publisher));
    });
    runtime.block_on(async {
        tokio::select! {
            served = serve(&news, read_buffer, tls) => served,
            published = end => published.context("the orders' thread ended")?,
        }
    })
}

fn publish(news: &broadcast::Sender<Message>) -> anyhow::Result<()> {
    for order in orders() {
        let Order::Broadcast {
            messages,
            bytes,
            stamp,
        } = order?
        else {
            continue;
        };
        let message = Message::text(message(bytes, stamp));
        for _ in 0..messages {
            news.send(message.clone()).context("nobody is connected")?;
        }
    }
    Ok(())
}

async fn serve(
    news: &broadcast::Sender<Message>,
    read_buffer: Option<usize>,
    tls: Option<TlsAcceptor>,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .context("no port to listen on")?;
    let address = listener.local_addr()?;
    say(&Answer::Listening { address });
    let config = read_buffer.map(|size| WebSocketConfig::default().read_buffer_size(size));
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let news = news.subscribe();
        match tls.clone() {
            None => drop(tokio::spawn(connection(socket, config, news))),
            Some(tls) => drop(tokio::spawn(async move {
                connection(tls.accept(socket).await?, config, news).await
            })),
        }
    }
}

/// TLS as one sets it up first.
fn acceptor(shown: &Shown) -> anyhow::Result<TlsAcceptor> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(&shown.file)?.collect();
    let key = PrivateKeyDer::from_pem_file(&shown.key)?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain?, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn connection(
    socket: impl AsyncRead + AsyncWrite + Unpin,
    config: Option<WebSocketConfig>,
    mut news: broadcast::Receiver<Message>,
) -> anyhow::Result<()> {
    let (mut device, mut said) = accept_async_with_config(socket, config).await?.split();
    loop {
        tokio::select! {
            message = news.recv() => device.send(message?).await?,
            said = said.next() => match said {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Ok(()),
            },
        }
    }
}

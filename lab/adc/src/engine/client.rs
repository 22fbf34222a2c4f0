//! A client's connection as the engine reads and writes it: in the clear, or with its TLS ended here.

use std::{
    fs, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring::default_provider,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
    server::TlsStream,
};

use crate::model::Tls;

/// How long a client may take for its TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// A client's connection.
pub(crate) enum Client {
    /// Bytes go on as they come.
    Plain(TcpStream),
    /// Members get what was encrypted.
    Tls(Box<TlsStream<TcpStream>>),
}

/// Ends the TLS of clients.
pub(crate) struct Offload(TlsAcceptor);

/// A client with which no TLS could be agreed on.
pub(crate) struct Failed {
    pub(crate) why: String,
    /// None when it took too long; its socket is closed then.
    pub(crate) stream: Option<TcpStream>,
}

impl Offload {
    /// Reads certificate and key.
    pub(crate) fn load(tls: &Tls) -> Result<Self, String> {
        let read = |path: &std::path::Path| {
            fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
        };
        let text = read(&tls.certificate)?;
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&text)
            .collect::<Result<_, _>>()
            .map_err(|error| format!("{}: {error}", tls.certificate.display()))?;
        let key = PrivateKeyDer::from_pem_slice(&read(&tls.key)?)
            .map_err(|error| format!("{}: {error}", tls.key.display()))?;
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                let builder = builder.with_no_client_auth();
                builder.with_single_cert(chain, key)
            })
            .map_err(|error| format!("{}: {error}", tls.certificate.display()))?;
        Ok(Self::with(Arc::new(config)))
    }

    /// As somebody else has configured it.
    pub(crate) fn with(config: Arc<ServerConfig>) -> Self {
        Self(TlsAcceptor::from(config))
    }

    /// Shakes hands with a client.
    pub(crate) async fn meet(&self, stream: TcpStream) -> Result<Client, Failed> {
        let handshake = self.0.accept(stream).into_fallible();
        match timeout(HANDSHAKE_TIMEOUT, handshake).await {
            Ok(Ok(stream)) => Ok(Client::Tls(Box::new(stream))),
            Ok(Err((error, stream))) => Err(Failed {
                why: error.to_string(),
                stream: Some(stream),
            }),
            Err(_) => Err(Failed {
                why: format!("no TLS handshake within {HANDSHAKE_TIMEOUT:?}"),
                stream: None,
            }),
        }
    }
}

impl Client {
    /// The socket below.
    pub(crate) fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }

    /// The socket alone; what TLS had in hand is gone.
    pub(crate) fn into_socket(self) -> TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.into_inner().0,
        }
    }
}

impl AsyncRead for Client {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => match Pin::new(stream).poll_read(cx, buffer) {
                // Many clients end without TLS's own farewell; whether their last message is whole the member sees.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    Poll::Ready(Ok(()))
                }
                polled => polled,
            },
        }
    }
}

impl AsyncWrite for Client {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

//! Servers that do what no server should.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use anchorwatch::demo::mint::Svid;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Accepts connections at a free port for as long as the test's runtime lives.
pub(crate) async fn tcp<F, Fut>(converse: F) -> SocketAddr
where
    F: Fn(TcpStream) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            tokio::spawn(converse(stream));
        }
    });
    address
}

/// The same, after a TLS handshake that is in order, and a request that was read.
pub(crate) async fn http<F, Fut>(svid: &Svid, converse: F) -> SocketAddr
where
    F: Fn(TlsStream<TcpStream>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = io::Result<()>> + Send + 'static,
{
    let acceptor = TlsAcceptor::from(Arc::new(config(svid)));
    tcp(move |stream| {
        let (acceptor, converse) = (acceptor.clone(), converse.clone());
        async move {
            let mut stream = acceptor.accept(stream).await?;
            head(&mut stream).await?;
            converse(stream).await
        }
    })
    .await
}

/// Answers every request with these bytes, and closes in good order.
pub(crate) async fn answering(svid: &Svid, answer: impl Into<Vec<u8>>) -> SocketAddr {
    let answer: Arc<[u8]> = answer.into().into();
    http(svid, move |mut stream| {
        let answer = answer.clone();
        async move {
            stream.write_all(&answer).await?;
            stream.shutdown().await
        }
    })
    .await
}

/// Has the end of a connection be a reset, when the stream is dropped.
pub(crate) fn reset(stream: &TcpStream) -> io::Result<()> {
    stream.set_zero_linger()
}

/// A server's TLS configuration that presents an SVID, in order or not.
pub(crate) fn config(svid: &Svid) -> ServerConfig {
    ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(presents(svid))
}

/// Presents an SVID whatever is asked. rustls' own resolver refuses broken ones.
pub(crate) fn presents(svid: &Svid) -> Arc<dyn ResolvesServerCert> {
    #[derive(Debug)]
    struct Presents(Arc<CertifiedKey>);

    impl ResolvesServerCert for Presents {
        fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            Some(self.0.clone())
        }
    }

    Arc::new(Presents(Arc::new(svid.certified_key())))
}

/// Reads the head of a request.
pub(crate) async fn head(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(head)
}

//! From a TCP connection to one that HTTP is spoken over.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::gate::RequestGate;

/// What Go's server says to whoever speaks HTTP where TLS is wanted.
const PLAIN: &[u8] = b"HTTP/1.0 400 Bad Request\r\n\r\n\
    Client sent an HTTP request to an HTTPS server.\n";

/// A connection, whether it is encrypted or not.
pub(super) trait Socket: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin> Socket for S {}

/// Does what must be done before HTTP: nothing, or a TLS handshake. Whoever calls bounds its time.
pub(super) async fn open(
    stream: TcpStream,
    gate: Option<Arc<RequestGate>>,
) -> io::Result<Box<dyn Socket>> {
    let tls = match gate {
        Some(gate) => gate.tls().await,
        None => None,
    };
    match tls {
        Some(tls) => encrypted(stream, tls).await,
        None => Ok(Box::new(stream)),
    }
}

async fn encrypted(mut stream: TcpStream, tls: Arc<ServerConfig>) -> io::Result<Box<dyn Socket>> {
    let mut first = [0];
    let came = stream.peek(&mut first).await?;
    // A method is letters; a TLS record of a handshake begins with 22.
    if came == 1 && first.iter().all(u8::is_ascii_uppercase) {
        stream.write_all(PLAIN).await?;
        stream.shutdown().await?;
        // What is unread at a close resets the connection, and the answer may be lost with it.
        drop(tokio::io::copy(&mut stream, &mut tokio::io::sink()).await);
        return Err(io::Error::new(io::ErrorKind::InvalidData, "HTTP where TLS is wanted"));
    }
    Ok(Box::new(TlsAcceptor::from(tls).accept(stream).await?))
}

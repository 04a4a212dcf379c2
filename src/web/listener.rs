//! The accept loop: bounded in connections, heads and patience.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tracing::{debug, warn};

use super::backend::Backend;
use super::gate::{self, Gate};
use super::patient::Patient;
use super::router;
use super::secure::{self, Socket};

/// The most bytes of a request's head.
const HEAD: usize = 64 << 10;
/// Out of descriptors, trying again at once would only burn the CPU.
const PAUSE: Duration = Duration::from_millis(100);

/// What bounds those who connect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// How many connections may be open at one time. Others wait in the kernel's queue.
    connections: usize,
    /// How long it may take until HTTP is spoken: a TLS handshake.
    handshake: Duration,
    /// How long a request's head may take, and a connection be idle. Without it, half a head holds
    /// a connection for ever.
    head: Duration,
    /// How long a reader may take nothing of its answer.
    write: Duration,
    /// How long requests under way may take once a stop was asked for.
    drain: Duration,
}

impl Bounds {
    /// Over TCP: anybody.
    pub(super) const WEB: Self = Self {
        connections: 256,
        handshake: Duration::from_secs(5),
        head: Duration::from_secs(10),
        write: Duration::from_secs(30),
        drain: Duration::from_millis(500),
    };
    /// Over the admin socket: commands.
    pub(super) const ADMIN: Self = Self { connections: 64, ..Self::WEB };
}

/// Where connections come in.
pub(super) trait Door: Send + 'static {
    /// What a connection is.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;
    /// What becomes a connection, beside the accept loop: who is slow holds up nobody else.
    type Opening: Future<Output = io::Result<Self::Stream>> + Send + 'static;

    /// The next connection, and what it gets. Must be cancel-safe.
    fn next(&self) -> impl Future<Output = io::Result<(Self::Opening, Router)>> + Send;
}

/// An HTTP listener that runs.
#[derive(Debug)]
pub struct WebListener {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl WebListener {
    /// Listens on this address, over plain HTTP and for everybody.
    pub async fn bind(
        address: SocketAddr,
        backend: Arc<dyn Backend>,
        lifecycle: bool,
    ) -> io::Result<Self> {
        Self::serving(address, router::web(backend, lifecycle), None, Bounds::WEB).await
    }

    /// Listens on this address, behind a gate where there is one, for at most so many connections
    /// at one time.
    pub async fn bind_behind(
        gate: Option<Arc<Gate>>,
        address: SocketAddr,
        backend: Arc<dyn Backend>,
        lifecycle: bool,
        connections: usize,
    ) -> io::Result<Self> {
        let mut router = router::web(backend, lifecycle);
        if let Some(gate) = &gate {
            router = router.layer(from_fn_with_state(Arc::clone(gate), gate::guard));
        }
        let connections = connections.min(Bounds::WEB.connections);
        Self::serving(address, router, gate, Bounds { connections, ..Bounds::WEB }).await
    }

    async fn serving(
        address: SocketAddr,
        router: Router,
        gate: Option<Arc<Gate>>,
        bounds: Bounds,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(accept(Tcp { listener, router, gate }, bounds, stopped));
        Ok(Self { address, stop, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening, and lets requests under way end for half a second.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        drop(self.task.await);
    }
}

struct Tcp {
    listener: TcpListener,
    router: Router,
    gate: Option<Arc<Gate>>,
}

impl Door for Tcp {
    type Stream = Box<dyn Socket>;
    type Opening = Pin<Box<dyn Future<Output = io::Result<Self::Stream>> + Send>>;

    async fn next(&self) -> io::Result<(Self::Opening, Router)> {
        let (stream, _) = self.listener.accept().await?;
        drop(stream.set_nodelay(true));
        Ok((Box::pin(secure::open(stream, self.gate.clone())), self.router.clone()))
    }
}

/// Serves whoever comes in until a stop is asked for.
pub(super) async fn accept(door: impl Door, bounds: Bounds, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            next = door.next(), if connections.len() < bounds.connections => match next {
                Ok((opening, router)) => {
                    connections.spawn(enter(opening, router, bounds, stopped.clone()));
                }
                Err(why) => {
                    warn!(%why, "cannot accept a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => (),
            _ = stopped.changed() => break,
        }
    }
    drop(door);
    let ended = async { while connections.join_next().await.is_some() {} };
    // What is left is dropped with the set.
    drop(tokio::time::timeout(bounds.drain, ended).await);
}

/// Opens one connection and serves it.
async fn enter<S>(
    opening: impl Future<Output = io::Result<S>>,
    router: Router,
    bounds: Bounds,
    mut stopped: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let opened = tokio::select! {
        opened = tokio::time::timeout(bounds.handshake, opening) => opened,
        _ = stopped.changed() => return,
    };
    match opened {
        Ok(Ok(stream)) => serve(stream, router, bounds, stopped).await,
        Ok(Err(why)) => debug!(%why, "connection refused"),
        Err(_) => debug!("handshake took too long"),
    }
}

/// Serves one connection until it ends or a stop is asked for.
async fn serve<S>(stream: S, router: Router, bounds: Bounds, mut stopped: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(bounds.head).max_buf_size(HEAD);
    let service = TowerToHyperService::new(router);
    let stream = TokioIo::new(Patient::new(stream, bounds.write));
    let mut connection = std::pin::pin!(server.serve_connection(stream, service));
    let ended: Result<(), hyper::Error> = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(why) = ended {
        debug!(%why, "connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::get;
    use hyper::body::{Bytes, Frame};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;
    use tokio::sync::Notify;

    use super::*;

    const SHORT: Duration = Duration::from_millis(50);
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    const LAST_REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

    async fn start(router: Router, bounds: Bounds) -> WebListener {
        WebListener::serving("127.0.0.1:0".parse().unwrap(), router, None, bounds).await.unwrap()
    }

    fn hello() -> Router {
        Router::new().route("/", get(|| async { "hello" }))
    }

    async fn connect(listener: &WebListener) -> TcpStream {
        TcpStream::connect(listener.address()).await.unwrap()
    }

    /// Everything until the other side ends the connection, whether in order or not.
    async fn rest(stream: &mut TcpStream) -> String {
        let mut text = Vec::new();
        drop(stream.read_to_end(&mut text).await);
        String::from_utf8(text).unwrap()
    }

    #[tokio::test]
    async fn half_a_head_holds_a_connection_for_no_longer_than_its_deadline() {
        let listener = start(hello(), Bounds { head: SHORT, ..Bounds::WEB }).await;
        let (mut silent, mut slow) = (connect(&listener).await, connect(&listener).await);
        slow.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
        assert_eq!(rest(&mut silent).await, "");
        assert!(!rest(&mut slow).await.contains("hello"));
    }

    #[tokio::test]
    async fn a_huge_head_is_refused() {
        let listener = start(hello(), Bounds::WEB).await;
        let mut stream = connect(&listener).await;
        let head = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(2 * HEAD));
        // It may be refused before all of it is sent.
        drop(stream.write_all(head.as_bytes()).await);
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 431");
    }

    #[tokio::test]
    async fn one_connection_too_many_waits_until_another_ends() {
        let listener = start(hello(), Bounds { connections: 2, ..Bounds::WEB }).await;
        let mut held = Vec::new();
        for _ in 0..2 {
            let mut stream = connect(&listener).await;
            stream.write_all(REQUEST).await.unwrap();
            stream.read_u8().await.unwrap();
            held.push(stream);
        }
        let mut waiting = connect(&listener).await;
        waiting.write_all(LAST_REQUEST).await.unwrap();
        let early = tokio::time::timeout(SHORT, waiting.read_u8()).await;
        assert!(early.is_err(), "served beyond the bound");
        held.pop();
        assert!(rest(&mut waiting).await.ends_with("hello"));
    }

    #[tokio::test]
    async fn a_stop_is_heard_while_every_connection_is_taken() {
        let bounds = Bounds { connections: 1, drain: SHORT, ..Bounds::WEB };
        let listener = start(hello(), bounds).await;
        let mut held = connect(&listener).await;
        held.write_all(REQUEST).await.unwrap();
        held.read_u8().await.unwrap();
        let address = listener.address();
        listener.stop().await;
        assert!(TcpStream::connect(address).await.is_err());
        assert!(rest(&mut held).await.ends_with("hello"), "an idle connection is closed in order");
    }

    #[tokio::test]
    async fn a_request_under_way_is_answered_after_a_stop() {
        let (came, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (enters, waits) = (Arc::clone(&came), Arc::clone(&go));
        let router = Router::new().route(
            "/",
            get(|| async move {
                enters.notify_one();
                waits.notified().await;
                "at last"
            }),
        );
        let listener = start(router, Bounds { drain: Duration::MAX, ..Bounds::WEB }).await;
        let mut stream = connect(&listener).await;
        stream.write_all(REQUEST).await.unwrap();
        came.notified().await;
        let stopped = tokio::spawn(listener.stop());
        go.notify_one();
        assert!(rest(&mut stream).await.ends_with("at last"));
        stopped.await.unwrap();
    }

    #[tokio::test]
    async fn a_request_that_does_not_end_is_dropped_after_a_stop() {
        let router = Router::new().route("/", get(std::future::pending::<String>));
        let listener = start(router, Bounds { drain: SHORT, ..Bounds::WEB }).await;
        let mut stream = connect(&listener).await;
        stream.write_all(REQUEST).await.unwrap();
        listener.stop().await;
        assert_eq!(rest(&mut stream).await, "");
    }

    /// An answer without end, that says when it is dropped.
    struct Endless(Arc<Notify>);

    impl Drop for Endless {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }

    impl hyper::body::Body for Endless {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            let piece = Bytes::from_static(&[b'x'; 1 << 12]);
            std::task::Poll::Ready(Some(Ok(Frame::data(piece))))
        }
    }

    #[tokio::test]
    async fn a_reader_that_takes_nothing_is_dropped() {
        let dropped = Arc::new(Notify::new());
        let endless = Arc::clone(&dropped);
        let router = Router::new()
            .route("/", get(|| async move { Body::new(Endless(Arc::clone(&endless))) }));
        let listener = start(router, Bounds { write: SHORT, ..Bounds::WEB }).await;
        let mut stream = connect(&listener).await;
        stream.write_all(REQUEST).await.unwrap();
        dropped.notified().await;
    }
}

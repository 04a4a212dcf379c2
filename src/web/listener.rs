//! The accept loop: bounded in connections, heads and patience.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_io_timeout::TimeoutStream;
use tracing::{debug, warn};

use super::ReloadOverHttp;
use super::backend::Backend;
use super::gate::{self, RequestGate};
use super::readers::{CONNECTIONS, Connection, Peer, Reader, Readers};
use super::router;
use super::secure::{self, Socket};

/// The most bytes of a request's head, and about as many of an answer are handed to the kernel at
/// once.
const HEAD: usize = 32 << 10;
/// How many bytes of an answer the kernel may hold for one reader; with its own it takes twice as
/// much. By itself it takes up to 4 MiB for each, which a container's memory limit counts. A scrape
/// over a round trip of 10 ms still gets 12 MB/s.
const KERNEL: u32 = 128 << 10;
/// How many connections may wait in the kernel until they are accepted.
const BACKLOG: u32 = 1024;
/// Out of descriptors, trying again at once would only burn the CPU.
const PAUSE: Duration = Duration::from_millis(100);
/// How often answers that take too long are looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// How long those who connect may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// How long it may take until HTTP is spoken: a TLS handshake.
    handshake: Duration,
    /// How long a request's head may take, and a connection be idle. Without it, half a head holds
    /// a connection until others need its place.
    head: Duration,
    /// How long a reader may take nothing of its answer.
    write: Duration,
    /// How long requests under way may take once a stop was asked for.
    drain: Duration,
}

impl Bounds {
    /// What holds unless a test says otherwise.
    pub(super) const DEFAULT: Self = Self {
        handshake: Duration::from_secs(5),
        head: Duration::from_secs(10),
        write: Duration::from_secs(30),
        drain: Duration::from_millis(500),
    };
}

/// Where connections come in.
pub(super) trait Acceptor: Send + 'static {
    /// What a connection is.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;
    /// What becomes a connection, beside the accept loop: who is slow holds up nobody else.
    type Opening: Future<Output = io::Result<Self::Stream>> + Send + 'static;

    /// The next connection, and who is at its other end. Must be cancel-safe.
    fn next(&self) -> impl Future<Output = io::Result<(Self::Opening, Peer)>> + Send;
}

/// An HTTP listener that runs.
#[derive(Debug)]
pub struct WebListener {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// How HTTP is served over TCP.
#[derive(Clone, Debug)]
pub struct WebSettings {
    /// Whether `POST /-/reload` is taken.
    pub reload: ReloadOverHttp,
    /// What stands before all routes; without it, plain HTTP for everybody.
    pub gate: Option<Arc<RequestGate>>,
    /// Who may read at one time. Several listeners share it.
    pub readers: Arc<Readers>,
}

impl WebListener {
    /// Listens on this address, over plain HTTP and for everybody. It is called within a runtime.
    pub fn bind(
        address: SocketAddr,
        backend: Arc<dyn Backend>,
        reload: ReloadOverHttp,
    ) -> io::Result<Self> {
        let readers = Readers::new(CONNECTIONS, backend.scrape().registered);
        Self::bind_with(address, backend, WebSettings { reload, gate: None, readers })
    }

    /// Listens on this address. It is called within a runtime.
    pub fn bind_with(
        address: SocketAddr,
        backend: Arc<dyn Backend>,
        settings: WebSettings,
    ) -> io::Result<Self> {
        let WebSettings { reload, gate, readers } = settings;
        let mut router = router::web(backend, Arc::clone(&readers), reload);
        if let Some(gate) = &gate {
            router = router.layer(from_fn_with_state(Arc::clone(gate), gate::guard));
        }
        Self::serving(address, router, gate, readers, Bounds::DEFAULT)
    }

    fn serving(
        address: SocketAddr,
        router: Router,
        gate: Option<Arc<RequestGate>>,
        readers: Arc<Readers>,
        bounds: Bounds,
    ) -> io::Result<Self> {
        let listener = listen(address)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(accept(Tcp { listener, gate }, router, readers, bounds, stopped));
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

/// A listener as tokio has it, whose connections have a bound in the kernel.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(KERNEL)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

struct Tcp {
    listener: TcpListener,
    gate: Option<Arc<RequestGate>>,
}

impl Acceptor for Tcp {
    type Stream = Box<dyn Socket>;
    type Opening = Pin<Box<dyn Future<Output = io::Result<Self::Stream>> + Send>>;

    async fn next(&self) -> io::Result<(Self::Opening, Peer)> {
        let (stream, address) = self.listener.accept().await?;
        drop(stream.set_nodelay(true));
        let peer = Peer::network(address.ip());
        Ok((Box::pin(secure::open(stream, self.gate.clone())), peer))
    }
}

/// Serves whoever comes in until a stop is asked for.
pub(super) async fn accept(
    acceptor: impl Acceptor,
    router: Router,
    readers: Arc<Readers>,
    bounds: Bounds,
    mut stopped: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let mut sweep = tokio::time::interval(SWEEP);
    loop {
        let next = async {
            readers.space().await;
            acceptor.next().await
        };
        tokio::select! {
            next = next => match next {
                Ok((opening, peer)) => {
                    let connection = readers.enter(peer);
                    let (router, stopped) = (router.clone(), stopped.clone());
                    connections.spawn(enter(opening, connection, router, bounds, stopped));
                }
                Err(why) => {
                    warn!(%why, "cannot accept a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => (),
            _ = sweep.tick() => readers.end_late_answers(),
            _ = stopped.changed() => break,
        }
    }
    drop(acceptor);
    let ended = async { while connections.join_next().await.is_some() {} };
    // What is left is dropped with the set.
    drop(tokio::time::timeout(bounds.drain, ended).await);
}

/// Opens one connection and serves it, unless others need its place.
async fn enter<S>(
    opening: impl Future<Output = io::Result<S>>,
    connection: Connection,
    router: Router,
    bounds: Bounds,
    mut stopped: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let served = async {
        let opened = tokio::select! {
            opened = tokio::time::timeout(bounds.handshake, opening) => opened,
            _ = stopped.changed() => return,
        };
        match opened {
            Ok(Ok(stream)) => serve(stream, connection.reader(), router, bounds, stopped).await,
            Ok(Err(why)) => debug!(%why, "connection refused"),
            Err(_) => debug!("handshake took too long"),
        }
    };
    tokio::select! {
        () = served => (),
        () = connection.ended() => debug!("connection ended for others"),
    }
}

/// Serves one connection until it ends or a stop is asked for.
async fn serve<S>(
    stream: S,
    reader: Reader,
    router: Router,
    bounds: Bounds,
    mut stopped: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(bounds.head).max_buf_size(HEAD);
    // Pieces are handed over as they are: copied, they would not be counted any more.
    server.writev(true);
    let service = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        reader.request_began();
        request.extensions_mut().insert(reader.clone());
        let (answered, reader) = (service.call(request), reader.clone());
        async move {
            let response = answered.await;
            reader.request_ended();
            response
        }
    });
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(bounds.write));
    let stream = TokioIo::new(Box::pin(stream));
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
    use crate::metrics::Registered;

    const SHORT: Duration = Duration::from_millis(50);
    const HOUR: Duration = Duration::from_hours(1);
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    const LAST_REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

    fn start(router: Router, bounds: Bounds) -> WebListener {
        let readers = Readers::new(16, Registered::new().unwrap());
        let address = "127.0.0.1:0".parse().unwrap();
        WebListener::serving(address, router, None, readers, bounds).unwrap()
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
        let listener = start(hello(), Bounds { head: SHORT, ..Bounds::DEFAULT });
        let (mut silent, mut slow) = (connect(&listener).await, connect(&listener).await);
        slow.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
        assert_eq!(rest(&mut silent).await, "");
        assert!(!rest(&mut slow).await.contains("hello"));
    }

    #[tokio::test]
    async fn a_huge_head_is_refused() {
        let listener = start(hello(), Bounds::DEFAULT);
        let mut stream = connect(&listener).await;
        let head = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(2 * HEAD));
        // It may be refused before all of it is sent.
        drop(stream.write_all(head.as_bytes()).await);
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 431");
    }

    /// As many connections as there are places, which are answered and then idle.
    async fn idle(listener: &WebListener) -> Vec<TcpStream> {
        let mut held = Vec::new();
        for _ in 0..16 {
            let mut stream = connect(listener).await;
            stream.write_all(REQUEST).await.unwrap();
            stream.read_u8().await.unwrap();
            held.push(stream);
        }
        held
    }

    #[tokio::test]
    async fn an_idle_connection_gives_its_place_to_a_newcomer() {
        let listener = start(hello(), Bounds::DEFAULT);
        let mut held = idle(&listener).await;
        let mut newcomer = connect(&listener).await;
        newcomer.write_all(LAST_REQUEST).await.unwrap();
        assert!(rest(&mut newcomer).await.ends_with("hello"));
        assert!(rest(&mut held[0]).await.ends_with("hello"), "and ends");
        held[1].write_all(LAST_REQUEST).await.unwrap();
        assert!(rest(&mut held[1]).await.contains("helloHTTP/1.1 200"), "the next one does not");
    }

    #[tokio::test]
    async fn half_heads_and_silence_that_never_end_hold_up_nobody() {
        let bounds = Bounds { head: HOUR, handshake: HOUR, ..Bounds::DEFAULT };
        let listener = start(hello(), bounds);
        let mut held = Vec::new();
        for _ in 0..100 {
            let mut stream = connect(&listener).await;
            stream.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
            held.push(stream);
        }
        let mut whole = connect(&listener).await;
        whole.write_all(LAST_REQUEST).await.unwrap();
        assert!(rest(&mut whole).await.ends_with("hello"));
    }

    #[tokio::test]
    async fn handshakes_that_never_end_hold_up_nobody() {
        /// The first hundred never speak.
        struct Silent(TcpListener, std::sync::atomic::AtomicUsize);

        impl Acceptor for Silent {
            type Stream = TcpStream;
            type Opening = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

            async fn next(&self) -> io::Result<(Self::Opening, Peer)> {
                let (stream, address) = self.0.accept().await?;
                let number = self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let opening: Self::Opening = if number < 100 {
                    Box::pin(async move {
                        let _held = stream;
                        std::future::pending().await
                    })
                } else {
                    Box::pin(std::future::ready(Ok(stream)))
                };
                Ok((opening, Peer::network(address.ip())))
            }
        }

        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let readers = Readers::new(16, Registered::new().unwrap());
        let bounds = Bounds { handshake: HOUR, ..Bounds::DEFAULT };
        let (_stop, stopped) = watch::channel(false);
        tokio::spawn(accept(Silent(listener, 0.into()), hello(), readers, bounds, stopped));
        let mut held = Vec::new();
        for _ in 0..100 {
            held.push(TcpStream::connect(address).await.unwrap());
        }
        let mut whole = TcpStream::connect(address).await.unwrap();
        whole.write_all(LAST_REQUEST).await.unwrap();
        assert!(rest(&mut whole).await.ends_with("hello"));
    }

    #[tokio::test]
    async fn a_stop_is_heard_while_every_connection_is_taken() {
        let bounds = Bounds { drain: SHORT, ..Bounds::DEFAULT };
        let listener = start(hello(), bounds);
        let mut held = idle(&listener).await;
        let address = listener.address();
        listener.stop().await;
        assert!(TcpStream::connect(address).await.is_err());
        assert!(
            rest(&mut held[0]).await.ends_with("hello"),
            "an idle connection is closed in order"
        );
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
        let listener = start(router, Bounds { drain: Duration::MAX, ..Bounds::DEFAULT });
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
        let listener = start(router, Bounds { drain: SHORT, ..Bounds::DEFAULT });
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
        let listener = start(router, Bounds { write: SHORT, ..Bounds::DEFAULT });
        let mut stream = connect(&listener).await;
        stream.write_all(REQUEST).await.unwrap();
        dropped.notified().await;
    }
}

//! A bundle endpoint on loopback: real TLS, an X509-SVID and a document that can be swapped while
//! it runs.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::mint::Svid;

/// How long a peer may take for its handshake, and again for its request's head.
const PATIENCE: Duration = Duration::from_secs(10);

/// What an endpoint answers to one path.
#[derive(Clone, Debug)]
pub struct ServedAnswer {
    /// The status.
    pub status: StatusCode,
    /// Header fields beside those that hyper adds.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Bytes,
}

impl ServedAnswer {
    /// 200 with a JSON document.
    pub fn document(body: impl Into<Bytes>) -> Self {
        let json = HeaderValue::from_static("application/json");
        Self { status: StatusCode::OK, headers: vec![(CONTENT_TYPE, json)], body: body.into() }
    }

    /// A status without a body.
    pub fn status(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// The same, with one more header field.
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

type Route = dyn Fn(&str) -> ServedAnswer + Send + Sync;

struct Served {
    config: ArcSwap<ServerConfig>,
    key: Arc<Presents>,
    route: ArcSwap<Box<Route>>,
    connections: AtomicU64,
    requests: AtomicU64,
}

/// A running endpoint. It stops when it is dropped.
pub struct LoopbackEndpoint {
    address: SocketAddr,
    served: Arc<Served>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl LoopbackEndpoint {
    /// Serves `document` at `/` of a free port of 127.0.0.1 and presents `svid`.
    pub async fn start(svid: &Svid, document: impl Into<Bytes>) -> io::Result<Self> {
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        Self::start_at(address, svid, document).await
    }

    /// The same at `address`.
    pub async fn start_at(
        address: SocketAddr,
        svid: &Svid,
        document: impl Into<Bytes>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let key = Arc::new(Presents(ArcSwap::from_pointee(svid.certified_key())));
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(key.clone());
        let endpoint = Self {
            address: listener.local_addr()?,
            served: Arc::new(Served {
                config: ArcSwap::from_pointee(config),
                key,
                route: ArcSwap::from_pointee(only_root(ServedAnswer::document(document))),
                connections: AtomicU64::new(0),
                requests: AtomicU64::new(0),
            }),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let (served, stop, tasks) =
            (endpoint.served.clone(), endpoint.stop.clone(), endpoint.tasks.clone());
        endpoint.tasks.spawn(accept(listener, served, stop, tasks));
        Ok(endpoint)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, by address.
    pub fn url(&self) -> String {
        format!("https://{}/", self.address)
    }

    /// Presents another SVID from the next connection on.
    pub fn present(&self, svid: &Svid) {
        self.served.key.0.store(Arc::new(svid.certified_key()));
    }

    /// Serves another document from the next request on.
    pub fn serve(&self, document: impl Into<Bytes>) {
        self.answer(ServedAnswer::document(document));
    }

    /// Gives another answer at `/` from the next request on.
    pub fn answer(&self, answer: ServedAnswer) {
        self.served.route.store(Arc::new(only_root(answer)));
    }

    /// Answers every path by `route` from the next request on.
    pub fn route(&self, route: impl Fn(&str) -> ServedAnswer + Send + Sync + 'static) {
        self.served.route.store(Arc::new(Box::new(route)));
    }

    /// Handshakes by another TLS configuration from the next connection on.
    pub fn configure(&self, config: ServerConfig) {
        self.served.config.store(Arc::new(config));
    }

    /// What picks the presented SVID, for a configuration of one's own.
    pub fn resolver(&self) -> Arc<dyn ResolvesServerCert> {
        self.served.key.clone()
    }

    /// How many connections it has accepted.
    pub fn connections(&self) -> u64 {
        self.served.connections.load(Ordering::Relaxed)
    }

    /// How many requests it has answered.
    pub fn requests(&self) -> u64 {
        self.served.requests.load(Ordering::Relaxed)
    }

    /// Stops listening, and waits until every open request is answered.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for LoopbackEndpoint {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl fmt::Debug for LoopbackEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("address", &self.address).finish_non_exhaustive()
    }
}

/// The presented SVID, swappable.
struct Presents(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Presents {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl fmt::Debug for Presents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presents")
    }
}

/// SPIRE's endpoint has one path.
fn only_root(answer: ServedAnswer) -> Box<Route> {
    Box::new(move |path| match path {
        "/" => answer.clone(),
        _ => ServedAnswer::status(StatusCode::NOT_FOUND),
    })
}

async fn accept(
    listener: TcpListener,
    served: Arc<Served>,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        // An accept fails for the one peer that is gone already, or for want of descriptors.
        let Ok((stream, _)) = accepted else {
            tokio::task::yield_now().await;
            continue;
        };
        served.connections.fetch_add(1, Ordering::Relaxed);
        let (served, stop) = (served.clone(), stop.clone());
        tasks.spawn(async move {
            // A peer that breaks off is the peer's affair.
            let _ = converse(stream, served, stop).await;
        });
    }
}

async fn converse(
    stream: TcpStream,
    served: Arc<Served>,
    stop: CancellationToken,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    // Without it, session tickets and answers wait for each other's acknowledgement, 40 ms.
    stream.set_nodelay(true)?;
    let acceptor = TlsAcceptor::from(served.config.load_full());
    let stream = tokio::select! {
        stream = tokio::time::timeout(PATIENCE, acceptor.accept(stream)) => stream??,
        () = stop.cancelled() => return Ok(()),
    };
    let service = service_fn(|request: Request<Incoming>| {
        let served = served.clone();
        async move { Ok::<_, Infallible>(respond(&served, &request)) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        done = connection.as_mut() => return Ok(done?),
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    Ok(connection.await?)
}

fn respond(served: &Served, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    served.requests.fetch_add(1, Ordering::Relaxed);
    let answer = match *request.method() {
        Method::GET => (served.route.load())(request.uri().path()),
        _ => ServedAnswer::status(StatusCode::METHOD_NOT_ALLOWED),
    };
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    response.headers_mut().extend(answer.headers);
    response
}

//! Who may ask over TCP, and how often: what `--web.config.file` asks for, before any route.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use rustls::ServerConfig;

use super::login::{LoginVerdict, Logins};
use super::readers::Reader;

/// What protects the HTTP listener at one moment.
#[derive(Clone, Default)]
pub struct Protection {
    /// TLS; without it, plain HTTP.
    pub tls: Option<Arc<ServerConfig>>,
    /// Who may ask, with the bcrypt hash of each password; nobody for everybody.
    pub users: BTreeMap<Box<str>, Box<str>>,
    /// Headers of every answer that does not set them itself.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// One request in so long, and so many at once.
    pub rate_limit: Option<(Duration, u32)>,
}

impl fmt::Debug for Protection {
    /// Without hashes, which are worth guessing at.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protection")
            .field("tls", &self.tls.is_some())
            .field("users", &self.users.len())
            .field("headers", &self.headers)
            .field("rate_limit", &self.rate_limit)
            .finish()
    }
}

/// Where the protection comes from.
pub trait Protect: fmt::Debug + Send + Sync {
    /// What protects now. It is asked at each connection and each request.
    fn current(&self) -> Pin<Box<dyn Future<Output = Arc<Protection>> + Send + '_>>;
}

/// What stands before the routes. One gate may stand before several listeners, which then share
/// the rate and the logins.
#[derive(Debug)]
pub struct RequestGate {
    source: Arc<dyn Protect>,
    logins: Logins,
    bucket: Mutex<Option<Bucket>>,
}

impl RequestGate {
    /// A gate that asks `source` at each connection and request.
    pub fn new(source: Arc<dyn Protect>) -> Self {
        Self { source, logins: Logins::new(), bucket: Mutex::default() }
    }

    pub(super) async fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.source.current().await.tls.clone()
    }

    fn admits(&self, rate_limit: Option<(Duration, u32)>, now: Instant) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((interval, burst)) = rate_limit else {
            *bucket = None;
            return true;
        };
        bucket.get_or_insert_with(|| Bucket::full(burst, now)).take_token(interval, burst, now)
    }
}

/// Lets a request through, or answers it. As in exporter-toolkit, the rate comes first and nothing
/// is spared: not `/-/healthy` either.
pub(super) async fn guard(
    State(gate): State<Arc<RequestGate>>,
    request: Request,
    next: Next,
) -> Response {
    let protection = gate.source.current().await;
    if !gate.admits(protection.rate_limit, Instant::now()) {
        return (StatusCode::TOO_MANY_REQUESTS, "Too Many Requests\n").into_response();
    }
    let authorization = request.headers().get(header::AUTHORIZATION);
    let verdict = if protection.users.is_empty() {
        LoginVerdict::Known
    } else {
        let peer = request.extensions().get::<Reader>().map(Reader::peer);
        gate.logins.verdict(authorization, &protection.users, peer).await
    };
    let mut response = match verdict {
        LoginVerdict::Known => next.run(request).await,
        LoginVerdict::Unknown => {
            let ask = [(header::WWW_AUTHENTICATE, "Basic")];
            (StatusCode::UNAUTHORIZED, ask, "Unauthorized\n").into_response()
        }
        LoginVerdict::Busy => {
            let later = [(header::RETRY_AFTER, "1")];
            (StatusCode::SERVICE_UNAVAILABLE, later, "too many logins at once\n").into_response()
        }
    };
    for (name, value) in &protection.headers {
        response.headers_mut().entry(name).or_insert_with(|| value.clone());
    }
    response
}

/// A token bucket.
#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn full(burst: u32, at: Instant) -> Self {
        Self { tokens: f64::from(burst), at }
    }

    fn take_token(&mut self, interval: Duration, burst: u32, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at);
        self.at = now;
        let come = passed.as_secs_f64() / interval.as_secs_f64().max(f64::MIN_POSITIVE);
        self.tokens = (self.tokens + come).min(f64::from(burst));
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_and_then_one_in_each_interval() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut bucket = Bucket::full(3, start);
        let mut take = |at: u32| bucket.take_token(second, 3, start + at * second / 2);
        assert!(take(0) && take(0) && take(0) && !take(0));
        assert!(!take(1) && take(2) && !take(3) && take(4));
        assert!(take(100) && take(100) && take(100) && !take(100), "no more than a burst is saved");
    }
}

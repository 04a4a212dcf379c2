//! One exchange with one endpoint: connect, prove, ask, follow redirects, read within bounds.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderValue,
    LOCATION, TRANSFER_ENCODING,
};
use reqwest::{Client, Proxy, Response, StatusCode};
use serde::de::IgnoredAny;
use tokio::time::{Instant, timeout_at};

use super::document::{DocumentPermit, FetchedDocument};
use super::documents::Documents;
use super::handshake::Handshake;
use super::limits::FetchLimits;
use super::refusal::{self, PollRefusal};
use super::tls::{Proof, TlsContext};
use super::{Target, not_found};
use crate::resolver::{Lookups, NamedBy, OldAddresses, Question, Stale};
use anchorwatch_core::spiffe::EndpointUrl;
use anchorwatch_core::watch::{FailureReason, Presented};

const USER_AGENT: &str = concat!("anchorwatch/", env!("CARGO_PKG_VERSION"));

/// How far an exchange came: evidence that outlives its end, however it ends.
#[derive(Debug)]
pub(super) struct Trail {
    url: EndpointUrl,
    addresses: Vec<IpAddr>,
    port: u16,
    address: Option<IpAddr>,
    handshake: Arc<Handshake>,
    stage: Stage,
    /// Set where a redirect's name was not looked up anew.
    stale: Option<Stale>,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    LookUp,
    Connect,
    Body,
}

impl Trail {
    /// The beginning of an exchange at the first of `addresses` that takes the connection.
    pub(super) fn new(url: &EndpointUrl, addresses: Vec<IpAddr>, port: u16) -> Self {
        Self {
            url: url.clone(),
            addresses,
            port,
            address: None,
            handshake: Arc::default(),
            stage: Stage::Connect,
            stale: None,
        }
    }

    /// The address that was connected to last.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// The addresses that the name had, of those that this exchange may connect to.
    pub(super) fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// What was presented there.
    pub(super) fn presented(&self) -> Option<Presented> {
        self.handshake.presented()
    }

    /// Why addresses of an earlier look-up are used, where they are.
    pub(super) fn stale(&self) -> Option<&Stale> {
        self.stale.as_ref()
    }

    /// What is being done, as a phrase.
    fn doing(&self) -> String {
        let place = match self.address {
            Some(address) => SocketAddr::new(address, self.port).to_string(),
            None => self.url.host().to_owned(),
        };
        match self.stage {
            Stage::LookUp => format!("looking up {}", self.url.host()),
            Stage::Connect if !self.handshake.began() => format!("connecting to {place}"),
            Stage::Connect => format!("asking {place}"),
            Stage::Body => format!("reading the answer of {place}"),
        }
    }
}

/// What an endpoint said.
enum Reply {
    Document(Response),
    Redirect(EndpointUrl),
}

/// All that an exchange needs to know.
pub(super) struct Exchange<'a> {
    pub(super) lookups: &'a Lookups,
    pub(super) tls: &'a Arc<TlsContext>,
    pub(super) documents: &'a Documents,
    pub(super) target: &'a Target,
    pub(super) proof: Proof,
    pub(super) deadline: Instant,
}

impl Exchange<'_> {
    /// Asks for the document, within the deadline, and follows redirects to it.
    pub(super) async fn follow(&self, trail: &mut Trail) -> Result<FetchedDocument, PollRefusal> {
        if let Ok(outcome) = timeout_at(self.deadline, self.walk(trail)).await {
            return outcome;
        }
        let within = humantime::format_duration(self.target.limits.timeout);
        let detail = format!("{}: no complete answer within {within}", trail.doing());
        Err(PollRefusal::new(FailureReason::Timeout, detail))
    }

    async fn walk(&self, trail: &mut Trail) -> Result<FetchedDocument, PollRefusal> {
        let mut seen = vec![trail.url.clone()];
        loop {
            match self.request(trail).await? {
                Reply::Document(response) => {
                    trail.stage = Stage::Body;
                    let (body, room) = self.read(response, trail).await?;
                    let redirected_to = (1 < seen.len()).then(|| trail.url.clone());
                    return Ok(FetchedDocument { body, redirected_to, room });
                }
                Reply::Redirect(url) => {
                    if seen.contains(&url) {
                        return Err(redirect(format!("it leads back to {url}")));
                    }
                    if usize::from(self.target.limits.redirects) < seen.len() {
                        return Err(redirect(format!(
                            "more than {} were met, the last to {url}",
                            self.target.limits.redirects
                        )));
                    }
                    seen.push(url.clone());
                    self.turn(url, trail).await?;
                }
            }
        }
    }

    /// Goes where a redirect leads. Federation, 5.2.2.4: the same checks apply there.
    async fn turn(&self, url: EndpointUrl, trail: &mut Trail) -> Result<(), PollRefusal> {
        let here = url.host() == trail.url.host() && url.port() == trail.url.port();
        let mut next = Trail::new(&url, trail.addresses.clone(), trail.port);
        if here {
            // The same replica goes on, where replicas are asked one by one.
            next.addresses = trail.address.into_iter().collect();
        } else if self.target.proxy.is_none() {
            *trail = Trail { stage: Stage::LookUp, ..Trail::new(&url, Vec::new(), url.port()) };
            let host = url.host().trim_start_matches('[').trim_end_matches(']');
            let question = Question {
                host,
                named_by: NamedBy::Redirect { endpoint: self.target.endpoint.url.as_str() },
                // The same checks apply there, so whoever answers must prove the same.
                old_addresses: OldAddresses::Use,
                most: self.target.limits.addresses,
                deadline: self.deadline,
            };
            let found = self.lookups.find(question).await;
            let found = found.map_err(|error| not_found(host, &error))?;
            (next.addresses, next.stale) = (found.addresses, found.stale);
            next.port = url.port();
        }
        *trail = next;
        Ok(())
    }

    /// Asks the first address that takes the connection.
    async fn request(&self, trail: &mut Trail) -> Result<Reply, PollRefusal> {
        let addresses = trail.addresses.clone();
        let mut outcome = Err(PollRefusal::new(FailureReason::Connect, "no address to connect to"));
        for (place, address) in addresses.iter().enumerate() {
            trail.address = Some(*address);
            trail.handshake = Arc::default();
            let left = addresses.len() - place;
            outcome = self.request_at(*address, left, trail).await;
            // Once there was a connection, its failure is the endpoint's answer.
            if outcome.is_ok() || trail.handshake.began() {
                break;
            }
        }
        outcome
    }

    async fn request_at(
        &self,
        address: IpAddr,
        left: usize,
        trail: &Trail,
    ) -> Result<Reply, PollRefusal> {
        // Several dead addresses share what time there is, so that the last still gets its turn.
        let share = u32::try_from(left).unwrap_or(u32::MAX);
        let remaining = self.deadline.saturating_duration_since(Instant::now());
        let most = self.target.limits.connect_timeout;
        // But never so little that a far one fails for want of it.
        let connect = (remaining / share).clamp(most / 2, most);
        let socket = SocketAddr::new(address, trail.port);
        let client = self.client(socket, connect, trail)?;
        let response = client
            .get(trail.url.as_str())
            .send()
            .await
            .map_err(|error| PollRefusal::of(&error, &trail.handshake, &trail.doing()))?;
        self.reply(response, trail)
    }

    /// A client for this one request. That it is fresh makes stale state impossible, and costs a
    /// microsecond.
    fn client(
        &self,
        socket: SocketAddr,
        connect: Duration,
        trail: &Trail,
    ) -> Result<Client, PollRefusal> {
        let broken = |error: &dyn std::error::Error| {
            PollRefusal::new(FailureReason::Internal, format!("preparing a request: {error}"))
        };
        let config = self.tls.config(self.proof.clone(), trail.handshake.clone());
        let config = config.map_err(|error| broken(&error))?;
        let mut builder = Client::builder()
            .tls_backend_preconfigured(config)
            .default_headers(headers())
            .user_agent(USER_AGENT)
            .https_only(true)
            .http1_only()
            .http1_max_headers(FetchLimits::HEADERS)
            .pool_max_idle_per_host(0)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            // Every wait has a deadline of its own.
            .tcp_keepalive(None)
            .tcp_keepalive_interval(None)
            .tcp_keepalive_retries(None)
            .tcp_user_timeout(None)
            .connect_timeout(connect)
            .no_proxy();
        builder = match &self.target.proxy {
            Some(proxy) => {
                let host = proxy.host_str().unwrap_or_default();
                let through = Proxy::all(proxy.as_str()).map_err(|error| broken(&error))?;
                builder.resolve(host, socket).proxy(through)
            }
            None => builder.resolve(trail.url.host(), socket),
        };
        builder.build().map_err(|error| broken(&error))
    }

    fn reply(&self, response: Response, trail: &Trail) -> Result<Reply, PollRefusal> {
        let status = response.status();
        match status {
            // Federation names no status. Only 200 has the document as its body.
            StatusCode::OK => Ok(Reply::Document(response)),
            StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT => {
                self.target_of(&response, trail).map(Reply::Redirect)
            }
            _ => Err(PollRefusal::new(
                FailureReason::Status,
                format!("{}: it answered {status}", trail.doing()),
            )),
        }
    }

    fn target_of(&self, response: &Response, trail: &Trail) -> Result<EndpointUrl, PollRefusal> {
        let location = response.headers().get(LOCATION);
        let Some(location) = location.and_then(|location| location.to_str().ok()) else {
            return Err(redirect("it says nowhere to go"));
        };
        if self.target.limits.redirects == 0 {
            return Err(redirect(format!(
                "it leads to {}, and none is followed",
                without_user(location)
            )));
        }
        // Federation, 5.2.1.1 and 5.2.2.1: the target must be a valid endpoint URL itself.
        trail
            .url
            .join(location)
            .map_err(|error| redirect(format!("it leads to {}: {error}", without_user(location))))
    }

    async fn read(
        &self,
        mut response: Response,
        trail: &Trail,
    ) -> Result<(Bytes, Option<DocumentPermit>), PollRefusal> {
        let doing = trail.doing();
        let encodings = response.headers().get_all(CONTENT_ENCODING);
        if let Some(encoding) = encodings.iter().find(|value| !is_identity(value)) {
            let encoding = String::from_utf8_lossy(encoding.as_bytes());
            let detail = format!("{doing}: it is encoded as {encoding}, which was not asked for");
            return Err(PollRefusal::new(FailureReason::Encoding, detail));
        }
        let most = self.target.limits.body;
        let too_large = || {
            PollRefusal::new(FailureReason::TooLarge, format!("{doing}: it exceeds {most} bytes"))
        };
        let expected = response.content_length().map(usize::try_from);
        let expected = expected.transpose().map_err(|_| too_large())?.unwrap_or(0);
        if most < expected {
            return Err(too_large());
        }
        let ends_with_connection = ends_with_connection(response.headers());
        let mut room = None;
        let mut body = Vec::with_capacity(expected.min(FetchLimits::LARGE));
        loop {
            let chunk = match response.chunk().await {
                Ok(chunk) => chunk,
                Err(error) => {
                    let is_end = ends_with_connection && refusal::is_unexpected_end(&error);
                    if !is_end || !is_whole_object(&body) {
                        return Err(PollRefusal::of(&error, &trail.handshake, &doing));
                    }
                    None
                }
            };
            let Some(chunk) = chunk else {
                room.iter_mut().for_each(DocumentPermit::complete);
                return Ok((body.into(), room));
            };
            if most - body.len() < chunk.len() {
                return Err(too_large());
            }
            if room.is_none() && FetchLimits::LARGE < body.len() + chunk.len() {
                // All at once: who has some and waits for more would keep it from others.
                let whole = if 0 < expected { expected } else { most };
                room = Some(self.documents.room(self.target, whole).await);
                body.reserve_exact(whole.saturating_sub(body.len()));
            }
            body.extend_from_slice(&chunk);
        }
    }
}

fn headers() -> HeaderMap {
    let fields = [
        (ACCEPT, HeaderValue::from_static("application/json")),
        // Without it, any encoding would be an acceptable answer (RFC 9110, 12.5.3).
        (ACCEPT_ENCODING, HeaderValue::from_static("identity")),
        // So that the endpoint, and not the watch, keeps the closed connection in TIME_WAIT.
        (CONNECTION, HeaderValue::from_static("close")),
    ];
    fields.into_iter().collect()
}

/// Whether only the end of the connection says where the body ends (RFC 9112, 6.3).
fn ends_with_connection(headers: &HeaderMap) -> bool {
    !headers.contains_key(CONTENT_LENGTH) && !headers.contains_key(TRANSFER_ENCODING)
}

/// Whether a body is a whole JSON object. No beginning of an object is one, so whoever cut the
/// connection cut nothing off the document; a TLS `close_notify` would say no more (RFC 8446, 6.1).
fn is_whole_object(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(body).is_ok()
}

fn is_identity(encoding: &HeaderValue) -> bool {
    encoding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity")
}

/// A redirect's target, for people to read; not where it may carry a password.
fn without_user(location: &str) -> &str {
    if location.contains('@') { "a URL with a user name" } else { location }
}

fn redirect(detail: impl std::fmt::Display) -> PollRefusal {
    PollRefusal::new(FailureReason::Redirect, format!("following a redirect: {detail}"))
}

//! What is served where.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{from_fn, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::api::{AuthorityReport, Cursor, DomainReport, FederationReport, OpenFinding};
use super::backend::{AuthorityFilter, BackendError, EventFilter, SharedBackend};
use super::context::HandlerContext;
use super::fault::{fault, refused};
use super::json::Json;
use super::paging::{self, Page};
use super::pieces::{json_list, on_a_thread};
use super::readers::{Readers, admit};
use super::request::Parameters;
use super::{ReloadOverHttp, scrape, site};
use anchorwatch_core::bundle::Fingerprint;
use anchorwatch_core::journal::AuthorityEntry;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::view::View;

/// What the API is, for programs that read it: `OpenAPI` 3.1.
const OPENAPI: &str = include_str!("openapi.json");

/// What is served over TCP.
pub(super) fn web(
    backend: SharedBackend,
    readers: Arc<Readers>,
    reload_over_http: ReloadOverHttp,
) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/-/healthy", get(healthy))
        .route("/-/ready", get(ready))
        .route("/-/reload", post(reload).put(reload))
        .merge(site::pages())
        .merge(reading())
        .fallback(nothing)
        .layer(map_response(nosniff))
        .layer(from_fn(admit))
        .with_state(HandlerContext {
            backend,
            readers,
            scrapes: Arc::default(),
            reload: reload_over_http,
        })
}

/// What is read over TCP and over the admin socket alike.
pub(super) fn reading() -> Router<HandlerContext> {
    Router::new()
        .route("/api/v1/trust-domains", get(trust_domains))
        .route("/api/v1/trust-domains/{name}", get(trust_domain))
        .route("/api/v1/authorities", get(authorities))
        .route("/api/v1/authorities/{fingerprint}", get(authority))
        .route("/api/v1/events", get(events))
        .route("/api/v1/findings", get(findings))
        .route("/api/v1/openapi.json", get(openapi))
}

/// What stands where nothing is served.
pub(super) async fn nothing() -> Response {
    fault(StatusCode::NOT_FOUND, "nothing is served here")
}

/// Foreign text is in many answers, and is what its type says and nothing else.
pub(super) async fn nosniff(mut response: Response) -> Response {
    let nosniff = HeaderValue::from_static("nosniff");
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

pub(super) async fn healthy(State(context): State<HandlerContext>) -> Response {
    match context.backend.stalled() {
        None => "anchorwatch is healthy.\n".into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

pub(super) async fn ready(State(context): State<HandlerContext>) -> Response {
    let unready = context.backend.unready();
    if unready.is_empty() {
        return "anchorwatch is ready.\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", unready.join("\n"))).into_response()
}

async fn metrics(State(context): State<HandlerContext>, headers: HeaderMap) -> Response {
    let threads = context.readers.scrape_threads();
    scrape::answer(&context.scrapes, &headers, threads, || context.backend.scrape())
}

async fn reload(State(context): State<HandlerContext>) -> Response {
    if context.reload == ReloadOverHttp::Refused {
        let why = "reload over HTTP is off: start with --web.enable-lifecycle, or send SIGHUP\n";
        return (StatusCode::FORBIDDEN, why).into_response();
    }
    match context.backend.reload().await {
        Ok(()) => "the configuration was taken\n".into_response(),
        Err(why) => {
            let status = match why {
                BackendError::NotRecorded(_) => StatusCode::INSUFFICIENT_STORAGE,
                BackendError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
                BackendError::NotFound(_) | BackendError::Refused(_) => {
                    StatusCode::INTERNAL_SERVER_ERROR
                }
            };
            (status, format!("{why}\n")).into_response()
        }
    }
}

async fn trust_domains(State(context): State<HandlerContext>) -> Response {
    let view = context.backend.view();
    let begun = on_a_thread(move || (FederationReport::before(&view), view)).await;
    let Some((before, view)) = begun else {
        return fault(StatusCode::INTERNAL_SERVER_ERROR, "interrupted");
    };
    let reports = view.domains.into_iter().map(|domain| DomainReport::new(&domain));
    json_list(context.readers.page_threads(), before, reports, FederationReport::AFTER)
}

async fn trust_domain(State(context): State<HandlerContext>, Path(name): Path<String>) -> Response {
    let view = context.backend.view();
    let known = name.parse::<TrustDomain>().ok();
    let Some(domain) = known.and_then(|name| view.domain(&name).map(Arc::clone)) else {
        return fault(StatusCode::NOT_FOUND, "no such trust domain is watched");
    };
    let answer = on_a_thread(move || Json(DomainReport::whole(&domain)).into_response()).await;
    answer.unwrap_or_else(|| fault(StatusCode::INTERNAL_SERVER_ERROR, "interrupted"))
}

async fn findings(State(context): State<HandlerContext>) -> Response {
    let view = context.backend.view();
    let of_the_watch = OpenFinding::of_the_watch(&view.watch);
    let of_domains = view.domains.into_iter().flat_map(|domain| {
        (0..domain.findings.len()).filter_map(move |place| {
            let name = &domain.endpoint.trust_domain;
            let finding = domain.findings.get(place..=place)?;
            OpenFinding::of(name, finding, &domain.state.facts).pop()
        })
    });
    let findings = of_the_watch.into_iter().chain(of_domains);
    json_list(context.readers.page_threads(), b"[".to_vec(), findings, "]")
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthorityParameters {
    trust_domain: Option<TrustDomain>,
    after: Option<Cursor>,
    limit: Option<usize>,
}

async fn authorities(
    State(context): State<HandlerContext>,
    uri: Uri,
    Parameters(parameters): Parameters<AuthorityParameters>,
) -> Response {
    let AuthorityParameters { trust_domain, mut after, limit } = parameters;
    let mut page = Page::new(paging::limit(limit));
    let view = context.backend.view();
    while let Some(wanted) = page.wants() {
        // One more tells whether there is a next page.
        let limit = wanted.saturating_add(1);
        let filter =
            AuthorityFilter { trust_domain: trust_domain.clone(), after: after.clone(), limit };
        let taken = match context.backend.authorities(filter).await {
            Ok(entries) => {
                let reports = reported(&entries, &view);
                page.fill(limit, reports.iter()).map(|last| last.map(Cursor::of))
            }
            Err(why) => Err(why),
        };
        match taken {
            Ok(last) => after = last.or(after),
            Err(why) => return refused(&why),
        }
    }
    page.answer(&uri, after.map(|after| ("after", after.to_string())))
}

async fn authority(
    State(context): State<HandlerContext>,
    Path(fingerprint): Path<String>,
) -> Response {
    let Ok(fingerprint) = fingerprint.parse::<Fingerprint>() else {
        return fault(StatusCode::BAD_REQUEST, "a fingerprint is `sha256:` and 64 hex digits");
    };
    let view = context.backend.view();
    match context.backend.authority(fingerprint).await {
        Ok(entries) if entries.is_empty() => {
            fault(StatusCode::NOT_FOUND, "no such authority is on record")
        }
        Ok(entries) => Json(reported(&entries, &view)).into_response(),
        Err(why) => refused(&why),
    }
}

fn reported(entries: &[AuthorityEntry], view: &View) -> Vec<AuthorityReport> {
    let report = |entry: &AuthorityEntry| {
        let domain = view.domain(&entry.trust_domain).map(AsRef::as_ref);
        AuthorityReport::new(entry, view.at, domain)
    };
    entries.iter().map(report).collect()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventParameters {
    trust_domain: Option<TrustDomain>,
    kind: Option<Box<str>>,
    authority: Option<Fingerprint>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    before: Option<u64>,
    limit: Option<usize>,
}

async fn events(
    State(context): State<HandlerContext>,
    uri: Uri,
    Parameters(parameters): Parameters<EventParameters>,
) -> Response {
    let EventParameters { trust_domain, kind, authority, since, until, mut before, limit } =
        parameters;
    let mut page = Page::new(paging::limit(limit));
    while let Some(limit) = page.wants() {
        let (trust_domain, kind) = (trust_domain.clone(), kind.clone());
        let filter = EventFilter { trust_domain, kind, authority, since, until, before, limit };
        let taken = match context.backend.events(filter).await {
            Ok(entries) => {
                page.fill(limit, entries.iter().rev()).map(|last| last.map(|one| one.number))
            }
            Err(why) => Err(why),
        };
        match taken {
            Ok(oldest) => before = oldest.or(before),
            Err(why) => return refused(&why),
        }
    }
    // The newest stand last, so the page before them is the next to be read.
    page.reverse();
    page.answer(&uri, before.map(|oldest| ("before", oldest.to_string())))
}

//! Where the pages for people are served, and what a browser may do with them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;

use super::backend::EventFilter;
use super::context::HandlerContext;
use super::page::{self, Frame, Wanted};
use super::pieces::on_a_thread;
use super::request::Parameters;
use anchorwatch_core::bundle::Fingerprint;
use anchorwatch_core::finding::FindingId;
use anchorwatch_core::journal::RecordedEntry;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::view::View;
use anchorwatch_core::watch::Event;

/// How many entries of the journal are looked through for a finding that ended, and how many are in
/// memory at one time.
const RAISED: usize = 1_000;
const AT_ONCE: usize = 100;
/// How long a browser may keep the style sheet, whose address names the version.
const KEPT: &str = "max-age=300";
/// Nothing runs, nothing is loaded from elsewhere, nothing is sent, nobody frames it. A `style`
/// attribute has no effect: all styles are in the sheet.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// The pages, with their style sheet.
pub(super) fn pages() -> Router<HandlerContext> {
    Router::new()
        .route("/", get(overview))
        .route("/trust-domain/{name}", get(domain))
        .route("/finding/{id}", get(finding))
        .route("/events", get(events))
        .route("/graph", get(graph))
        .route("/about", get(about))
        .layer(map_response(guarded))
        .route("/style.css", get(style))
        .route("/favicon.svg", get(icon))
}

/// What a browser may do with a page. It shows a moment, so it is not kept.
async fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn style() -> Response {
    asset("text/css; charset=utf-8", page::STYLE)
}

async fn icon() -> Response {
    asset("image/svg+xml", page::ICON)
}

fn asset(content_type: &'static str, content: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, KEPT),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
    ];
    (headers, content).into_response()
}

fn html(status: StatusCode, page: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
}

/// A page that is made on a thread of its own: one of many trust domains takes a while.
async fn made(page: impl FnOnce() -> String + Send + 'static) -> Response {
    match on_a_thread(page).await {
        Some(page) => html(StatusCode::OK, page),
        None => (StatusCode::INTERNAL_SERVER_ERROR, "interrupted\n").into_response(),
    }
}

/// What is known when a page is asked for.
struct Now {
    view: View,
    unready: Vec<String>,
    refresh: Option<u32>,
}

impl Now {
    fn new(context: &HandlerContext, refresh: Option<u32>) -> Self {
        Self { view: context.backend.view(), unready: context.backend.unready(), refresh }
    }

    fn frame(&self) -> Frame<'_> {
        Frame { at: self.view.at, unready: &self.unready, refresh: self.refresh }
    }

    fn missing(&self, what: &str) -> Response {
        html(StatusCode::NOT_FOUND, page::missing(&self.frame(), what))
    }
}

/// Entries of the journal, or why they cannot be shown: a page shows the rest.
async fn recorded(
    context: &HandlerContext,
    filter: EventFilter,
) -> Result<Vec<RecordedEntry>, String> {
    context.backend.events(filter).await.map_err(|why| why.to_string())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OverviewParameters {
    refresh: Option<u32>,
    page: Option<usize>,
}

async fn overview(
    State(context): State<HandlerContext>,
    Parameters(OverviewParameters { refresh, page }): Parameters<OverviewParameters>,
) -> Response {
    let now = Now::new(&context, refresh);
    made(move || page::overview(&now.frame(), &now.view, page.unwrap_or_default())).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PageParameters {
    refresh: Option<u32>,
}

async fn domain(
    State(context): State<HandlerContext>,
    Path(name): Path<String>,
    Parameters(PageParameters { refresh }): Parameters<PageParameters>,
) -> Response {
    let now = Now::new(&context, refresh);
    let known = name.parse::<TrustDomain>().ok();
    let Some(domain) = known.and_then(|name| now.view.domain(&name).map(Arc::clone)) else {
        return now.missing("No such trust domain is watched.");
    };
    let filter = EventFilter {
        trust_domain: Some(domain.endpoint.trust_domain.clone()),
        limit: page::DOMAIN_EVENTS,
        ..EventFilter::default()
    };
    let events = recorded(&context, filter).await;
    made(move || page::domain(&now.frame(), &domain, &events)).await
}

async fn finding(
    State(context): State<HandlerContext>,
    Path(id): Path<String>,
    Parameters(PageParameters { refresh }): Parameters<PageParameters>,
) -> Response {
    let now = Now::new(&context, refresh);
    let Ok(id) = id.parse::<FindingId>() else {
        return now.missing("That is not the id of a finding: it has 12 hex digits.");
    };
    if let Some(finding) = page::of_the_watch(&now.view, id) {
        return html(StatusCode::OK, page::watch_page(&now.frame(), finding));
    }
    let Some((domain, open)) = page::open(&now.view, id) else {
        return ended(&context, &now, id).await;
    };
    let filter = EventFilter {
        trust_domain: Some(domain.endpoint.trust_domain.clone()),
        authority: page::authority_of(domain, open),
        limit: page::DOMAIN_EVENTS,
        ..EventFilter::default()
    };
    let events = recorded(&context, filter).await;
    let events = Arc::new(events);
    made(move || match page::open(&now.view, id) {
        Some(found) => page::finding(&now.frame(), found, &events),
        None => page::missing(&now.frame(), ""),
    })
    .await
}

/// A finding that is not open: a link in an old page still says what it was.
async fn ended(context: &HandlerContext, now: &Now, id: FindingId) -> Response {
    let is_it = |one: &RecordedEntry| matches!(&one.entry.event, Event::FindingRaised { finding } if finding.id == id);
    let (mut raised, mut before) = (None, None);
    for _ in 0..RAISED / AT_ONCE {
        let filter = EventFilter {
            kind: Some("finding_raised".into()),
            before,
            limit: AT_ONCE,
            ..EventFilter::default()
        };
        let entries = recorded(context, filter).await.unwrap_or_default();
        before = entries.first().map(|oldest| oldest.number);
        let is_last = entries.len() < AT_ONCE;
        raised = entries.into_iter().rev().find(is_it);
        if raised.is_some() || is_last {
            break;
        }
    }
    page::closed_finding(&now.frame(), &now.view, id, raised.as_ref()).map_or_else(
        || now.missing("No such finding is open or ended recently."),
        |page| html(StatusCode::OK, page),
    )
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventsParameters {
    trust_domain: Option<TrustDomain>,
    kind: Option<String>,
    authority: Option<Fingerprint>,
    before: Option<u64>,
}

async fn events(
    State(context): State<HandlerContext>,
    Parameters(parameters): Parameters<EventsParameters>,
) -> Response {
    let now = Now::new(&context, None);
    let EventsParameters { trust_domain, kind, authority, before } = parameters;
    let known = match kind {
        Some(kind) => match Event::NAMES.iter().find(|name| **name == kind) {
            Some(name) => Some(*name),
            None => return now.missing("No event is of that kind."),
        },
        None => None,
    };
    let filter = EventFilter {
        trust_domain: trust_domain.clone(),
        kind: known.map(Into::into),
        authority,
        before,
        limit: page::EVENTS,
        ..EventFilter::default()
    };
    let wanted = Wanted { trust_domain, kind: known, authority, before };
    let events = recorded(&context, filter).await;
    made(move || page::events(&now.frame(), &wanted, &events)).await
}

async fn graph(
    State(context): State<HandlerContext>,
    Parameters(PageParameters { refresh }): Parameters<PageParameters>,
) -> Response {
    let now = Now::new(&context, refresh);
    made(move || page::graph(&now.frame(), &now.view)).await
}

async fn about(
    State(context): State<HandlerContext>,
    Parameters(PageParameters { refresh }): Parameters<PageParameters>,
) -> Response {
    let now = Now::new(&context, refresh);
    let (identity, facts) = (context.backend.identity(), context.backend.scrape().facts);
    html(StatusCode::OK, page::about(&now.frame(), &identity, &facts, now.view.domains.len()))
}

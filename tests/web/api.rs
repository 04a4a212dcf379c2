//! The API beside its description: each says what the other does.

use std::collections::{BTreeMap, BTreeSet};

use anchorwatch_core::finding::{FindingKind, Severity};
use anchorwatch_core::watch::FailureReason;

use super::schema::faults;
use super::*;

async fn document(server: &Server) -> Value {
    let answer = server.get("/api/v1/openapi.json").await;
    assert_eq!(answer.status, 200);
    answer.json()
}

/// The addresses of a path, each with the status that it is to have.
fn addresses(path: &str) -> Vec<(String, u16)> {
    let known = entry().record.id().fingerprint;
    let names = ["clean1.lab.example", "failing.example", "new.example", "odd.example"];
    let page = "?trust_domain=odd.example&limit=1";
    match path {
        "/api/v1/trust-domains/{name}" => {
            let mut all: Vec<_> =
                names.iter().map(|name| (path.replace("{name}", name), 200)).collect();
            all.push((path.replace("{name}", "other.example"), 404));
            all
        }
        "/api/v1/authorities/{fingerprint}" => vec![
            (path.replace("{fingerprint}", &known.to_string()), 200),
            (path.replace("{fingerprint}", &Fingerprint::of(b"unknown").to_string()), 404),
            (path.replace("{fingerprint}", "sha256:00"), 400),
        ],
        "/api/v1/authorities" => vec![
            (path.to_owned(), 200),
            (format!("{path}{page}"), 200),
            (format!("{path}?after=nowhere"), 400),
        ],
        "/api/v1/events" => {
            vec![
                (path.to_owned(), 200),
                (format!("{path}{page}"), 200),
                (format!("{path}?x=1"), 400),
            ]
        }
        _ => vec![(path.to_owned(), 200)],
    }
}

#[track_caller]
fn holds(answer: &Answer, status: u16, operation: &Value, document: &Value) {
    assert_eq!(answer.status, status, "{answer:?}");
    let schema = operation
        .pointer(&format!("/responses/{status}/content/application~1json/schema"))
        .unwrap_or_else(|| panic!("{status} is not described"));
    assert_eq!(faults(&answer.json(), schema, document), Vec::<String>::new());
}

#[tokio::test]
async fn every_described_path_answers_as_it_is_described() {
    let server = Server::start();
    let document = document(&server).await;
    let fails = Some(BackendError::Unavailable("cannot read the store: busy".to_owned()));
    let failing = Server::of(Scripted { fails, ..Scripted::default() }, ReloadOverHttp::Refused);
    let mut seen = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let operation = &item["get"];
        let mut statuses = BTreeSet::new();
        for (target, status) in addresses(path) {
            holds(&server.get(&target).await, status, operation, &document);
            statuses.insert(status.to_string());
        }
        if operation["responses"].get("503").is_some() {
            let (target, _) = &addresses(path)[0];
            holds(&failing.get(target).await, 503, operation, &document);
            statuses.insert("503".to_owned());
        }
        let described: BTreeSet<String> =
            operation["responses"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(statuses, described, "{path}: each described answer is had");
        seen.insert(path.clone(), statuses);
    }
    assert_eq!(seen.len(), 7, "{seen:?}");
}

#[tokio::test]
async fn every_route_of_the_api_is_described_and_no_other() {
    let document = document(&Server::start()).await;
    let source = include_str!("../../src/web/router.rs");
    let routes: BTreeSet<&str> = source
        .split(".route(\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .filter(|route| route.starts_with("/api/"))
        .collect();
    let described: BTreeSet<&str> =
        document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(routes, described);
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn the_closed_sets_are_those_of_the_code() {
    let document = document(&Server::start()).await;
    let set = |name: &str| {
        let words = document["components"]["schemas"][name]["enum"].as_array().unwrap();
        words.iter().map(|word| word.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(set("FindingKind"), FindingKind::LABELS);
    assert_eq!(set("EventKind"), Event::NAMES);
    let reasons: Vec<_> = FailureReason::ALL.iter().map(|reason| reason.label()).collect();
    assert_eq!(set("FailureReason"), reasons);
    assert_eq!(set("Severity"), Severity::ALL.map(Severity::label));
}

#[tokio::test]
async fn every_parameter_is_described_and_no_other() {
    let server = Server::start();
    let document = document(&server).await;
    for (path, values) in [
        ("/api/v1/authorities", vec![("trust_domain", "a.example"), ("limit", "1")]),
        (
            "/api/v1/events",
            vec![
                ("trust_domain", "a.example"),
                ("kind", "recovered"),
                ("since", "2026-11-22T00:00:00Z"),
                ("until", "2026-11-22T00:00:00Z"),
                ("before", "7"),
                ("limit", "1"),
            ],
        ),
    ] {
        for (name, value) in &values {
            let answer = server.get(&format!("{path}?{name}={value}")).await;
            assert_eq!(answer.status, 200, "{name}");
        }
        // What is refused names all that is known.
        let fault = server.get(&format!("{path}?nothing=1")).await.json()["error"].to_string();
        let parameters = document["paths"][path]["get"]["parameters"].as_array().unwrap();
        for parameter in parameters {
            let name = parameter["name"].as_str().unwrap();
            assert!(fault.contains(&format!("`{name}`")), "{path}: {name} is not known: {fault}");
        }
        assert_eq!(fault.matches('`').count() / 2 - 1, parameters.len(), "{path}: {fault}");
    }
}

#[tokio::test]
async fn authorities_are_had_page_by_page_and_each_once() {
    let server = Server::start();
    let whole = server.get("/api/v1/authorities").await;
    assert_eq!(whole.header("link"), None);
    let mut target = "/api/v1/authorities?limit=1".to_owned();
    let mut pages = Vec::new();
    loop {
        let page = server.get(&target).await;
        assert_eq!(page.json().as_array().unwrap().len(), 1);
        pages.extend(page.json().as_array().unwrap().clone());
        let Some(link) = page.header("link") else { break };
        let next = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\""));
        target = next.unwrap_or_else(|| panic!("{link}")).to_owned();
        assert!(target.starts_with("/api/v1/authorities?limit=1&after="), "{target}");
    }
    assert_eq!(Value::from(pages), whole.json());
}

#[tokio::test]
async fn the_events_before_a_page_are_its_next() {
    let server = Server::start();
    let page = server.get("/api/v1/events?kind=recovered&before=9&limit=1").await;
    let link = page.header("link").unwrap();
    assert_eq!(link, "</api/v1/events?kind=recovered&limit=1&before=7>; rel=\"next\"");
    assert_eq!(server.backend.asked.lock().unwrap()[0].before, Some(9));
    assert_eq!(server.get("/api/v1/events").await.header("link"), None, "there are no more");
}

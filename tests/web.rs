//! What is served over HTTP and over the admin socket, by real listeners before a scripted
//! backend.

#![cfg(test)]

#[path = "support/exposition.rs"]
mod exposition;
#[path = "support/http.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod http;
#[path = "support/picture.rs"]
mod picture;
#[path = "support/schema.rs"]
mod schema;

#[path = "web/api.rs"]
mod api;
#[path = "web/pages.rs"]
mod pages;

use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anchorwatch::metrics::{AuthoritySeries, Format, Registered};
use anchorwatch::web::api::{
    AuthorityReport, Cursor, Decided, DomainReport, FederationReport, SightingsTaken,
};
use anchorwatch::web::{
    AdminClient, AdminListener, Asked, AuthorityFilter, Backend, BackendError, ClientError, Decide,
    EventFilter, Identity, RebootstrapOrder, Rebootstrapped, ReloadOverHttp, ScrapeFacts,
    WebListener,
};
use anchorwatch_core::bundle::{Authority, AuthorityId, Digest, Fingerprint, SvidType};
use anchorwatch_core::journal::{AuthorityEntry, Entry, RecordedEntry};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::view::View;
use anchorwatch_core::watch::Event;
use http::{Answer, Request};
use serde_json::{Value, json};
use tokio::net::{TcpStream, UnixStream};

/// A backend that answers from the fixed picture, and notes what it is asked.
#[derive(Default)]
struct Scripted {
    unready: Vec<String>,
    stalled: Option<String>,
    fails: Option<BackendError>,
    asked: Mutex<Vec<EventFilter>>,
    decided: Mutex<Vec<RebootstrapOrder>>,
    decisions: Mutex<Vec<Decide>>,
}

impl Scripted {
    fn answer<T: Send + 'static>(&self, value: T) -> Asked<'_, T> {
        let answer = self.fails.clone().map_or(Ok(value), Err);
        Box::pin(std::future::ready(answer))
    }
}

fn entry() -> AuthorityEntry {
    let record = picture::record(Authority::clone(&picture::authorities()[0]), -7_200);
    AuthorityEntry { trust_domain: "clean1.lab.example".parse().unwrap(), record }
}

fn odd_entry() -> AuthorityEntry {
    let record = picture::record(picture::key("odd", Some(picture::FOREIGN)), -60);
    AuthorityEntry { trust_domain: "odd.example".parse().unwrap(), record }
}

fn recorded() -> RecordedEntry {
    let trust_domain = "clean1.lab.example".parse().unwrap();
    let event = Event::ClockSteppedBack { from: picture::at(60) };
    let entry = Entry { at: picture::at(0), trust_domain, event };
    RecordedEntry { number: 7, hash: Digest::of(b"entry"), entry }
}

impl Backend for Scripted {
    fn view(&self) -> View {
        picture::view()
    }

    fn scrape(&self) -> ScrapeFacts {
        ScrapeFacts {
            view: picture::view(),
            facts: picture::self_facts(),
            registered: Registered::new().unwrap(),
            authority_series: AuthoritySeries::Rendered,
        }
    }

    fn identity(&self) -> Identity {
        Identity { config_digest: Digest::of(b"configuration"), journal_head: Digest::of(b"entry") }
    }

    fn unready(&self) -> Vec<String> {
        self.unready.clone()
    }

    fn stalled(&self) -> Option<String> {
        self.stalled.clone()
    }

    fn events(&self, filter: EventFilter) -> Asked<'_, Vec<RecordedEntry>> {
        self.asked.lock().unwrap().push(filter);
        self.answer(vec![recorded()])
    }

    fn authorities(&self, filter: AuthorityFilter) -> Asked<'_, Vec<AuthorityEntry>> {
        let AuthorityFilter { trust_domain, after, limit } = filter;
        let wanted = |one: &AuthorityEntry| {
            trust_domain.as_ref().is_none_or(|t| *t == one.trust_domain)
                && after.as_ref().is_none_or(|after| *after < Cursor::from(one))
        };
        self.answer([entry(), odd_entry()].into_iter().filter(wanted).take(limit).collect())
    }

    fn authority(&self, fingerprint: Fingerprint) -> Asked<'_, Vec<AuthorityEntry>> {
        let known = entry().record.id().fingerprint == fingerprint;
        self.answer(if known { vec![entry()] } else { Vec::new() })
    }

    fn reload(&self) -> Asked<'_, ()> {
        self.answer(())
    }

    fn check(&self, trust_domain: Option<TrustDomain>) -> Asked<'_, View> {
        let mut view = picture::view();
        view.domains.retain(|domain| {
            trust_domain.as_ref().is_none_or(|wanted| *wanted == domain.endpoint.trust_domain)
        });
        self.answer(view)
    }

    fn rebootstrap(&self, decision: RebootstrapOrder) -> Asked<'_, Rebootstrapped> {
        self.decided.lock().unwrap().push(decision);
        let svid_type = SvidType::X509;
        let denied = AuthorityId { svid_type, fingerprint: Fingerprint::of(b"denied") };
        self.answer(Rebootstrapped { authorities: 3, denied: vec![denied], at_risk: None })
    }

    fn take_sightings(
        &self,
        _lines: hyper::body::Bytes,
        _uid: Option<u32>,
    ) -> Asked<'_, SightingsTaken> {
        self.answer(SightingsTaken { taken: 1, recorded: 1, refused: 0, error: None })
    }

    fn decide(&self, decide: Decide) -> Asked<'_, Decided> {
        let names: Vec<_> = decide.decisions.iter().map(|one| one.action.name()).collect();
        let effect = format!("{} {}", names.join(" "), decide.preview);
        self.decisions.lock().unwrap().push(decide);
        self.answer(Decided { effect, at_risk: None })
    }
}

struct Server {
    listener: WebListener,
    backend: Arc<Scripted>,
}

impl Server {
    fn start() -> Self {
        Self::of(Scripted::default(), ReloadOverHttp::Refused)
    }

    fn of(backend: Scripted, reload: ReloadOverHttp) -> Self {
        let backend = Arc::new(backend);
        let address = "127.0.0.1:0".parse().unwrap();
        let listener = WebListener::bind(address, backend.clone(), reload).unwrap();
        Self { listener, backend }
    }

    async fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, &[]).await
    }

    async fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        let stream = TcpStream::connect(self.listener.address()).await.unwrap();
        Request { method, target, headers, body: b"" }.send_async(stream).await.unwrap()
    }
}

const OPENMETRICS: &str = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";

#[tokio::test]
async fn a_scrape_is_text_unless_openmetrics_is_preferred() {
    let server = Server::start();
    let text = server.get("/metrics").await;
    assert_eq!(text.status, 200);
    assert_eq!(text.header("content-type"), Some(Format::Text.content_type()));
    assert_eq!(text.header("content-encoding"), None);
    assert_eq!(text.header("vary"), Some("accept, accept-encoding"));
    let families = exposition::read(text.text(), false);
    assert!(families.iter().any(|family| family.name == "anchorwatch_source_up"));

    let open = server.ask("GET", "/metrics", &[("accept", OPENMETRICS)]).await;
    assert_eq!(open.header("content-type"), Some(Format::OpenMetrics.content_type()));
    let open = exposition::read(open.text(), true);
    assert_eq!(open.len(), families.len());
    assert!(families.iter().all(|family| !family.help.is_empty()));
    let units = open.iter().filter(|family| family.unit.is_some()).count();
    assert!(5 < units && open.iter().map(|f| f.series().count()).sum::<usize>() > 200);
}

#[tokio::test]
async fn gzip_carries_the_same_scrape() {
    let server = Server::start();
    let packed = server.ask("GET", "/metrics", &[("accept-encoding", "deflate, gzip")]).await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(packed.header("content-type"), Some(Format::Text.content_type()));
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed.body[..]).read_to_string(&mut text).unwrap();
    assert!(packed.body.len() * 4 < text.len());
    assert_eq!(
        exposition::read(&text, false).len(),
        exposition::read(server.get("/metrics").await.text(), false).len()
    );

    let plain = server.ask("GET", "/metrics", &[("accept-encoding", "gzip;q=0")]).await;
    assert_eq!(plain.header("content-encoding"), None);
}

#[tokio::test]
async fn methods_are_what_they_should_be() {
    let server = Server::start();
    for target in ["/", "/metrics", "/-/healthy", "/-/ready", "/api/v1/trust-domains"] {
        let head = server.ask("HEAD", target, &[]).await;
        assert_eq!((head.status, head.body.len()), (200, 0), "{target}");
        for method in ["POST", "PUT", "DELETE"] {
            let answer = server.ask(method, target, &[]).await;
            assert_eq!(answer.status, 405, "{method} {target}");
            assert_eq!(answer.header("allow"), Some("GET,HEAD"));
        }
    }
    assert_eq!(server.get("/-/reload").await.status, 405);
    for target in ["/api", "/api/v1/nothing", "/metrics/", "/..%2f", "/favicon.ico"] {
        let answer = server.get(target).await;
        assert_eq!(
            (answer.status, answer.json()),
            (404, json!({"error": "nothing is served here"}))
        );
    }
}

#[tokio::test]
async fn health_and_readiness_say_why_not() {
    let server = Server::start();
    for target in ["/-/healthy", "/-/ready"] {
        let answer = server.get(target).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    }
    let unready = vec!["the store cannot be written: disk full".to_owned(), "second".to_owned()];
    let stalled = Some("the scheduler has not turned for 20 s".to_owned());
    let server =
        Server::of(Scripted { unready, stalled, ..Scripted::default() }, ReloadOverHttp::Refused);
    let ready = server.get("/-/ready").await;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.text(), "the store cannot be written: disk full\nsecond\n");
    let healthy = server.get("/-/healthy").await;
    assert_eq!(healthy.status, 503);
    assert_eq!(healthy.text(), "the scheduler has not turned for 20 s\n");
    // Neither hides what is known.
    assert_eq!(server.get("/metrics").await.status, 200);
    let page = server.get("/").await;
    assert!(page.text().contains("Not ready: the store cannot be written: disk full; second"));
}

#[tokio::test]
async fn a_reload_needs_the_operators_leave() {
    let server = Server::start();
    let answer = server.ask("POST", "/-/reload", &[]).await;
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("--web.enable-lifecycle"));

    let server = Server::of(Scripted::default(), ReloadOverHttp::Taken);
    for method in ["POST", "PUT"] {
        assert_eq!(server.ask(method, "/-/reload", &[]).await.status, 200);
    }

    let fails = Some(BackendError::Refused("line 3: unknown key `polll`".to_owned()));
    let server = Server::of(Scripted { fails, ..Scripted::default() }, ReloadOverHttp::Taken);
    let answer = server.ask("POST", "/-/reload", &[]).await;
    assert_eq!((answer.status, answer.text()), (500, "line 3: unknown key `polll`\n"));
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The fields are a contract; `serde_json` sorts them.
#[tokio::test]
async fn trust_domains_have_these_fields() {
    let server = Server::start();
    let report = server.get("/api/v1/trust-domains").await.json();
    assert_eq!(keys(&report), ["at", "trust_domains", "worst"]);
    assert_eq!((&report["at"], &report["worst"]), (&json!(picture::at(0)), &json!("critical")));
    let [clean, failing, new, odd] = &report["trust_domains"].as_array().unwrap()[..] else {
        panic!("{report}");
    };
    let common = [
        "changed",
        "digest",
        "dropped",
        "failures",
        "findings",
        "irregularities",
        "jwt_authorities",
        "last_poll",
        "last_success",
        "profile",
        "refresh_hint",
        "sequence",
        "trust_domain",
        "unrecorded",
        "up",
        "url",
        "wit_authorities",
        "x509_authorities",
    ];
    let with = |more: &[&'static str]| {
        let mut all = [&common[..], more].concat();
        all.sort_unstable();
        all
    };
    assert_eq!(keys(clean), with(&[]));
    assert_eq!(keys(failing), with(&["failure"]));
    assert_eq!(keys(new), with(&[]));
    assert_eq!(keys(odd), with(&["failure", "stopped"]));
    assert_eq!(clean["up"], true);
    assert_eq!(keys(&failing["failure"]), ["detail", "reason", "since"]);
    assert_eq!(failing["failure"]["reason"], "connect");
    assert_eq!(new["sequence"], Value::Null);
    assert_eq!(odd["sequence"], u64::MAX, "exact, unlike the metric");
    assert_eq!(odd["failure"]["detail"], picture::FOREIGN, "as it came: JSON escapes it");

    let one = server.get("/api/v1/trust-domains/failing.example").await.json();
    // Asked for alone, it tells of its rotation too.
    assert_eq!(keys(&one), with(&["failure", "rotation"]));
    let rotation =
        ["consumers", "handovers", "hard_lockout", "lineages", "replicas", "soft_lockout"];
    assert_eq!(keys(&one["rotation"]), rotation);
    let clean = server.get("/api/v1/trust-domains/clean1.lab.example").await.json();
    let [line, _] = &clean["rotation"]["lineages"].as_array().unwrap()[..] else { panic!() };
    assert_eq!(keys(line), ["deadline", "expected", "lineage", "newest", "overdue", "use"]);
    let handovers = clean["rotation"]["handovers"].as_array().unwrap();
    let verdicts: Vec<_> = handovers.iter().map(|one| one["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["undecidable", "violated"]);
    for unknown in ["other.example", "NOT%20A%20NAME", "%3Cscript%3E"] {
        let answer = server.get(&format!("/api/v1/trust-domains/{unknown}")).await;
        assert_eq!(answer.status, 404);
        assert_eq!(answer.json(), json!({"error": "no such trust domain is watched"}));
    }
}

#[tokio::test]
async fn findings_name_their_trust_domain() {
    let findings = Server::start().get("/api/v1/findings").await.json();
    let findings = findings.as_array().unwrap();
    assert_eq!(findings.len(), 3);
    for finding in findings {
        assert_eq!(
            keys(finding),
            [
                "ends",
                "evidence",
                "id",
                "incident",
                "kind",
                "recorded_by",
                "severity",
                "since",
                "subject",
                "trust_domain"
            ]
        );
    }
}

#[tokio::test]
async fn authorities_have_these_fields() {
    let server = Server::start();
    let all = server.get("/api/v1/authorities").await.json();
    let [x509, jwt] = &all.as_array().unwrap()[..] else { panic!("{all}") };
    for authority in [x509, jwt] {
        assert_eq!(
            keys(authority),
            [
                "certificate",
                "fingerprint",
                "key_type",
                "kid",
                "public_key",
                "published",
                "removed",
                "returned_after",
                "signed",
                "state",
                "trust_domain",
                "use",
            ]
        );
    }
    assert_eq!(
        keys(&x509["certificate"]),
        ["is_ca", "not_after", "not_before", "serial", "subject", "subject_key_id", "uri_sans",]
    );
    assert_eq!((&jwt["certificate"], &jwt["kid"]), (&Value::Null, &json!(picture::FOREIGN)));

    let one = server.get("/api/v1/authorities?trust_domain=odd.example").await.json();
    assert_eq!(one, json!([jwt]));

    let fingerprint = x509["fingerprint"].as_str().unwrap();
    let found = server.get(&format!("/api/v1/authorities/{fingerprint}")).await.json();
    assert_eq!(found, json!([x509]));

    let unknown = format!("/api/v1/authorities/{}", Fingerprint::of(b"unknown"));
    let answer = server.get(&unknown).await;
    assert_eq!(
        (answer.status, answer.json()),
        (404, json!({"error": "no such authority is on record"}))
    );
    for bad in ["sha256:00", "d728b6a4c8cb3183", "%00"] {
        let answer = server.get(&format!("/api/v1/authorities/{bad}")).await;
        assert_eq!(answer.status, 400, "{bad}");
        assert!(answer.json()["error"].as_str().unwrap().contains("64 hex digits"));
    }
}

#[tokio::test]
async fn events_are_filtered_and_bounded() {
    let server = Server::start();
    let events = server.get("/api/v1/events").await.json();
    let fields = ["at", "event", "from", "hash", "number", "trust_domain"];
    assert_eq!(keys(&events[0]), fields);

    let fingerprint = Fingerprint::of(b"key");
    let filter = format!(
        "/api/v1/events?trust_domain=a.example&kind=recovered&authority={fingerprint}\
         &since=2026-11-22T00:00:00Z&until=2026-11-23T00:00:00Z&limit=10000000"
    );
    assert_eq!(server.get(&filter).await.status, 200);
    let asked = server.backend.asked.lock().unwrap().clone();
    let [plain, full] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!((plain.limit, &plain.trust_domain, &plain.kind), (100, &None, &None));
    assert_eq!(full.limit, 100, "so many are in memory at one time");
    assert_eq!(full.trust_domain, Some("a.example".parse().unwrap()));
    assert_eq!((full.kind.as_deref(), full.authority), (Some("recovered"), Some(fingerprint)));
    assert_eq!(full.since, Some("2026-11-22T00:00:00Z".parse().unwrap()));
    assert_eq!(full.until, Some("2026-11-23T00:00:00Z".parse().unwrap()));
}

#[tokio::test]
async fn parameters_that_cannot_be_read_are_faults() {
    let server = Server::start();
    for target in [
        "/api/v1/events?limits=1",
        "/api/v1/events?limit=-1",
        "/api/v1/events?limit=1&limit=2",
        "/api/v1/events?since=yesterday",
        "/api/v1/events?authority=sha256:00",
        "/api/v1/events?trust_domain=NO",
        "/api/v1/authorities?domain=a.example",
    ] {
        let answer = server.get(target).await;
        assert_eq!(answer.status, 400, "{target}");
        let fault = answer.json();
        assert_eq!(keys(&fault), ["error"]);
        assert!(10 < fault["error"].as_str().unwrap().len(), "{fault}");
    }
    assert!(server.backend.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_backend_that_cannot_look_is_unavailable() {
    let fails = Some(BackendError::Unavailable("cannot read the store: busy".to_owned()));
    let server = Server::of(Scripted { fails, ..Scripted::default() }, ReloadOverHttp::Refused);
    let authority = format!("/api/v1/authorities/{}", Fingerprint::of(b""));
    for target in ["/api/v1/events", "/api/v1/authorities", &authority] {
        let answer = server.get(target).await;
        let fault = json!({"error": "cannot read the store: busy"});
        assert_eq!((answer.status, answer.json()), (503, fault), "{target}");
    }
}

#[tokio::test]
async fn the_page_runs_nothing_and_is_framed_by_nobody() {
    let server = Server::start();
    let page = server.get("/").await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").unwrap();
    for part in
        ["default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]
    {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("script"), "scripts fall under default-src");
    assert!(policy.contains("style-src 'self'") && !policy.contains("unsafe"), "{policy}");
    let style = server.get("/style.css").await;
    assert_eq!(style.header("content-type"), Some("text/css; charset=utf-8"));
    assert!(!style.text().contains("url(") && !style.text().contains("@import"));
    assert_eq!(server.get("/favicon.svg").await.header("content-type"), Some("image/svg+xml"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    for target in ["/", "/metrics", "/-/ready", "/api/v1/findings", "/nothing"] {
        let answer = server.get(target).await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{target}");
    }
}

#[tokio::test]
async fn decisions_are_not_to_be_had_over_tcp() {
    let server = Server::of(Scripted::default(), ReloadOverHttp::Taken);
    for target in ["/admin/v1/check", "/admin/v1/rebootstrap"] {
        for method in ["GET", "POST"] {
            assert_eq!(server.ask(method, target, &[]).await.status, 404, "{method} {target}");
        }
    }
    assert!(server.backend.decided.lock().unwrap().is_empty());
}

struct Admin {
    listener: AdminListener,
    backend: Arc<Scripted>,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Admin {
    async fn start() -> Self {
        Self::of(Scripted::default()).await
    }

    async fn of(backend: Scripted) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        let backend = Arc::new(backend);
        let listener = AdminListener::bind(&path, backend.clone()).await.unwrap();
        Self { listener, backend, path, _folder: folder }
    }

    async fn client(&self) -> AdminClient {
        AdminClient::connect(&self.path).await.unwrap()
    }
}

async fn bind(path: &Path) -> std::io::Result<AdminListener> {
    AdminListener::bind(path, Arc::new(Scripted::default())).await
}

fn decision() -> Value {
    json!({"trust_domain": "failing.example", "bundle": "{}", "by": "me", "reason": "lost keys"})
}

#[tokio::test]
async fn the_admin_socket_is_its_owners_from_the_first_moment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    // Whatever the mode is whenever it can be seen, it is 0600.
    let (seen, done) = (path.clone(), Arc::new(std::sync::atomic::AtomicBool::new(false)));
    let stop = Arc::clone(&done);
    let watcher = std::thread::spawn(move || {
        let mut modes = std::collections::BTreeSet::new();
        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
            modes.extend(std::fs::metadata(&seen).map(|there| there.permissions().mode() & 0o777));
        }
        modes
    });
    for _ in 0..100 {
        bind(&path).await.unwrap().stop().await;
        assert!(!path.exists(), "a stop removes it");
    }
    let listener = bind(&path).await.unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    let modes = watcher.join().unwrap();
    assert!(modes.iter().all(|mode| *mode == 0o600), "{modes:?}");
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 1, "nothing lies beside it");
    listener.stop().await;
}

#[tokio::test]
async fn a_dead_socket_is_replaced_and_a_live_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let dead = path.metadata().unwrap().ino();
    let listener = bind(&path).await.unwrap();
    assert_ne!(path.metadata().unwrap().ino(), dead);

    let refused = bind(&path).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::AddrInUse);
    assert!(refused.to_string().contains("another process answers on"), "{refused}");
    AdminClient::connect(&path).await.unwrap();
    listener.stop().await;
}

#[tokio::test]
async fn what_is_no_socket_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    std::fs::write(&path, "a file of somebody's").unwrap();
    let refused = bind(&path).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a file of somebody's");
}

#[tokio::test]
async fn a_start_that_died_half_way_hinders_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join(format!(".{}", std::process::id()));
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("s"), "").unwrap();
    bind(&folder.path().join("admin.sock")).await.unwrap().stop().await;
}

#[tokio::test]
async fn a_socket_at_the_longest_path_can_be_had() {
    let folder = tempfile::tempdir().unwrap();
    let room = 107 - folder.path().as_os_str().len() - "/admin.sock".len() - 1;
    let long = folder.path().join("x".repeat(room));
    std::fs::create_dir(&long).unwrap();
    let path = long.join("admin.sock");
    assert_eq!(path.as_os_str().len(), 107);
    let listener = bind(&path).await.unwrap();
    AdminClient::connect(&path).await.unwrap();
    listener.stop().await;
}

#[tokio::test]
async fn a_decision_carries_who_asked_by_the_kernels_word() {
    let admin = Admin::start().await;
    let decided: Decided =
        admin.client().await.post("/admin/v1/rebootstrap", &decision()).await.unwrap();
    assert!(decided.effect.contains("3 X.509 authorities"), "{}", decided.effect);
    assert!(decided.effect.contains("neither approved nor trusted"), "{}", decided.effect);
    let noted = admin.backend.decided.lock().unwrap().pop().unwrap();
    let own = std::fs::metadata("/proc/self").unwrap().uid();
    assert_eq!(noted.uid, Some(own));
    assert_eq!(noted.trust_domain.as_str(), "failing.example");
    assert_eq!(noted.bundle, "{}");
    assert_eq!((noted.by, noted.reason), ("me".into(), "lost keys".into()));
    admin.listener.stop().await;
}

#[tokio::test]
async fn the_commands_read_what_the_api_says() {
    let admin = Admin::start().await;
    let client = admin.client().await;
    let report: FederationReport = client.get("/api/v1/trust-domains").await.unwrap();
    assert_eq!(report.trust_domains.len(), 4);
    let domain: DomainReport = client.get("/api/v1/trust-domains/odd.example").await.unwrap();
    assert_eq!(domain.failure.unwrap().detail, *picture::FOREIGN);
    let authorities: Vec<AuthorityReport> = client.get("/api/v1/authorities").await.unwrap();
    assert_eq!(authorities[1].kid, Some(picture::FOREIGN.into()));
    let events: Vec<RecordedEntry> = client.get("/api/v1/events?limit=1").await.unwrap();
    assert_eq!(events, [recorded()]);
    let one: FederationReport =
        client.post("/admin/v1/check?trust_domain=new.example", &()).await.unwrap();
    assert_eq!(one.trust_domains.len(), 1);
    admin.listener.stop().await;
}

#[track_caller]
fn refused(answer: Result<Value, ClientError>) -> String {
    match answer {
        Err(ClientError::Refused { error }) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_commands_hear_why_not() {
    let fails = Some(BackendError::NotFound("failing.example is not watched".to_owned()));
    let admin = Admin::of(Scripted { fails, ..Scripted::default() }).await;
    let client = admin.client().await;
    let answer = client.post("/admin/v1/rebootstrap", &decision()).await;
    assert_eq!(refused(answer), "failing.example is not watched");
    let answer = client.post("/admin/v1/rebootstrap", &json!({"trust_domain": "a.example"})).await;
    assert!(refused(answer).contains("missing field `bundle`"));
    let mut more = decision();
    more["uid"] = json!(0);
    let answer = client.post("/admin/v1/rebootstrap", &more).await;
    assert!(refused(answer).contains("unknown field `uid`"), "nobody says who they are");
    assert!(refused(client.get("/api/v1/events?no=1").await).contains("unknown field `no`"));
    assert_eq!(refused(client.get("/nothing").await), "nothing is served here");
    // The page and the scrape are for TCP, where they can be reached.
    assert_eq!(refused(client.get("/metrics").await), "nothing is served here");

    let stalled = Some("the scheduler has not turned for 20 s".to_owned());
    let ill = Admin::of(Scripted { stalled, ..Scripted::default() }).await;
    match ill.client().await.text("/-/healthy").await {
        Err(ClientError::Refused { error }) => {
            assert_eq!(error, "the scheduler has not turned for 20 s");
        }
        other => panic!("{other:?}"),
    }
    ill.listener.stop().await;

    let wrong: Result<Vec<u8>, _> = client.get("/api/v1/trust-domains").await;
    assert!(matches!(wrong, Err(ClientError::Broken { .. })), "{wrong:?}");

    let path = admin.path.clone();
    admin.listener.stop().await;
    let gone = client.get::<Value>("/api/v1/trust-domains").await;
    let Err(ClientError::Absent { path: named, .. }) = gone else { panic!("{gone:?}") };
    assert_eq!(named, path);
    assert!(matches!(AdminClient::connect(&path).await, Err(ClientError::Absent { .. })));
}

#[tokio::test]
async fn a_decision_has_a_bound() {
    let admin = Admin::start().await;
    let mut huge = decision();
    huge["bundle"] = json!("x".repeat(9 << 20));
    let body = serde_json::to_vec(&huge).unwrap();
    let stream = UnixStream::connect(&admin.path).await.unwrap();
    let request = Request::post("/admin/v1/rebootstrap", &body);
    let answer = request.send_async(stream).await.unwrap();
    assert_eq!(answer.status, 413);
    assert!(admin.backend.decided.lock().unwrap().is_empty());

    // Just below it passes.
    huge["bundle"] = json!("x".repeat(8_000_000));
    let _: Decided = admin.client().await.post("/admin/v1/rebootstrap", &huge).await.unwrap();
    admin.listener.stop().await;
}

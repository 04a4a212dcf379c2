//! An operation does not depend on who waits for it, what is acknowledged is durable, and what
//! hangs holds up neither.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anchorwatch::demo::mint::{DemoKeyAlgorithm, JwtAuthority, X509Ca};
use anchorwatch_core::bundle::Fingerprint;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Semaphore;

use crate::process::http::{Answer, Request};
use crate::process::{
    PATIENCE, Partner, Process, anchorwatch, configure, document, hour, id, json as answer,
    relationship,
};
use crate::scene::{Scene, WHO, said};
use crate::support::hostile;

const NAMES: [&str; 3] = ["a.example", "b.example", "c.example"];

impl Scene {
    /// Three partners under watch. The first publishes so many keys that nothing explains.
    async fn with_surprises(count: usize) -> Self {
        let scene = Self::of(&NAMES).await;
        let keys: Vec<_> =
            (0..count).map(|_| JwtAuthority::mint(DemoKeyAlgorithm::EcP256).unwrap()).collect();
        let listed: Vec<_> = std::iter::once(&scene.partners[0].key).chain(&keys).collect();
        scene.publish(0, &listed, 2);
        scene.daemon.until("surprised", |daemon| unexpected(daemon).len() == count);
        scene
    }

    /// The trust domains in whose journal this decision stands.
    fn journaled(&self, decision: &str, fingerprint: &str) -> BTreeSet<String> {
        let decided = self
            .events("decided")
            .into_iter()
            .filter(|one| one["decision"] == decision && one["fingerprint"] == fingerprint);
        decided.map(|one| one["trust_domain"].as_str().unwrap().to_owned()).collect()
    }

    /// The trust domains that hold this denial in memory: an approval would override it there.
    fn denied(&self, fingerprint: &str) -> BTreeSet<String> {
        let overrides = |name: &&str| {
            let request = json!({
                "by": "j.doe", "reason": "preview", "preview": true, "trust_domain": name,
                "decisions": [{ "decision": "approve", "fingerprint": fingerprint }],
            });
            let (status, effect) = self.ask("/admin/v1/decisions", &request);
            assert_eq!(status, 200, "{effect}");
            effect["effect"].as_str().unwrap().contains(&format!("overrides a denial in {name}"))
        };
        NAMES.into_iter().filter(overrides).map(String::from).collect()
    }

    fn socket(&self) -> UnixStream {
        UnixStream::connect(self.folder.path().join("store/admin.sock")).unwrap()
    }

    /// What the admin socket answers.
    fn ask(&self, path: &str, request: &Value) -> (u16, Value) {
        let answer = Request::post(path, request.to_string().as_bytes()).send(self.socket());
        let answer = answer.unwrap();
        (answer.status, answer.json())
    }

    /// Sends a request, and goes away after so long without reading the answer.
    fn ask_and_leave(&self, path: &str, request: &Value, after: Duration) {
        let mut stream = self.socket();
        send(&mut stream, &Request::post(path, request.to_string().as_bytes()));
        std::thread::sleep(after);
    }

    fn verify(self) {
        let Self { folder, config, daemon, partners } = self;
        drop(daemon);
        said(&anchorwatch(&config, &["store", "verify"]).output().unwrap(), 0);
        drop((partners, folder));
    }
}

/// Readers that hang: half a head each.
fn half_heads(daemon: &Process) -> Vec<TcpStream> {
    let head = |_| {
        let mut stream = TcpStream::connect(&daemon.address).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHo").unwrap();
        stream
    };
    (0..20).map(head).collect()
}

/// Sends what nobody waits for the answer of.
fn send(stream: &mut impl std::io::Write, request: &Request<'_>) {
    // The daemon may have gone away: then there is no answer.
    drop(stream.write_all(&request.bytes()));
}

const RELOAD: Request<'static> =
    Request { method: "POST", target: "/-/reload", headers: &[], body: b"" };

fn reload(daemon: &Process) -> Answer {
    RELOAD.send_to(&daemon.address).unwrap()
}

/// The keys that nothing explains, by fingerprint, of all trust domains.
fn unexpected(daemon: &Process) -> BTreeSet<String> {
    let findings = daemon.findings().into_iter();
    findings
        .filter(|one| one["kind"] == "unexpected_authority")
        .map(|one| one["fingerprint"].as_str().unwrap().to_owned())
        .collect()
}

fn watched(daemon: &Process) -> Vec<String> {
    let report = daemon.value("/api/v1/trust-domains");
    let domains = report["trust_domains"].as_array().unwrap();
    domains.iter().map(|one| one["trust_domain"].as_str().unwrap().to_owned()).collect()
}

/// The instants at which a client leaves: most of them while the store is held up.
fn instants() -> impl Iterator<Item = Duration> {
    (0..30).map(|place| Duration::from_millis(place * 9))
}

/// How long the store is held up: less than a write waits for it.
const HELD: Duration = Duration::from_millis(180);
/// How long it is free then: SQLite looks again each tenth of a second.
const REST: Duration = Duration::from_millis(120);

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_during_a_reload_leaves_every_domain_with_its_record() {
    let mut scene = Scene::with_surprises(1).await;
    let rogue = unexpected(&scene.daemon);
    let plain: Vec<_> =
        scene.partners.iter().map(|one| one.relationship(scene.folder.path())).collect();
    for (place, instant) in instants().enumerate() {
        // A line that the reload must journal, in each of them.
        let key = Fingerprint::of(&place.to_be_bytes());
        let line = format!("    approved: [{{fingerprint: \"{key}\", reason: reviewed}}]\n");
        let with: Vec<_> = plain.iter().map(|one| one.clone() + &line).collect();
        configure(scene.folder.path(), &with);
        let store = scene.hold_the_store();
        let mut stream = TcpStream::connect(&scene.daemon.address).unwrap();
        send(&mut stream, &RELOAD);
        std::thread::sleep(instant);
        drop(stream);
        assert_eq!(watched(&scene.daemon), NAMES, "left after {instant:?}");
        std::thread::sleep(HELD.saturating_sub(instant));
        store.execute_batch("ROLLBACK").unwrap();
        drop(store);
        std::thread::sleep(REST);
        assert_eq!(watched(&scene.daemon), NAMES, "left after {instant:?}");
        assert_eq!(unexpected(&scene.daemon), rogue, "left after {instant:?}");
    }
    // One that is waited for comes after all of them.
    configure(scene.folder.path(), &plain);
    let answer = reload(&scene.daemon);
    assert_eq!(answer.status, 200, "{}", answer.text());
    // What a line approved was withdrawn with it, in each of them.
    let decided = scene.events("decided");
    for name in NAMES {
        let of = |decision: &str| {
            let of = |one: &&Value| one["trust_domain"] == name && one["decision"] == decision;
            decided.iter().filter(of).map(|one| one["fingerprint"].to_string()).collect()
        };
        let approved: BTreeSet<String> = of("approve");
        assert!(!approved.is_empty(), "no reload was carried out");
        assert_eq!(approved, of("withdraw-approval"), "{name}");
    }
    scene.kill_and_restart();
    assert_eq!(unexpected(&scene.daemon), rogue);
    assert_eq!(scene.events("first_contact").len(), NAMES.len(), "one first contact each");
    scene.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_during_a_decision_leaves_journal_and_memory_the_same() {
    let mut scene = Scene::with_surprises(10).await;
    let mut keys: Vec<_> = unexpected(&scene.daemon).into_iter().collect();
    let mut denials = Vec::new();
    let mut approvals = Vec::new();
    for (place, instant) in instants().enumerate() {
        let words = json!({ "by": "j.doe", "reason": format!("CHG-{place}") });
        let with = |more: Value| {
            let mut all = words.clone();
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            all
        };
        let (path, request) = match place % 3 {
            0 => {
                let key = Fingerprint::of(&place.to_be_bytes()).to_string();
                denials.push(key.clone());
                let deny = json!([{ "decision": "deny", "fingerprint": key }]);
                ("/admin/v1/decisions", with(json!({ "decisions": deny })))
            }
            1 => {
                let key = keys.pop().unwrap();
                approvals.push(key.clone());
                let approve = json!([{ "decision": "approve", "fingerprint": key }]);
                ("/admin/v1/decisions", with(json!({ "decisions": approve })))
            }
            _ => {
                let bundle = scene.partners[1].authority.pem();
                let of = json!({ "trust_domain": NAMES[1], "bundle": bundle });
                ("/admin/v1/rebootstrap", with(of))
            }
        };
        let store = scene.hold_the_store();
        scene.ask_and_leave(path, &request, instant);
        std::thread::sleep(HELD.saturating_sub(instant));
        store.execute_batch("ROLLBACK").unwrap();
        std::thread::sleep(REST);
    }
    // Operations come one after the other: once this one is answered, all before it are done.
    let last = json!([{ "decision": "baseline" }]);
    let last =
        json!({ "trust_domain": NAMES[2], "by": "j.doe", "reason": "last", "decisions": last });
    assert_eq!(scene.ask("/admin/v1/decisions", &last).0, 200);
    for restarted in [false, true] {
        let all: BTreeSet<String> = NAMES.map(String::from).into();
        for key in &denials {
            let journaled = scene.journaled("deny", key);
            assert_eq!(scene.denied(key), journaled, "restarted: {restarted}");
            assert!(journaled.is_empty() || journaled == all, "{journaled:?}");
        }
        let open = unexpected(&scene.daemon);
        for key in &approvals {
            let approved = !scene.journaled("approve", key).is_empty();
            assert_eq!(open.contains(key), !approved, "restarted: {restarted}");
        }
        if !restarted {
            scene.kill_and_restart();
        }
    }
    // Who stays for as long as the store is held up is heard.
    let done = denials.iter().filter(|key| !scene.journaled("deny", key).is_empty()).count();
    assert!(0 < done, "no decision was carried out");
    assert!(!scene.events("rebootstrapped").is_empty(), "no rebootstrap was carried out");
    scene.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_cannot_be_written_is_refused_and_never_takes_effect() {
    let mut scene = Scene::with_surprises(2).await;
    let rogue = unexpected(&scene.daemon);
    let [one, other] = &rogue.iter().collect::<Vec<_>>()[..] else { panic!("{rogue:?}") };
    let incident = scene.daemon.findings()[0]["incident"].as_str().unwrap().to_owned();
    let fresh = X509Ca::mint(&NAMES[1].parse().unwrap(), hour(), DemoKeyAlgorithm::EcP256).unwrap();
    let file = scene.folder.path().join("fresh.pem");
    std::fs::write(&file, fresh.pem()).unwrap();
    let decisions: [Vec<&str>; 8] = [
        vec!["approve", one],
        vec!["deny", other],
        vec!["approve", "--incident", &incident],
        vec!["baseline", NAMES[2]],
        vec!["retire-lineage", NAMES[2], "1"],
        vec![
            "announce",
            "--trust-domain=c.example",
            "--use=jwt-svid",
            "--not-before=2026-01-01T00:00:00Z",
            "--not-after=2026-01-02T00:00:00Z",
        ],
        vec![
            "announce",
            "--trust-domain=c.example",
            "--outage",
            "--not-before=2026-01-01T00:00:00Z",
            "--not-after=2026-01-02T00:00:00Z",
        ],
        vec!["rebootstrap", NAMES[1], file.to_str().unwrap()],
    ];
    let store = scene.hold_the_store();
    // What happens meanwhile waits to be written; a decision does not.
    let second = &scene.partners[1];
    let key = JwtAuthority::mint(DemoKeyAlgorithm::EcP256).unwrap();
    second.endpoint.serve(document(&[&second.authority], &[&key], 2));
    scene.daemon.until("seen", |daemon| daemon.domain(NAMES[1])["sequence"] == 2);
    let open = unexpected(&scene.daemon);
    for decision in &decisions {
        let refused = said(&scene.decide(decision), 74);
        assert!(refused.contains("nothing was decided"), "{decision:?}: {refused}");
        assert!(!refused.contains("decided, and journaled"), "{decision:?}: {refused}");
        assert_eq!(unexpected(&scene.daemon), open, "{decision:?}");
    }
    let request = json!({
        "by": "j.doe", "reason": "CHG-1", "decisions": [{ "decision": "deny", "fingerprint": one }],
    });
    let (status, fault) = scene.ask("/admin/v1/decisions", &request);
    assert_eq!((status, &fault["code"]), (507, &json!("not_recorded")), "{fault}");
    assert!(scene.denied(one).is_empty());
    store.execute_batch("ROLLBACK").unwrap();
    drop(store);
    // What waited is written, and nothing that was refused is among it.
    scene.daemon.until("written", |daemon| daemon.get("/-/ready").status == 200);
    for restarted in [false, true] {
        assert!(scene.events("decided").is_empty(), "restarted: {restarted}");
        assert!(scene.events("rebootstrapped").is_empty(), "restarted: {restarted}");
        assert!(scene.denied(one).is_empty(), "restarted: {restarted}");
        assert_eq!(unexpected(&scene.daemon), open, "restarted: {restarted}");
        assert_eq!(scene.daemon.domain(NAMES[1])["sequence"], 2);
        if !restarted {
            scene.kill_and_restart();
        }
    }
    // All of an incident stands together in the journal.
    let effect = said(&scene.decide(&["approve", "--incident", &incident]), 0);
    assert!(effect.contains("decided, and journaled"), "{effect}");
    assert!(!unexpected(&scene.daemon).contains(*one));
    let decided = scene.events("decided");
    assert_eq!(decided.len(), 2, "{decided:?}");
    let moments: BTreeSet<_> = decided.iter().map(|one| one["at"].as_str().unwrap()).collect();
    assert_eq!(moments.len(), 1, "in one transaction: {decided:?}");
    scene.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_held_up_does_not_hold_up_an_end() {
    let mut scene = Scene::with_surprises(1).await;
    let rogue = unexpected(&scene.daemon);
    let key = rogue.iter().next().unwrap();
    let store = scene.hold_the_store();
    let request = json!({
        "by": "j.doe", "reason": "CHG-1",
        "decisions": [{ "decision": "approve", "fingerprint": key }],
    });
    let mut waiting = scene.socket();
    send(&mut waiting, &Request::post("/admin/v1/decisions", request.to_string().as_bytes()));
    scene.daemon.signal("-HUP");
    let heads = half_heads(&scene.daemon);
    // All of it is held until after the end: nobody lets go of the store, or ends a head.
    scene.daemon.stops_in_time();
    drop(heads);
    // Nothing was acknowledged, and so nothing was decided.
    let mut text = String::new();
    drop(waiting.read_to_string(&mut text));
    assert!(!text.contains(" 200 "), "{text}");
    store.execute_batch("ROLLBACK").unwrap();
    drop(store);
    scene.kill_and_restart();
    assert_eq!(unexpected(&scene.daemon), rogue);
    assert!(scene.events("decided").is_empty());
    scene.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_the_configuration_has_no_effect_before_it_is_durable() {
    let mut scene = Scene::with_surprises(1).await;
    let key = unexpected(&scene.daemon).into_iter().next().unwrap();
    let line = format!("    approved: [{{fingerprint: \"{key}\", reason: reviewed}}]\n");
    let relationships: Vec<_> =
        scene.partners.iter().map(|one| one.relationship(scene.folder.path()) + &line).collect();
    configure(scene.folder.path(), &relationships);
    let store = scene.hold_the_store();
    let refused = reload(&scene.daemon);
    assert_eq!(refused.status, 507);
    assert!(refused.text().contains("no effect yet"), "{}", refused.text());
    assert!(unexpected(&scene.daemon).contains(&key), "it has an effect, and is not journaled");
    let ready = scene.daemon.text("/-/ready");
    assert!(ready.contains("decisions of the configuration on 3 trust domains"), "{ready}");
    store.execute_batch("ROLLBACK").unwrap();
    drop(store);
    scene.daemon.until("approved", |daemon| unexpected(daemon).is_empty());
    scene.daemon.until("ready", |daemon| daemon.get("/-/ready").status == 200);
    for restarted in [false, true] {
        assert_eq!(scene.journaled("approve", &key), NAMES.map(String::from).into());
        assert_eq!(scene.events("decided").len(), NAMES.len(), "restarted: {restarted}");
        if !restarted {
            scene.kill_and_restart();
        }
    }
    scene.verify();
}

/// An address that takes connections and never answers. It counts those that came, and those that
/// the other side has ended since.
struct Silence {
    url: String,
    came: Arc<AtomicUsize>,
    held: Arc<Mutex<Vec<TcpStream>>>,
}

impl Silence {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let (came, held) = (Arc::<AtomicUsize>::default(), Arc::<Mutex<Vec<TcpStream>>>::default());
        let (counter, connections) = (Arc::clone(&came), Arc::clone(&held));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                stream.set_nonblocking(true).unwrap();
                connections.lock().unwrap().push(stream);
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { url, came, held }
    }

    fn came(&self) -> usize {
        self.came.load(Ordering::Relaxed)
    }

    /// How many connections have ended.
    fn ended(&self) -> usize {
        let ended = |stream: &&TcpStream| {
            let (mut stream, mut piece) = (*stream, [0; 4096]);
            loop {
                match stream.read(&mut piece) {
                    Ok(0) => return true,
                    Ok(_) => (),
                    Err(why) => return why.kind() != std::io::ErrorKind::WouldBlock,
                }
            }
        };
        self.held.lock().unwrap().iter().filter(ended).count()
    }
}

/// More polls than that hang at one time.
const HANGING: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn polls_that_hang_hold_up_neither_a_reload_nor_a_decision_nor_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let partner = Partner::start("good.example").await;
    let silence = Silence::start();
    let hanging = |count: usize| -> Vec<String> {
        let file = folder.path().join("good.example.pem");
        let of = |place: usize| {
            let name = format!("silent{place}.example");
            // The certificate of the file names another trust domain: one each would do the same.
            let authority =
                X509Ca::mint(&name.parse().unwrap(), hour(), DemoKeyAlgorithm::EcP256).unwrap();
            let file = file.with_file_name(format!("{name}.pem"));
            std::fs::write(&file, authority.pem()).unwrap();
            relationship(&name, &silence.url, &id(&name), Some(&file)) + "    timeout: 5m\n"
        };
        (0..count).map(of).collect()
    };
    let good = partner.relationship(folder.path());
    let mut relationships = hanging(HANGING);
    relationships.push(good);
    let config = configure(folder.path(), &relationships);
    let mut daemon = Process::start_with(&config, &["--web.enable-lifecycle"]);
    daemon.until("all hang", |_| silence.came() == HANGING);
    daemon.until("up", |daemon| daemon.domain("good.example")["up"] == true);

    // Nothing of what follows waits for a poll: they all hang on.
    let key = Fingerprint::of(b"denied").to_string();
    let denied = anchorwatch(&config, &[&["deny", &key][..], &WHO].concat()).output().unwrap();
    let effect = said(&denied, 0);
    assert!(effect.contains(&format!("all {} watched", HANGING + 1)), "{effect}");
    relationships.push(relationship(
        "late.example",
        &silence.url,
        &id("late.example"),
        Some(&folder.path().join("good.example.pem")),
    ));
    configure(folder.path(), &relationships);
    let answer = reload(&daemon);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(watched(&daemon).len(), HANGING + 2);
    assert_eq!(silence.ended(), 0, "a reload that changes nothing of a poll ends none");

    let heads = half_heads(&daemon);
    assert_eq!(silence.ended(), 0, "a poll ended before the daemon");
    let status = daemon.stops_in_time();
    assert_eq!(status.code(), Some(0));
    daemon.until("all polls ended with it", |_| silence.ended() == silence.came());
    drop((heads, partner));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_an_endpoint_that_was_replaced_meanwhile_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let partner = Partner::start("good.example").await;
    let config = configure(folder.path(), &[partner.relationship(folder.path())]);
    let daemon = Process::start_with(&config, &["--web.enable-lifecycle"]);
    daemon.until("up", |daemon| daemon.domain("good.example")["up"] == true);

    // The same identity elsewhere, which answers with other keys, but not soon.
    let planted = JwtAuthority::mint(DemoKeyAlgorithm::EcP256).unwrap();
    let late = document(&[&partner.authority], &[&partner.key, &planted], 9);
    let late =
        [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", late.len()).into_bytes(), late]
            .concat();
    let (asked, go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let svid = partner.authority.svid(&id("good.example"), hour()).unwrap();
    let (enters, waits) = (Arc::clone(&asked), Arc::clone(&go));
    let address = hostile::http(&svid, move |mut stream| {
        let (late, enters, waits) = (late.clone(), Arc::clone(&enters), Arc::clone(&waits));
        async move {
            enters.add_permits(1);
            drop(waits.acquire().await);
            stream.write_all(&late).await?;
            stream.shutdown().await
        }
    })
    .await;
    let file = folder.path().join("good.example.pem");
    let elsewhere = relationship(
        "good.example",
        &format!("https://{address}"),
        &id("good.example"),
        Some(&file),
    );
    configure(folder.path(), &[elsewhere + "    timeout: 5m\n"]);
    daemon.signal("-HUP");
    drop(tokio::time::timeout(PATIENCE, asked.acquire()).await.unwrap().unwrap());

    // Back again, while that poll hangs: it is left, and the endpoint of now is polled.
    let before = partner.endpoint.requests();
    configure(folder.path(), &[partner.relationship(folder.path())]);
    daemon.signal("-HUP");
    daemon.until("polled", |_| before + 1 < partner.endpoint.requests());
    go.add_permits(100);
    let before = partner.endpoint.requests();
    daemon.until("polled", |_| before + 1 < partner.endpoint.requests());
    assert_eq!(daemon.domain("good.example")["sequence"], 1);
    let all = anchorwatch(&config, &["authorities", "--output", "json"]).output().unwrap();
    assert_eq!(answer(&all).as_array().unwrap().len(), 2, "the late answer was taken in");
}

//! What an endpoint, a file or an operator sent reaches no terminal, log, label, page or push as it
//! was sent: a hostile one cannot move a cursor, hide a character, turn the direction of writing or
//! begin a line that passes for ours.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anchorwatch::demo::endpoint::{LoopbackEndpoint, ServedAnswer};
use anchorwatch::demo::mint::{DemoKeyAlgorithm, JwtAuthority, X509Ca, ca_params, svid_params};
use hyper::StatusCode;
use hyper::header::{HeaderValue, LOCATION};
use rcgen::{DnType, DnValue, SanType};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::alertmanager::Alertmanager;
use crate::process::{
    PATIENCE, Partner, Process, anchorwatch, configure, day, hour, id, relationship,
};

/// Texts that are not what they look like, each with what it does.
const NASTY: &[(&str, &str)] = &[
    ("steers a terminal", "a\u{1b}[2J\u{1b}]0;owned\u{7}b"),
    ("steers a terminal by one character", "a\u{9b}31mb\u{85}c"),
    ("begins a line", "a\nFORGED line"),
    ("begins a line by a carriage return", "a\rFORGED line"),
    ("begins a line by a separator", "a\u{2028}FORGED\u{2029}b"),
    ("moves columns", "a\tb\u{b}c\u{c}d"),
    ("deletes", "ab\u{8}\u{8}c\u{7f}d"),
    ("turns the direction of writing", "a\u{202e}b\u{202d}c\u{202c}d\u{202a}e\u{202b}f"),
    ("isolates a direction", "a\u{2066}b\u{2067}c\u{2068}d\u{2069}e"),
    ("marks a direction", "a\u{200e}b\u{200f}c\u{61c}d"),
    ("has no width", "a\u{200b}b\u{200c}c\u{200d}d\u{2060}e\u{feff}f"),
    ("operates invisibly", "a\u{2061}b\u{2062}c\u{2063}d\u{2064}e\u{206f}f"),
    ("hyphenates softly", "a\u{ad}b\u{34f}c"),
    ("separates Mongolian vowels", "a\u{180b}b\u{180e}c\u{180f}d"),
    ("fills with Hangul", "a\u{115f}b\u{1160}c\u{3164}d\u{ffa0}e"),
    ("varies", "a\u{fe00}b\u{fe0f}c\u{e0100}d\u{e01ef}e"),
    ("annotates", "a\u{fff9}b\u{fffa}c\u{fffb}d"),
    ("tags", "a\u{e0001}b\u{e0041}c\u{e007f}d"),
    ("is private", "a\u{e000}b\u{f0000}c\u{10fffd}d"),
    ("is no character", "a\u{fdd0}b\u{ffff}c\u{10ffff}d"),
    ("is unassigned", "a\u{378}b\u{e0fff}c"),
    ("is a space of another kind", "a\u{a0}b\u{3000}c\u{2007}d\u{2800}e"),
    ("begins with a mark", "\u{301}\u{20dd}a"),
];

/// A base under so many marks that they cover the lines around it.
fn stacked() -> String {
    format!("a{}", "\u{301}\u{327}".repeat(12))
}

fn nasty() -> Vec<String> {
    NASTY.iter().map(|(_, text)| (*text).to_owned()).chain([stacked()]).collect()
}

/// What may never be written as it is. A line's end is ours where a text has lines.
fn is_nasty(c: char) -> bool {
    c.is_control() && c != '\n'
        || matches!(c,
            '\u{a0}' | '\u{ad}' | '\u{34f}' | '\u{378}' | '\u{61c}' | '\u{115f}'..='\u{1160}'
            | '\u{180b}'..='\u{180f}' | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}'
            | '\u{205f}'..='\u{206f}' | '\u{2800}' | '\u{3000}' | '\u{3164}'
            | '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}'..='\u{ffff}'
            | '\u{e0000}'..='\u{10ffff}')
}

fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{20d0}'..='\u{20ff}')
}

/// What was written where someone reads it, and what of it is as nobody may read it.
#[derive(Default)]
struct Surfaces {
    wrong: Vec<String>,
    seen: Vec<String>,
}

impl Surfaces {
    fn scan(&mut self, name: &str, text: &str) {
        self.seen.push(name.to_owned());
        for line in text.lines() {
            if let Some(found) = line.chars().find(|c| is_nasty(*c)) {
                self.wrong.push(format!("{name}: {found:?} in {line:?}"));
            } else if line.trim_start().starts_with("FORGED") {
                self.wrong.push(format!("{name}: a line is forged: {line:?}"));
            }
            let mut marks = usize::MAX / 2;
            for c in line.chars() {
                marks = if is_mark(c) { marks + 1 } else { 0 };
                if 3 < marks && is_mark(c) {
                    self.wrong.push(format!("{name}: marks are stacked: {line:?}"));
                    break;
                }
            }
        }
    }

    fn output(&mut self, name: &str, output: &Output) {
        for (stream, bytes) in [("", &output.stdout), (" (stderr)", &output.stderr)] {
            let text = std::str::from_utf8(bytes).unwrap_or("\u{0} is no UTF-8");
            self.scan(&format!("{name}{stream}"), text);
        }
    }

    /// No surface may be clean because nothing foreign came there.
    fn holds(&mut self, name: &str, text: &str, word: &str) {
        if !text.contains(word) {
            self.wrong.push(format!("{name}: {word:?} is not shown"));
        }
    }

    #[track_caller]
    fn finish(self) {
        let shown: Vec<String> =
            self.wrong.iter().map(|one| one.chars().take(300).collect()).collect();
        let (count, of) = (shown.len(), self.seen.len());
        let names: BTreeSet<_> = shown.iter().filter_map(|one| one.split(": ").next()).collect();
        assert!(
            shown.is_empty(),
            "{count} lines of {of} outputs, on {names:#?}\n{:#?}",
            &shown[..count.min(60)]
        );
    }
}

/// The elements that a hostile endpoint publishes: each member that is shown, in every text.
fn elements() -> Vec<Value> {
    let mut elements = Vec::new();
    for (place, text) in nasty().iter().enumerate() {
        let number = format!("{place:04}");
        elements.push(json!({"use": "jwt-svid", "kty": text, "kid": text, "pub": number}));
        elements.push(json!({"use": "jwt-svid", "kty": "OKP", "crv": text, "x": number,
            "kid": format!("{text}2")}));
        elements.push(json!({"use": text, "kty": "EC"}));
        let key = JwtAuthority::with_kid(DemoKeyAlgorithm::EcP256, format!("{text}3")).unwrap();
        let mut key = serde_json::to_value(key.jwk()).unwrap();
        key[format!("m{text}")] = json!("undefined");
        elements.push(key);
    }
    elements
}

/// A name that no certificate should have, as far as one can have it: it is ASCII.
const EVIL: &str = "spiffe://evil.example\u{1b}[2J/\u{7}\u{7f}\nFORGED";

/// An authority whose names are hostile.
fn certificate(name: &str, uri: Option<&str>) -> X509Ca {
    let mut params = ca_params(&format!("spiffe://{name}"), day()).unwrap();
    let all = nasty().concat();
    params.distinguished_name.push(DnType::CommonName, DnValue::Utf8String(all));
    let uri = uri.map(|uri| SanType::URI(uri.try_into().unwrap()));
    params.subject_alt_names.extend(uri);
    X509Ca::from_params(params, DemoKeyAlgorithm::EcP256.generate().unwrap()).unwrap()
}

/// A document as text: with a member that stands twice, and one that stands in another case.
fn hostile_document(partner: &Partner) -> String {
    let mut keys = elements();
    keys.push(serde_json::to_value(partner.authority.jwk()).unwrap());
    keys.push(serde_json::to_value(partner.key.jwk()).unwrap());
    keys.push(serde_json::to_value(certificate(&partner.name, Some(EVIL)).jwk()).unwrap());
    let all = nasty().concat();
    let name = json!(all).to_string();
    let keys = serde_json::to_string(&keys).unwrap();
    format!(
        "{{{name}:1,{name}:2,\"\u{17f}piffe_sequence\":1,\"keys\":{keys},\
         \"spiffe_sequence\":\"a\u{202e}b\u{200b}c\u{3164}d\",\
         \"spiffe_refresh_hint\":\"a\u{fff9}b\u{feff}c\u{fe0f}d\"}}"
    )
}

/// An Alertmanager that refuses everything, with a hostile text.
async fn alertmanager() -> Alertmanager {
    // The first bytes of an answer are what is shown of it.
    let text = nasty().iter().map(|text| text.chars().take(3).collect::<String>()).collect();
    Alertmanager::answering(StatusCode::BAD_REQUEST, text).await
}

/// A daemon whose log is a file: read line by line, it would lose a carriage return.
struct Daemon {
    process: Process,
    log: PathBuf,
}

impl Daemon {
    fn start(config: &Path, folder: &Path, format: &str) -> Self {
        let log = folder.join(format!("log.{format}"));
        let file = fs::File::create(&log).unwrap();
        let child = anchorwatch(config, &["run", "--log.level=debug"])
            .args([&format!("--log.format={format}"), "--web.listen-address=127.0.0.1:0"])
            .stderr(Stdio::from(file))
            .spawn()
            .unwrap();
        let mut daemon = Self { process: Process { child, address: String::new() }, log };
        daemon.process.address = wait("listening", || {
            let text = daemon.log();
            let mut places = ["\"http\":\"", "http=\"", "http="].iter();
            places.find_map(|before| {
                let (_, rest) = text.split_once(&format!("{before}127.0.0.1:"))?;
                let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
                rest[port.len()..]
                    .starts_with(['"', ' ', '\n'])
                    .then(|| format!("127.0.0.1:{port}"))
            })
        });
        daemon
    }

    fn log(&self) -> String {
        String::from_utf8(fs::read(&self.log).unwrap()).unwrap()
    }

    fn text(&self, path: &str) -> String {
        self.process.text(path)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let from = log.char_indices().rev().nth(6_000).map_or(0, |(place, _)| place);
            println!("the log ends:\n{}", &log[from..]);
        }
    }
}

fn wait<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "never {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A hostile partner under watch, with all that it can do.
struct Scene {
    folder: TempDir,
    config: PathBuf,
    hostile: Partner,
    /// They present a hostile certificate, lead elsewhere, and break off.
    others: Vec<(LoopbackEndpoint, X509Ca)>,
    alertmanager: Alertmanager,
}

impl Scene {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hostile = Partner::start("hostile.example").await;
        let mut relationships = vec![hostile.relationship(folder.path())];
        let _ = write!(
            relationships[0],
            "    outages:\n      - {{not_before: 2020-01-01T00:00:00Z, not_after: 2020-01-02T00:00:00Z, \
             by: {}, reason: {}}}\n",
            json!(nasty()[8]),
            json!(nasty()[10]),
        );
        let mut others = Vec::new();
        for name in ["leaf.example", "redirect.example"] {
            let authority = certificate(name, None);
            let mut params = svid_params(&id(name), hour()).unwrap();
            if name == "leaf.example" {
                let uri = "spiffe://leaf.example/a\u{1b}[2J\u{7}\nFORGED";
                params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
            }
            let key = DemoKeyAlgorithm::EcP256.generate().unwrap();
            let svid = authority.sign(&params, &key).unwrap();
            let endpoint = LoopbackEndpoint::start(&svid, "{}").await.unwrap();
            let target = "ftp://a\u{202e}b\u{200b}c\u{3164}d\u{fff9}e/\u{feff}";
            let target = HeaderValue::from_bytes(target.as_bytes()).unwrap();
            endpoint.answer(ServedAnswer::status(StatusCode::FOUND).with(LOCATION, target));
            let file = folder.path().join(name);
            fs::write(&file, authority.pem()).unwrap();
            relationships.push(relationship(name, &endpoint.url(), &id(name), Some(&file)));
            others.push((endpoint, authority));
        }
        let config = configure(folder.path(), &relationships);
        let alertmanager = alertmanager().await;
        let seen = folder.path().join("seen.jsonl");
        fs::write(&seen, "").unwrap();
        let text = fs::read_to_string(&config).unwrap();
        let mut text = text.replace(
            "poll_interval: 1s",
            "poll_interval: 1s, max_jwt_svid_ttl: 1m, severity: {token_lifetime: critical}",
        );
        let _ = write!(
            text,
            "alertmanagers: [{{url: \"{}\"}}]\nsightings: {}\n",
            alertmanager.url,
            seen.display()
        );
        fs::write(&config, text).unwrap();
        Self { folder, config, hostile, others, alertmanager }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        anchorwatch(&self.config, arguments).output().unwrap()
    }

    /// Tokens that were seen under hostile key IDs.
    fn poll_state(&self) {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let lines = nasty().into_iter().map(|kid| {
            let line = json!({"trust_domain": "hostile.example", "kid": kid, "iat": now - 9, "exp": now + 99});
            format!("{line}\n")
        });
        let mut file = fs::OpenOptions::new()
            .append(true)
            .open(self.folder.path().join("seen.jsonl"))
            .unwrap();
        file.write_all(lines.collect::<String>().as_bytes()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one surface after the other, of one daemon")]
async fn nothing_foreign_is_shown_as_it_was_sent() {
    let scene = Scene::start().await;
    let mut surfaces = Surfaces::default();
    let name = &scene.hostile.name;
    let daemon = Daemon::start(&scene.config, scene.folder.path(), "json");
    wait("up", || (daemon.process.domain(name)["up"] == true).then_some(()));
    scene.hostile.endpoint.serve(hostile_document(&scene.hostile));
    scene.poll_state();
    let kinds = ["unexpected_authority", "token_lifetime"];
    for kind in kinds {
        wait(kind, || {
            daemon.process.findings().iter().any(|one| one["kind"] == kind).then_some(())
        });
    }
    let findings = daemon.process.findings();
    wait("a refused push", || daemon.log().contains("cannot push alerts").then_some(()));
    wait("a push", || {
        let mut told = scene.alertmanager.alerts().into_iter();
        told.any(|alert| alert.to_string().contains("token_lifetime")).then_some(())
    });

    // An operator decides, by words of every kind.
    let finding = findings.iter().find(|one| one["kind"] == "unexpected_authority").unwrap();
    let fingerprint = finding["fingerprint"].as_str().unwrap().to_owned();
    for text in nasty() {
        let words = [format!("--by=x{text}"), format!("--reason=y{text}"), "--yes".to_owned()];
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output =
            scene.run(&[&["approve", "--trust-domain", name, &fingerprint], &words[..]].concat());
        surfaces.output("approve", &output);
    }

    let ids: Vec<String> =
        findings.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
    for path in ["/", "/graph", "/about", "/events", "/metrics", "/-/ready", "/-/healthy"] {
        surfaces.scan(path, &daemon.text(path));
    }
    for path in ["trust-domains", "authorities", "events?limit=1000", "findings", "openapi.json"] {
        surfaces.scan(&format!("/api/v1/{path}"), &daemon.text(&format!("/api/v1/{path}")));
    }
    for name in ["hostile.example", "leaf.example", "redirect.example"] {
        surfaces.scan(name, &daemon.text(&format!("/trust-domain/{name}")));
        surfaces.scan(name, &daemon.text(&format!("/events?trust_domain={name}")));
        surfaces.scan(name, &daemon.text(&format!("/api/v1/trust-domains/{name}")));
    }
    for one in &ids {
        surfaces.scan("/finding", &daemon.text(&format!("/finding/{one}")));
    }
    let metrics = daemon.text("/metrics");
    surfaces.holds("/metrics", &metrics, "\\\\u{3164}");

    let commands: &[&[&str]] =
        &[&["check"], &["authorities"], &["findings"], &["events"], &["show", &fingerprint]];
    let mut everything = String::new();
    for state in ["with the daemon", "alone"] {
        if state == "alone" {
            daemon.process.signal("-TERM");
            wait("an end", || daemon.log().contains("store closed").then_some(()));
        }
        for command in commands {
            for output in ["table", "json"] {
                let said = scene.run(&[command, &["--output", output][..]].concat());
                surfaces.output(&format!("{} {output} {state}", command[0]), &said);
                everything.push_str(&String::from_utf8_lossy(&said.stdout));
            }
        }
    }
    for word in ["\\u{1b}", "\\u{202e}", "\\u{3164}", "\\u{fff9}", "\\u202e", "\\u3164"] {
        surfaces.holds("the commands", &everything, word);
    }
    surfaces.scan("the log as JSON", &daemon.log());
    drop(daemon);

    for output in ["json", "table"] {
        surfaces.output(&format!("replay {output}"), &scene.run(&["replay", "--output", output]));
    }
    let pack = scene.folder.path().join("pack");
    surfaces.output("export", &scene.run(&["export", pack.to_str().unwrap()]));
    for file in ["events.jsonl", "findings.json", "decisions.jsonl", "pack.json"] {
        surfaces.scan(&format!("export {file}"), &fs::read_to_string(pack.join(file)).unwrap());
    }
    surfaces.output("store verify", &scene.run(&["store", "verify"]));

    // The push: what a receiver shows is what the JSON says.
    let mut pushed = 0;
    for alert in scene.alertmanager.alerts() {
        for (name, text) in
            ["labels", "annotations"].iter().flat_map(|part| alert[*part].as_object().unwrap())
        {
            pushed += 1;
            surfaces.scan(&format!("push {name}"), text.as_str().unwrap());
        }
    }
    assert!(0 < pushed, "no push was read");

    // The other form of the log, of a start over what is stored.
    let daemon = Daemon::start(&scene.config, scene.folder.path(), "logfmt");
    wait("findings", || daemon.log().contains("finding is open").then_some(()));
    wait("polls", || daemon.log().contains("redirect").then_some(()));
    surfaces.scan("the log", &daemon.log());
    drop(daemon);
    assert_eq!(scene.others.len(), 2);
    surfaces.finish();
}

/// Go folds one character to one: two that are no ASCII are letters, and a ligature is none.
#[test]
fn a_member_has_the_standards_name_where_go_takes_it_for_that() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bundle.json");
    for (name, folds) in [
        ("SPIFFE_SEQUENCE", true),
        ("\u{17f}piffe_sequence", true),
        ("\u{212a}eys", true),
        ("spi\u{fb00}e_sequence", false),
        ("sp\u{131}ffe_sequence", false),
        ("sp\u{130}ffe_sequence", false),
    ] {
        fs::write(&file, json!({"keys": [], "spiffe_sequence": 1, name: 2}).to_string()).unwrap();
        let path = file.to_str().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_anchorwatch")).args(["lint", path]).output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        assert_eq!(text.contains("miscased_member"), folds, "{name}: {text}");
    }
}

/// Hostile files before commands that need no daemon.
#[test]
#[expect(clippy::too_many_lines, reason = "one kind of file after the other")]
fn no_file_is_shown_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let mut surfaces = Surfaces::default();
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_anchorwatch")).args(arguments).output().unwrap()
    };
    for (place, text) in nasty().into_iter().enumerate() {
        let write = |name: &str, content: &str| {
            // A name is as hostile as what stands in the file.
            let path = folder.path().join(format!("{place}{text}.{name}"));
            fs::write(&path, content).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let quoted = json!(text);
        let document = json!({text.as_str(): 1, "keys": [
            {"use": text, "kty": "EC"},
            {"use": "jwt-svid", "kty": text, "kid": text},
            {"use": "jwt-svid", "kty": "EC", "crv": text, "kid": text, text.as_str(): 1},
            {"use": "x509-svid", "kty": "EC", "x5c": [text], "kid": text},
        ], "spiffe_sequence": text, "spiffe_refresh_hint": text});
        let file = write("json", &document.to_string());
        for output in ["text", "json", "sarif"] {
            surfaces.output(&format!("lint {output}"), &run(&["lint", "--output", output, &file]));
        }
        let missing = folder.path().join(format!("missing{text}"));
        surfaces.output("lint", &run(&["lint", missing.to_str().unwrap()]));

        let configurations = [
            format!("{quoted}: 1\n"),
            format!("federates_with:\n  {quoted}: {{}}\n"),
            format!(
                "federates_with:\n  b.example: {{{quoted}: 1, bundle_endpoint_url: {quoted}}}\n"
            ),
            format!("defaults: {{poll_interval: {quoted}, consumers: [{quoted}]}}\n"),
            format!("store: {{path: {quoted}}}\nsightings: {quoted}\n"),
            format!("alertmanagers: [{{url: {quoted}, username: {quoted}}}]\n"),
            format!("severity: {{{quoted}: {quoted}}}\n"),
            format!("x: {text}\n"),
            format!(
                "federates_with:\n  b.example:\n    bundle_endpoint_url: https://b.example\n    \
                 bundle_endpoint_profile: {{https_web: {{ca_file: {quoted}}}}}\n    \
                 outages: [{{not_before: 2020-01-01T00:00:00Z, not_after: 2020-01-02T00:00:00Z, \
                 by: {quoted}, reason: {quoted}}}]\n"
            ),
        ];
        for content in &configurations {
            let file = write("yaml", content);
            surfaces.output("config check", &run(&["config", "check", &file]));
            for output in ["yaml", "json"] {
                let shown = run(&["config", "show", "--output", output, &file]);
                surfaces.output(&format!("config show {output}"), &shown);
            }
        }
        for content in [
            format!("tls_server_config: {{cert_file: {quoted}, key_file: {quoted}}}\n"),
            format!("{quoted}: 1\nhttp_server_config: {{headers: {{{quoted}: {quoted}}}}}\n"),
            format!("basic_auth_users: {{{quoted}: {quoted}}}\n"),
        ] {
            let file = write("web.yaml", &content);
            let checked = run(&["config", "check", &format!("--web.config.file={file}")]);
            surfaces.output("config check of the web configuration", &checked);
        }
        for content in [
            json!({"federation_relationships": [
                {"trust_domain": text, "bundle_endpoint_url": text, "https_web": {}},
                {"trust_domain": "b.example", "bundle_endpoint_url": format!("https://b.example/{text}"), "https_web": {}},
                {"trust_domain": "c.example", "bundle_endpoint_url": "https://c.example",
                 "https_spiffe": {"endpoint_spiffe_id": format!("spiffe://c.example/{text}")}},
                {"trust_domain": "d.example", "bundle_endpoint_url": "https://d.example", text.as_str(): {}},
            ]})
            .to_string(),
            format!(
                "server {{ trust_domain = {quoted}\n federation {{ federates_with {quoted} {{ \
                 bundle_endpoint_url = {quoted}\n bundle_endpoint_profile {quoted} {{}} }} }} }}"
            ),
            format!(
                "kind: ClusterFederatedTrustDomain\nmetadata: {{name: {quoted}}}\nspec:\n  \
                 trustDomain: {quoted}\n  bundleEndpointURL: {quoted}\n  \
                 bundleEndpointProfile: {{type: {quoted}, endpointSPIFFEID: {quoted}}}\n"
            ),
            format!("kind: {quoted}\n{quoted}: {text}\n"),
        ] {
            let file = write("import", &content);
            surfaces.output("config import", &run(&["config", "import", &file]));
            for from in ["server-conf", "federation-list", "kubernetes"] {
                surfaces.output("config import", &run(&["config", "import", "--from", from, &file]));
            }
        }
        let at = "2026-01-01T00:00:00Z";
        for content in [
            json!({"at": at, "trust_domain": "b.example", "failure": format!("timeout: {text}")}),
            json!({"at": at, "trust_domain": "b.example", "failure": text}),
            json!({"at": at, "trust_domain": text, "failure": "timeout"}),
            json!({"at": at, "trust_domain": "b.example", text.as_str(): 1}),
            json!({"at": at, "trust_domain": "b.example", "bundle": document}),
            json!({"at": at, "trust_domain": "b.example", "body": text}),
            json!({"at": at, "trust_domain": "b.example", "decision": text, "by": text, "reason": text}),
            json!({"at": text}),
        ] {
            let file = write("jsonl", &format!("{content}\n{text}\n"));
            for output in ["json", "table"] {
                let said = run(&["replay", "--observations", &file, "--output", output]);
                surfaces.output(&format!("replay {output}"), &said);
            }
        }
    }
    surfaces.finish();
}

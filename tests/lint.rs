//! `anchorwatch lint` as CI calls it: exit codes, and the three forms of its output.

#![cfg(test)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const GOOD: &str = "tests/data/bundles/a_bundle_of_spire_is_read_in_full.json";
/// An element has no use: the standard ignores it, SPIRE refuses the document for it.
const REFUSED: &str = "tests/data/bundles/a_missing_use_is_ignored.json";
const NO_SEQUENCE: &str = "tests/data/bundles/a_missing_sequence_is_told.json";

fn lint(arguments: &[&str], stdin: Option<&[u8]>) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anchorwatch"));
    command.arg("lint").args(arguments).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    // A command that does not read is no fault of ours.
    drop(pipe.write_all(stdin.unwrap_or_default()));
    drop(pipe);
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn code(arguments: &[&str]) -> i32 {
    lint(arguments, None).0
}

fn folder(files: &[(&str, &[u8])]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a b");
    std::fs::create_dir(&path).unwrap();
    for (name, content) in files {
        std::fs::write(path.join(name), content).unwrap();
    }
    (folder, path)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_exit_code_says_how_bad_it_is() {
    assert_eq!(code(&[GOOD]), 0);
    assert_eq!(code(&[NO_SEQUENCE]), 1);
    assert_eq!(code(&[GOOD, NO_SEQUENCE]), 1);
    assert_eq!(code(&[REFUSED]), 2);
    // Those that were not asked refuse nothing.
    assert_eq!(code(&["--consumer", "go-spiffe", "--consumer", "istio", REFUSED]), 1);
    assert_eq!(code(&["--consumer", "spire@1.15.3", REFUSED]), 2);
    assert_eq!(code(&["tests/data/bundles/a_list_is_no_bundle.json"]), 2);
    // A private key is worse than an oddity, whoever takes it.
    let private = "tests/data/bundles/a_private_key_of_an_unknown_kty_is_redacted.json";
    assert_eq!(code(&["--consumer", "cache:10m", private]), 2);
    assert_eq!(code(&["no such file.json"]), 3);
    assert_eq!(code(&["no such file.json", REFUSED]), 3);
    assert_eq!(code(&["http://bundles.example/"]), 3);
}

#[test]
fn a_wrong_command_line_is_told_apart() {
    assert_eq!(code(&[]), 64);
    assert_eq!(code(&["--consumer", "envoy", GOOD]), 64);
    assert_eq!(code(&["--output", "xml", GOOD]), 64);
    assert_eq!(code(&["--endpoint-spiffe-id", "spiffe://a.example/b", GOOD]), 64);
    let id = ["--endpoint-spiffe-id", "spiffe://a.example/b", "--bootstrap", GOOD, GOOD];
    assert_eq!(code(&id), 64);
}

#[test]
fn a_folder_is_every_json_in_it_and_a_dash_is_standard_input() {
    let good = std::fs::read(GOOD).unwrap();
    let (_kept, path) = folder(&[("b.json", &good), ("a.json", b"{}"), ("c.txt", b"")]);
    let (code, out, _) = lint(&["--output", "json", text(&path)], None);
    let reports: Vec<Value> = serde_json::from_str(&out).unwrap();
    let names: Vec<_> = reports.iter().map(|report| report["document"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 2);
    assert!(names[0].ends_with("a.json") && names[1].ends_with("b.json"), "{names:?}");
    assert_eq!(code, 2);

    let (code, out, _) = lint(&["-"], Some(&good));
    assert!(code == 0 && out.starts_with("-: 4 authorities"), "{out}");

    let (_kept, empty) = folder(&[]);
    let (code, _, err) = lint(&[text(&empty)], None);
    assert!(code == 3 && err.contains("no *.json"), "{err}");
}

#[test]
fn a_person_reads_who_refuses_what_and_where() {
    let (_, out, _) = lint(&[REFUSED], None);
    for line in [
        "  warning: line 13: keys[1]: the element has no use, and is ignored (Bundle, 4.2.2; missing_use)",
        "  spire@1.15.3  refuses: line 13: keys[1]: the element has no use: the standard says to ignore it (Bundle, 4.2.2)",
        "  go-spiffe     accepts: keeps 1 x509-svid, 1 jwt-svid; ignores keys[1] (unknown_use); asks again in 5m",
        "    0      x509-svid  c587deda3be6ff6a  -                                 all that accept",
        "    2      jwt-svid   14fd293b6343c7ed  jbKidOf32CharactersLikeThoseOfSp  go-spiffe",
    ] {
        assert!(out.lines().any(|found| found == line), "{line}\n{out}");
    }
}

#[test]
fn a_program_reads_full_digests_and_places() {
    let (_, out, _) =
        lint(&["--output", "json", "--trust-domain", "corpus.example", REFUSED], None);
    let reports: Value = serde_json::from_str(&out).unwrap();
    let report = &reports[0];
    assert_eq!(report["trust_domain"], "corpus.example");
    assert_eq!(report["sequence"], 7);
    assert_eq!(report["departures"][0]["rule"], "missing_use");
    assert_eq!(report["departures"][0]["line"], 13);
    assert_eq!(report["departures"][0]["column"], 9);
    let consumers = report["consumers"].as_array().unwrap();
    let named = |name: &str| consumers.iter().find(|one| one["consumer"] == name).unwrap();
    let spire = named("spire@1.15.2");
    assert_eq!((&spire["verdict"], &spire["reason"]), (&"rejects".into(), &"missing_use".into()));
    assert_eq!((&spire["entry"], &spire["line"]), (&1.into(), &13.into()));
    let go_spiffe = named("go-spiffe");
    assert_eq!(go_spiffe["next_poll_seconds"], 300);
    assert_eq!(go_spiffe["kept"][0]["fingerprint"].as_str().unwrap().len(), 71);
    assert_eq!(go_spiffe["ignored"][0]["reason"], "unknown_use");
}

#[test]
fn a_ca_of_another_trust_domain_is_told_where_one_is_named() {
    let (code, out, _) = lint(&["--trust-domain", "other.example", GOOD], None);
    assert_eq!(code, 1);
    assert!(out.contains("names another trust domain, \"corpus.example\""), "{out}");
}

#[test]
fn a_document_cannot_steer_a_terminal_and_its_secrets_are_not_told() {
    let hostile =
        br#"{"keys":[{"use":"\u001b[2J","kty":"EC","d":"SECRET"}],"spiffe_sequence":"\u001b"}"#;
    for output in ["text", "json", "sarif"] {
        let (code, out, err) = lint(&["--output", output, "-"], Some(hostile));
        assert_eq!(code, 2);
        for shown in [out, err] {
            assert!(!shown.contains('\u{1b}') && !shown.contains("SECRET"), "{shown}");
        }
    }
}

/// What SARIF 2.1.0 requires of a log (3.13.2, 3.14.6, 3.19.2, 3.27.11, 3.28.3, 3.29.3, 3.30).
#[test]
fn code_scanning_reads_sarif() {
    let good = std::fs::read(REFUSED).unwrap();
    let (_kept, path) = folder(&[("\u{e9}.json", &good), ("x.json", b"{")]);
    let (code, out, _) = lint(&["--output", "sarif", text(&path), GOOD], None);
    assert_eq!(code, 2);
    let log: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(log["version"], "2.1.0");
    assert!(log["$schema"].as_str().unwrap().ends_with("sarif-schema-2.1.0.json"));
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "anchorwatch");
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    assert_eq!(run["invocations"][0]["executionSuccessful"], true);
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let ids: Vec<_> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert!(
        ids.is_sorted() && ids.contains(&"missing_use") && ids.contains(&"not_json"),
        "{ids:?}"
    );
    assert!(ids.contains(&"refused/spire/missing_use"), "{ids:?}");
    let results = run["results"].as_array().unwrap();
    // One departure and two refusals of SPIRE; no JSON, and four refusals.
    assert_eq!(results.len(), 3 + 5);
    for result in results {
        let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(ids[rule], result["ruleId"].as_str().unwrap());
        assert!(["warning", "error"].contains(&result["level"].as_str().unwrap()));
        assert_eq!(rules[rule]["defaultConfiguration"]["level"], result["level"]);
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        let location = &result["locations"][0]["physicalLocation"];
        let uri = location["artifactLocation"]["uri"].as_str().unwrap();
        assert!(uri.is_ascii() && !uri.contains(' ') && uri.contains("a%20b/"), "{uri}");
        let region = &location["region"];
        let number = |name: &str| region[name].as_u64().unwrap();
        assert!(1 <= number("startLine") && number("startLine") <= number("endLine"));
        assert!(1 <= number("startColumn") && 1 <= number("endColumn"));
    }
    let missing = results.iter().find(|result| result["ruleId"] == "missing_use").unwrap();
    assert_eq!(missing["locations"][0]["physicalLocation"]["region"]["startLine"], 13);
}

#[cfg(feature = "demo")]
mod endpoint {
    use std::time::Duration;

    use anchorwatch::daemon::SystemClock;
    use anchorwatch::demo::endpoint::LoopbackEndpoint;
    use anchorwatch::demo::mint::{DemoKeyAlgorithm, IssuedDocument, JwtAuthority, X509Ca};
    use anchorwatch_core::bundle::Validity;
    use anchorwatch_core::spiffe::{SpiffeId, TrustDomain};
    use anchorwatch_core::time::Clock as _;

    use super::{folder, lint, text};

    #[tokio::test(flavor = "multi_thread")]
    async fn an_endpoint_is_asked_once_and_must_prove_itself() {
        let name: TrustDomain = "lint.example".parse().unwrap();
        let id: SpiffeId = "spiffe://lint.example/spire/server".parse().unwrap();
        let now = SystemClock.now();
        let hour = Validity {
            not_before: now.saturating_sub(Duration::from_mins(1)),
            not_after: now.saturating_add(Duration::from_hours(1)),
        };
        let ca = X509Ca::mint(&name, hour, DemoKeyAlgorithm::EcP256).unwrap();
        let key = JwtAuthority::mint(DemoKeyAlgorithm::EcP256).unwrap();
        let keys = vec![ca.jwk().clone(), key.jwk().clone()];
        let document =
            IssuedDocument { keys, sequence: Some(1), refresh_hint: Some(60) }.to_bytes();
        let endpoint =
            LoopbackEndpoint::start(&ca.svid(&id, hour).unwrap(), document).await.unwrap();
        let stranger = X509Ca::mint(&name, hour, DemoKeyAlgorithm::EcP256).unwrap();
        let files = [("ca.pem", ca.pem().into_bytes()), ("other.pem", stranger.pem().into_bytes())];
        let files: Vec<_> = files.iter().map(|(name, content)| (*name, &**content)).collect();
        let (_kept, path) = folder(&files);
        let url = endpoint.url();
        let asked = |file: &str| {
            let bootstrap = path.join(file);
            let id = id.to_string();
            let spiffe = ["--endpoint-spiffe-id", &id, "--bootstrap", text(&bootstrap), &url];
            lint(&spiffe, None)
        };
        let (code, out, err) = asked("ca.pem");
        assert!(code == 0 && out.contains(": 2 authorities, sequence 1"), "{out}{err}");
        let (code, _, err) = asked("other.pem");
        assert!(code == 3 && err.contains(&url), "{err}");
        // Nobody on the web vouches for it.
        let (code, _, err) = lint(&[&url], None);
        assert!(code == 3 && !err.is_empty(), "{err}");
    }
}

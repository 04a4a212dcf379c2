//! Configurations, right and wrong: what they say, and what is said of them.

#![cfg(test)]

#[path = "support/yaml.rs"]
mod yaml;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anchorwatch::config::schema::{Absent, Key, Kind, Scope};
use anchorwatch::config::table::TOP;
use anchorwatch::config::{Config, ConfigChange, LoadError, Read, bootstrap, docs, json_schema};
use anchorwatch_core::bundle::ParseLimits;
use anchorwatch_core::bundle::consumer::Consumer;
use anchorwatch_core::spiffe::Probe;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::watch::{
    BaselinePolicy, Budget, IssuerModel, JudgementPolicy, Policy, PollInterval,
};
use proptest::prelude::*;

const LEAST: &str = include_str!("data/configs/good/least.yaml");
const EVERY_KEY: &str = include_str!("data/configs/good/every-key.yaml");

fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(Path::new("tests/data/configs").join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    files.sort();
    assert!(4 < files.len(), "hardly any configuration in {folder}");
    files
}

fn is_update() -> bool {
    #[expect(clippy::disallowed_methods, reason = "the one switch that rewrites golden files")]
    std::env::var("UPDATE_EXPECT").is_ok_and(|value| value == "1")
}

/// Compares with a golden file, or writes it.
#[track_caller]
fn expect_file(path: &Path, text: &str) {
    if is_update() {
        fs::write(path, text).unwrap();
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(text, expected, "{} (UPDATE_EXPECT=1 rewrites it)", path.display());
}

fn parse(text: &str) -> Config {
    Config::from_text(Path::new("/etc/anchorwatch.yaml"), text)
        .unwrap_or_else(|faults| panic!("{faults}\n---\n{text}"))
}

fn faults(text: &str) -> String {
    match Config::from_text(Path::new("a.yaml"), text) {
        Ok(_) => panic!("this is accepted:\n{text}"),
        Err(faults) => faults.to_string(),
    }
}

fn domain(name: &str) -> TrustDomain {
    name.parse().unwrap()
}

#[test]
fn every_fault_is_named_with_its_place_and_what_would_be_right() {
    for path in files("bad") {
        let faults = match Read::load(&path) {
            Ok(read) => read.file_faults(),
            Err(LoadError::Faults(faults)) => faults,
            Err(error) => panic!("{}: {error}", path.display()),
        };
        assert!(!faults.is_empty(), "{} is accepted", path.display());
        let folder = format!("{}/", path.parent().unwrap().display());
        // The absolute path of a file that is named stands in the message.
        let root = std::path::absolute(&folder).unwrap().display().to_string();
        let text = format!("{faults}\n").replace(&root, "").replace(&folder, "");
        assert!(!text.contains("hunter2"), "{} tells a secret: {text}", path.display());
        expect_file(&path.with_extension("expect"), &text);
    }
}

#[test]
fn good_configurations_are_accepted_with_the_files_that_they_name() {
    for path in files("good") {
        let read = Read::load(&path).unwrap_or_else(|error| panic!("{}", error));
        let faults = read.file_faults();
        assert!(faults.is_empty(), "{faults}");
    }
}

#[test]
fn the_example_and_every_sample_of_the_documentation_are_accepted() {
    let example = fs::read_to_string("anchorwatch.example.yaml").unwrap();
    parse(&example);
    let line = format!("# yaml-language-server: $schema={}", json_schema::URL);
    let readme = fs::read_to_string("README.md").unwrap();
    for text in [&example, &readme, &docs::render()] {
        assert!(text.lines().any(|one| one == line), "the line of the JSON Schema is missing");
    }
    let mut pages = vec![PathBuf::from("README.md")];
    for entry in fs::read_dir("docs").unwrap() {
        pages.push(entry.unwrap().path());
    }
    let mut samples = 0;
    for page in pages.iter().filter(|page| page.extension().is_some_and(|e| e == "md")) {
        let Ok(text) = fs::read_to_string(page) else { continue };
        for block in text.split("```yaml\n").skip(1) {
            let sample = block.split("```").next().unwrap();
            if sample.lines().any(|line| line.starts_with("federates_with:")) {
                Config::from_text(page, sample).unwrap_or_else(|faults| panic!("{faults}"));
                samples += 1;
            }
        }
    }
    assert!(2 <= samples, "only {samples} samples");
}

#[test]
fn the_documentation_and_the_json_schema_are_what_the_table_says() {
    expect_file(Path::new("docs/configuration.md"), &docs::render());
    expect_file(Path::new("docs/anchorwatch.schema.json"), &json_schema::render());
}

#[test]
fn the_least_configuration_has_every_default() {
    let config = parse(LEAST);
    assert_eq!(config.store.path, Path::new("/var/lib/anchorwatch"));
    assert_eq!(config.admin_socket, Path::new("/var/lib/anchorwatch/admin.sock"));
    assert_eq!(config.concurrency, 1024);
    assert!(config.metrics.per_authority);
    assert_eq!(config.retention.bodies, Duration::from_hours(9600));
    assert_eq!(config.limits.document, ParseLimits::default());
    assert_eq!(config.limits.daily, Budget::DEFAULT);
    let [relationship] = config.relationships.as_slice() else { panic!() };
    let settings = &relationship.settings;
    assert_eq!(settings.policy, Policy::default());
    assert_eq!(settings.redirects, 3);
    assert_eq!(settings.probe, Probe::OneAddress);
    assert_eq!(relationship.settings.policy.consumers, [Consumer::Spire]);
    assert_eq!(relationship.settings.policy.issuer, IssuerModel::default());
    assert_eq!(relationship.settings.policy.judgement, JudgementPolicy::Scheduled);
    assert_eq!((&settings.proxy, &settings.ca_file), (&None, &None));
}

#[test]
fn a_relationship_overrides_the_defaults_key_by_key() {
    let config = parse(EVERY_KEY);
    let own = config.relationship(&domain("a.example")).unwrap();
    let web = config.relationship(&domain("c.example")).unwrap();
    assert_eq!(own.settings.policy.issuer, IssuerModel::Learned);
    assert_eq!(
        web.settings.policy.issuer,
        IssuerModel::Declared {
            interval: Duration::from_hours(720),
            lead: Some(Duration::from_hours(168))
        }
    );
    let severities = |one: &anchorwatch::config::Relationship| {
        one.settings
            .policy
            .severity
            .iter()
            .map(|(kind, level)| format!("{kind}={level}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(severities(own), ["in_flight_risk=warning", "source_stale=info"]);
    assert_eq!(severities(web), ["in_flight_risk=warning", "source_stale=critical"]);
    for relationship in [own, web] {
        let policy = &relationship.settings.policy;
        assert_eq!(policy.poll_interval, PollInterval::Every(Duration::from_secs(30)));
        assert_eq!(policy.baseline, BaselinePolicy::TrustOnFirstUse);
        assert_eq!(policy.daily_budget, config.limits.daily);
        assert_eq!((policy.daily_budget.events, policy.daily_budget.bytes), (1000, 16 << 20));
        assert_eq!(relationship.settings.redirects, 1);
        assert_eq!(relationship.settings.policy.judgement, JudgementPolicy::Pinned);
    }
    // A CA file of all holds for the endpoints that it can hold for.
    assert_eq!(own.settings.ca_file, None);
    assert_eq!(web.settings.ca_file, Some("/etc/../files/clean1.lab.example.pem".into()));
    assert_eq!(config.store.path, Path::new("/etc/state"));
}

/// A configuration in which `value` stands under `key` in the mapping of `scope`.
fn with(scope: &Scope, key: &str, value: &str) -> String {
    const PROFILE: &str = "bundle_endpoint_profile: {https_web: {}}";
    let line = format!("{key}: {value}");
    let top = |text: String| format!("{text}\n{}", least_web(""));
    let below = |name: &str| top(format!("{name}: {{{line}}}"));
    match scope.name {
        "the file" => match key {
            "federates_with" => format!("{line}\n"),
            _ => top(line),
        },
        "store" | "limits" | "metrics" | "retention" | "defaults" => below(scope.name),
        "shared_authorities[]" => top(format!("shared_authorities: [{{{line}}}]")),
        "alertmanagers[]" => {
            let given = if key == "url" { line } else { format!("url: https://am, {line}") };
            top(format!("alertmanagers: [{{{given}}}]"))
        }
        "federates_with.*" => {
            let given = match key {
                "bundle_endpoint_url" => format!("{line}\n    {PROFILE}"),
                "bundle_endpoint_profile" => format!("bundle_endpoint_url: https://c\n    {line}"),
                _ => format!("bundle_endpoint_url: https://c\n    {PROFILE}\n    {line}"),
            };
            format!("federates_with:\n  c.example:\n    {given}\n")
        }
        "federates_with.*.bundle_endpoint_profile" => with_relationship_profile(&line),
        "federates_with.*.bundle_endpoint_profile.https_spiffe" => {
            with_relationship_profile(&format!("https_spiffe: {{{line}}}"))
        }
        "consumers[]" => least_web(&format!("    consumers: [{{{line}}}]\n")),
        "issuer" => least_web(&format!("    issuer: {{{line}}}\n")),
        "issuer.spire" => least_web(&format!("    issuer: {{spire: {{{line}}}}}\n")),
        "issuer.declared" => {
            let given = if key == "interval" { line } else { format!("interval: 30d, {line}") };
            least_web(&format!("    issuer: {{declared: {{{given}}}}}\n"))
        }
        "federates_with.*.approved[]" => least_web(&format!("    approved: [{{{line}}}]\n")),
        "federates_with.*.announced[]" => least_web(&format!("    announced: [{{{line}}}]\n")),
        "federates_with.*.outages[]" => least_web(&format!("    outages: [{{{line}}}]\n")),
        other => panic!("no place is known for {other}"),
    }
}

fn least_web(more: &str) -> String {
    format!(
        "federates_with:\n  c.example:\n    bundle_endpoint_url: https://c\n    \
         bundle_endpoint_profile: {{https_web: {{}}}}\n{more}"
    )
}

fn with_relationship_profile(profile: &str) -> String {
    format!(
        "federates_with:\n  c.example:\n    bundle_endpoint_url: https://c\n    \
         bundle_endpoint_profile: {{{profile}}}\n"
    )
}

fn keys() -> impl Iterator<Item = (&'static Scope, &'static Key)> {
    TOP.with_all_below().into_iter().flat_map(|scope| scope.keys().map(move |key| (scope, key)))
}

#[test]
fn every_key_of_the_table_is_read() {
    let mut read = 0;
    for (scope, key) in keys() {
        // Nothing takes a list in a list.
        let text = with(scope, key.name, "[[[]]]");
        let faults = faults(&text);
        let named = faults.lines().any(|line| {
            line.contains(&format!(".{}", key.name)) || line.contains(&format!(" {}", key.name))
        });
        assert!(named, "{} {} is not read:\n{faults}", scope.name, key.name);
        assert!(!faults.contains("no such key"), "{} {}:\n{faults}", scope.name, key.name);
        read += 1;
    }
    assert!(50 < read, "only {read} keys");
}

#[test]
fn leaving_a_key_out_is_writing_its_default() {
    let mut compared = 0;
    for (scope, key) in keys() {
        let Absent::Value(value) = key.absent else { continue };
        if scope.name.contains("announced") || scope.name.contains("shared_authorities") {
            continue;
        }
        let written = parse(&with(scope, key.name, value));
        let left_out = match scope.name {
            "alertmanagers[]" => parse(&with(scope, "url", "https://am")),
            _ => parse(&least_web("")),
        };
        let written = Config { digest: left_out.digest, ..written };
        assert_eq!(written, left_out, "{} {}", scope.name, key.name);
        compared += 1;
    }
    assert!(20 < compared, "only {compared} defaults");
}

#[test]
fn every_bound_is_the_last_value_that_is_taken() {
    for (scope, key) in keys() {
        let Kind::Count { min, max } = key.kind else { continue };
        if scope.name.contains("announced") {
            continue;
        }
        for inside in [min, max] {
            parse(&with(scope, key.name, &inside.to_string()));
        }
        for outside in [min.checked_sub(1), max.checked_add(1)].into_iter().flatten() {
            faults(&with(scope, key.name, &outside.to_string()));
        }
    }
    for (scope, key) in keys() {
        let (Kind::Duration { min, max } | Kind::PollInterval { min, max }) = key.kind else {
            continue;
        };
        // A lead is bounded by its interval too.
        if scope.name.contains("announced") || key.name == "lead" {
            continue;
        }
        let text = |time: Duration| format!("{}ms", time.as_millis());
        for inside in [min, max] {
            parse(&with(scope, key.name, &text(inside)));
        }
        let second = Duration::from_millis(1);
        for outside in [min.checked_sub(second), max.checked_add(second)].into_iter().flatten() {
            faults(&with(scope, key.name, &text(outside)));
        }
    }
}

fn editor_schema() -> jsonschema::Validator {
    let schema = serde_json::from_str(&json_schema::render()).unwrap();
    jsonschema::draft7::meta::validate(&schema).expect("a schema of draft 7");
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn the_json_schema_accepts_what_is_accepted() {
    let validator = editor_schema();
    let mut texts: Vec<_> =
        files("good").iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    texts.push(fs::read_to_string("anchorwatch.example.yaml").unwrap());
    texts.extend(
        ["packaging/debian/anchorwatch.yaml"].map(|path| fs::read_to_string(path).unwrap()),
    );
    // Each key with its default, too.
    for (scope, key) in keys() {
        let Absent::Value(value) = key.absent else { continue };
        let has_more =
            ["announced", "shared_authorities"].iter().any(|one| scope.name.contains(one));
        texts.extend((!has_more).then(|| with(scope, key.name, value)));
    }
    for text in texts {
        let value = yaml::value(&text).unwrap_or_else(|| panic!("no YAML:\n{text}"));
        let faults: Vec<_> = validator.iter_errors(&value).map(|fault| fault.to_string()).collect();
        assert_eq!(faults, Vec::<String>::new(), "{text}");
    }
}

#[test]
fn the_json_schema_refuses_what_is_refused_where_a_schema_can_tell() {
    /// What is wrong with a file that is named, between keys, or within a bound that a pattern
    /// cannot express.
    const BEYOND: &[&str] = &[
        "alertmanager-half",
        "approved",
        "bootstrap-",
        "ca-file-",
        "endpoint-id-upper-case",
        "outages",
        "serving-",
        "socket-too-long",
    ];
    let validator = editor_schema();
    let mut refused = 0;
    for path in files("bad") {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let value = yaml::value(&fs::read_to_string(&path).unwrap());
        let is_valid = value.is_some_and(|value| validator.is_valid(&value));
        let is_beyond = BEYOND.iter().any(|beyond| name.starts_with(beyond));
        assert!(!is_valid || is_beyond, "{name} is valid");
        refused += usize::from(!is_valid);
    }
    assert!(30 < refused, "only {refused} are refused");
    for (scope, key) in keys() {
        // Nothing takes a list in a list, and no mapping a key that it does not know.
        for text in [with(scope, key.name, "[[[]]]"), with(scope, key.name, "{no_such_key: 1}")] {
            let value = yaml::value(&text).unwrap();
            assert!(!validator.is_valid(&value), "{} {} takes:\n{text}", scope.name, key.name);
        }
    }
}

#[test]
fn a_hundred_wrong_relationships_are_a_hundred_faults() {
    let mut text = String::from("federates_with:\n");
    for number in 0..100 {
        writeln!(text, "  d{number}.example:\n    bundle_endpoint_url: http://d").unwrap();
        text += "    bundle_endpoint_profile: {https_web: {}}\n";
    }
    assert_eq!(faults(&text).lines().count(), 100);
}

#[test]
fn ten_thousand_relationships_are_read() {
    let mut text = String::from("federates_with:\n");
    for number in 0..10_000 {
        write!(
            text,
            "  domain-{number}.example:\n    bundle_endpoint_url: https://spire.domain-{number}.\
             example:8443\n    bundle_endpoint_profile:\n      https_spiffe:\n        \
             endpoint_spiffe_id: spiffe://domain-{number}.example/spire/server\n"
        )
        .unwrap();
    }
    assert_eq!(parse(&text).relationships.len(), 10_000);
}

#[test]
fn who_serves_others_is_polled_before_them() {
    let config = parse(include_str!("data/configs/good/serving-chain.yaml"));
    let rounds: Vec<Vec<&str>> = config
        .polling_order()
        .iter()
        .map(|round| round.iter().map(|one| one.trust_domain().as_str()).collect())
        .collect();
    assert_eq!(rounds, [["c.example"], ["b.example"], ["a.example"]]);
    assert_eq!(config.serving_domain(&domain("a.example")), Some(&domain("b.example")));
    assert_eq!(config.serving_domain(&domain("c.example")), None);
}

#[test]
fn what_is_shown_is_a_configuration_that_says_the_same() {
    for text in [LEAST, EVERY_KEY, include_str!("data/configs/good/serving-chain.yaml")] {
        let config = parse(text);
        for shown in [config.effective_yaml(), config.effective_json()] {
            assert!(!shown.contains("hunter2"), "a secret is shown:\n{shown}");
            let again = parse(&shown);
            assert_eq!(again.effective_yaml(), config.effective_yaml());
            // All but the password, that is.
            let masked = |config: &Config| {
                format!("{:?}", Config { digest: again.digest, ..config.clone() })
            };
            assert_eq!(masked(&again), masked(&config));
        }
    }
    assert!(!format!("{:?}", parse(EVERY_KEY)).contains("hunter2"));
}

#[test]
fn a_reload_says_what_is_different() {
    let old = parse(EVERY_KEY);
    assert_eq!(old.changes_since(&old), []);
    let new = parse(
        &EVERY_KEY
            .replace("store: {path: state}", "store: {path: elsewhere}")
            .replace("admin_socket: run/admin.sock\n", "")
            .replace("daily_events: 1000", "daily_events: 2000")
            .replace("https://spire.a.example", "https://new.a.example")
            .replace("issuer: {declared: {interval: 30d, lead: 7d}}", "timeout: 1s"),
    );
    assert_eq!(
        new.changes_since(&old),
        [
            ConfigChange::NeedsRestart { key: "store.path".into() },
            ConfigChange::NeedsRestart { key: "admin_socket".into() },
            ConfigChange::Applied { key: "limits".into() },
            ConfigChange::Reconfigured(domain("a.example")),
            ConfigChange::Adjusted(domain("c.example")),
        ]
    );
    let least = parse(LEAST);
    let changes = least.changes_since(&old);
    assert!(changes.contains(&ConfigChange::Removed(domain("c.example"))));
    assert!(changes.contains(&ConfigChange::Added(domain("b.example"))));
}

#[test]
fn a_bootstrap_file_gives_its_authorities_in_either_form() {
    let name = domain("clean1.lab.example");
    let read = |file: &str| {
        bootstrap::read_bundle(&Path::new("tests/data/configs/files").join(file), &name).unwrap()
    };
    let (json, pem) = (read("clean1.lab.example.bundle.json"), read("clean1.lab.example.pem"));
    let certificates: Vec<_> =
        json.iter().filter(|authority| authority.certificate.is_some()).cloned().collect();
    assert!(certificates.len() < json.len(), "the bundle has JWT keys too");
    assert_eq!(certificates, pem);
}

/// Something that is likely to be YAML still, and to mean something else.
fn mutated() -> impl Strategy<Value = String> {
    let sample = prop::sample::select(vec![
        LEAST,
        EVERY_KEY,
        include_str!("data/configs/bad/many-faults.yaml"),
        include_str!("data/configs/bad/issuer.yaml"),
        include_str!("data/configs/bad/announced.yaml"),
    ]);
    let bits = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ":",
        "- ",
        "\n",
        " ",
        "\"",
        "'",
        "#",
        "&a ",
        "*a",
        "!t ",
        "|",
        ">",
        "~",
        "\t",
        "%",
        "---\n",
        "\u{0}",
        "\u{feff}",
        "é",
        "@",
        "0",
        "99999999999999999999",
        "M",
    ]);
    let edit = (any::<prop::sample::Index>(), 0_usize..20, bits);
    (sample, prop::collection::vec(edit, 1..8)).prop_map(|(sample, edits)| {
        let mut text: Vec<char> = sample.chars().collect();
        for (place, taken, put) in edits {
            let from = place.index(text.len() + 1);
            let until = (from + taken).min(text.len());
            text.splice(from..until, put.chars());
        }
        text.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_configuration_panics_and_what_is_accepted_can_be_shown(text in mutated()) {
        if let Ok(config) = Config::from_text(Path::new("/etc/a.yaml"), &text) {
            let shown = config.effective_yaml();
            let again = Config::from_text(Path::new("/etc/a.yaml"), &shown);
            prop_assert!(again.is_ok(), "{}\n{shown}", again.unwrap_err());
        }
    }

    #[test]
    fn no_bytes_panic(text in "\\PC{0,200}") {
        let _ = Config::from_text(Path::new("a.yaml"), &text);
    }
}

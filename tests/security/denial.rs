//! A denied key authenticates nothing.
//!
//! An impostor that holds nothing but a denied key answers in an endpoint's place, with a bundle
//! of its own. The daemon is a process of its own; the endpoints are real.

use std::path::{Path, PathBuf};

use anchorwatch::demo::mint::{DemoKeyAlgorithm, JwtAuthority, X509Ca, ca_params};
use anchorwatch_core::bundle::Fingerprint;
use rcgen::KeyPair;
use serde_json::Value;

use crate::process::{Partner, Process, configure, day, document, hour, id, relationship};
use crate::scene::{Scene, said};

/// Partners under watch, and the rogue authority that someone added to the first one's bundle.
struct Attack {
    scene: Scene,
    rogue: X509Ca,
    rogue_pair: KeyPair,
    rogue_key: JwtAuthority,
}

impl Attack {
    /// The watch over `b.example`, whose bundle is in order, and whose bootstrap file holds its
    /// own authority.
    async fn start() -> Self {
        Self::of(&["b.example"]).await
    }

    async fn of(names: &[&str]) -> Self {
        Self::on(Scene::of(names).await)
    }

    fn on(scene: Scene) -> Self {
        let rogue_pair = DemoKeyAlgorithm::EcP256.generate().unwrap();
        let rogue = authority(&scene.partners[0].name, &rogue_pair);
        let rogue_key =
            JwtAuthority::with_kid(DemoKeyAlgorithm::EcP256, "rogue-key".to_owned()).unwrap();
        Self { scene, rogue, rogue_pair, rogue_key }
    }

    fn victim(&self) -> &Partner {
        &self.scene.partners[0]
    }

    /// The rogue authority stands beside the genuine one, and an operator denies it.
    fn plant_and_deny(&self) {
        let Partner { name, authority, key, endpoint, .. } = self.victim();
        endpoint.serve(document(&[authority, &self.rogue], &[key], 2));
        self.scene.daemon.until("taken", |daemon| daemon.domain(name)["sequence"] == 2);
        said(&self.scene.decide(&["deny", &self.rogue_fingerprint()]), 0);
    }

    /// The impostor answers, with a bundle that lists its own keys alone.
    fn impersonate(&self) {
        self.impersonate_at(self.victim(), 9);
    }

    fn impersonate_at(&self, partner: &Partner, sequence: u64) {
        let name = &self.victim().name;
        partner.endpoint.present(&self.rogue.svid(&id(name), hour()).unwrap());
        partner.endpoint.serve(document(&[&self.rogue], &[&self.rogue_key], sequence));
    }

    /// The genuine endpoint answers again, under this sequence number.
    fn return_genuine(&self, sequence: u64) {
        let Partner { name, authority, key, endpoint, .. } = self.victim();
        endpoint.present(&authority.svid(&id(name), hour()).unwrap());
        endpoint.serve(document(&[authority], &[key], sequence));
    }

    fn rogue_fingerprint(&self) -> String {
        Fingerprint::of(self.rogue.certificate()).to_string()
    }

    /// Waits until polls of this trust domain are refused for a denied signer: the critical
    /// finding names the key, who denied it and why, and what was presented.
    #[track_caller]
    fn refuses(&self, name: &str) -> Value {
        let rogue = self.rogue_fingerprint();
        let names = |finding: &Value| evidence(finding).contains(&rogue);
        let found = |daemon: &Process| {
            let mut findings = daemon.findings().into_iter();
            findings.find(|one| {
                one["trust_domain"] == name
                    && one["kind"] == "endpoint_unauthenticated"
                    && names(one)
            })
        };
        self.scene.daemon.until("refused", |daemon| {
            daemon.domain(name)["up"] == false && found(daemon).is_some()
        });
        let finding = found(&self.scene.daemon).unwrap();
        assert_eq!(finding["severity"], "critical", "{finding}");
        let text = evidence(&finding);
        for part in ["j.doe", "CHG-1"] {
            assert!(text.contains(part), "{part} is missing: {text}");
        }
        finding
    }

    /// The metric of failed polls for this reason.
    fn failures(&self, name: &str, reason: &str) -> u64 {
        let labels = format!("trust_domain=\"{name}\"");
        let reason = format!("reason=\"{reason}\"");
        let metrics = self.scene.daemon.text("/metrics");
        let of = |line: &&str| {
            line.starts_with("anchorwatch_source_poll_failures_total{")
                && line.contains(&labels)
                && line.contains(&reason)
        };
        let line = metrics.lines().find(of).unwrap_or_else(|| panic!("no {reason}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }
}

/// An authority of this trust domain, with this key.
fn authority(name: &str, key: &KeyPair) -> X509Ca {
    let params = ca_params(&format!("spiffe://{name}"), day()).unwrap();
    X509Ca::from_params(params, KeyPair::try_from(key.serialize_der()).unwrap()).unwrap()
}

fn evidence(finding: &Value) -> String {
    let sentences = finding["evidence"].as_array().into_iter().flatten();
    sentences.filter_map(|one| one["text"].as_str()).collect::<Vec<_>>().join("\n")
}

fn write(folder: &Path, name: &str, text: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impostor_with_a_denied_key_is_refused_and_the_genuine_endpoint_is_taken_again() {
    let mut attack = Attack::start().await;
    attack.plant_and_deny();
    attack.impersonate();
    let finding = attack.refuses("b.example");
    let text = evidence(&finding);
    for part in ["b.example/spire/server", "O=SPIFFE"] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
    let domain = attack.scene.daemon.domain("b.example");
    assert_eq!((&domain["sequence"], &domain["x509_authorities"]), (&2.into(), &2.into()));
    assert!(0 < attack.failures("b.example", "denied_signer"));
    assert!(
        attack
            .scene
            .events("authority_introduced")
            .iter()
            .all(|event| { !event.to_string().contains("\"rogue-key\"") })
    );

    // The denial and the refusal hold over a restart.
    attack.scene.restart();
    attack.refuses("b.example");
    assert_eq!(attack.scene.daemon.domain("b.example")["sequence"], 2);

    attack.return_genuine(3);
    attack.scene.daemon.until("genuine again", |daemon| {
        let domain = daemon.domain("b.example");
        domain["up"] == true && domain["sequence"] == 3
    });
    attack.scene.daemon.until("over", |daemon| {
        let mut findings = daemon.findings().into_iter();
        findings.all(|one| one["kind"] != "endpoint_unauthenticated")
    });
    // The rogue authority went off the bundle, and is refused all the same.
    attack.impersonate();
    attack.refuses("b.example");
    assert_eq!(attack.scene.daemon.domain("b.example")["sequence"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebootstrap_approves_no_denied_key() {
    let attack = Attack::start().await;
    attack.plant_and_deny();
    let Partner { authority, key, .. } = attack.victim();
    let folder = attack.scene.folder.path();
    // A file of the denied key alone is refused, with the way out.
    let only = write(folder, "only.json", &document(&[&attack.rogue], &[], 1));
    let rebootstrap =
        |file: &Path| attack.scene.decide(&["rebootstrap", "b.example", file.to_str().unwrap()]);
    let refused = said(&rebootstrap(&only), 1);
    assert!(refused.contains(&attack.rogue_fingerprint()), "{refused}");
    assert!(refused.contains("anchorwatch approve"), "{refused}");
    assert!(attack.scene.events("rebootstrapped").is_empty());

    let file = write(folder, "both.json", &document(&[authority, &attack.rogue], &[key], 1));
    let effect = said(&rebootstrap(&file), 0);
    assert!(effect.contains("denied"), "{effect}");
    attack.impersonate();
    attack.refuses("b.example");
    assert_eq!(attack.scene.daemon.domain("b.example")["sequence"], 2);
    let rogue = attack.rogue_fingerprint();
    let decided = attack.scene.events("decided");
    let overridden = |one: &Value| one["decision"] == "approve" && one["fingerprint"] == *rogue;
    assert!(!decided.iter().any(overridden), "{decided:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bootstrap_file_of_a_denied_key_alone_authenticates_nobody() {
    let attack = Attack::of(&["b.example", "c.example"]).await;
    attack.plant_and_deny();
    // A trust domain that comes later has the denied key in its bootstrap file, and nothing else.
    let folder = attack.scene.folder.path();
    // It is another certificate for that key.
    let renamed = authority("d.example", &attack.rogue_pair);
    let file = write(folder, "rogue.pem", renamed.pem().as_bytes());
    let late = Partner::start("d.example").await;
    late.endpoint.present(&renamed.svid(&id("d.example"), hour()).unwrap());
    late.endpoint.serve(document(&[&renamed], &[&attack.rogue_key], 1));
    let mut relationships: Vec<String> =
        attack.scene.partners.iter().map(|one| one.relationship(folder)).collect();
    let url = late.endpoint.url();
    relationships.push(relationship("d.example", &url, &id("d.example"), Some(&file)));
    configure(folder, &relationships);
    attack.scene.daemon.signal("-HUP");
    let finding = attack.refuses("d.example");
    let text = evidence(&finding);
    assert!(text.contains("anchorwatch rebootstrap d.example"), "{text}");
    assert!(0 < attack.failures("d.example", "trust_denied"));
    let findings = attack.scene.daemon.findings();
    assert!(findings.iter().all(|one| one["kind"] != "bootstrap_unusable"), "{findings:?}");
    assert!(
        attack.scene.events("first_contact").iter().all(|one| one["trust_domain"] != "d.example")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_that_cannot_be_journaled_yet_binds_and_an_approval_finds_it() {
    let attack = Attack::of(&["b.example"]).await;
    attack.plant_and_deny();
    let folder = attack.scene.folder.path();
    let store = attack.scene.hold_the_store();
    let file =
        write(folder, "rogue.pem", authority("d.example", &attack.rogue_pair).pem().as_bytes());
    let late = Partner::start("d.example").await;
    let url = late.endpoint.url();
    let seldom = "    poll_interval: 1h\n";
    let late = relationship("d.example", &url, &id("d.example"), Some(&file)) + seldom;
    configure(folder, &[attack.victim().relationship(folder), late]);
    attack.scene.daemon.signal("-HUP");
    attack.scene.daemon.until("watched", |daemon| {
        daemon.text("/metrics").contains("trust_domain=\"d.example\"")
            && 0 < attack.failures("d.example", "trust_denied")
    });
    let decided = || -> Vec<String> {
        let decided = attack.scene.events("decided").into_iter();
        let of = decided.filter(|one| one["trust_domain"] == "d.example");
        of.map(|one| one["decision"].as_str().unwrap().to_owned()).collect()
    };
    assert!(decided().is_empty(), "it waits for the journal");
    store.execute_batch("ROLLBACK").unwrap();
    drop(store);
    let approve = ["approve", &attack.rogue_fingerprint()];
    attack.scene.daemon.until("approved", |_| attack.scene.decide(&approve).status.success());
    assert_eq!(decided(), ["deny", "approve"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_denied_unseen_is_bound_everywhere_once_one_trust_domain_shows_it() {
    let attack = Attack::of(&["b.example", "c.example"]).await;
    // Another certificate for the rogue key stands in the other bundle.
    let renamed = authority("c.example", &attack.rogue_pair);
    let other = &attack.scene.partners[1];
    other.endpoint.serve(document(&[&other.authority, &renamed], &[&other.key], 2));
    attack.scene.daemon.until("taken", |daemon| daemon.domain("c.example")["sequence"] == 2);
    let effect = said(&attack.scene.decide(&["deny", &attack.rogue_fingerprint()]), 0);
    assert!(effect.contains("its public key was never seen"), "{effect}");
    let bound = || -> Vec<String> {
        let decided = attack.scene.events("decided").into_iter();
        let bound = decided.filter(|one| one["public_key"].is_string());
        bound.map(|one| one["trust_domain"].as_str().unwrap().to_owned()).collect()
    };
    assert!(bound().is_empty());

    let Partner { authority, key, endpoint, .. } = attack.victim();
    endpoint.serve(document(&[authority, &attack.rogue], &[key], 2));
    attack.scene.daemon.until("journaled", |_| bound().contains(&"c.example".to_owned()));
    assert_eq!(bound(), ["b.example", "c.example"]);
    other.endpoint.present(&renamed.svid(&id("c.example"), hour()).unwrap());
    other.endpoint.serve(document(&[&renamed], &[&attack.rogue_key], 9));
    attack.refuses("c.example");
    assert_eq!(attack.scene.daemon.domain("c.example")["sequence"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_that_was_overridden_does_not_come_back_by_a_trust_domain_that_left() {
    let attack = Attack::of(&["b.example", "c.example"]).await;
    let late = Partner::start("d.example").await;
    let key = attack.rogue_fingerprint();
    let folder = attack.scene.folder.path();
    let watch = |partners: &[&Partner]| {
        let relationships: Vec<String> =
            partners.iter().map(|one| one.relationship(folder)).collect();
        configure(folder, &relationships);
        attack.scene.daemon.signal("-HUP");
    };
    let [stays, leaves] = &attack.scene.partners[..] else { panic!("two partners") };
    let denied = || -> Vec<String> {
        let decided = attack.scene.events("decided").into_iter();
        let denied = decided.filter(|one| one["decision"] == "deny");
        denied.map(|one| one["trust_domain"].as_str().unwrap().to_owned()).collect()
    };
    said(&attack.scene.decide(&["deny", &key]), 0);
    watch(&[stays]);
    let gone = |daemon: &Process| daemon.get("/api/v1/trust-domains/c.example").status == 404;
    attack.scene.daemon.until("gone", gone);
    said(&attack.scene.decide(&["approve", &key]), 0);
    watch(&[stays, &late]);
    attack.scene.daemon.until("up", |daemon| daemon.domain("d.example")["up"] == true);
    assert_eq!(denied(), ["b.example", "c.example"]);
    // Where nobody overrode it, it comes back.
    let other = Fingerprint::of(b"denied").to_string();
    watch(&[stays, leaves]);
    attack.scene.daemon.until("back", |daemon| daemon.domain("c.example")["up"] == true);
    said(&attack.scene.decide(&["deny", &other]), 0);
    watch(&[leaves, &late]);
    attack.scene.daemon.until("back", |daemon| daemon.domain("d.example")["up"] == true);
    attack.scene.daemon.until("carried", |_| {
        attack.scene.events("decided").iter().any(|one| {
            one["trust_domain"] == "d.example" && one["fingerprint"].as_str() == Some(&other)
        })
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_key_authenticates_no_endpoint_that_another_trust_domain_serves() {
    let folder = tempfile::tempdir().unwrap();
    let server = Partner::start("b.example").await;
    let other = Partner::start("c.example").await;
    other.endpoint.present(&server.authority.svid(&id("b.example"), hour()).unwrap());
    let url = other.endpoint.url();
    let relationships = [
        server.relationship(folder.path()),
        relationship("c.example", &url, &id("b.example"), None),
    ];
    let partners = vec![server, other];
    let attack = Attack::on(Scene::start_with(folder, partners, &relationships, ""));
    attack.plant_and_deny();
    attack.impersonate_at(&attack.scene.partners[1], 9);
    attack.refuses("c.example");
    assert_eq!(attack.scene.daemon.domain("c.example")["sequence"], 1);
    assert_eq!(attack.scene.daemon.domain("b.example")["up"], true);
}

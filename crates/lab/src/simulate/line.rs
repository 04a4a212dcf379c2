//! Turns and truths as lines of JSON, in the form that `replay --observations` reads.

use std::fmt::Write as _;
use std::sync::Arc;

use super::turn::{Answered, Outcome};
use super::version::BundleVersion;
use super::{Random, Truth, Turn};
use anchorwatch_core::bundle::Validity;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::watch::{Presented, PresentedCertificate};

/// The lines of one world, of which no poll was left out: what did not change is not repeated.
#[derive(Debug)]
pub struct ObservationLines {
    trust_domain: TrustDomain,
    served: Option<Arc<BundleVersion>>,
    presented: Option<Presented>,
}

impl ObservationLines {
    /// The lines of a world of this trust domain.
    pub fn new(trust_domain: TrustDomain) -> Self {
        Self { trust_domain, served: None, presented: None }
    }

    /// The lines of a turn, one an answer, each with its line end.
    pub fn of(&mut self, turn: &Turn) -> String {
        let many = 1 < turn.answers.len();
        let mut lines = String::new();
        for Answered { address, presented, outcome } in &turn.answers {
            let (at, trust_domain) = (turn.at, &self.trust_domain);
            let _ = write!(lines, r#"{{"at":"{at}","trust_domain":"{trust_domain}""#);
            match outcome {
                Outcome::Failed { reason, .. } => {
                    let _ = write!(lines, r#","failure":"{reason}""#);
                }
                Outcome::Served { version, .. } => {
                    if many {
                        let _ = write!(lines, r#","address":"{address}""#);
                    }
                    self.endpoint_svid(presented.as_ref(), &mut lines);
                    self.bundle(version, &mut lines);
                }
            }
            lines.push_str("}\n");
        }
        lines
    }

    fn bundle(&mut self, version: &Arc<BundleVersion>, line: &mut String) {
        if self.served.as_ref().is_some_and(|served| served.number == version.number) {
            line.push_str(r#","unchanged":true"#);
            return;
        }
        // SPIRE's order is another in every answer; here it is in every version.
        let document = version.document(&mut Random::new(version.number));
        let _ = write!(line, r#","bundle":{document}"#);
        self.served = Some(Arc::clone(version));
    }

    fn endpoint_svid(&mut self, presented: Option<&Presented>, line: &mut String) {
        if presented == self.presented.as_ref() {
            return;
        }
        self.presented = presented.cloned();
        let Some(Presented { leaf, chain, .. }) = presented else { return };
        let _ = write!(line, r#","endpoint_svid":{{{}"#, certificate(leaf));
        if !chain.is_empty() {
            let chain: Vec<_> =
                chain.iter().map(|one| format!("{{{}}}", certificate(one))).collect();
            let _ = write!(line, r#","chain":[{}]"#, chain.join(","));
        }
        line.push('}');
    }
}

/// What the format keeps of a certificate, without braces.
fn certificate(certificate: &PresentedCertificate) -> String {
    let mut members = String::new();
    if let Some(key_id) = &certificate.authority_key_id {
        let _ = write!(members, r#""authority_key_id":"{key_id}","#);
    }
    let Validity { not_before, not_after } = certificate.validity;
    let _ = write!(members, r#""not_before":"{not_before}","not_after":"{not_after}""#);
    members
}

/// A truth as a line, with its line end.
pub fn truth_line(trust_domain: &TrustDomain, truth: &Truth) -> String {
    let text = serde_json::to_string(truth).unwrap_or_default();
    let rest = text.strip_prefix('{').unwrap_or_default();
    format!("{{\"trust_domain\":\"{trust_domain}\",{rest}\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;

    use super::*;
    use crate::issuer::IssuerSettings;
    use crate::simulate::{Incident, Scenario, World};
    use anchorwatch_core::bundle::{ParseLimits, parse};
    use anchorwatch_core::watch::FailureReason;

    fn scenario() -> Scenario {
        let trust_domain = "lines.example".parse().unwrap();
        let mut scenario =
            Scenario::clean(trust_domain, 2, IssuerSettings::spire(Duration::from_hours(1)));
        scenario.lasts = Duration::from_hours(3);
        scenario
    }

    #[test]
    fn what_is_written_reads_as_what_was_seen() {
        let scenario = scenario();
        let mut lines = ObservationLines::new(scenario.trust_domain.clone());
        let (mut documents, mut failures, mut last) = (0, 0, None);
        for turn in World::new(&scenario, 1) {
            let text = lines.of(&turn);
            let line: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(line["at"], turn.at.to_string());
            assert_eq!(line["trust_domain"], "lines.example");
            match turn.poll().answers.remove(0) {
                Err(failure) => {
                    assert_eq!(line["failure"], failure.reason.label());
                    failures += 1;
                }
                Ok(seen) => {
                    if line.get("bundle").is_some() {
                        documents += 1;
                        let body = serde_json::to_vec(&line["bundle"]).unwrap();
                        last = Some(parse(&body, &ParseLimits::default()).unwrap());
                    } else {
                        assert_eq!(line["unchanged"], true);
                    }
                    let last = last.as_ref().unwrap();
                    assert_eq!(
                        (&last.bundle, &last.irregularities),
                        (&seen.bundle, &seen.irregularities)
                    );
                    if let Some(svid) = line.get("endpoint_svid") {
                        let leaf = seen.source.presented.unwrap().leaf;
                        assert_eq!(
                            svid["authority_key_id"],
                            leaf.authority_key_id.unwrap().to_string()
                        );
                        assert_eq!(svid["not_after"], leaf.validity.not_after.to_string());
                    }
                }
            }
        }
        assert!(10 < documents && 0 < failures, "{documents} {failures}");
    }

    #[test]
    fn a_chain_and_an_address_are_written_where_there_are_several() {
        let scenario = scenario().with(Duration::ZERO, Incident::Upstream);
        let turn = World::new(&scenario, 1).next().unwrap();
        let line: Value =
            serde_json::from_str(&ObservationLines::new(scenario.trust_domain.clone()).of(&turn))
                .unwrap();
        assert!(line["endpoint_svid"]["chain"][0]["authority_key_id"].is_string());
        assert_eq!(line.get("address"), None);
        let mut scenario = self::scenario();
        scenario.observer.probes_all_addresses = true;
        let turn = World::new(&scenario, 1).next().unwrap();
        let text = ObservationLines::new(scenario.trust_domain.clone()).of(&turn);
        let addresses: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["address"].clone())
            .collect();
        assert_eq!(addresses, ["192.0.2.1", "192.0.2.2"]);
    }

    #[test]
    fn labels_of_the_truth_stand_in_no_line_of_the_polls() {
        for incident in
            [Incident::InjectedJwtMatched, Incident::RestartKeysLost, Incident::EndpointOutage]
        {
            let scenario = scenario().with(Duration::from_hours(1), incident);
            let mut world = World::new(&scenario, 3);
            let mut lines = ObservationLines::new(scenario.trust_domain.clone());
            let polls: String = world.by_ref().map(|turn| lines.of(&turn)).collect();
            let name = &scenario.trust_domain;
            let truths: String =
                world.truth().iter().map(|truth| truth_line(name, truth)).collect();
            assert!(truths.contains(incident.label()));
            for word in ["attack", "restart", "scheduled", "injected", "replica", incident.label()]
            {
                assert!(!polls.contains(&format!("\"{word}")), "{word}");
            }
            for line in truths.lines() {
                let line: Value = serde_json::from_str(line).unwrap();
                assert!(line["what"].is_string() && line["at"].is_string(), "{line}");
            }
        }
    }

    #[test]
    fn a_failure_is_written_by_its_label() {
        let scenario = scenario().with(Duration::ZERO, Incident::LongEndpointOutage);
        let turn = World::new(&scenario, 1).next().unwrap();
        let text = ObservationLines::new(scenario.trust_domain.clone()).of(&turn);
        assert!(text.contains(&format!("\"failure\":\"{}\"", FailureReason::Timeout)), "{text}");
    }
}

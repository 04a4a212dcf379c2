//! One recorded poll, or decision, as a line of JSON.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::bundle::{
    Authority, Digest, KeyId, ParseError, ParseLimits, ParsedBundle, Validity, parse,
};
use crate::decision::Decision;
use crate::spiffe::{EndpointUrl, TrustDomain};
use crate::time::Timestamp;
use crate::untrusted::UntrustedText;
use crate::watch::{
    ConsumerRefusal, Failure, FailureReason, Observation, Presented, PresentedCertificate, Source,
};

/// Which consumers would refuse a document, and why: `anchorwatch_consumers::refusals`, which is
/// built on this crate.
pub type Refusals = fn(&[u8], &ParseLimits) -> Vec<ConsumerRefusal>;

/// How many times as long as the largest document a line may be: a document as JSON text in JSON,
/// and its certificate facts.
const LINE_TO_BODY: usize = 4;

/// One line.
#[derive(Clone, Debug)]
pub struct RecordedLine {
    /// When the poll was made.
    pub at: Timestamp,
    /// Of which trust domain.
    pub trust_domain: TrustDomain,
    /// What it brought.
    pub seen: Seen,
}

/// What a poll brought, or an operator decided.
#[derive(Clone, Debug)]
pub enum Seen {
    /// A document.
    Document(Box<Observation>),
    /// The same document as in the last good poll, perhaps under another certificate.
    Unchanged(Box<Source>),
    /// Nothing.
    Failure(Box<Failure>),
    /// A decision.
    Decision(Box<Decision>),
    /// What authenticates was replaced. No TLS is verified here: what counts is that the
    /// authorities of the file are approved by it.
    Rebootstrap(Box<RecordedRebootstrap>),
}

/// An operator's rebootstrap.
#[derive(Clone, Debug)]
pub struct RecordedRebootstrap {
    /// The authorities of the file, where the line has it as `bundle` or `body`.
    pub authorities: Vec<Arc<Authority>>,
    /// Who, by their own word.
    pub by: UntrustedText,
    /// Why.
    pub reason: UntrustedText,
}

/// Why a line cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordedLineError {
    /// It is not what a line should be.
    #[error("not an observation")]
    Json(#[from] serde_json::Error),
    /// It says nothing, or several things at once.
    #[error("a line wants exactly one of bundle, body, unchanged, failure and decision")]
    NotOne,
    /// It is earlier than the line before it.
    #[error("earlier than the line before it: lines must be in the order of time")]
    OutOfOrder,
    /// It is so much later than the line before it that its time is a mistake.
    #[error("over ten years later than the line before it")]
    TooLate,
    /// It says that nothing changed, and nothing was there before.
    #[error("unchanged, and no document came before it")]
    NothingBefore,
    /// The file of a rebootstrap is no bundle.
    #[error("a rebootstrap without a bundle")]
    Document(#[from] ParseError),
    /// Nobody says by what rules the trust domain is judged.
    #[error("no endpoint can be named for this trust domain")]
    NoRules,
    /// It is too long.
    #[error("longer than {0} bytes")]
    TooLong(usize),
}

#[derive(Deserialize)]
struct Raw<'a> {
    at: Timestamp,
    trust_domain: TrustDomain,
    #[serde(borrow, default)]
    bundle: Option<&'a RawValue>,
    #[serde(borrow, default)]
    body: Option<Cow<'a, str>>,
    #[serde(default)]
    unchanged: Option<bool>,
    #[serde(borrow, default)]
    failure: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    decision: Option<Cow<'a, str>>,
    #[serde(default)]
    endpoint_svid: Option<RawSvid>,
    #[serde(default)]
    address: Option<IpAddr>,
    #[serde(default)]
    resolved: Vec<IpAddr>,
    #[serde(default)]
    final_url: Option<EndpointUrl>,
}

#[derive(Deserialize)]
struct RawSvid {
    #[serde(flatten)]
    leaf: RawCertificate,
    #[serde(default)]
    chain: Vec<RawCertificate>,
}

#[derive(Deserialize)]
struct RawCertificate {
    #[serde(default)]
    authority_key_id: Option<KeyId>,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl RawCertificate {
    fn presented(self) -> PresentedCertificate {
        let Self { authority_key_id, not_before, not_after } = self;
        PresentedCertificate {
            fingerprint: None,
            authority_key_id,
            validity: Validity { not_before, not_after },
            key_type: None,
            subject: None,
            issuer: None,
            uri_sans: Vec::new(),
        }
    }
}

impl RecordedLine {
    /// The longest line that is read under these limits, in bytes.
    pub fn longest(limits: &ParseLimits) -> usize {
        limits.body.saturating_mul(LINE_TO_BODY)
    }

    /// Reads a line; `refusals` says which consumers would refuse its document, and `limits` are
    /// those of the document.
    pub fn parse(
        text: &str,
        refusals: Refusals,
        limits: &ParseLimits,
    ) -> Result<Self, RecordedLineError> {
        /// As many certificates of a chain as the live client keeps.
        const CHAIN: usize = 8;
        if Self::longest(limits) < text.len() {
            return Err(RecordedLineError::TooLong(Self::longest(limits)));
        }
        let raw: Raw<'_> = serde_json::from_str(text)?;
        let said = [
            raw.bundle.is_some(),
            raw.body.is_some(),
            raw.unchanged == Some(true),
            raw.failure.is_some(),
            raw.decision.is_some(),
        ];
        let document = raw.bundle.map(|raw| Cow::Borrowed(raw.get())).or(raw.body);
        if raw.decision.as_deref() == Some("rebootstrap") {
            let rebootstrap = Box::new(rebootstrap(text, document.as_deref(), limits)?);
            let seen = Seen::Rebootstrap(rebootstrap);
            return Ok(Self { at: raw.at, trust_domain: raw.trust_domain, seen });
        }
        if said.into_iter().filter(|said| *said).count() != 1 {
            return Err(RecordedLineError::NotOne);
        }
        let presented = raw.endpoint_svid.map(|svid| Presented {
            leaf: svid.leaf.presented(),
            chain: svid.chain.into_iter().take(CHAIN).map(RawCertificate::presented).collect(),
            anchor: None,
            path: Arc::default(),
        });
        let source = Source {
            address: raw.address,
            resolved: raw.resolved,
            redirected_to: raw.final_url,
            presented,
            ..Source::default()
        };
        let seen = match (document, raw.failure) {
            (Some(body), _) => observed(&body, source, refusals, limits),
            (None, Some(reason)) => Seen::Failure(Box::new(failure(&reason))),
            (None, None) if raw.decision.is_some() => {
                Seen::Decision(Box::new(serde_json::from_str(text)?))
            }
            (None, None) => Seen::Unchanged(Box::new(source)),
        };
        Ok(Self { at: raw.at, trust_domain: raw.trust_domain, seen })
    }
}

/// As a live poll would: what is no bundle is a poll that failed.
fn observed(body: &str, source: Source, refusals: Refusals, limits: &ParseLimits) -> Seen {
    let parsed = match parse(body.as_bytes(), limits) {
        Ok(parsed) => parsed,
        Err(why) => {
            let failure = Failure::new((&why).into(), why.to_string());
            let Source { address, presented, .. } = source;
            return Seen::Failure(Box::new(Failure { address, presented, ..failure }));
        }
    };
    let ParsedBundle { bundle, irregularities, redacted } = parsed;
    let kept = redacted.as_deref().unwrap_or(body.as_bytes());
    Seen::Document(Box::new(Observation {
        bundle,
        irregularities,
        body: Digest::of(kept),
        length: u64::try_from(body.len()).unwrap_or(u64::MAX),
        refusals: Some(refusals(body.as_bytes(), limits)),
        source,
    }))
}

fn rebootstrap(
    text: &str,
    document: Option<&str>,
    limits: &ParseLimits,
) -> Result<RecordedRebootstrap, RecordedLineError> {
    #[derive(Deserialize)]
    struct Words {
        #[serde(default)]
        by: UntrustedText,
        #[serde(default)]
        reason: UntrustedText,
    }
    let Words { by, reason } = serde_json::from_str(text)?;
    let authorities = match document {
        Some(body) => parse(body.as_bytes(), limits)?.bundle.authorities().to_vec(),
        None => Vec::new(),
    };
    Ok(RecordedRebootstrap { authorities, by, reason })
}

/// A failure under its reason: one of the labels, and words after a colon. What is none of them
/// counts as no connection.
fn failure(reason: &str) -> Failure {
    let (label, words) = reason.split_once(':').unwrap_or((reason, ""));
    let known = FailureReason::ALL.iter().copied().find(|known| known.label() == label.trim());
    let (reason, detail) = match known {
        Some(known) if words.trim().is_empty() => (known, "as recorded"),
        Some(known) => (known, words.trim()),
        None => (FailureReason::Connect, reason),
    };
    Failure::new(reason, UntrustedText::new(detail, 256))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::consumer::Consumer;

    #[test]
    fn documents_and_consumers_are_judged_within_the_limits_that_are_given() {
        const LINE: &str = r#"{"at":"2026-01-01T00:00:00Z","trust_domain":"b.example",
            "bundle":{"keys":[{"use":"x"},{"use":"y"}]}}"#;
        let refusals: Refusals = |_, limits| {
            vec![ConsumerRefusal { consumer: Consumer::Istio, why: limits.keys.to_string().into() }]
        };
        let read = |keys| {
            let limits = ParseLimits { keys, ..ParseLimits::default() };
            RecordedLine::parse(LINE, refusals, &limits).unwrap().seen
        };
        let Seen::Failure(failure) = read(1) else { panic!("two keys are more than one") };
        assert_eq!(failure.reason, FailureReason::TooLarge);
        let Seen::Document(observation) = read(2) else { panic!("two keys are within the limit") };
        assert_eq!(&*observation.refusals.unwrap()[0].why, "2");
    }
}

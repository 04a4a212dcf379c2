//! What there is to say of one document.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;

use super::place::{LineIndex, LintPlace};
use anchorwatch_consumers::{ConsumerVerdict, element_ranges};
use anchorwatch_core::bundle::consumer::Consumer;
use anchorwatch_core::bundle::{
    AuthorityId, IrregularityKind, ParseError, ParseLimits, ParsedBundle, StatedNumber, parse,
};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::untrusted::UntrustedText;

/// The most departures that are listed for one document; the rest are counted.
const MOST: usize = 1_000;

/// How much something matters.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
    /// The document departs from the standard and is usable.
    Warning,
    /// A consumer refuses it, it is no bundle, or whoever reads it can forge.
    Error,
}

impl Level {
    /// The word in SARIF too (SARIF, 3.27.10).
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that is not as the standard has it.
#[derive(Debug, Serialize)]
pub(super) struct Departure {
    pub(super) rule: &'static str,
    pub(super) level: Level,
    pub(super) clause: &'static str,
    pub(super) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) entry: Option<u32>,
    #[serde(flatten)]
    pub(super) place: LintPlace,
}

/// What one consumer does with the document.
#[derive(Debug, Serialize)]
pub(super) struct ConsumerAnswer {
    pub(super) consumer: Consumer,
    #[serde(flatten)]
    pub(super) reading: ConsumerVerdict,
    /// Why it is refused, for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
    #[serde(flatten)]
    pub(super) place: Option<LintPlace>,
}

/// What there is to say of one document.
#[derive(Debug, Serialize)]
pub(super) struct LintReport {
    pub(super) document: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) trust_domain: Option<TrustDomain>,
    /// How many authorities the standard sees in it; `None` where it is no bundle.
    pub(super) authorities: Option<usize>,
    pub(super) sequence: Option<u64>,
    pub(super) refresh_hint: Option<u64>,
    pub(super) departures: Vec<Departure>,
    /// How many more there are.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) not_listed: usize,
    pub(super) consumers: Vec<ConsumerAnswer>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl LintReport {
    pub(super) fn new(
        document: String,
        bytes: &[u8],
        trust_domain: Option<&TrustDomain>,
        consumers: &[Consumer],
    ) -> Self {
        let looking = Looking { lines: LineIndex::new(bytes), elements: element_ranges(bytes) };
        let consumers: Vec<ConsumerAnswer> =
            consumers.iter().map(|consumer| looking.answer(*consumer, bytes)).collect();
        let parsed = parse(bytes, &ParseLimits::default());
        let mut departures = match &parsed {
            Ok(parsed) => looking.departures(parsed, trust_domain, &consumers),
            Err(error) => vec![looking.unusable(error, &consumers)],
        };
        let not_listed = departures.len().saturating_sub(MOST);
        if 0 < not_listed {
            departures.sort_by_key(|departure| std::cmp::Reverse(departure.level));
            departures.truncate(MOST);
        }
        let bundle = parsed.ok().map(|parsed| parsed.bundle);
        let given = |number: fn(&anchorwatch_core::bundle::Bundle) -> &StatedNumber| {
            bundle.as_ref().and_then(|bundle| number(bundle).given())
        };
        Self {
            document,
            trust_domain: trust_domain.cloned(),
            authorities: bundle.as_ref().map(|bundle| bundle.authorities().len()),
            sequence: given(|bundle| &bundle.sequence),
            refresh_hint: given(|bundle| &bundle.refresh_hint),
            departures,
            not_listed,
            consumers,
        }
    }

    /// The most urgent level of its departures and refusals.
    pub(super) fn worst(&self) -> Option<Level> {
        let refused = self.consumers.iter().any(|answer| answer.reading.refusal().is_some());
        let departures = self.departures.iter().map(|departure| departure.level);
        departures.chain(refused.then_some(Level::Error)).max()
    }
}

/// A document that is looked at.
struct Looking<'a> {
    lines: LineIndex<'a>,
    elements: Vec<Range<usize>>,
}

impl Looking<'_> {
    fn place(&self, entry: Option<u32>) -> LintPlace {
        let entry = entry.and_then(|entry| usize::try_from(entry).ok());
        let range = entry.and_then(|entry| self.elements.get(entry).cloned());
        self.lines.place(range.unwrap_or(0..0))
    }

    fn answer(&self, consumer: Consumer, bytes: &[u8]) -> ConsumerAnswer {
        let reading = anchorwatch_consumers::read_document(consumer, bytes);
        let refusal = reading.refusal();
        let place = refusal.map(|refusal| match refusal.entry {
            // Where it reads the same elements as we do.
            Some(entry) if self.place(Some(entry)) == self.starts_at(refusal.offset) => {
                self.place(Some(entry))
            }
            _ => self.lines.place(refusal.offset..refusal.offset),
        });
        let message = refusal.map(ToString::to_string);
        ConsumerAnswer { consumer, reading, message, place }
    }

    /// The element that begins there, or the place itself.
    fn starts_at(&self, offset: usize) -> LintPlace {
        let element = self.elements.iter().find(|element| element.start == offset);
        self.lines.place(element.cloned().unwrap_or(offset..offset))
    }

    fn departures(
        &self,
        parsed: &ParsedBundle,
        trust_domain: Option<&TrustDomain>,
        consumers: &[ConsumerAnswer],
    ) -> Vec<Departure> {
        let of = |rule, level, clause, message, entry| Departure {
            rule,
            level,
            clause,
            message,
            entry,
            place: self.place(entry),
        };
        let told = parsed.irregularities.iter().map(|irregularity| {
            let kind = &irregularity.kind;
            of(kind.label(), level(kind), kind.clause(), kind.to_string(), irregularity.entry)
        });
        let mut departures: Vec<Departure> = told.collect();
        if parsed.bundle.is_effectively_empty() {
            departures.push(of(
                "effectively_empty",
                Level::Warning,
                "Bundle, 4.1.3",
                "no key is usable: the document revokes every SVID of the trust domain".to_owned(),
                None,
            ));
        }
        let Some(trust_domain) = trust_domain else { return departures };
        let kept = consumers.iter().filter_map(|answer| answer.reading.acceptance());
        let kept = kept.flat_map(|acceptance| &acceptance.kept);
        let mut entries: BTreeMap<AuthorityId, u32> = BTreeMap::new();
        for (id, entry) in kept.filter_map(|kept| Some((kept.id()?, kept.entry))) {
            // The first consumer that keeps it says where it stands.
            entries.entry(id).or_insert(entry);
        }
        for authority in parsed.bundle.authorities() {
            let Some(certificate) = &authority.certificate else { continue };
            let other = certificate.uri_sans.iter().find_map(|name| {
                let name = name.as_received();
                // SPIFFE-ID, 2.1: scheme and trust domain name have no case.
                let rest = name.get(..9).filter(|scheme| scheme.eq_ignore_ascii_case("spiffe://"));
                let host = rest.and_then(|_| name.get(9..)?.split('/').next())?;
                (!host.eq_ignore_ascii_case(trust_domain.as_str())).then_some(host)
            });
            let Some(other) = other else { continue };
            let entry = entries.get(&authority.id).copied();
            let other = UntrustedText::from(other).quoted(64);
            let message = format!("the CA's SPIFFE ID names another trust domain, {other}");
            let clause = "X509-SVID, 3.1";
            departures.push(of("foreign_authority", Level::Warning, clause, message, entry));
        }
        departures
    }

    fn unusable(&self, error: &ParseError, consumers: &[ConsumerAnswer]) -> Departure {
        let (rule, clause) = match error {
            ParseError::NotJson { .. } => ("not_json", "RFC 8259, 2"),
            ParseError::NotABundle { .. } => ("not_a_bundle", "Bundle, 4.1.3"),
            ParseError::TooLarge { .. } => ("too_large", "Bundle, 4"),
        };
        // Who stumbled over the same thing knows where.
        let place = consumers.iter().find_map(|answer| {
            let refusal = answer.reading.refusal()?;
            answer.place.filter(|_| refusal.reason.label() == rule)
        });
        Departure {
            rule,
            level: Level::Error,
            clause,
            message: error.to_string(),
            entry: None,
            place: place.unwrap_or_else(|| self.place(None)),
        }
    }
}

/// A key that whoever reads the bundle can sign with is worse than an oddity.
fn level(kind: &IrregularityKind) -> Level {
    let forged =
        matches!(kind, IrregularityKind::PrivateMembers { .. } | IrregularityKind::SymmetricKey);
    if forged { Level::Error } else { Level::Warning }
}

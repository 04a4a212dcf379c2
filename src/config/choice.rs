//! Closed sets of words.

use super::fault::Report;
use super::place::quoted;
use super::reader::Value;
use super::scalar;
use super::schema::{Key, one_of};
use super::setting::Setting;
use super::suggest;
use super::tree::Tree;
use anchorwatch_core::bundle::SvidType;
use anchorwatch_core::finding::Severity;
use anchorwatch_core::spiffe::Probe;
use anchorwatch_core::watch::{BaselinePolicy, IssuerMode, JudgementPolicy};

/// The word among `words` that is written; a fault that suggests one where it is none of them.
pub(super) fn word(
    value: &Value<'_>,
    written: &str,
    words: &[&'static str],
    report: &mut Report,
) -> Option<&'static str> {
    let found = words.iter().copied().find(|word| *word == written);
    if found.is_none() {
        let hint = match suggest::nearest(written, words) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("write {}", one_of(words)),
        };
        value.fault(report, format!("{} is not known here", quoted(written)), hint);
    }
    found
}

/// The member of a closed set that is written.
fn member<T: Copy>(
    value: &Value<'_>,
    written: &str,
    all: &[T],
    label: fn(T) -> &'static str,
    report: &mut Report,
) -> Option<T> {
    let words: Vec<_> = all.iter().copied().map(label).collect();
    let found = word(value, written, &words, report)?;
    all.iter().copied().find(|member| label(*member) == found)
}

/// The severity that is written.
pub(super) fn severity(value: &Value<'_>, report: &mut Report) -> Option<Severity> {
    let written = value.text("a severity", "write info, warning or critical", report)?;
    member(value, written, &Severity::ALL, Severity::label, report)
}

macro_rules! choice {
    ($($type:ty: $all:expr, $label:expr;)*) => {$(
        impl Setting for $type {
            fn decode(value: &Value<'_>, key: &'static Key, report: &mut Report) -> Option<Self> {
                let written = scalar::text(value, key, report)?;
                member(value, written, $all, $label, report)
            }

            fn show(&self, _: &Key) -> Option<Tree> {
                let label: fn(Self) -> &'static str = $label;
                Some(Tree::text(label(*self)))
            }
        }
    )*};
}

choice! {
    Probe: &Probe::ALL, Probe::label;
    SvidType: &SvidType::ALL, SvidType::label;
    IssuerMode: &IssuerMode::ALL, IssuerMode::label;
    JudgementPolicy: &JudgementPolicy::ALL, JudgementPolicy::label;
    BaselinePolicy: &[BaselinePolicy::Explicit, BaselinePolicy::TrustOnFirstUse], |policy| {
        match policy {
            BaselinePolicy::Explicit => "explicit",
            BaselinePolicy::TrustOnFirstUse => "trust_on_first_use",
        }
    };
}

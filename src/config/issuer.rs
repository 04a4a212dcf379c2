//! How a trust domain's server rotates its keys: a word, or a mapping with one key.

use super::fault::Report;
use super::place::quoted;
use super::reader::{Fields, Value};
use super::schema::Key;
use super::setting::{self, Record as _, Setting};
use super::table::{DeclaredIssuer, ISSUER_DECLARED, ISSUER_MODELS, ISSUER_SPIRE, SpireIssuer};
use super::tree::Tree;
use super::yaml::NodeKind;
use anchorwatch_core::watch::IssuerModel;

impl Setting for IssuerModel {
    fn decode(value: &Value<'_>, key: &'static Key, report: &mut Report) -> Option<Self> {
        match (value.as_text(), &value.node.kind) {
            (Some("spire"), _) => return Some(Self::default()),
            (Some("learned"), _) => return Some(Self::Learned),
            (Some("declared"), _) => {
                let message = "a declared issuer needs its interval";
                value.fault(report, message, "write {declared: {interval: 30d}}");
                return None;
            }
            (Some(other), _) => {
                let message = format!("{} is no issuer model", quoted(other));
                value.fault(report, message, key.kind.example());
                return None;
            }
            (None, NodeKind::Mapping(_)) => (),
            (None, _) => {
                value.misplaced(key.kind.noun(), &key.kind.example(), report);
                return None;
            }
        }
        let (model, value) = Fields::open_one(value, &ISSUER_MODELS, "issuer model", report)?;
        if model == "declared" {
            let issuer = setting::open(&value, &ISSUER_DECLARED, report)?;
            let DeclaredIssuer { interval, lead } = issuer;
            return Some(Self::Declared { interval, lead });
        }
        // `spire:` without braces is the word.
        if matches!(value.node.kind, NodeKind::Null) {
            return Some(Self::default());
        }
        let SpireIssuer { ca_ttl, mode, lead } = setting::open(&value, &ISSUER_SPIRE, report)?;
        Some(Self::Spire { ca_ttl, mode, lead })
    }

    fn show(&self, _: &Key) -> Option<Tree> {
        let (model, keys) = match *self {
            Self::Learned => return Some(Tree::text("learned")),
            Self::Spire { ca_ttl: None, mode: None, lead: None } => {
                return Some(Tree::text("spire"));
            }
            Self::Spire { ca_ttl, mode, lead } => {
                ("spire", SpireIssuer { ca_ttl, mode, lead }.entries())
            }
            Self::Declared { interval, lead } => {
                ("declared", DeclaredIssuer { interval, lead }.entries())
            }
        };
        Some(Tree::mapping([(model, Some(Tree::mapping(keys)))]))
    }
}

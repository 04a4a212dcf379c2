//! How a bundle endpoint authenticates: a mapping with exactly one of two keys.

use super::fault::Report;
use super::reader::{Fields, Value};
use super::schema::Key;
use super::setting::{self, Setting};
use super::table::{ENDPOINT_SPIFFE_ID, HTTPS_SPIFFE, HTTPS_WEB, PROFILE};
use super::tree::Tree;
use super::yaml::NodeKind;
use anchorwatch_core::spiffe::EndpointProfile;

impl Setting for EndpointProfile {
    fn decode(value: &Value<'_>, key: &'static Key, report: &mut Report) -> Option<Self> {
        if let Some(word @ ("https_web" | "https_spiffe")) = value.as_text() {
            let message = format!("{word} is written as a word, and is a mapping");
            value.fault(report, message, PROFILE.example);
            return None;
        }
        if !matches!(value.node.kind, NodeKind::Mapping(_)) {
            value.misplaced(key.kind.noun(), PROFILE.example, report);
            return None;
        }
        let (profile, value) = Fields::open_one(value, &PROFILE, "profile", report)?;
        if profile == "https_spiffe" {
            let fields = Fields::open(&value, &HTTPS_SPIFFE, report)?;
            let endpoint_spiffe_id = setting::decode(&fields, &ENDPOINT_SPIFFE_ID, report)?;
            return Some(Self::HttpsSpiffe { endpoint_spiffe_id });
        }
        // `https_web:` without braces is nothing else.
        if !matches!(value.node.kind, NodeKind::Null) {
            Fields::open(&value, &HTTPS_WEB, report)?;
        }
        Some(Self::HttpsWeb)
    }

    fn show(&self, _: &Key) -> Option<Tree> {
        let (profile, keys) = match self {
            Self::HttpsSpiffe { endpoint_spiffe_id } => {
                let id = endpoint_spiffe_id.show(&ENDPOINT_SPIFFE_ID);
                ("https_spiffe", vec![(ENDPOINT_SPIFFE_ID.name, id)])
            }
            Self::HttpsWeb => ("https_web", Vec::new()),
        };
        Some(Tree::mapping([(profile, Some(Tree::mapping(keys)))]))
    }
}

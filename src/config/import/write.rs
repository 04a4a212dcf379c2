//! What was found, as a configuration.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Imported, Partner};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::untrusted::escape_json;

impl Imported {
    /// The configuration. What the input does not tell is a comment in it. `bundles` are the bootstrap
    /// files that were written.
    pub fn yaml(&self, bundles: &BTreeMap<TrustDomain, String>) -> String {
        let mut text = String::from(
            "# Made by `anchorwatch config import`. Read it, fill in what the comments ask for, and\n\
             # run `anchorwatch config check`.\n",
        );
        // Writing to a string does not fail.
        let _ = match &self.trust_domain {
            Some(name) => writeln!(text, "trust_domain: {}", quoted(name.as_str())),
            None => writeln!(text, "# trust_domain: the name of your own trust domain"),
        };
        text.push_str(
            "defaults:\n  \
             # The longest lifetimes of the partners' SVIDs: ask them. Left out, 1h and 4h are assumed.\n  \
             # max_jwt_svid_ttl: 5m\n  \
             # max_x509_svid_ttl: 1h\n  \
             consumers: [spire]\n\
             federates_with:\n",
        );
        for partner in &self.partners {
            text.push_str(&relationship(partner, bundles.get(&partner.trust_domain)));
        }
        text
    }
}

fn relationship(partner: &Partner, bundle: Option<&String>) -> String {
    let Partner { trust_domain: name, url, endpoint_spiffe_id, .. } = partner;
    let url = quoted(url.as_str());
    let mut text = format!("  {}:\n    bundle_endpoint_url: {url}\n", quoted(name.as_str()));
    let Some(id) = endpoint_spiffe_id else {
        text.push_str(
            "    bundle_endpoint_profile: {https_web: {}}\n    \
             # Nothing authenticates its first bundle but the web: compare the keys, and then decide\n    \
             # `anchorwatch baseline`, or set it here:\n    \
             # baseline: trust_on_first_use\n",
        );
        return text;
    };
    // Writing to a string does not fail.
    let _ = write!(
        text,
        "    bundle_endpoint_profile:\n      https_spiffe:\n        endpoint_spiffe_id: {}\n",
        quoted(id.as_str())
    );
    let _ = match bundle {
        Some(path) => writeln!(text, "    bootstrap_bundle_path: {}", quoted(path)),
        None => write!(
            text,
            "    # Its bundle is wanted before the first poll, by a way that does not lead through the\n    \
             # endpoint: spire-server bundle list -format spiffe -id spiffe://{name} > {name}.bundle.json\n    \
             # bootstrap_bundle_path: {name}.bundle.json\n"
        ),
    };
    text
}

/// A text in double quotes: JSON's form of it is YAML's too. Nothing of it can end a line.
fn quoted(text: &str) -> String {
    escape_json(&serde_json::Value::from(text).to_string()).into_owned()
}

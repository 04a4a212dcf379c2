//! The configuration that a scene is watched by.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::script::{CA_TTL, SVID_TTL};
use anchorwatch_core::spiffe::{BundleEndpoint, EndpointProfile, TrustDomain};

/// Where a domain's bootstrap bundle lies.
pub(super) fn bootstrap_path(directory: &Path, trust_domain: &TrustDomain) -> PathBuf {
    directory.join(format!("{trust_domain}.json"))
}

/// What to watch these endpoints by, in YAML. Every bound that days of rotation have is scaled
/// down to seconds.
pub(super) fn configuration(directory: &Path, endpoints: &[BundleEndpoint]) -> String {
    let (ca_ttl, svid_ttl) = (CA_TTL.as_secs(), SVID_TTL.as_secs());
    let mut yaml = format!(
        "\
store:
  path: {store}
defaults:
  poll_interval: 1s
  timeout: 2s
  max_jwt_svid_ttl: {svid_ttl}s
  max_x509_svid_ttl: {svid_ttl}s
  clock_skew: 1s
  validator_leeway: 0s
  replica_lag: 2s
  consumers: [{{cache: 2s}}]
  issuer: {{spire: {{ca_ttl: {ca_ttl}s}}}}
federates_with:
",
        store = quoted(&directory.join("store")),
    );
    for endpoint in endpoints {
        // Writing to a string does not fail.
        let _ = writeln!(yaml, "  {}:", endpoint.trust_domain);
        let _ = writeln!(yaml, "    bundle_endpoint_url: {}", endpoint.url);
        let _ = match &endpoint.profile {
            EndpointProfile::HttpsSpiffe { endpoint_spiffe_id } => writeln!(
                yaml,
                "    bundle_endpoint_profile:\n      https_spiffe:\n        \
                 endpoint_spiffe_id: {endpoint_spiffe_id}",
            ),
            EndpointProfile::HttpsWeb => {
                writeln!(yaml, "    bundle_endpoint_profile: {{https_web: {{}}}}")
            }
        };
        let bootstrap = quoted(&bootstrap_path(directory, &endpoint.trust_domain));
        let _ = writeln!(yaml, "    bootstrap_bundle_path: {bootstrap}");
    }
    yaml
}

/// A path as a YAML scalar: a JSON string is one.
fn quoted(path: &Path) -> String {
    serde_json::Value::from(path.to_string_lossy()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_each_endpoint_with_its_identity_and_its_bootstrap_bundle() {
        let endpoint = BundleEndpoint {
            trust_domain: "healthy.demo.example".parse().unwrap(),
            url: "https://127.0.0.1:8443/".parse().unwrap(),
            profile: EndpointProfile::HttpsSpiffe {
                endpoint_spiffe_id: "spiffe://healthy.demo.example/spire/server".parse().unwrap(),
            },
        };
        let yaml = configuration(Path::new("/tmp/a \"b\""), &[endpoint]);
        let expected = r#"store:
  path: "/tmp/a \"b\"/store"
defaults:
  poll_interval: 1s
  timeout: 2s
  max_jwt_svid_ttl: 15s
  max_x509_svid_ttl: 15s
  clock_skew: 1s
  validator_leeway: 0s
  replica_lag: 2s
  consumers: [{cache: 2s}]
  issuer: {spire: {ca_ttl: 90s}}
federates_with:
  healthy.demo.example:
    bundle_endpoint_url: https://127.0.0.1:8443/
    bundle_endpoint_profile:
      https_spiffe:
        endpoint_spiffe_id: spiffe://healthy.demo.example/spire/server
    bootstrap_bundle_path: "/tmp/a \"b\"/healthy.demo.example.json"
"#;
        assert_eq!(yaml, expected);
    }
}

//! A configuration made from what SPIRE has is one that `config check` takes.

#![cfg(test)]

use std::fs;
use std::process::Command;

use anchorwatch::config::import::{Origin, detect, parse};

const SERVER_CONF: &str = r#"
server {
    bind_address = "0.0.0.0"
    bind_port = "8081"
    trust_domain = "domain-a.example"   # our own
    ca_ttl = "24h"
    audit_log_enabled = true
    federation {
        bundle_endpoint {
            address = "0.0.0.0"
            port = 8443
            profile "https_spiffe" {}
        }
        federates_with "domain-b.example" {
            bundle_endpoint_url = "https://spire.domain-b.example:8443"
            bundle_endpoint_profile "https_spiffe" {
                endpoint_spiffe_id = "spiffe://domain-b.example/spire/server"
            }
        }
        // federates_with "gone.example" {}
        federates_with "domain-c.example" {
            bundle_endpoint_url = "https://bundles.example.com/c.json"
            bundle_endpoint_profile "https_web" {}
        }
    }
}
/* plugins have nothing
   to say here */
plugins {
    DataStore "sql" { plugin_data { database_type = "sqlite3", connection_string = "/x" } }
    NodeAttestor "k8s_psat" {
        plugin_data { clusters = { "demo" = { service_account_allow_list = ["spire:agent", "b"] } } }
    }
    KeyManager "memory" { plugin_data = {} }
}
"#;

const LIST: &str = r#"{
  "federation_relationships": [
    {
      "trust_domain": "domain-b.example",
      "bundle_endpoint_url": "https://spire.domain-b.example:8443",
      "https_spiffe": {"endpoint_spiffe_id": "spiffe://domain-b.example/spire/server"},
      "trust_domain_bundle": {"trust_domain": "domain-b.example", "x509_authorities": [], "refresh_hint": "300"}
    },
    {"trust_domain": "domain-c.example", "bundle_endpoint_url": "https://bundles.example.com/c.json", "https_web": {}}
  ],
  "next_page_token": ""
}"#;

const RESOURCES: &str = "\
apiVersion: spire.spiffe.io/v1alpha1
kind: ClusterFederatedTrustDomain
metadata:
  name: domain-b
spec:
  trustDomain: domain-b.example
  bundleEndpointURL: https://spire.domain-b.example:8443
  bundleEndpointProfile:
    type: https_spiffe
    endpointSPIFFEID: spiffe://domain-b.example/spire/server
  trustDomainBundle: |-
    BUNDLE
---
apiVersion: v1
kind: List
items:
  - kind: ClusterSPIFFEID
    spec: {spiffeIDTemplate: x}
  - kind: ClusterFederatedTrustDomain
    spec:
      trustDomain: domain-c.example
      bundleEndpointURL: https://bundles.example.com/c.json
      bundleEndpointProfile: {type: https_web}
";

/// A real bundle on one line, and whose it is.
fn bundle() -> (String, String) {
    let mut files: Vec<_> =
        fs::read_dir("tests/data/spire").unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let recorded =
        |path: &&std::path::PathBuf| path.to_string_lossy().ends_with(".observations.jsonl");
    let lines = fs::read_to_string(files.iter().find(recorded).unwrap()).unwrap();
    let line: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    (line["trust_domain"].as_str().unwrap().to_owned(), line["bundle"].to_string())
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_anchorwatch")).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn each_form_is_told_by_its_looks_and_says_the_same() {
    let forms = [
        (SERVER_CONF, Origin::ServerConf),
        (LIST, Origin::FederationList),
        (RESOURCES, Origin::Kubernetes),
    ];
    for (text, origin) in forms {
        assert_eq!(detect(text), origin);
        let imported = parse(text, origin).unwrap();
        let names: Vec<_> =
            imported.partners.iter().map(|one| one.trust_domain.to_string()).collect();
        assert_eq!(names, ["domain-b.example", "domain-c.example"], "{origin:?}");
        let [b, c] = imported.partners.as_slice() else { panic!("two") };
        assert_eq!(b.url.as_str(), "https://spire.domain-b.example:8443/");
        let id = b.endpoint_spiffe_id.as_ref().unwrap();
        assert_eq!(id.as_str(), "spiffe://domain-b.example/spire/server");
        assert_eq!(c.endpoint_spiffe_id, None);
        assert_eq!(imported.trust_domain.is_some(), origin == Origin::ServerConf);
    }
}

#[test]
fn what_is_made_passes_the_check() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let resources = RESOURCES.replace("BUNDLE", &bundle().1);
    for (name, text) in [("conf", SERVER_CONF), ("list", LIST), ("yaml", &resources)] {
        let (file, made) = (path(name), path("anchorwatch.yaml"));
        fs::write(&file, text).unwrap();
        let (code, yaml, said) = run(&["config", "import", &file]);
        assert_eq!(code, Some(0), "{name}: {said}");
        assert_eq!(said.contains("--bundles"), name == "yaml", "{said}");
        fs::write(&made, &yaml).unwrap();
        let (code, _, said) = run(&["config", "check", &made]);
        assert_eq!(code, Some(0), "{name}: {said}\n{yaml}");
        assert!(yaml.contains("# bootstrap_bundle_path"), "{yaml}");
    }
}

#[test]
fn a_bundle_in_a_resource_becomes_a_bootstrap_file_and_none_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (owner, bundle) = bundle();
    let resources = RESOURCES.replace("domain-b.example", &owner).replace("BUNDLE", &bundle);
    fs::write(path("resources.yaml"), resources).unwrap();
    let bundles = ["--bundles", folder.path().to_str().unwrap()];
    let resources = path("resources.yaml");
    let import = [&["config", "import", &resources][..], &bundles].concat();
    let (code, yaml, said) = run(&import);
    assert_eq!(code, Some(0), "{said}");
    fs::write(path("anchorwatch.yaml"), &yaml).unwrap();
    let (code, _, said) = run(&["config", "check", &path("anchorwatch.yaml")]);
    assert_eq!(code, Some(0), "{said}\n{yaml}");
    assert_eq!(fs::read_to_string(path(&format!("{owner}.bundle.json"))).unwrap(), bundle);
    let (code, _, said) = run(&import);
    assert!(code == Some(1) && said.contains("exists"), "{said}");
}

#[test]
fn bad_input_is_told_with_its_line() {
    for (text, line) in [
        ("server {\n  federation {\n", "line 2: the file ends within a block"),
        ("server {\n  trust_domain = \"a\n}", "line 2: a text begins here"),
        (
            "server {\n federation {\n  federates_with \"b.example\" {\n  bundle_endpoint_url = \"http://b\"\n  bundle_endpoint_profile \"https_web\" {}\n} } }",
            "line 3: the relationship with \"b.example\": the URL",
        ),
        ("server {}\n", "line 1: no federation relationship"),
        ("server { = }", "line 1: '=' is unexpected"),
    ] {
        let fault = parse(text, Origin::ServerConf).unwrap_err().to_string();
        assert!(fault.starts_with(line), "{fault}");
    }
    let cut = LIST.replace("\"next_page_token\"", "next");
    let fault = parse(&cut, Origin::FederationList).unwrap_err().to_string();
    assert!(fault.starts_with("line 11: not a federation list"), "{fault}");
    let odd = RESOURCES.replace("type: https_web", "type: https_other");
    let fault = parse(&odd, Origin::Kubernetes).unwrap_err().to_string();
    assert!(fault.starts_with("line 21: ") && fault.contains("https_other"), "{fault}");
    let broken = RESOURCES.replace("kind: List", "kind: [List");
    assert!(parse(&broken, Origin::Kubernetes).is_err());
}

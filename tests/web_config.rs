//! `--web.config.file`: what is taken and refused, beside Prometheus' own reading of the same
//! files, and what a server answers that runs with them, beside Prometheus itself.

#![cfg(test)]

#[path = "support/http.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod http;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anchorwatch::config::{Config, WebConfig};
use anchorwatch::daemon::{Daemon, Options};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{Answer, Request};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
    SignatureAlgorithm,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const DATA: &str = "tests/data/web-config";
/// Nothing here takes this long, unless it hangs.
const PATIENCE: Duration = Duration::from_mins(1);
/// The password whose hash is in the files.
const RIGHT: &str = "alice:fakepassword";

/// Where we and `promtool check web-config` say different things, and why.
const DIFFERENCES: &[(&str, Why)] = &[
    ("alias", Why::Form),
    ("allowed-sans", Why::Newer),
    ("bool-yes", Why::Form),
    ("both-cert", Why::Newer),
    ("ca-empty", Why::Unsafe),
    ("cipher-cbc", Why::Rustls),
    // Go lists it no more from 1.22 on.
    ("cipher-rsa", Why::Newer),
    ("cipher-tls13-alone", Why::Unsafe),
    ("curve-p521", Why::Rustls),
    ("hash-2", Why::Form),
    ("hash-cost-31", Why::Unsafe),
    ("hash-long", Why::Form),
    ("header-control", Why::Form),
    ("inline", Why::Newer),
    ("inline-client-ca", Why::Newer),
    ("max-tls11", Why::Rustls),
    ("rate-limit", Why::Newer),
    ("rate-limit-zero", Why::Newer),
    ("rate-without-burst", Why::Newer),
    ("sans-if-given", Why::Newer),
    ("sans-unverified", Why::Newer),
    ("tls-without-cert", Why::Unsafe),
    ("tls10", Why::Rustls),
    ("tls11", Why::Rustls),
    ("user-colon", Why::Unsafe),
    ("verify-without-ca", Why::Unsafe),
    ("versions-crossed", Why::Unsafe),
];

/// Why we differ.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Why {
    /// What it asks for protects less than it looks, or nobody could connect.
    Unsafe,
    /// rustls does not have it.
    Rustls,
    /// The reader is stricter with the form.
    Form,
    /// exporter-toolkit has it newer than some promtools that are about, so either is right.
    Newer,
}

/// Keys and certificates that the files name, and the files.
struct Folder {
    path: PathBuf,
    _held: tempfile::TempDir,
}

struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Ca {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn sign(
        &self,
        folder: &Path,
        name: &str,
        params: &CertificateParams,
        of: &'static SignatureAlgorithm,
    ) {
        let key = KeyPair::generate_for(of).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        fs::write(folder.join(format!("{name}.crt")), certificate).unwrap();
        fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

fn server() -> CertificateParams {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

fn client() -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    let id = "spiffe://a.example/prometheus".try_into().unwrap();
    params.subject_alt_names = vec![SanType::URI(id)];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

impl Folder {
    fn new() -> Self {
        let held = tempfile::tempdir().unwrap();
        let path = held.path().to_owned();
        let ca = Ca::new();
        fs::write(path.join("ca.crt"), &ca.pem).unwrap();
        for (name, of) in [
            ("server", &rcgen::PKCS_ECDSA_P256_SHA256),
            ("p384", &rcgen::PKCS_ECDSA_P384_SHA384),
            ("ed25519", &rcgen::PKCS_ED25519),
            ("rsa", &rcgen::PKCS_RSA_SHA256),
        ] {
            ca.sign(&path, name, &server(), of);
        }
        ca.sign(&path, "client", &client(), &rcgen::PKCS_ECDSA_P256_SHA256);
        let mut other = client();
        other.subject_alt_names = vec![SanType::DnsName("other.example".try_into().unwrap())];
        ca.sign(&path, "other", &other, &rcgen::PKCS_ECDSA_P256_SHA256);
        Ca::new().sign(&path, "stranger", &client(), &rcgen::PKCS_ECDSA_P256_SHA256);
        let certificate = fs::read_to_string(path.join("server.crt")).unwrap();
        fs::write(path.join("chain.crt"), certificate + &ca.pem).unwrap();
        fs::write(path.join("empty"), "").unwrap();
        let garbled = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        fs::write(path.join("garbled.crt"), garbled).unwrap();
        Self { path, _held: held }
    }

    /// The files of a directory, with what they have inline put in.
    fn take(&self, directory: &str) -> Vec<(String, PathBuf)> {
        let mut files = Vec::new();
        for entry in fs::read_dir(Path::new(DATA).join(directory)).unwrap() {
            let from = entry.unwrap().path();
            let name = from.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(&from).unwrap();
            let text = text.replace("@DIR@", self.path.to_str().unwrap());
            let lines = text.lines().map(|line| match line.strip_prefix("    @") {
                Some(inline) => {
                    let pem = self.path.join(inline.trim_end_matches('@'));
                    let pem = fs::read_to_string(pem).unwrap();
                    format!("    {}\n", pem.trim_end().replace('\n', "\n    "))
                }
                None => format!("{line}\n"),
            });
            let text: String = lines.collect();
            let to = self.path.join(format!("{name}.yml"));
            fs::write(&to, text).unwrap();
            files.push((name, to));
        }
        files.sort();
        assert!(40 <= files.len());
        files
    }
}

fn promtool_takes(path: &Path) -> bool {
    let checked = Command::new("promtool").args(["check", "web-config"]).arg(path).output();
    checked.expect("promtool: see TEST_PACKAGES in the Makefile").status.success()
}

#[test]
fn a_file_is_taken_or_refused_as_prometheus_does_or_for_a_reason_that_is_written_down() {
    let folder = Folder::new();
    let reasons: BTreeMap<_, _> = DIFFERENCES.iter().copied().collect();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for (directory, good) in [("good", true), ("bad", false)] {
        for (name, path) in folder.take(directory) {
            let ours = WebConfig::load(&path);
            if ours.is_ok() != good {
                wrong.push(format!("{directory}/{name}: we say {ours:?}"));
            }
            let agrees = promtool_takes(&path) == good;
            match reasons.get(&*name) {
                Some(Why::Newer) => (),
                Some(_) if agrees => wrong.push(format!("{directory}/{name}: no difference")),
                None if !agrees => wrong.push(format!("{directory}/{name}: promtool differs")),
                Some(_) | None => (),
            }
            seen.insert(name);
        }
    }
    wrong.extend(
        reasons
            .keys()
            .filter(|name| !seen.contains(**name))
            .map(|name| format!("{name}: no such file")),
    );
    let doc = fs::read_to_string("docs/web-config.md").unwrap();
    for (name, _) in DIFFERENCES.iter().filter(|(_, why)| *why != Why::Newer) {
        if !doc.contains(&format!("| `{name}`")) && !doc.contains(&format!(", `{name}`")) {
            wrong.push(format!("docs/web-config.md does not name {name}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_fault_names_its_place_and_what_would_be_right() {
    let folder = Folder::new();
    for (name, path) in folder.take("bad") {
        let fault = WebConfig::load(&path).unwrap_err().to_string();
        let place = fault.strip_prefix(&format!("{}:", path.display())).expect(&fault);
        let number = place.split(':').next().unwrap().parse::<usize>();
        assert!(number.is_ok() && !fault.contains("hunter2"), "{name}: {fault}");
    }
    for (name, says) in [
        (
            "unknown-tls",
            ":4:3: tls_server_config.cert_path: there is no such key; docs/web-config.md",
        ),
        ("tls10", ":4:16: tls_server_config.min_version: TLS10 is broken, and rustls does not"),
        ("cipher-cbc", ":4:19: tls_server_config.cipher_suites[0]: rustls has no cipher suite"),
        ("curve-p521", "whoever wrote the list must choose of X25519, CurveP256 and CurveP384"),
        ("mismatch", "p384.key: the private key does not belong to the first certificate"),
        ("verify-without-ca", ":4:21: tls_server_config.client_auth_type: no client_ca_file"),
        ("password-clear", ":1:27: basic_auth_users.alice: this is not a bcrypt hash; write what"),
        ("header-frame", ":1:49: http_server_config.headers.X-Frame-Options: \"allow\" is not"),
    ] {
        let path = folder.path.join(format!("{name}.yml"));
        let fault = WebConfig::load(&path).unwrap_err().to_string();
        assert!(fault.contains(says), "{name}: {fault}");
    }
}

/// Somebody who asks.
#[derive(Clone, Copy, Debug)]
struct Asker {
    tls: Option<&'static [&'static SupportedProtocolVersion]>,
    certificate: Option<&'static str>,
    login: Option<&'static str>,
}

const TLS: Asker = Asker { tls: Some(rustls::ALL_VERSIONS), certificate: None, login: None };
const PLAIN: Asker = Asker { tls: None, ..TLS };

/// What became of it; `None` where there was no answer.
async fn ask(asker: Asker, address: SocketAddr, folder: &Folder) -> Option<Answer> {
    let stream = TcpStream::connect(address).await.unwrap();
    match asker.tls {
        None => exchange(stream, asker.login).await,
        Some(versions) => {
            let connector = TlsConnector::from(Arc::new(tls(asker, versions, folder)));
            let name = ServerName::try_from("localhost").unwrap();
            exchange(connector.connect(name, stream).await.ok()?, asker.login).await
        }
    }
}

fn tls(
    asker: Asker,
    versions: &[&'static SupportedProtocolVersion],
    folder: &Folder,
) -> ClientConfig {
    let file = |name: &str| folder.path.join(name);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file("ca.crt")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    match asker.certificate {
        None => builder.with_no_client_auth(),
        Some(name) => {
            let chain = vec![CertificateDer::from_pem_file(file(&format!("{name}.crt"))).unwrap()];
            let key = PrivateKeyDer::from_pem_file(file(&format!("{name}.key"))).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    login: Option<&str>,
) -> Option<Answer> {
    let login = login.map(|login| format!("Basic {}", BASE64_STANDARD.encode(login)));
    let login = login.as_deref().map(|login| ("authorization", login));
    let request = Request { headers: login.as_slice(), ..Request::get("/-/healthy") };
    request.send_async(stream).await.ok()
}

async fn daemon(folder: &Folder, web: &Path) -> (Daemon, SocketAddr) {
    let store = tempfile::tempdir_in(&folder.path).unwrap().keep();
    let path = store.join("anchorwatch.yaml");
    let text = format!(
        "store: {{path: {}}}\nfederates_with:\n  a.example:\n    bundle_endpoint_url: \
         https://127.0.0.1:1\n    bundle_endpoint_profile: {{https_web: {{}}}}\n",
        store.join("store").display()
    );
    fs::write(&path, text).unwrap();
    let options = Options {
        listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
        web_config: Some(web.to_owned()),
        ..Options::default()
    };
    let daemon = Daemon::start(Config::load(&path).unwrap(), options).await.unwrap();
    let address = daemon.addresses()[0];
    (daemon, address)
}

/// Prometheus, until the test ends.
struct Prometheus(Child, SocketAddr);

impl Prometheus {
    async fn start(folder: &Folder, web: &Path) -> Self {
        let data = tempfile::tempdir_in(&folder.path).unwrap().keep();
        let config = data.join("prometheus.yml");
        fs::write(&config, "{}\n").unwrap();
        // Which port it took, Prometheus does not say in every version.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = port.local_addr().unwrap();
        drop(port);
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", data.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg(format!("--web.config.file={}", web.display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus: see TEST_PACKAGES in the Makefile");
        let began = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            assert!(began.elapsed() < PATIENCE, "Prometheus never listened");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self(child, address)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn askers() -> Vec<Asker> {
    const OLD: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
    const NEW: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];
    let with = |certificate| Asker { certificate: Some(certificate), ..TLS };
    let says = |login| Asker { login: Some(login), ..TLS };
    vec![
        PLAIN,
        Asker { login: Some(RIGHT), ..PLAIN },
        Asker { login: Some("alice:wrong"), ..PLAIN },
        TLS,
        Asker { tls: Some(OLD), ..TLS },
        Asker { tls: Some(NEW), ..TLS },
        with("client"),
        with("other"),
        with("stranger"),
        Asker { tls: Some(OLD), ..with("client") },
        Asker { tls: Some(OLD), ..with("stranger") },
        says(RIGHT),
        says("alice:wrong"),
        says("bob:fakepassword"),
        says("alice"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_file_lets_the_same_askers_in_as_at_prometheus() {
    let folder = Folder::new();
    folder.take("good");
    for name in [
        "users",
        "tls",
        "tls-and-users",
        "require-and-verify",
        "verify-if-given",
        "ciphers",
        "require-any-client-cert",
        "request-client-cert",
        "min-tls13",
        "max-tls12",
        "curve-p256",
    ] {
        let web = folder.path.join(format!("{name}.yml"));
        let prometheus = Prometheus::start(&folder, &web).await;
        let (daemon, address) = daemon(&folder, &web).await;
        for asker in askers() {
            let ours = ask(asker, address, &folder).await.map(|answer| answer.status);
            let theirs = ask(asker, prometheus.1, &folder).await.map(|answer| answer.status);
            assert_eq!(ours, theirs, "{name}: {asker:?}");
        }
        daemon.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_known_is_told_how_to_log_in_and_headers_are_set_all_the_same() {
    let folder = Folder::new();
    let web = folder.path.join("web.yml");
    let users = fs::read_to_string(Path::new(DATA).join("good/users.yml")).unwrap();
    let headers = fs::read_to_string(Path::new(DATA).join("good/headers.yml")).unwrap();
    fs::write(&web, users + &headers).unwrap();
    let (daemon, address) = daemon(&folder, &web).await;
    let answer = ask(PLAIN, address, &folder).await.unwrap();
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Basic")));
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"));
    let right = Asker { login: Some(RIGHT), ..PLAIN };
    let answer = ask(right, address, &folder).await.unwrap();
    assert_eq!((answer.status, answer.header("x-frame-options")), (200, Some("deny")));
    daemon.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_verified_clients_those_with_an_allowed_name_come_in() {
    let folder = Folder::new();
    folder.take("good");
    let (daemon, address) = daemon(&folder, &folder.path.join("allowed-sans.yml")).await;
    for (certificate, status) in [("client", Some(200)), ("other", None), ("stranger", None)] {
        let asker = Asker { certificate: Some(certificate), ..TLS };
        let answer = ask(asker, address, &folder).await.map(|answer| answer.status);
        assert_eq!(answer, status, "{certificate}");
    }
    daemon.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_is_taken_at_the_next_connection_and_what_is_weaker_never() {
    let folder = Folder::new();
    let web = folder.path.join("web.yml");
    let file = |name: &str| fs::read_to_string(Path::new(DATA).join(name)).unwrap();
    let both = file("good/tls-and-users.yml");
    fs::write(&web, &both).unwrap();
    let (daemon, address) = daemon(&folder, &web).await;
    let right = Asker { login: Some(RIGHT), ..TLS };
    let status = async || ask(right, address, &folder).await.map(|answer| answer.status);
    assert_eq!(status().await, Some(200));
    // Another user, and no more the one that was.
    fs::write(&web, both.replace("alice", "somebody")).unwrap();
    assert_eq!(status().await, Some(401));
    // While it is being written, it is empty, or half of it is there.
    for text in [String::new(), file("good/tls.yml"), file("good/users.yml"), "tls_".to_owned()] {
        fs::write(&web, text).unwrap();
        assert_eq!(status().await, Some(401));
        assert!(daemon.reload().await.is_err());
    }
    fs::write(&web, both.replace("server.", "p384.")).unwrap();
    assert_eq!(status().await, Some(200));
    daemon.reload().await.unwrap();
    // A certificate whose key has not come yet is not served.
    fs::copy(folder.path.join("rsa.crt"), folder.path.join("p384.crt")).unwrap();
    assert_eq!(status().await, Some(200));
    fs::copy(folder.path.join("rsa.key"), folder.path.join("p384.key")).unwrap();
    assert_eq!(status().await, Some(200));
    daemon.reload().await.unwrap();
    daemon.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_file_opens_no_door_that_needed_a_certificate() {
    let folder = Folder::new();
    let web = folder.path.join("web.yml");
    let file = |name: &str| fs::read_to_string(Path::new(DATA).join(name)).unwrap();
    fs::write(&web, file("good/require-and-verify.yml")).unwrap();
    let (daemon, address) = daemon(&folder, &web).await;
    assert!(ask(TLS, address, &folder).await.is_none());
    fs::write(&web, file("good/tls.yml")).unwrap();
    assert!(ask(TLS, address, &folder).await.is_none());
    let known = Asker { certificate: Some("client"), ..TLS };
    assert_eq!(ask(known, address, &folder).await.map(|answer| answer.status), Some(200));
    daemon.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_ends_a_handshake_holds_up_nobody() {
    let folder = Folder::new();
    folder.take("good");
    let (daemon, address) = daemon(&folder, &folder.path.join("tls.yml")).await;
    let mut held = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&[22, 3, 1]).await.unwrap();
        held.push(stream);
    }
    assert_eq!(ask(TLS, address, &folder).await.map(|answer| answer.status), Some(200));
    let mut rest = Vec::new();
    let ended = held[0].read_to_end(&mut rest);
    drop(tokio::time::timeout(PATIENCE, ended).await.expect("a handshake has a deadline"));
    daemon.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_rate_nothing_is_answered() {
    let folder = Folder::new();
    let web = folder.path.join("web.yml");
    fs::write(&web, "rate_limit: {interval: 1h, burst: 2}\n").unwrap();
    let (daemon, address) = daemon(&folder, &web).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(ask(PLAIN, address, &folder).await.unwrap().status);
    }
    assert_eq!(statuses, [200, 200, 429]);
    daemon.stop().await.unwrap();
}

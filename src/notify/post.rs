//! The way to one Alertmanager.

use std::fs::File;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, StatusCode, Url};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio::time::Instant;

use super::Posting;
use crate::resolver::{Lookups, NamedBy, OldAddresses, Question};
use anchorwatch_core::untrusted::UntrustedText;

/// The deadline of one attempt.
const DEADLINE: Duration = Duration::from_secs(10);
/// The most bytes of a certificate, key or password file.
const MOST_BYTES: u64 = 1 << 20;
/// The most addresses of one Alertmanager that are tried.
const ADDRESSES: usize = 16;
/// How much of a refusal is shown, in bytes.
const SHOWN: usize = 256;

/// One Alertmanager, and how it is reached.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Recipient {
    /// Where it listens; its path is a prefix of `/api/v2/alerts`.
    pub url: Url,
    /// A user name, and the file that its password is in.
    pub credentials: Option<(String, PathBuf)>,
    /// Who may have signed its certificate, instead of the platform's roots.
    pub ca_file: Option<PathBuf>,
    /// What anchorwatch proves itself with: certificates, and their key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// How long a finding has ended before its alert is resolved.
    pub resolve_after: Duration,
}

/// Why alerts could not be handed over.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// A file that the configuration names cannot be used.
    #[error("cannot use {path}: {why}")]
    File {
        /// Which.
        path: String,
        /// Why.
        why: String,
    },
    /// It could not be reached, or did not answer in time.
    #[error("no answer: {0}")]
    Unreached(String),
    /// It took nothing.
    #[error("refused with {status}: {text}")]
    Refused {
        /// The status of its answer.
        status: StatusCode,
        /// The beginning of its answer.
        text: UntrustedText,
    },
}

/// A client, made once and kept while it works.
#[derive(Debug)]
pub(super) struct AlertmanagerClient {
    recipient: Arc<Recipient>,
    lookups: Lookups,
    url: Url,
    client: Option<Client>,
}

impl AlertmanagerClient {
    pub(super) fn new(recipient: Arc<Recipient>, lookups: Lookups) -> Self {
        let mut url = recipient.url.clone();
        let path = format!("{}/api/v2/alerts", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Self { recipient, lookups, url, client: None }
    }

    /// Hands these over. After a failure the files are read anew: certificates are renewed, and
    /// passwords change.
    pub(super) async fn post(&mut self, postings: &[Posting]) -> Result<(), SendError> {
        let outcome = self.attempt(postings).await;
        if outcome.is_err() {
            self.client = None;
        }
        outcome
    }

    async fn client(&self) -> Result<Client, SendError> {
        let recipient = Arc::clone(&self.recipient);
        let config = beside(move || tls(&recipient)).await?;
        // Without TLS nothing tells who answers at an old address.
        let old_addresses = match self.recipient.url.scheme() {
            "https" => OldAddresses::Use,
            _ => OldAddresses::Refuse,
        };
        let names = AlertmanagerNames { lookups: self.lookups.clone(), old_addresses };
        let builder = Client::builder()
            .tls_backend_preconfigured(config)
            .dns_resolver(Arc::new(names))
            .user_agent(concat!("anchorwatch/", env!("CARGO_PKG_VERSION")))
            .http1_only()
            .pool_max_idle_per_host(1)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(DEADLINE / 2)
            .timeout(DEADLINE)
            // What the environment says of proxies is said of browsers.
            .no_proxy();
        builder.build().map_err(|why| SendError::Unreached(sentence(&why)))
    }

    async fn attempt(&mut self, postings: &[Posting]) -> Result<(), SendError> {
        let client = match self.client.take() {
            Some(client) => client,
            None => self.client().await?,
        };
        let body = serde_json::to_vec(postings)
            .map_err(|why| SendError::Unreached(format!("not sent: {why}")))?;
        let mut request = client
            .post(self.url.clone())
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(body);
        if let Some((name, file)) = &self.recipient.credentials {
            let file = file.clone();
            let password = beside(move || password(&file)).await?;
            request = request.basic_auth(name, Some(password));
        }
        let sent = request.send().await;
        let mut answer = sent.map_err(|why| SendError::Unreached(sentence(&why)))?;
        let status = answer.status();
        if status.is_success() {
            // Read to its end, so that the connection can be used again; it is bounded.
            let mut read = 0;
            while let Ok(Some(chunk)) = answer.chunk().await {
                read += chunk.len();
                if SHOWN * 16 < read {
                    break;
                }
            }
            self.client = Some(client);
            return Ok(());
        }
        let text = match answer.chunk().await {
            Ok(Some(chunk)) => UntrustedText::new(&String::from_utf8_lossy(&chunk), SHOWN),
            _ => UntrustedText::default(),
        };
        Err(SendError::Refused { status, text })
    }
}

/// An error with all that caused it, in one line.
fn sentence(error: &reqwest::Error) -> String {
    let mut text = String::from(if error.is_timeout() { "timeout" } else { "transport" });
    let mut cause = std::error::Error::source(error);
    while let Some(why) = cause {
        text.push_str(": ");
        text.push_str(&why.to_string());
        cause = why.source();
    }
    text
}

/// Reads files beside the tasks of the runtime: a file may hang.
async fn beside<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, SendError> + Send + 'static,
) -> Result<T, SendError> {
    let read = tokio::task::spawn_blocking(read);
    let late = |why: &str| SendError::Unreached(format!("reading files: {why}"));
    match tokio::time::timeout(DEADLINE, read).await {
        Ok(Ok(read)) => read,
        Ok(Err(why)) => Err(late(&why.to_string())),
        Err(_) => Err(late("not done in time")),
    }
}

/// Finds an Alertmanager's addresses with the look-ups of all, so that a dead name holds no thread
/// of the store.
struct AlertmanagerNames {
    lookups: Lookups,
    old_addresses: OldAddresses,
}

impl Resolve for AlertmanagerNames {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookups, old_addresses) = (self.lookups.clone(), self.old_addresses);
        Box::pin(async move {
            let question = Question {
                host: name.as_str(),
                named_by: NamedBy::Configuration,
                old_addresses,
                most: ADDRESSES,
                deadline: Instant::now() + DEADLINE / 2,
            };
            let found = lookups.find(question).await?;
            let addresses = found.addresses.into_iter().map(|address| SocketAddr::new(address, 0));
            let addresses: Addrs = Box::new(addresses);
            Ok(addresses)
        })
    }
}

fn tls(recipient: &Recipient) -> Result<ClientConfig, SendError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = &recipient.ca_file {
        let certificates = certificates(path)?;
        for certificate in certificates {
            roots.add(certificate).map_err(|why| file(path, &why))?;
        }
    } else if recipient.url.scheme() == "https" {
        // One that cannot be read takes no other with it.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|why| SendError::Unreached(why.to_string()))?
        .with_root_certificates(roots);
    let Some((chain, key)) = &recipient.identity else {
        return Ok(builder.with_no_client_auth());
    };
    let private = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|why| file(key, &why))?;
    builder.with_client_auth_cert(certificates(chain)?, private).map_err(|why| file(chain, &why))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SendError> {
    let pem = read(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|why| file(path, &why))?;
    if certificates.is_empty() {
        return Err(file(path, &"no certificate in PEM form"));
    }
    Ok(certificates)
}

/// The first line of a file, as a password.
fn password(path: &Path) -> Result<String, SendError> {
    let text = String::from_utf8(read(path)?).map_err(|_| file(path, &"it is not UTF-8"))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn read(path: &Path) -> Result<Vec<u8>, SendError> {
    // A pipe would be waited for, and with it the push.
    if !std::fs::metadata(path).map_err(|why| file(path, &why))?.is_file() {
        return Err(file(path, &"it is no regular file"));
    }
    let opened = File::open(path).map_err(|why| file(path, &why))?;
    let mut bytes = Vec::new();
    opened.take(MOST_BYTES).read_to_end(&mut bytes).map_err(|why| file(path, &why))?;
    Ok(bytes)
}

fn file(path: &Path, why: &dyn std::fmt::Display) -> SendError {
    SendError::File { path: path.display().to_string(), why: why.to_string() }
}

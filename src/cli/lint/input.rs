//! Where a document to look at comes from.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::bootstrap;
use crate::daemon::SystemClock;
use crate::fetch::{Fetcher, Target};
use anchorwatch_core::bundle::ParseLimits;
use anchorwatch_core::spiffe::{
    BundleEndpoint, EndpointProfile, EndpointUrl, SpiffeId, TrustDomain,
};
use anchorwatch_core::untrusted::escape_line;
use anchorwatch_core::watch::{Trust, TrustOrigin};

/// One document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Input {
    File(PathBuf),
    Stdin,
    Url(EndpointUrl),
}

impl Input {
    /// What an argument stands for: a folder for every `*.json` in it, in the order of their names.
    pub(super) fn expand(written: &str) -> Result<Vec<Self>, String> {
        if written == "-" {
            return Ok(vec![Self::Stdin]);
        }
        if let Some((scheme @ ("https" | "http"), _)) = written.split_once("://") {
            let url = written.parse().map_err(|why| format!("{}: {why}", escape_line(written)));
            return url.map(|url| vec![Self::Url(url)]).map_err(|why| match scheme {
                "https" => why,
                _ => format!("{}: only https is asked (Federation, 5.2)", escape_line(written)),
            });
        }
        let path = PathBuf::from(written);
        if !path.is_dir() {
            return Ok(vec![Self::File(path)]);
        }
        let unreadable = |why: io::Error| format!("cannot read {}: {why}", escape_line(written));
        let mut files = Vec::new();
        for entry in fs::read_dir(&path).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_some_and(|ending| ending == "json") && path.is_file() {
                files.push(Self::File(path));
            }
        }
        files.sort_by_key(Self::name);
        if files.is_empty() {
            return Err(format!("there is no *.json in {}", escape_line(written)));
        }
        Ok(files)
    }

    /// What it is called in output.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "-".to_owned(),
            Self::Url(url) => url.to_string(),
        }
    }

    /// Its bytes, or why there are none: a line for a person. `endpoint` is how an `https_spiffe`
    /// endpoint proves itself.
    pub(super) async fn read(
        &self,
        endpoint: (Option<&SpiffeId>, Option<&Path>),
    ) -> Result<Vec<u8>, String> {
        let read = match self {
            Self::File(path) => File::open(path).and_then(bounded),
            Self::Stdin => bounded(io::stdin().lock()),
            Self::Url(url) => {
                let fetched = fetched(url, endpoint).await;
                return fetched.map_err(|why| format!("{}: {}", escape_line(url.as_str()), why));
            }
        };
        read.map_err(|why| format!("cannot read {}: {why}", escape_line(&self.name())))
    }
}

/// One byte more than any bundle may have, so that the parser says that it is too large.
fn bounded(from: impl Read) -> io::Result<Vec<u8>> {
    let most = u64::try_from(ParseLimits::default().body).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    from.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

async fn fetched(
    url: &EndpointUrl,
    (id, file): (Option<&SpiffeId>, Option<&Path>),
) -> Result<Vec<u8>, String> {
    let (trust, trust_domain, profile) = match (id, file) {
        (Some(id), Some(file)) => {
            let trust_domain = id.trust_domain().clone();
            let authorities = bootstrap::read_bundle(file, &trust_domain)
                .map_err(|why| format!("bootstrap {}: {why}", file.display()))?;
            let x509 = authorities.into_iter().filter(|one| one.certificate.is_some()).collect();
            let origin = TrustOrigin::Bootstrap;
            let trust = Trust::new(trust_domain.clone(), origin, x509);
            let profile = EndpointProfile::HttpsSpiffe { endpoint_spiffe_id: id.clone() };
            (Some(trust), trust_domain, profile)
        }
        _ => (None, nobody()?, EndpointProfile::HttpsWeb),
    };
    let target = Target::new(BundleEndpoint { trust_domain, url: url.clone(), profile });
    let fetched = Fetcher::new(Arc::new(SystemClock)).document(&target, trust.as_ref()).await;
    fetched
        .map(|body| body.to_vec())
        .map_err(|failure| format!("{}: {}", failure.reason.label(), failure.detail))
}

/// A fetch does not ask whose bundle it brings.
fn nobody() -> Result<TrustDomain, String> {
    "unnamed".parse().map_err(|why| format!("{why}"))
}

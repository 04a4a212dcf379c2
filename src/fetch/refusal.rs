//! Why a poll failed: from the errors of four libraries to one reason and one sentence.

use std::error::Error;
use std::io;

use rustls::{CertificateError, OtherError};

use super::handshake::Handshake;
use anchorwatch_core::bundle::Fingerprint;
use anchorwatch_core::watch::FailureReason;

/// The reason and the sentence of a failure.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{detail}")]
pub(super) struct PollRefusal {
    /// The reason.
    pub(super) reason: FailureReason,
    /// What was being done and what went wrong. May hold foreign text.
    pub(super) detail: String,
    /// The denied authorities that the reason is about, as they were denied.
    pub(super) denied: Vec<Fingerprint>,
}

impl PollRefusal {
    pub(super) fn new(reason: FailureReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), denied: Vec::new() }
    }

    /// No descriptor is free: what the limit is, and how it is raised.
    fn out_of_descriptors(doing: &str) -> Self {
        let limit = rlimit::getrlimit(rlimit::Resource::NOFILE).map_or(0, |(soft, _)| soft);
        let detail = format!(
            "{doing}: no file descriptor is free (the limit is {limit}): raise LimitNOFILE= of \
             the service, or `ulimit -n`"
        );
        Self::new(FailureReason::OutOfDescriptors, detail)
    }

    /// As the error of a certificate verifier, from which [`PollRefusal::of`] finds it again.
    pub(super) fn into_rustls(self) -> rustls::Error {
        CertificateError::Other(OtherError(std::sync::Arc::new(self))).into()
    }

    /// Why a request failed, given how far its handshake came. `doing` is a phrase such as
    /// `connecting to 192.0.2.1:8443`.
    pub(super) fn of(error: &reqwest::Error, handshake: &Handshake, doing: &str) -> Self {
        let cause = root_cause(error);
        let new = |reason, what: &str| Self::new(reason, format!("{doing}: {what}: {cause}"));
        let demanded = || {
            let what = "it demands a client certificate, which no bundle endpoint may";
            new(FailureReason::ClientCertificateDemanded, what)
        };
        if let Some(tls) = rustls_error(error) {
            if let Some(refusal) = verdict(tls) {
                let detail = format!("{doing}: {}", refusal.detail);
                return Self { detail, ..refusal.clone() };
            }
            let alert = matches!(tls, rustls::Error::AlertReceived(_));
            if alert && (handshake.asked_for_certificate() || certificate_required(tls)) {
                return demanded();
            }
            if error.is_connect() {
                return new(FailureReason::Tls, "the TLS handshake failed");
            }
            return new(FailureReason::Transfer, "the connection failed");
        }
        if causes(error).any(is_out_of_descriptors) {
            return Self::out_of_descriptors(doing);
        }
        if error.is_timeout() {
            return new(FailureReason::Timeout, "no answer in time");
        }
        if !handshake.began() {
            return new(FailureReason::Connect, "no connection");
        }
        if is_head_too_large(error) {
            return new(FailureReason::TooLarge, "the head of the answer exceeds its limit");
        }
        // A TLS 1.3 server learns after the handshake that there is no client certificate, and
        // some close without a word.
        if handshake.asked_for_certificate() && !error.is_body() && !error.is_decode() {
            return demanded();
        }
        if error.is_connect() {
            return new(FailureReason::Tls, "the TLS handshake broke off");
        }
        if is_unexpected_end(error) {
            let detail = format!("{doing}: the connection ended before the end of the answer");
            return Self::new(FailureReason::Transfer, detail);
        }
        new(FailureReason::Transfer, "the connection broke off")
    }
}

/// Whether the connection ended where more was to come: the body was not whole, or the server
/// closed it without a TLS `close_notify` alert. The libraries have one kind for both.
pub(super) fn is_unexpected_end(error: &reqwest::Error) -> bool {
    causes(error).any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
    })
}

/// `EMFILE` and `ENFILE`, which std has no kind for: the same numbers on every Unix.
const OUT_OF_DESCRIPTORS: [i32; 2] = [24, 23];

fn is_out_of_descriptors(error: &(dyn Error + 'static)) -> bool {
    let code = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
    code.is_some_and(|code| OUT_OF_DESCRIPTORS.contains(&code))
}

/// What our own verifier said, where it was the one to refuse.
fn verdict(error: &rustls::Error) -> Option<&PollRefusal> {
    let rustls::Error::InvalidCertificate(CertificateError::Other(other)) = error else {
        return None;
    };
    other.0.downcast_ref()
}

fn certificate_required(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRequired))
}

fn is_head_too_large(error: &reqwest::Error) -> bool {
    causes(error).any(|cause| {
        cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse_too_large)
    })
}

/// The TLS error within a request's error.
fn rustls_error(error: &reqwest::Error) -> Option<&rustls::Error> {
    causes(error).find_map(<dyn Error>::downcast_ref)
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    let causes = std::iter::from_fn(move || {
        let error = next?;
        // An `io::Error` has its content's source as its own, and steps over the content. The TLS
        // error sits in two of them.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(content) => Some(content),
            None => error.source(),
        };
        Some(error)
    });
    // The chain is made by libraries; its length is bounded all the same.
    causes.take(16)
}

/// The innermost cause: what a person wants to read. The outer ones say where, in many words.
fn root_cause(error: &reqwest::Error) -> String {
    causes(error).last().map_or_else(String::new, ToString::to_string)
}

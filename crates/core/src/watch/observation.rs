//! What one poll brought: observations, or the reason why there is none.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{AuthorityRecord, TrustOrigin};
use crate::bundle::consumer::Consumer;
use crate::bundle::{
    AuthorityId, Bundle, Digest, Fingerprint, Irregularity, KeyId, KeyType, ParseError,
    PublicKeyId, Validity,
};
use crate::spiffe::EndpointUrl;
use crate::untrusted::UntrustedText;

/// An authenticated bundle, and where it came from.
#[derive(Clone, Debug)]
pub struct Observation {
    /// What the document says.
    pub bundle: Bundle,
    /// Where the document departs from the standard.
    pub irregularities: Vec<Irregularity>,
    /// The digest of the document as it may be stored: redacted.
    pub body: Digest,
    /// Its length in bytes, as it came.
    pub length: u64,
    /// Which consumers would refuse it; `None` where it is the state, and was asked before.
    pub refusals: Option<Vec<ConsumerRefusal>>,
    /// Who served it.
    pub source: Source,
}

/// A consumer that would refuse a document.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ConsumerRefusal {
    /// Who.
    pub consumer: Consumer,
    /// Why, in words, at most 256 bytes. Foreign text in them is escaped.
    pub why: Box<str>,
}

/// Who served a document.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// The address that was connected to.
    pub address: Option<IpAddr>,
    /// All addresses that the name of the endpoint had at this poll, of those that are asked.
    pub resolved: Vec<IpAddr>,
    /// Where the document was found at last, where a redirect led there.
    pub redirected_to: Option<EndpointUrl>,
    /// The certificates that the endpoint presented.
    pub presented: Option<Presented>,
    /// Which bundle authenticated an `https_spiffe` endpoint.
    pub authenticated_by: Option<TrustOrigin>,
    /// The authorities of the bootstrap file, where that authenticated it.
    pub bootstrap: Vec<AuthorityId>,
}

/// The certificates that an endpoint presented: evidence, verified or not.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Presented {
    /// The endpoint's own certificate.
    pub leaf: PresentedCertificate,
    /// What it sent beside it, in its order, at most 8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<PresentedCertificate>,
    /// The authority that the chain was verified to end in; `None` where nothing was verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<Fingerprint>,
    /// The keys that the verification rests on, from the leaf's own to the anchor's; empty where
    /// nothing was verified.
    #[serde(default, skip_serializing_if = "<[PathKey]>::is_empty")]
    pub path: Arc<[PathKey]>,
}

/// A key of a path that verified.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PathKey {
    /// The SHA-256 of the certificate that carries it.
    pub fingerprint: Fingerprint,
    /// The key.
    pub public_key: PublicKeyId,
}

impl Presented {
    /// The key that signed the last certificate of the chain: an authority's, where the endpoint
    /// is in order.
    pub fn top_authority_key_id(&self) -> Option<&KeyId> {
        self.chain.last().unwrap_or(&self.leaf).authority_key_id.as_ref()
    }
}

/// What is kept of one presented certificate.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PresentedCertificate {
    /// The SHA-256 of its DER.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// The key that signed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority_key_id: Option<KeyId>,
    /// From when until when it is valid.
    #[serde(flatten)]
    pub validity: Validity,
    /// What its key is made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_type: Option<KeyType>,
    /// Its subject as RFC 4514 text, cut to 256 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<UntrustedText>,
    /// Its issuer as RFC 4514 text, cut to 256 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<UntrustedText>,
    /// The URI names of its subject, each cut to 2,048 bytes, at most 4.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uri_sans: Vec<UntrustedText>,
}

/// Why a poll gave no bundle.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// The reason: a metric's label, and a word in the journal.
    pub reason: FailureReason,
    /// What was being done and what went wrong, cut to 512 bytes. May hold what the endpoint sent.
    pub detail: UntrustedText,
    /// The address that was connected to.
    pub address: Option<IpAddr>,
    /// What the endpoint presented, kept even when it could not be verified.
    pub presented: Option<Presented>,
    /// The denied authorities that the reason is about, as they were denied, at most
    /// [`Failure::DENIED`].
    pub denied: Vec<Fingerprint>,
}

impl Failure {
    /// How many denied authorities a failure names.
    pub const DENIED: usize = 16;

    /// A failure without evidence: the endpoint was not reached, or presented nothing.
    pub fn new(reason: FailureReason, detail: impl Into<UntrustedText>) -> Self {
        let (address, presented, denied) = (None, None, Vec::new());
        Self { reason, detail: detail.into(), address, presented, denied }
    }
}

closed_set! {
    /// Why a poll gave no bundle: a closed set, whose labels are a documented contract, in the
    /// order of a poll.
    pub enum FailureReason {
        /// There is nothing to authenticate the endpoint with: no stored bundle and no usable
        /// bootstrap file, or no bundle yet of the trust domain that serves it.
        NoTrust => "no_trust",
        /// Every authority that could authenticate the endpoint is denied: it is not asked.
        TrustDenied => "trust_denied",
        /// The name of the endpoint's host gave no address.
        Dns => "dns",
        /// No connection to any address.
        Connect => "connect",
        /// No complete answer within the deadline.
        Timeout => "timeout",
        /// The TLS handshake failed before a certificate was judged, or the protocol is too old.
        Tls => "tls",
        /// The endpoint demands a client certificate (Federation, 5.2.1.3: it MUST NOT).
        ClientCertificateDemanded => "client_certificate_demanded",
        /// The chain does not end in an authority of the trusted bundle, or under `https_web` in a
        /// trusted root.
        UntrustedChain => "untrusted_chain",
        /// The certificate rests on a denied key: its own, an intermediate's or an authority's.
        DeniedSigner => "denied_signer",
        /// Under `https_web`, the certificate is for another host.
        WrongHost => "wrong_host",
        /// The certificate is a valid X509-SVID of another SPIFFE ID.
        WrongSpiffeId => "wrong_spiffe_id",
        /// The certificate is no X509-SVID (X509-SVID, 2, 4 and 5.2).
        NotX509Svid => "not_x509_svid",
        /// The certificate, or the authority that signed it, has expired or is not valid yet.
        Expired => "expired",
        /// A URI name of the chain is outside the name constraints of an authority above it
        /// (X509-SVID, 4.2).
        NameConstraints => "name_constraints",
        /// The connection broke off, or what came is not HTTP.
        Transfer => "transfer",
        /// A redirect that may not be followed: to another scheme, too many, or switched off.
        Redirect => "redirect",
        /// The endpoint answered with a status other than 200.
        Status => "status",
        /// The body is compressed, which was not asked for.
        Encoding => "encoding",
        /// The body, or something in it, exceeds a limit.
        TooLarge => "too_large",
        /// The body is not JSON.
        NotJson => "not_json",
        /// The body is JSON but no bundle.
        NotABundle => "not_a_bundle",
        /// anchorwatch has no file descriptor left: a limit of its host, not a fault of the endpoint.
        OutOfDescriptors => "out_of_descriptors",
        /// anchorwatch itself failed: the domain is quarantined until a restart or a reload.
        Internal => "internal",
    }
}

impl From<&ParseError> for FailureReason {
    fn from(error: &ParseError) -> Self {
        match error {
            ParseError::NotJson { .. } => Self::NotJson,
            ParseError::NotABundle { .. } => Self::NotABundle,
            ParseError::TooLarge { .. } => Self::TooLarge,
        }
    }
}

impl FailureReason {
    /// Whether the endpoint was reached and could not prove who it is.
    pub fn is_authentication(self) -> bool {
        match self {
            Self::UntrustedChain
            | Self::DeniedSigner
            | Self::WrongHost
            | Self::WrongSpiffeId
            | Self::NotX509Svid
            | Self::Expired
            | Self::NameConstraints => true,
            Self::NoTrust
            | Self::TrustDenied
            | Self::Dns
            | Self::Connect
            | Self::Timeout
            | Self::Tls
            | Self::ClientCertificateDemanded
            | Self::Transfer
            | Self::Redirect
            | Self::Status
            | Self::Encoding
            | Self::TooLarge
            | Self::NotJson
            | Self::NotABundle
            | Self::OutOfDescriptors
            | Self::Internal => false,
        }
    }
}

impl fmt::Display for FailureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// What one address of the endpoint answered.
pub type Answer = Result<Observation, Failure>;

/// What one poll brought: the answer of each address that was asked, at least one.
#[derive(Clone, Debug)]
pub struct Poll {
    /// The answers. Only under `probe: all_addresses` is there more than one.
    pub answers: Vec<Answer>,
    /// What is on record of authorities in the answers that the facts no longer hold: removed so
    /// long ago that they were laid aside.
    pub recalled: Vec<AuthorityRecord>,
}

impl Poll {
    /// A poll with one answer.
    pub fn of(answer: Answer) -> Self {
        Self { answers: vec![answer], recalled: Vec::new() }
    }
}

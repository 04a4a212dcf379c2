//! What a consumer would do with a document.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use anchorwatch_core::bundle::{AuthorityId, Fingerprint, SvidType};
use anchorwatch_core::untrusted::UntrustedText;

/// What a consumer would do with a document.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum ConsumerVerdict {
    /// It takes the document in place of the one that it has.
    Accepts(Acceptance),
    /// It refuses the document as a whole.
    Rejects(DocumentRefusal),
}

impl ConsumerVerdict {
    /// Why it is refused.
    pub fn refusal(&self) -> Option<&DocumentRefusal> {
        match self {
            Self::Accepts(_) => None,
            Self::Rejects(refusal) => Some(refusal),
        }
    }

    /// What is kept of it.
    pub fn acceptance(&self) -> Option<&Acceptance> {
        match self {
            Self::Accepts(acceptance) => Some(acceptance),
            Self::Rejects(_) => None,
        }
    }
}

/// What a consumer keeps of a document that it takes.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Acceptance {
    /// The keys that it trusts from then on, in the order of the document. None at all is a
    /// document that revokes everything (Bundle, 4.1.3).
    pub kept: Vec<KeptKey>,
    /// The elements of which nothing is kept, in the order of the document.
    pub ignored: Vec<Ignored>,
    /// How long it waits until it asks again, in whole seconds.
    #[serde(rename = "next_poll_seconds", with = "seconds")]
    pub next_poll: Duration,
}

/// A key that a consumer keeps.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct KeptKey {
    /// Where it stands among the `keys`, counted from 0.
    pub entry: u32,
    /// What it is trusted for.
    #[serde(rename = "use")]
    pub svid_type: SvidType,
    /// What it is known by; `None` for a symmetric key, whose hash would give it away, and for an
    /// RSA key without an exponent, which has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// The key ID of a JWT or WIT authority, cut to 256 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<UntrustedText>,
}

impl KeptKey {
    /// The authority that this is.
    pub fn id(&self) -> Option<AuthorityId> {
        let svid_type = self.svid_type;
        self.fingerprint.map(|fingerprint| AuthorityId { svid_type, fingerprint })
    }
}

/// An element of which a consumer keeps nothing.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Ignored {
    /// Where it stands among the `keys`, counted from 0.
    pub entry: u32,
    /// Why.
    pub reason: IgnoredReason,
}

/// Why a consumer keeps nothing of an element.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IgnoredReason {
    /// The document contains this certificate already.
    Duplicate,
    /// A later key has the same key ID, and the last one wins.
    Replaced,
    /// The use is missing or unknown.
    UnknownUse,
    /// The consumer has no use for this kind of key.
    Unused,
}

impl IgnoredReason {
    /// The word in output.
    pub fn label(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Replaced => "replaced",
            Self::UnknownUse => "unknown_use",
            Self::Unused => "unused",
        }
    }
}

impl fmt::Display for IgnoredReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Duplicate => "the document contains this certificate already",
            Self::Replaced => "a later key has the same kid, and the last one wins",
            Self::UnknownUse => "its use is missing or unknown",
            Self::Unused => "this consumer has no use for it",
        })
    }
}

/// Why a consumer refuses a document, and where.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct DocumentRefusal {
    /// The element of `keys`, counted from 0; `None` where it is the document's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<u32>,
    /// Where in the document, in bytes.
    pub offset: usize,
    /// Why.
    #[serde(flatten)]
    pub reason: RefusalReason,
}

impl fmt::Display for DocumentRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(entry) = self.entry {
            write!(f, "keys[{entry}]: ")?;
        }
        write!(f, "{} ({})", self.reason, self.reason.clause())
    }
}

anchorwatch_core::document_faults! {
    /// Why a consumer refuses a document. Texts from the document are cut to 64 bytes.
    pub enum RefusalReason tagged "reason" {
        /// Nobody knows: the document is larger than the limits within which it is read, by
        /// default 4 MiB and 4,096 keys.
        TooLarge => "too_large", "Bundle, 4",
            "the document is larger than anchorwatch reads, and counts as refused";
        /// The document is not JSON to Go.
        NotJson => "not_json", "RFC 8259, 2", "the document is not JSON";
        /// Something follows the document.
        TrailingBytes => "trailing_bytes", "RFC 8259, 2", "something follows the JSON value";
        /// A member, or the document, is of another type than it must be.
        WrongType { member: UntrustedText } => "wrong_type", "Bundle, 4.1; RFC 7517, 4",
            "{member} is of another type than it must be";
        /// There is no array `keys`.
        MissingKeys => "missing_keys", "Bundle, 4.1.3", "there is no array `keys`";
        /// An element has two members of one name.
        DuplicateMember { name: UntrustedText } => "duplicate_member", "RFC 8259, 4",
            "the member {name:?} occurs twice in one element";
        /// An element has no `use`.
        MissingUse => "missing_use", "Bundle, 4.2.2",
            "the element has no use: the standard says to ignore it";
        /// An element's use is unknown.
        UnknownUse { name: UntrustedText } => "unknown_use", "Bundle, 4.2.2",
            "the use {name:?} is unknown: the standard says to ignore the element";
        /// An element has no `kty`.
        MissingKeyType => "missing_key_type", "Bundle, 4.2.1", "the element has no kty";
        /// An element's key type is unknown.
        UnsupportedKeyType { name: UntrustedText } => "unsupported_key_type", "Bundle, 4.2.1",
            "the key type {name:?} is not supported: the standard says to ignore the element";
        /// An element's curve is unknown.
        UnsupportedCurve { name: UntrustedText } => "unsupported_curve", "Bundle, 4.2.1",
            "the curve {name:?} is not supported: the standard says to ignore the element";
        /// A key's parameters make no key.
        InvalidKey { detail: UntrustedText } => "invalid_key", "RFC 7518, 6",
            "the parameters make no key: {detail}";
        /// A member is no base64 of its alphabet.
        InvalidEncoding { member: UntrustedText } => "invalid_encoding", "RFC 7517, 4; RFC 7518, 6",
            "the member {member:?} is not base64 as it must be";
        /// Go does not read a certificate.
        UnreadableCertificate { detail: UntrustedText } => "unreadable_certificate", "X509-SVID, 6.1",
            "a certificate cannot be read: {detail}";
        /// An X.509 entry has not exactly one certificate.
        CertificateCount { count: u32 } => "certificate_count", "X509-SVID, 6.2",
            "the element has {count} certificates, where exactly one is wanted";
        /// The certificate's key is not the element's.
        KeyMismatch => "key_mismatch", "RFC 7517, 4.7",
            "the certificate carries another key than the element";
        /// A thumbprint of the certificate is malformed, or another certificate's.
        WrongThumbprint { member: UntrustedText } => "wrong_thumbprint", "RFC 7517, 4.8",
            "the member {member:?} is not the thumbprint of the certificate";
        /// `x5u` is no URL.
        InvalidUrl => "invalid_url", "RFC 7517, 4.6", "x5u is no URL";
        /// A JWT or WIT authority has no key ID.
        MissingKeyId => "missing_key_id", "JWT-SVID, 6.1; WIT-SVID, 6.1", "the element has no kid";
        /// A key is private or symmetric.
        NotPublic => "not_public", "RFC 7517, 9.3",
            "the key is no public one, and cannot be stored as one";
        /// SPIRE stores the key, and cannot read it back: from then on every poll of the trust domain
        /// fails until an operator sets the bundle anew.
        NotReadBack => "not_read_back", "RFC 8017, 3.1",
            "the RSA key has no modulus or exponent: SPIRE stores it and cannot read it back, and every later poll fails";
        /// Istio wants an X.509 authority, and drops those that it has where there is none.
        NoX509Authority => "no_x509_authority", "X509-SVID, 6.2", "there is no X.509 authority";
        /// A certificate is no CA's.
        NotACa => "not_a_ca", "X509-SVID, 4.1", "the certificate is not a CA's";
    }
}

mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(duration.as_secs())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_secs)
    }
}

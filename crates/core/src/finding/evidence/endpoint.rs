//! Evidence about the endpoint: what it presents, what rests on a denied key, and what it answers.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::EndpointDifference;
use crate::bundle::{AuthorityId, Fingerprint, SvidType, Validity};
use crate::spiffe::{EndpointUrl, TrustDomain};
use crate::time::Timestamp;
use crate::untrusted::UntrustedText;

/// What is known of the endpoint and of its answers.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EndpointEvidence {
    /// What about the endpoint is another than before.
    Differs(EndpointDifference),
    /// Whether keys changed in the same poll.
    KeysInSamePoll {
        /// Whether they did.
        changed: bool,
    },
    /// The endpoint's certificate chain ends in an authority that its own bundle does not list.
    UnlistedAuthority {
        /// The authority's fingerprint or key identifier.
        authority: Box<str>,
        /// For how long it has been so.
        lasting: Duration,
    },
    /// What follows from an authority that the bundle does not list.
    UnlistedAuthorityRisk,
    /// The endpoint presents an older certificate than before.
    OlderCertificate {
        /// The authority that signed both.
        authority: Fingerprint,
        /// When the certificate of now was issued.
        older: Timestamp,
        /// When the certificate of before was issued.
        newer: Timestamp,
    },
    /// An answer rests on a denied key.
    DeniedSigner {
        /// The denied authority.
        #[serde(flatten)]
        authority: AuthorityId,
        /// The first such answer.
        since: Timestamp,
        /// The address that answered so first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<IpAddr>,
    },
    /// An authority is denied.
    AuthorityDenied {
        /// The authority.
        fingerprint: Fingerprint,
        /// When, by whom and why; absent where that is no longer on record.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decision: Option<Denied>,
    },
    /// A certificate that the endpoint presented.
    CertificatePresented {
        /// Whether it is the endpoint's own; otherwise it was sent beside that.
        leaf: bool,
        /// The SHA-256 of the certificate.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fingerprint: Option<Fingerprint>,
        /// Its subject, cut to 64 bytes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subject: Option<UntrustedText>,
        /// Its issuer, cut to 64 bytes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        issuer: Option<UntrustedText>,
        /// The first two of its URI names, each cut to 64 bytes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        uri_names: Vec<UntrustedText>,
        /// From when until when it is valid.
        #[serde(flatten)]
        validity: Validity,
    },
    /// The endpoint presented more certificates than are listed.
    MoreCertificates {
        /// The number of the others.
        count: u64,
    },
    /// Every answer rests on a denied key.
    DeniedEverywhere,
    /// Other answers rest on authorities that are not denied.
    DeniedSometimes,
    /// No poll has succeeded since, for another reason.
    NoGoodPollSince,
    /// Every authority that could authenticate the endpoint is denied.
    AllTrustDenied {
        /// The trust domain that serves the endpoint.
        server: TrustDomain,
        /// The endpoint.
        url: EndpointUrl,
    },
    /// How to authenticate an endpoint again whose trust anchors are denied.
    RebootstrapNeeded {
        /// The trust domain that serves the endpoint.
        server: TrustDomain,
    },
    /// Nothing is stored that could authenticate the endpoint.
    NothingStored {
        /// The endpoint.
        url: EndpointUrl,
    },
    /// The bootstrap file cannot be used.
    BootstrapFault {
        /// Why.
        why: Box<str>,
    },
    /// Nobody confirmed the first bundle.
    BaselineUnconfirmed,
    /// An authority of the first bundle.
    BaselineAuthority(AuthorityId),
    /// The bundle lists no authority.
    EmptyBundle,
    /// The bundle lists no authority of a known key type.
    NoKnownKeyType {
        /// The number of listed authorities.
        listed: u64,
    },
    /// The last authority of a use was removed.
    UseRemoved {
        /// The use.
        #[serde(rename = "use")]
        svid_type: SvidType,
        /// The poll that showed it.
        since: Timestamp,
    },
    /// Addresses of the endpoint's name answer differently.
    AddressesDiffer {
        /// Since when.
        since: Timestamp,
    },
    /// What one address answers.
    AddressAnswer {
        /// The address.
        address: IpAddr,
        /// The sequence number of its answer, where it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sequence: Option<u64>,
    },
    /// The endpoint's answers alternate between two states.
    Alternates {
        /// How many times it stepped back and forth.
        count: u32,
        /// Within how long.
        lasting: Duration,
    },
    /// What alternating answers may come from.
    AlternationCauses,
}

/// A denial: when, by whom and why.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Denied {
    /// When the decision was made.
    pub at: Timestamp,
    /// Who made it and why.
    pub words: UntrustedText,
}

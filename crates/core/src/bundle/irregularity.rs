//! Where a document departs from the standard and stays usable.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::AuthorityId;
use crate::untrusted::UntrustedText;

/// The key that an element holds, where it holds one that is read.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct ElementKey(pub Option<AuthorityId>);

impl fmt::Display for ElementKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            // By its public part, so that whoever has the key can find it.
            Some(authority) => write!(f, "authority {authority}"),
            None => f.write_str("a key without a known use"),
        }
    }
}

/// One departure: what, and in which element.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Irregularity {
    /// The element of `keys`, counted from 0; `None` where it is the document's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<u32>,
    /// What it is.
    #[serde(flatten)]
    pub kind: IrregularityKind,
}

document_faults! {
    /// What departs from the standard. Texts from the document are cut to 64 bytes.
    pub enum IrregularityKind tagged "irregularity" {
        /// The document begins with a byte order mark.
        ByteOrderMark => "byte_order_mark", "RFC 8259, 8.1", "the document begins with a byte order mark";
        /// Something follows the document.
        TrailingBytes => "trailing_bytes", "RFC 8259, 2", "something follows the JSON value";
        /// A member occurs twice; the last one counts.
        DuplicateMember { name: UntrustedText } => "duplicate_member", "RFC 8259, 4",
            "the member {name:?} occurs twice, and the last one counts";
        /// A member's name is written in another case, which consumers in Go read nevertheless.
        MiscasedMember { name: UntrustedText } => "miscased_member", "Bundle, 4.1",
            "the member {name:?} is written in another case: some consumers read it nevertheless";
        /// There is no sequence number. SPIRE omits a 0.
        MissingSequence => "missing_sequence", "Bundle, 4.1.1", "there is no spiffe_sequence";
        /// The sequence number is no integer of 64 bits.
        UnusableSequence { value: UntrustedText } => "unusable_sequence", "Bundle, 4.1.1",
            "spiffe_sequence is {value:?}, not an integer of 64 bits";
        /// There is no refresh hint.
        MissingRefreshHint => "missing_refresh_hint", "Bundle, 4.1.2", "there is no spiffe_refresh_hint";
        /// The refresh hint is no integer of 64 bits.
        UnusableRefreshHint { value: UntrustedText } => "unusable_refresh_hint", "Bundle, 4.1.2",
            "spiffe_refresh_hint is {value:?}, not a whole number of seconds";
        /// The refresh hint is zero.
        ZeroRefreshHint => "zero_refresh_hint", "Bundle, 4.1.2", "spiffe_refresh_hint is 0";
        /// The hint is under a name that no consumer reads.
        MisnamedRefreshHint => "misnamed_refresh_hint", "Bundle, 4.1.2",
            "no consumer reads the member refresh_hint: the standard's name is spiffe_refresh_hint";
        /// An element of `keys` is no object.
        NotAnObject => "not_an_object", "RFC 7517, 5.1", "the element is no JSON object";
        /// An element has no `use`.
        MissingUse => "missing_use", "Bundle, 4.2.2", "the element has no use, and is ignored";
        /// An element's `use` is unknown.
        UnknownUse { name: UntrustedText } => "unknown_use", "Bundle, 4.2.2",
            "the use {name:?} is unknown, and the element ignored";
        /// An element has no `kty`.
        MissingKeyType => "missing_key_type", "Bundle, 4.2.1", "the element has no kty";
        /// An element's key type or curve is unknown.
        UnknownKeyType { name: UntrustedText } => "unknown_key_type", "Bundle, 4.2.1",
            "the key type {name:?} is unknown: consumers ignore the element";
        /// A symmetric key cannot be public.
        SymmetricKey => "symmetric_key", "Bundle, 4.2.1",
            "the element is a symmetric key: whoever reads the bundle can forge with it";
        /// Private members stand in an element.
        PrivateMembers { names: UntrustedText, key: ElementKey } => "private_members", "RFC 7517, 9.3",
            "private members are published of {key} ({names})";
        /// An element has members that neither the bundle nor the SVID standards define.
        UndefinedMembers { names: UntrustedText } => "undefined_members", "Bundle, 4.2",
            "the element has members that the standard does not define ({names})";
        /// A key's parameters do not make a key.
        InvalidKey => "invalid_key", "RFC 7518, 6", "the key's parameters make no key, and the element is ignored";
        /// A key's parameters are written otherwise than they must be.
        OddKeyEncoding => "odd_key_encoding", "RFC 7518, 6",
            "the key's parameters are not base64url of their full length without padding";
        /// An X.509 entry's own key parameters are missing or make no key.
        MissingKeyParameters => "missing_key_parameters", "RFC 7517, 4.7",
            "the element lacks the parameters of the key that its certificate carries";
        /// An RSA key whose modulus or exponent consumers refuse.
        WeakKey { key_type: UntrustedText } => "weak_key", "RFC 7518, 3.3",
            "the key ({key_type}) is outside what consumers accept";
        /// A JWT or WIT authority has no key ID.
        MissingKeyId => "missing_key_id", "JWT-SVID, 6.1; WIT-SVID, 6.1", "the element has no kid";
        /// An X.509 authority has a key ID.
        UnwantedKeyId => "unwanted_key_id", "X509-SVID, 6.1", "an x509-svid element must have no kid";
        /// Two keys carry one key ID.
        DuplicateKeyId { kid: UntrustedText } => "duplicate_key_id", "JWT-SVID, 6.1; WIT-SVID, 6.1",
            "the kid {kid:?} stands for more than one authority: at most consumers the last one wins";
        /// One authority occurs twice.
        DuplicateAuthority => "duplicate_authority", "Bundle, 4.1.3", "the document contains this authority already";
        /// An X.509 entry has no certificate.
        MissingCertificate => "missing_certificate", "X509-SVID, 6.2",
            "the element has no certificate (x5c), and is ignored";
        /// An X.509 entry has more certificates than one.
        ExtraCertificates { count: u32 } => "extra_certificates", "X509-SVID, 6.2",
            "the element has {count} certificates, and only the first counts";
        /// A certificate is no standard base64.
        OddCertificateEncoding => "odd_certificate_encoding", "RFC 7517, 4.7",
            "the certificate is not plain base64 of the standard alphabet";
        /// A certificate cannot be read.
        UnreadableCertificate { detail: UntrustedText } => "unreadable_certificate", "X509-SVID, 6.1",
            "the certificate cannot be read ({detail}), and the element is ignored";
        /// The certificate's key is not the entry's.
        KeyMismatch => "key_mismatch", "RFC 7517, 4.7", "the certificate carries another key than the element";
        /// The certificate is no CA's.
        NotACa => "not_a_ca", "X509-SVID, 4.1", "the certificate is not a CA's";
        /// The certificate's key may not sign certificates.
        MayNotSign => "may_not_sign", "X509-SVID, 4.3", "the certificate's key usage lacks keyCertSign";
        /// The certificate has no key usage.
        MissingKeyUsage => "missing_key_usage", "X509-SVID, 4.3", "the certificate has no key usage, which must be set";
        /// The certificate is not self-signed.
        NotSelfSigned => "not_self_signed", "X509-SVID, 6.1", "the certificate is not self-signed";
        /// A signing certificate's SPIFFE ID has a path.
        PathInSan { id: UntrustedText } => "path_in_san", "X509-SVID, 3.2",
            "the CA's SPIFFE ID {id:?} has a path";
        /// The certificate has more URI names than one.
        ExtraUriNames => "extra_uri_names", "X509-SVID, 2", "the certificate has more URI names than one";
        /// The certificate constrains URI names, which some verifiers cannot take.
        UriNameConstraints => "uri_name_constraints", "X509-SVID, 4.2",
            "the certificate constrains URI names, which some consumers refuse";
    }
}

impl fmt::Display for Irregularity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(entry) = self.entry {
            write!(f, "keys[{entry}]: ")?;
        }
        write!(f, "{} ({})", self.kind, self.kind.clause())
    }
}

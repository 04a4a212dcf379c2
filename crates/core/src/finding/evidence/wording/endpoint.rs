//! Sentences about the endpoint and its answers.

use std::fmt;

use super::{count, or_none};
use crate::finding::evidence::EndpointEvidence;
use crate::time::span;
use crate::untrusted::UntrustedText;

/// How much of a certificate's name is shown, in bytes.
const NAME: usize = 64;

impl fmt::Display for EndpointEvidence {
    #[expect(clippy::too_many_lines, reason = "one sentence for each variant")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Differs(difference) => difference.fmt(f),
            Self::KeysInSamePoll { changed: true } => f.write_str(
                "Keys changed in the same poll: possible causes are a planned move, or an endpoint that someone took over.",
            ),
            Self::KeysInSamePoll { changed: false } => {
                f.write_str("No key changed in the same poll.")
            }
            Self::UnlistedAuthority { authority, lasting } => write!(
                f,
                "For {} the endpoint's certificate chain has ended in authority {authority}, which its own bundle does not list.",
                span(*lasting)
            ),
            Self::UnlistedAuthorityRisk => f.write_str(
                "A consumer that has only this bundle cannot authenticate the endpoint. A possible cause are two servers with separate datastores.",
            ),
            Self::OlderCertificate { authority, older, newer } => write!(
                f,
                "The endpoint presented a certificate issued at {older}, after one issued at {newer} by the same authority ({}): an old certificate is in use again.",
                authority.short()
            ),
            Self::DeniedSigner { authority, since, address } => {
                let at = address.map(|address| format!(" at address {address}"));
                write!(
                    f,
                    "At {since} the endpoint{} presented a certificate that rests on the denied key of {authority}. A denied key authenticates nothing: no part of the answer was used, and the stored state is unchanged.",
                    at.unwrap_or_default()
                )
            }
            Self::AuthorityDenied { fingerprint, decision: Some(denied) } => {
                write!(f, "Authority {fingerprint} was denied at {}, {}.", denied.at, denied.words)
            }
            Self::AuthorityDenied { fingerprint, decision: None } => {
                write!(f, "Authority {fingerprint} is denied.")
            }
            Self::CertificatePresented {
                leaf,
                fingerprint,
                subject,
                issuer,
                uri_names,
                validity,
            } => {
                let name = |text: &Option<UntrustedText>| match text {
                    Some(text) => text.shortened(NAME),
                    None => "unknown".to_owned(),
                };
                let uris: Vec<String> = uri_names.iter().map(|uri| uri.shortened(NAME)).collect();
                write!(
                    f,
                    "The endpoint presented {} {}: subject {}, issuer {}, URI names {}, valid from {} to {}.",
                    if *leaf { "certificate" } else { "beside it certificate" },
                    fingerprint.map_or_else(|| "unknown".to_owned(), |one| one.to_string()),
                    name(subject),
                    name(issuer),
                    if uris.is_empty() { "none".to_owned() } else { uris.join(", ") },
                    validity.not_before,
                    validity.not_after
                )
            }
            Self::MoreCertificates { count: number } => {
                write!(f, "It presented {} more.", count(*number, "certificate"))
            }
            Self::DeniedEverywhere => f.write_str(
                "No answer rests on an authority that is not denied. Possible causes are someone with the denied key who answers in place of the endpoint, or an endpoint that uses that key itself.",
            ),
            Self::DeniedSometimes => f.write_str(
                "Other answers rest on authorities that are not denied: someone with the denied key answers some connections, or at one of the addresses.",
            ),
            Self::NoGoodPollSince => {
                f.write_str("No poll has succeeded since, for another reason.")
            }
            Self::AllTrustDenied { server, url } => write!(
                f,
                "Every X.509 authority of {server} that could authenticate {url} is denied, on record and in the bootstrap file, so the endpoint is not polled: no undenied one is left."
            ),
            Self::RebootstrapNeeded { server } => write!(
                f,
                "To authenticate it again, get the bundle of {server} out of band, compare its fingerprints with the partner, and run `anchorwatch rebootstrap {server} FILE --by YOUR-NAME --reason 'WHY'`; where a denial was a mistake, `anchorwatch approve FINGERPRINT` overrides it."
            ),
            Self::NothingStored { url } => {
                write!(f, "Nothing is stored that could authenticate {url}.")
            }
            Self::BootstrapFault { why } => write!(f, "The bootstrap file cannot be used: {why}."),
            Self::BaselineUnconfirmed => f.write_str(
                "Nobody confirmed the first bundle: an authority that an attacker added before it is not noticed.",
            ),
            Self::BaselineAuthority(id) => write!(f, "The first bundle has {id}."),
            Self::EmptyBundle => f.write_str(
                "The bundle is empty: without an authority every SVID of the trust domain is invalid.",
            ),
            Self::NoKnownKeyType { listed } => write!(
                f,
                "None of the {} has a known key type: to a consumer that ignores unknown types the bundle is empty.",
                match listed {
                    1 => "1 listed authority".to_owned(),
                    listed => format!("{listed} listed authorities"),
                }
            ),
            Self::UseRemoved { svid_type, since } => write!(
                f,
                "The last {} authority was removed by {since}: to a consumer the trust domain does not support that use any more.",
                svid_type.label()
            ),
            Self::AddressesDiffer { since } => write!(
                f,
                "Addresses of the endpoint's host name have answered differently since {since}."
            ),
            Self::AddressAnswer { address, sequence } => {
                write!(f, "Address {address} answers with sequence number {}.", or_none(*sequence))
            }
            Self::Alternates { count, lasting } => write!(
                f,
                "The endpoint's answers alternate between two states: {count} times within {}.",
                span(*lasting)
            ),
            Self::AlternationCauses => f.write_str(
                "Possible causes are replicas with separate datastores, or a cache that lags.",
            ),
        }
    }
}

//! What SPIRE, go-spiffe and Istio would do with the bytes of a bundle document.
//!
//! A consumer is stricter than the standard in some places and laxer in others, so it is read by
//! its own rules and not by ours: SPIRE, go-spiffe and Istio are programs in Go, and what they
//! take follows from Go's JSON, base64, URL and certificate readers and from go-jose. Those rules
//! are written down here anew, one file a reader, and `make interop` compares them with the real
//! library.
//!
//! Invariant: what is said here depends on the bytes alone. No consumer looks at the trust domain
//! while it reads a document, and none at the clock.

mod base64;
mod bytes;
mod certificate;
mod der;
mod document;
mod extensions;
mod jwk;
mod key;
mod name;
mod profile;
mod reading;
mod text;
mod uri;

pub use document::element_ranges;
pub use profile::{read_document, read_document_within};
pub use reading::{
    Acceptance, ConsumerVerdict, DocumentRefusal, Ignored, IgnoredReason, KeptKey, RefusalReason,
};

use anchorwatch_core::bundle::ParseLimits;
use anchorwatch_core::bundle::consumer::Consumer;
use anchorwatch_core::untrusted::cut;
use anchorwatch_core::watch::ConsumerRefusal;

/// The consumers, of all whose rules are known, that would refuse these bytes. `limits` are those
/// within which the document is read: what is larger counts as refused.
pub fn refusals(document: &[u8], limits: &ParseLimits) -> Vec<ConsumerRefusal> {
    let refused = Consumer::KNOWN.iter().filter_map(|consumer| {
        let why = read_document_within(*consumer, document, limits).refusal()?.to_string();
        Some(ConsumerRefusal { consumer: *consumer, why: cut(&why, 256).into() })
    });
    refused.collect()
}

#[cfg(test)]
mod rules;

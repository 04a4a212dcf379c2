//! What each consumer does with a document that it has read.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::document::{Dialect, document};
use crate::jwk::{ElementKey, Jose, Jwk};
use crate::key::PublicKey;
use crate::reading::{
    Acceptance, ConsumerVerdict, DocumentRefusal, Ignored, IgnoredReason, KeptKey,
    RefusalReason as Reason,
};
use anchorwatch_core::bundle::consumer::{Consumer, Version};
use anchorwatch_core::bundle::{Fingerprint, ParseLimits, SvidType};
use anchorwatch_core::untrusted::UntrustedText;

/// The longest key ID that is kept, in bytes, as in an [`Authority`](anchorwatch_core::bundle::Authority).
const LONGEST_KID: usize = 256;

/// What a consumer does with an element of some use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Treatment {
    Keep,
    /// The element must be well formed, and nothing is kept of it.
    Drop,
    /// Whatever it holds, as long as go-jose reads it.
    Ignore,
    Refuse,
}

/// The rules of a consumer.
#[derive(Clone, Copy, Debug)]
struct Rules {
    dialect: Dialect,
    /// Whether a document without `keys` is refused; else it is an empty one.
    wants_keys: bool,
    jwt: Treatment,
    wit: Treatment,
    other: Treatment,
    /// Whether what is kept goes through SPIRE's datastore, which takes public keys only.
    stores: bool,
    /// Whether it takes X.509 authorities alone, at least one, and all of them CAs.
    wants_cas: bool,
}

impl Rules {
    fn of(consumer: Consumer) -> Self {
        match consumer {
            // The strictest of each version: no wit-svid, and no odd Ed25519 key.
            Consumer::Spire => Self::spire(Treatment::Refuse, Jose::V4_1_5),
            Consumer::SpireAt(version) if version < Version::WITH_WIT => {
                Self::spire(Treatment::Refuse, Jose::V4_1_4)
            }
            // It reads WIT authorities, and its datastore does not take them yet.
            Consumer::SpireAt(_) => Self::spire(Treatment::Drop, Jose::V4_1_4),
            Consumer::GoSpiffe | Consumer::Cache(_) => Self {
                dialect: Dialect { jose: Jose::V4_1_5, stream: false, null_resets: true },
                wants_keys: true,
                jwt: Treatment::Keep,
                wit: Treatment::Keep,
                other: Treatment::Ignore,
                stores: false,
                wants_cas: false,
            },
            Consumer::Istio => Self {
                dialect: Dialect { jose: Jose::V4_1_4, stream: true, null_resets: false },
                wants_keys: false,
                jwt: Treatment::Ignore,
                wit: Treatment::Ignore,
                other: Treatment::Ignore,
                stores: false,
                wants_cas: true,
            },
        }
    }

    fn spire(wit: Treatment, jose: Jose) -> Self {
        Self {
            dialect: Dialect { jose, stream: true, null_resets: false },
            wants_keys: false,
            jwt: Treatment::Keep,
            wit,
            other: Treatment::Refuse,
            stores: true,
            wants_cas: false,
        }
    }
}

/// What a consumer would do with the bytes of a document, as they were served. A document beyond
/// the default limits counts as refused.
///
/// Redacted bytes are another document: a private member counts for some consumers.
pub fn read_document(consumer: Consumer, bytes: &[u8]) -> ConsumerVerdict {
    read_document_within(consumer, bytes, &ParseLimits::default())
}

/// The same, within these limits. They are our own: the JSON readers of the consumers have none.
pub fn read_document_within(
    consumer: Consumer,
    bytes: &[u8],
    limits: &ParseLimits,
) -> ConsumerVerdict {
    match accepted(consumer, bytes, limits) {
        Ok(acceptance) => ConsumerVerdict::Accepts(acceptance),
        Err(refusal) => ConsumerVerdict::Rejects(refusal),
    }
}

fn accepted(
    consumer: Consumer,
    bytes: &[u8],
    limits: &ParseLimits,
) -> Result<Acceptance, DocumentRefusal> {
    let rules = Rules::of(consumer);
    let document = document(bytes, rules.dialect, limits)?;
    let whole = |reason: Reason| DocumentRefusal { entry: None, offset: 0, reason };
    if document.keys.is_none() && rules.wants_keys {
        return Err(whole(Reason::MissingKeys));
    }
    let keys = document.keys.unwrap_or_default();
    let refused = |place: u32, reason: Reason| {
        let key = usize::try_from(place).ok().and_then(|place| keys.get(place));
        let offset = key.map_or(0, |(offset, _)| *offset);
        DocumentRefusal { entry: Some(place), offset, reason }
    };
    let mut holding = Holding::default();
    for (place, (_, jwk)) in (0_u32..).zip(&keys) {
        holding.add_element(place, jwk, rules).map_err(|reason| refused(place, reason))?;
    }
    if rules.wants_cas && holding.kept.is_empty() {
        return Err(whole(Reason::NoX509Authority));
    }
    holding.ignored.sort_by_key(|ignored| ignored.entry);
    let mut kept: Vec<KeptKey> = holding.kept.into_values().collect();
    kept.sort_by_key(|kept| kept.entry);
    if rules.stores {
        // What a later key replaced is not stored.
        for kept in kept.iter().filter(|kept| kept.svid_type != SvidType::X509) {
            let key = usize::try_from(kept.entry).ok().and_then(|place| keys.get(place));
            let stored = key.map_or(Ok(()), |(_, jwk)| storable(&jwk.key));
            stored.map_err(|reason| refused(kept.entry, reason))?;
        }
    }
    let next_poll = consumer.poll_interval_for_seconds(document.refresh_hint, holding.shortest);
    let next_poll = Duration::from_secs(next_poll.as_secs());
    Ok(Acceptance { kept, ignored: holding.ignored, next_poll })
}

/// What a consumer has after some elements.
#[derive(Debug, Default)]
struct Holding {
    /// By use, and by fingerprint or key ID.
    kept: BTreeMap<(SvidType, Identity), KeptKey>,
    ignored: Vec<Ignored>,
    shortest: Option<Duration>,
}

#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Identity {
    Certificate(Fingerprint),
    KeyId(Box<str>),
}

impl Holding {
    fn add_element(&mut self, entry: u32, jwk: &Jwk<'_>, rules: Rules) -> Result<(), Reason> {
        let (svid_type, treatment) = match SvidType::from_label(&jwk.key_use) {
            Some(SvidType::X509) => return self.certificate(entry, jwk, rules),
            Some(SvidType::Jwt) => (SvidType::Jwt, rules.jwt),
            Some(SvidType::Wit) => (SvidType::Wit, rules.wit),
            None if rules.other == Treatment::Refuse => {
                return Err(match &*jwk.key_use {
                    "" => Reason::MissingUse,
                    name => Reason::UnknownUse { name: UntrustedText::new(name, 64) },
                });
            }
            None => {
                self.ignored.push(Ignored { entry, reason: IgnoredReason::UnknownUse });
                return Ok(());
            }
        };
        match treatment {
            Treatment::Refuse => {
                Err(Reason::UnknownUse { name: UntrustedText::new(&jwk.key_use, 64) })
            }
            Treatment::Keep | Treatment::Drop if jwk.kid.is_empty() => Err(Reason::MissingKeyId),
            Treatment::Keep => {
                self.signing_key(entry, svid_type, jwk);
                Ok(())
            }
            Treatment::Drop | Treatment::Ignore => {
                self.ignored.push(Ignored { entry, reason: IgnoredReason::Unused });
                Ok(())
            }
        }
    }

    fn certificate(&mut self, entry: u32, jwk: &Jwk<'_>, rules: Rules) -> Result<(), Reason> {
        let [certificate] = &*jwk.certificates else {
            let count = u32::try_from(jwk.certificates.len()).unwrap_or(u32::MAX);
            return Err(Reason::CertificateCount { count });
        };
        if rules.wants_cas && !certificate.is_ca {
            return Err(Reason::NotACa);
        }
        let lifetime = u64::try_from(certificate.lifetime).unwrap_or_default();
        let lifetime = Duration::from_secs(lifetime);
        self.shortest = Some(self.shortest.map_or(lifetime, |known| known.min(lifetime)));
        let fingerprint = Fingerprint::of(&certificate.der);
        let identity = (SvidType::X509, Identity::Certificate(fingerprint));
        if self.kept.contains_key(&identity) {
            self.ignored.push(Ignored { entry, reason: IgnoredReason::Duplicate });
            return Ok(());
        }
        let fingerprint = Some(fingerprint);
        self.kept
            .insert(identity, KeptKey { entry, svid_type: SvidType::X509, fingerprint, kid: None });
        Ok(())
    }

    fn signing_key(&mut self, entry: u32, svid_type: SvidType, jwk: &Jwk<'_>) {
        let kept = KeptKey {
            entry,
            svid_type,
            fingerprint: jwk.key.public().and_then(PublicKey::thumbprint),
            kid: Some(UntrustedText::new(&jwk.kid, LONGEST_KID)),
        };
        let identity = (svid_type, Identity::KeyId((&*jwk.kid).into()));
        if let Some(before) = self.kept.insert(identity, kept) {
            self.ignored.push(Ignored { entry: before.entry, reason: IgnoredReason::Replaced });
        }
    }
}

/// SPIRE keeps a key as its SubjectPublicKeyInfo.
fn storable(key: &ElementKey) -> Result<(), Reason> {
    match key {
        ElementKey::Private(_) | ElementKey::Symmetric => Err(Reason::NotPublic),
        ElementKey::Public(PublicKey::Rsa(modulus, exponent))
            if modulus.is_empty() || *exponent <= 0 =>
        {
            Err(Reason::NotReadBack)
        }
        ElementKey::Public(_) => Ok(()),
    }
}

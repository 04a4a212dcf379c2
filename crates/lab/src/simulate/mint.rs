//! Keys that look to the parser and to the judge like those of a living trust domain.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Random;
use super::certificate::{self, CertificateSubject};
use super::key::{KeyAlgorithm, SimulatedKey};
use super::pool::{Draw, KeyPool, PooledKey};
use anchorwatch_core::bundle::{Authority, AuthorityId, Certificate, KeyId, SvidType, Validity};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::untrusted::UntrustedText;

/// What the key IDs of SPIRE's JWT keys are made of, 32 of them each.
const KID_DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const KID_LENGTH: usize = 32;

/// An authority, and what is needed to write it as an element of a document.
#[derive(Clone, Debug)]
pub struct Minted {
    /// What the parser makes of the element.
    pub authority: Arc<Authority>,
    key: Arc<SimulatedKey>,
}

impl Minted {
    /// The element of `keys`, its members in SPIRE's order.
    pub fn element(&self) -> String {
        let svid_type = self.authority.id.svid_type.label();
        let members = self.key.members(self.authority.kid.as_ref().map(UntrustedText::as_received));
        match &self.authority.certificate {
            Some(certificate) => {
                let x5c = STANDARD.encode(certificate.der());
                format!(r#"{{"use":"{svid_type}",{members},"x5c":["{x5c}"]}}"#)
            }
            None => format!(r#"{{"use":"{svid_type}",{members}}}"#),
        }
    }

    /// How long the element is, in bytes, within a few.
    pub(super) fn length(&self) -> u64 {
        let certificate = self.authority.certificate.as_ref();
        let der = certificate.map_or(0, |certificate| certificate.der().len());
        let kid = self.authority.kid.as_ref().map_or(0, |kid| kid.as_received().len());
        u64::try_from(140 + kid + der * 4 / 3).unwrap_or(u64::MAX)
    }

    /// The identifier of its key, as the certificates name it that it signs.
    pub(super) fn key_id(&self) -> Option<KeyId> {
        self.authority.certificate.as_ref()?.subject_key_id.clone()
    }
}

/// What makes a trust domain's keys.
#[derive(Clone, Debug)]
pub struct Mint {
    id: String,
    random: Random,
    /// Keys that are made already.
    draw: Draw,
}

impl Mint {
    /// The mint of a trust domain.
    pub fn new(trust_domain: &TrustDomain, random: Random) -> Self {
        Self { id: format!("spiffe://{trust_domain}"), random, draw: Draw::default() }
    }

    /// A mint that takes P-256 keys out of a pool while there are any.
    pub(super) fn pooled(trust_domain: &TrustDomain, mut random: Random, pool: &KeyPool) -> Self {
        let draw = Draw::new(pool, &mut random);
        Self { draw, ..Self::new(trust_domain, random) }
    }

    fn key(&mut self, algorithm: KeyAlgorithm) -> PooledKey {
        let drawn = if algorithm == KeyAlgorithm::EcP256 { self.draw.next() } else { None };
        drawn.unwrap_or_else(|| PooledKey::new(SimulatedKey::generate(algorithm, &mut self.random)))
    }

    /// Makes other keys from now on than a copy of this mint.
    pub(super) fn reseed(&mut self, seed: u64) {
        self.random = Random::new(seed);
        self.draw = Draw::default();
    }

    /// The SPIFFE ID of the trust domain.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// An X.509 authority as SPIRE makes it. `None` for a date that no certificate can state.
    pub fn x509(&mut self, algorithm: KeyAlgorithm, validity: Validity) -> Option<Minted> {
        let id = self.id.clone();
        self.certified(algorithm, validity, CertificateSubject::Spire { id: &id })
    }

    /// The root of an upstream authority: a corporate one, without SPIFFE ID.
    pub fn root(&mut self, algorithm: KeyAlgorithm, validity: Validity) -> Option<Minted> {
        let name = format!("Example Root {}", self.random.below(10_000));
        self.certified(algorithm, validity, CertificateSubject::Corporate { name: &name })
    }

    fn certified(
        &mut self,
        algorithm: KeyAlgorithm,
        validity: Validity,
        subject: CertificateSubject<'_>,
    ) -> Option<Minted> {
        let PooledKey { key, .. } = self.key(algorithm);
        let der = certificate::authority(subject, &key, validity, &mut self.random);
        let certificate = Certificate::parse(&der).ok()?;
        let svid_type = SvidType::X509;
        let authority = Authority {
            id: AuthorityId { svid_type, fingerprint: certificate.fingerprint() },
            public_key: Some(certificate.public_key),
            key_type: certificate.key_type.clone(),
            kid: None,
            certificate: Some(certificate),
        };
        Some(Minted { authority: Arc::new(authority), key })
    }

    /// A JWT authority as SPIRE makes it.
    pub fn jwt(&mut self, algorithm: KeyAlgorithm) -> Minted {
        let random = &mut self.random;
        let kid: String = (0..KID_LENGTH)
            .filter_map(|_| random.pick(KID_DIGITS))
            .map(|d| char::from(*d))
            .collect();
        self.jwt_with(algorithm, &kid)
    }

    /// A JWT authority with this key ID.
    pub fn jwt_with(&mut self, algorithm: KeyAlgorithm, kid: &str) -> Minted {
        let PooledKey { key, id, fingerprint } = self.key(algorithm);
        let authority = Authority {
            id: AuthorityId { svid_type: SvidType::Jwt, fingerprint },
            public_key: Some(id),
            key_type: key.key_type(),
            kid: Some(kid.into()),
            certificate: None,
        };
        Minted { authority: Arc::new(authority), key }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_core::bundle::{ParseLimits, parse};
    use anchorwatch_core::time::Timestamp;

    #[test]
    fn what_is_minted_is_what_the_parser_reads_of_its_element_and_nothing_is_odd() {
        let trust_domain = "mint.example".parse().unwrap();
        let mut mint = Mint::new(&trust_domain, Random::new(1));
        let validity = |years: i64| Validity {
            not_before: Timestamp::from_unix(1_800_000_000),
            not_after: Timestamp::from_unix(1_800_000_000 + years * 31_536_000),
        };
        let mut minted = Vec::new();
        for algorithm in [KeyAlgorithm::EcP256, KeyAlgorithm::EcP384, KeyAlgorithm::Rsa2048] {
            for _ in 0..8 {
                minted.push(mint.x509(algorithm, validity(1)).unwrap());
                minted.push(mint.jwt(algorithm));
            }
            // Its date lies beyond 2050, and is written in another form.
            minted.push(mint.root(algorithm, validity(40)).unwrap());
        }
        for one in minted {
            let document = format!(
                r#"{{"keys":[{}],"spiffe_sequence":1,"spiffe_refresh_hint":300}}"#,
                one.element()
            );
            let parsed = parse(document.as_bytes(), &ParseLimits::default()).unwrap();
            assert_eq!(parsed.irregularities, []);
            assert_eq!(parsed.bundle.authorities(), [one.authority]);
        }
    }

    #[test]
    fn an_authority_has_the_shape_that_spire_gives_it() {
        let mut mint = Mint::new(&"mint.example".parse().unwrap(), Random::new(1));
        let not_before = Timestamp::from_unix(1_800_000_000);
        let not_after = Timestamp::from_unix(1_800_086_410);
        let x509 = mint.x509(KeyAlgorithm::EcP256, Validity { not_before, not_after }).unwrap();
        let certificate = x509.authority.certificate.as_ref().unwrap();
        assert_eq!(
            certificate.subject,
            *format!("C=US, O=SPIFFE, serialNumber={}", certificate.serial)
        );
        assert_eq!(certificate.uri_sans, ["spiffe://mint.example".into()].into());
        assert_eq!(
            (certificate.validity.not_before, certificate.validity.not_after),
            (not_before, not_after)
        );
        assert!(certificate.is_ca && certificate.may_sign_certificates && certificate.self_issued);
        assert_eq!(certificate.subject_key_id.as_ref().unwrap().as_bytes().len(), 20);
        assert_eq!(certificate.authority_key_id, None);
        let kid = mint.jwt(KeyAlgorithm::EcP256).authority.kid.clone().unwrap();
        let kid = kid.as_received();
        assert!(kid.len() == 32 && kid.bytes().all(|digit| digit.is_ascii_alphanumeric()));
    }
}

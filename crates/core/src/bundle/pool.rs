//! Equal authorities are held once, whoever publishes them.
//!
//! One upstream root under thousands of trust domains is one certificate. Each bundle that lists it
//! would hold a copy otherwise, and a start would hold two: what the store had, and what the first
//! poll brings.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::{Authority, AuthorityId};

/// The authorities that are held somewhere. It holds none itself.
#[derive(Debug, Default)]
pub struct AuthorityPool(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// By the first half of the fingerprint: two that agree in it alone are only not joined.
    authorities: HashMap<[u8; 16], Weak<Authority>>,
    /// With so many entries, those that nobody holds any more are dropped.
    sweep_at: usize,
}

impl AuthorityPool {
    /// Below this many entries nothing is swept.
    const FEW: usize = 1024;

    /// The authority that is held already, where an equal one is.
    #[must_use]
    pub fn intern(&self, authority: Arc<Authority>) -> Arc<Authority> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(key) = half(authority.id) else { return authority };
        let held = known.authorities.get(&key).and_then(Weak::upgrade);
        if let Some(held) = held.filter(|held| *held == authority) {
            return held;
        }
        if known.sweep_at.max(Self::FEW) <= known.authorities.len() {
            known.authorities.retain(|_, authority| 0 < authority.strong_count());
            known.sweep_at = known.authorities.len().saturating_mul(2);
        }
        known.authorities.insert(key, Arc::downgrade(&authority));
        authority
    }

    /// How many authorities it knows, whether anybody holds them or not.
    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).authorities.len()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn half(id: AuthorityId) -> Option<[u8; 16]> {
    id.fingerprint.as_bytes().first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{Fingerprint, KeyType, Memory, ParseLimits, SvidType, parse_with};

    /// The key of RFC 7517, appendix A.1.
    const DOCUMENT: &[u8] = br#"{"keys":[{"kty":"EC","use":"jwt-svid","kid":"1","crv":"P-256",
        "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

    fn authority(number: u32) -> Arc<Authority> {
        let fingerprint = Fingerprint::of(&number.to_be_bytes());
        let id = AuthorityId { svid_type: SvidType::Jwt, fingerprint };
        let (public_key, key_type) = (None, KeyType::EcP256);
        Arc::new(Authority { id, public_key, key_type, kid: None, certificate: None })
    }

    #[test]
    fn what_two_endpoints_publish_is_held_once() {
        let pool = Arc::default();
        let [one, other] = [Memory::default(), Memory::default()].map(|memory| {
            memory.join(&pool);
            let parsed = parse_with(DOCUMENT, &ParseLimits::default(), &memory).unwrap();
            Arc::clone(parsed.bundle.authorities().first().unwrap())
        });
        assert!(Arc::ptr_eq(&one, &other));
        // Another key ID makes it another one, under the same fingerprint.
        let named = Arc::new(Authority { kid: Some("b".into()), ..Authority::clone(&one) });
        assert!(Arc::ptr_eq(&pool.intern(Arc::clone(&named)), &named));
    }

    #[test]
    fn what_nobody_holds_is_forgotten() {
        let pool = AuthorityPool::default();
        let kept = pool.intern(authority(0));
        for number in 1..10_000 {
            drop(pool.intern(authority(number)));
        }
        assert!(pool.len() <= 2 * AuthorityPool::FEW, "{}", pool.len());
        assert!(Arc::ptr_eq(&pool.intern(authority(0)), &kept));
    }
}

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
    use crate::bundle::{Memory, ParseLimits, parse_with};

    fn document(x: &str) -> Vec<u8> {
        let y = "A".repeat(43);
        format!(
            r#"{{"keys":[{{"kty":"EC","use":"jwt-svid","kid":"a","crv":"P-256","x":"{x:A<43}","y":"{y}"}}]}}"#
        )
        .into_bytes()
    }

    fn read(document: &[u8], pool: &Arc<AuthorityPool>) -> (Arc<Authority>, Memory) {
        let memory = Memory::default();
        memory.join(pool);
        let parsed = parse_with(document, &ParseLimits::default(), &memory).unwrap();
        (Arc::clone(parsed.bundle.authorities().first().unwrap()), memory)
    }

    #[test]
    fn what_two_endpoints_publish_is_held_once() {
        let pool = Arc::default();
        let (one, _first) = read(&document("AAAA"), &pool);
        let (same, _second) = read(&document("AAAA"), &pool);
        let (other, _third) = read(&document("BBBB"), &pool);
        assert!(Arc::ptr_eq(&one, &same));
        assert_ne!(one, other);
        assert_eq!(pool.len(), 2);
        // Another key ID makes it another one, under the same fingerprint.
        let named = Arc::new(Authority { kid: Some("b".into()), ..Authority::clone(&one) });
        assert!(Arc::ptr_eq(&pool.intern(Arc::clone(&named)), &named));
    }

    #[test]
    fn what_nobody_holds_is_forgotten() {
        let pool = Arc::default();
        for number in 0..5_000 {
            let _ = read(&document(&format!("{number:08}")), &pool);
        }
        assert!(pool.len() <= 2 * AuthorityPool::FEW, "{}", pool.len());
    }
}

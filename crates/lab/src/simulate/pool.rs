//! Keys that are made once and used in many worlds: a point of a curve takes longer to find than
//! all else that makes an authority.

use std::sync::Arc;

use super::key::SimulatedKey;
use super::{KeyAlgorithm, Random};
use anchorwatch_core::bundle::{Fingerprint, PublicKeyId};

/// P-256 keys for any number of worlds. No world uses one twice, and what goes on in one world is
/// never compared with another.
#[derive(Clone, Debug, Default)]
pub struct KeyPool(Arc<[PooledKey]>);

/// A key, and what it hashes to.
#[derive(Clone, Debug)]
pub(super) struct PooledKey {
    pub(super) key: Arc<SimulatedKey>,
    pub(super) id: PublicKeyId,
    pub(super) fingerprint: Fingerprint,
}

impl PooledKey {
    pub(super) fn new(key: SimulatedKey) -> Self {
        Self { id: key.id(), fingerprint: key.fingerprint(), key: Arc::new(key) }
    }
}

impl KeyPool {
    /// This many keys. A year of three servers with a `ca_ttl` of a day takes 4,400.
    pub fn new(count: usize, seed: u64) -> Self {
        let mut random = Random::stream(seed, "pool");
        let keys = (0..count)
            .map(|_| PooledKey::new(SimulatedKey::generate(KeyAlgorithm::EcP256, &mut random)));
        Self(keys.collect())
    }
}

/// One world's way through a pool.
#[derive(Clone, Debug, Default)]
pub(super) struct Draw {
    pool: KeyPool,
    next: usize,
    left: usize,
}

impl Draw {
    /// A way that begins where chance says.
    pub(super) fn new(pool: &KeyPool, random: &mut Random) -> Self {
        let left = pool.0.len();
        let count = u64::try_from(left).unwrap_or(u64::MAX);
        let next = usize::try_from(random.below(count)).unwrap_or(0);
        Self { pool: pool.clone(), next, left }
    }

    /// The next key, while there is one that the world has not used.
    pub(super) fn next(&mut self) -> Option<PooledKey> {
        self.left = self.left.checked_sub(1)?;
        let key = self.pool.0.get(self.next)?;
        self.next = self.next.saturating_add(1).checked_rem(self.pool.0.len())?;
        Some(key.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_world_draws_each_key_once() {
        let pool = KeyPool::new(20, 1);
        for seed in 0..5 {
            let mut draw = Draw::new(&pool, &mut Random::new(seed));
            let drawn: Vec<_> = std::iter::from_fn(|| draw.next()).map(|key| key.id).collect();
            assert_eq!(drawn.len(), 20);
            assert_eq!(drawn.into_iter().collect::<BTreeSet<_>>().len(), 20);
        }
        assert!(Draw::new(&KeyPool::default(), &mut Random::new(1)).next().is_none());
    }
}

//! Chance from a seed: the same seed, the same chance.

use std::time::Duration;

/// A stream of pseudo-random numbers (`SplitMix64`). Not for keys that anyone relies on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A stream of its own for one purpose, so that what one part of a world draws moves nothing in
    /// another.
    pub fn stream(seed: u64, purpose: &str) -> Self {
        // FNV-1a.
        let hash = purpose.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self::new(Self::new(seed).number() ^ hash)
    }

    /// The next 64 bits.
    pub fn number(&mut self) -> u64 {
        // Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 where that is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        // The upper half of the product: no bias worth a rejection at these sizes.
        let (_, upper) = self.number().carrying_mul(end, 0);
        upper
    }

    /// Whether something happens that happens in this many of a million cases.
    pub fn chance(&mut self, per_million: u32) -> bool {
        per_million != 0 && self.below(1_000_000) < u64::from(per_million)
    }

    /// A duration below `end`, in whole microseconds.
    pub fn duration(&mut self, end: Duration) -> Duration {
        let micros = u64::try_from(end.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.below(micros))
    }

    /// A duration from `from` on and below `to`.
    pub fn between(&mut self, from: Duration, to: Duration) -> Duration {
        from.saturating_add(self.duration(to.saturating_sub(from)))
    }

    /// One of a list; `None` where it is empty.
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        let count = u64::try_from(list.len()).unwrap_or(u64::MAX);
        list.get(usize::try_from(self.below(count)).unwrap_or(usize::MAX))
    }

    /// This many random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for chunk in bytes.chunks_mut(8) {
            for (to, from) in chunk.iter_mut().zip(self.number().to_le_bytes()) {
                *to = from;
            }
        }
        bytes
    }

    /// A list in another order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            let count = u64::try_from(last).unwrap_or(u64::MAX).saturating_add(1);
            let other = usize::try_from(self.below(count)).unwrap_or(last);
            list.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_that_of_the_reference() {
        // The first numbers of splitmix64.c under the seed 1234567.
        let mut random = Random::new(1_234_567);
        let numbers: Vec<_> = (0..3).map(|_| random.number()).collect();
        assert_eq!(
            numbers,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn purposes_have_streams_of_their_own() {
        let numbers: std::collections::BTreeSet<_> = ["polls", "keys", "delays"]
            .iter()
            .map(|purpose| Random::stream(1, purpose).number())
            .collect();
        assert_eq!(numbers.len(), 3);
        assert_eq!(Random::stream(7, "keys"), Random::stream(7, "keys"));
    }

    #[test]
    fn numbers_stay_within_their_bounds_and_reach_them() {
        let mut random = Random::new(1);
        let seen: std::collections::BTreeSet<_> = (0..200).map(|_| random.below(5)).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert_eq!(random.below(0), 0);
        let hits = (0..100_000).filter(|_| random.chance(10_000)).count();
        assert!((800..1200).contains(&hits), "{hits} of 100,000 at one in a hundred");
        let mut list: Vec<u32> = (0..50).collect();
        random.shuffle(&mut list);
        assert_ne!(list, (0..50).collect::<Vec<_>>());
        list.sort_unstable();
        assert_eq!(list, (0..50).collect::<Vec<_>>());
    }
}

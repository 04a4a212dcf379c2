//! Where chance comes from: jitter, and nothing else.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A number in [0, 1) that differs from call to call. It spreads polls, and protects nothing.
pub(super) fn fraction() -> f64 {
    // The standard library seeds each state anew from the operating system's randomness.
    let bits = RandomState::new().build_hasher().finish() >> 11;
    #[expect(
        clippy::as_conversions,
        clippy::cast_precision_loss,
        reason = "53 bits are what an f64 holds"
    )]
    let unit = bits as f64 / 9_007_199_254_740_992.0;
    unit
}

#[cfg(test)]
mod tests {
    use super::fraction;

    #[test]
    fn it_stays_within_bounds_and_moves() {
        let drawn: Vec<f64> = (0..1000).map(|_| fraction()).collect();
        assert!(drawn.iter().all(|unit| (0.0..1.0).contains(unit)));
        assert!(drawn.iter().any(|unit| *unit < 0.5) && drawn.iter().any(|unit| 0.5 <= *unit));
    }
}

//! How long after their ticks the rotator's looks come.

use std::sync::Arc;
use std::time::Duration;

use super::Random;

/// How many delays there are before they repeat: a prime, longer than most restarts are apart.
const COUNT: usize = 16_381;
/// How many steps an ordinary delay has. A JWT chain slips a tick where the look that is due comes
/// no later in its tick than the look that made the current key. Over m equally likely steps the
/// share of generations that slip tends to 1 / ((1 + 1/m)^m − 1): with four of them 69.4 %, and 98
/// of 142 were measured (69.0 %).
const STEPS: u64 = 4;
const STEP: Duration = Duration::from_millis(2);
/// One look in this many comes late, by up to a second: that makes an X.509 chain slip too, as
/// 1 of 144 generations did.
const HICCUPS: u64 = 80;

/// The delays of one issuer.
pub(super) fn draw(random: &mut Random) -> Arc<[Duration]> {
    let mut delays = Vec::with_capacity(COUNT);
    for _ in 0..COUNT {
        let hiccup = random.below(HICCUPS) == 0;
        let steps = u32::try_from(random.below(STEPS)).unwrap_or(0);
        delays.push(if hiccup { random.duration(Duration::from_secs(1)) } else { STEP * steps });
    }
    delays.into()
}

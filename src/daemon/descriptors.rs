//! Open files: how many the process may have, and who gets them.
//!
//! Polls, the store and whoever connects draw from one limit of the host. Without shares, readers
//! that fill the port would leave no descriptor for a poll. So each has its own, from the start.

use tracing::warn;

use crate::config::Config;
use crate::resolver::Lookups;
use anchorwatch_core::spiffe::Probe;

/// What the process needs beside the shares below: standard streams, the runtime's own, the store,
/// listeners, the journal of sightings, files that a reload reads, pushes. At rest it has about
/// twenty.
const OWN: usize = 32;
/// The most connections over TCP and over the admin socket, where there are enough descriptors.
const WEB: usize = crate::web::CONNECTIONS;
const ADMIN: usize = crate::web::ADMIN_CONNECTIONS;
/// What a running look-up may have open: a socket, and a file of the host's configuration.
const PER_LOOKUP: usize = 2;

/// Who may have how many descriptors.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Descriptors {
    /// The limit of the process.
    pub(super) limit: usize,
    /// The least limit under which nobody has less than it could use.
    pub(super) wanted: usize,
    /// Connections over TCP at one time.
    pub(super) web: usize,
    /// Name look-ups at one time.
    pub(super) lookups: usize,
    /// Polls at one time.
    pub(super) polls: usize,
}

/// Raises the limit of open files as far as the host lets the process, as Go's runtime does. The
/// default of 1,024 is there for programs that use `select`.
pub(crate) fn raise_limit() {
    if let Err(why) = rlimit::increase_nofile_limit(u64::MAX) {
        warn!(%why, "cannot raise the limit of open files");
    }
}

impl Descriptors {
    /// The shares under the limit that the process has.
    pub(super) fn now(config: &Config) -> Self {
        let limit = rlimit::getrlimit(rlimit::Resource::NOFILE).map_or(u64::MAX, |(soft, _)| soft);
        let widths = config.relationships.iter().map(|one| match one.settings.probe {
            Probe::OneAddress => 1,
            Probe::AllAddresses => config.limits.addresses,
        });
        Self::share(usize::try_from(limit).unwrap_or(usize::MAX), config.concurrency, widths)
    }

    /// Shares a limit. `widths` has the number of connections of each trust domain's poll.
    fn share(limit: usize, concurrency: usize, widths: impl Iterator<Item = usize>) -> Self {
        let mut widths: Vec<usize> = widths.collect();
        widths.sort_unstable_by(|one, other| other.cmp(one));
        let widest = widths.iter().take(concurrency).copied().fold(0, usize::saturating_add);
        let others = OWN + WEB + ADMIN + Lookups::PLACES * PER_LOOKUP;
        let spare = limit.saturating_sub(OWN);
        // Under a small limit an eighth for look-ups and for commands, a quarter for the port, and
        // half for polls.
        let lookups = (spare / 8 / PER_LOOKUP).clamp(3, Lookups::PLACES);
        let admin = (spare / 8).clamp(2, ADMIN);
        let web = (spare / 4).clamp(2, WEB);
        let rest = spare.saturating_sub(lookups * PER_LOOKUP + admin + web);
        // The widest polls may meet. Trust domains that a reload adds count as one connection.
        let mut open = 0_usize;
        let fitting = widths.into_iter().chain(std::iter::repeat(1)).take(concurrency);
        let polls = fitting.take_while(|width| {
            open = open.saturating_add(*width);
            open <= rest
        });
        let polls = polls.count().max(1);
        Self { limit, wanted: others.saturating_add(widest), web, lookups, polls }
    }

    /// Says where somebody has less than it could use.
    pub(super) fn warn_of_shortage(&self) {
        let Self { limit, wanted, web, polls, .. } = self;
        if limit < wanted {
            warn!(
                limit,
                wanted,
                polls,
                connections = web,
                "the limit of open files is small: polls and connections at one time are fewer; \
                 raise LimitNOFILE= of the service, or `ulimit -n`"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(limit: usize, concurrency: usize, widths: &[usize]) -> Descriptors {
        Descriptors::share(limit, concurrency, widths.iter().copied())
    }

    #[test]
    fn under_a_large_limit_nobody_has_less_than_it_could_use() {
        let shares = share(1 << 20, 1024, &[1; 2_000]);
        assert_eq!((shares.web, shares.lookups, shares.polls), (WEB, Lookups::PLACES, 1024));
        assert!(shares.wanted < shares.limit);
    }

    #[test]
    fn no_share_takes_from_another_under_a_small_limit() {
        for limit in 48..5_000 {
            let shares = share(limit, 1024, &[16, 1, 1]);
            let polls = if shares.polls == 1 { 0 } else { 15 + shares.polls };
            let taken = OWN + shares.web + (limit - OWN) / 8;
            let taken = taken.min(OWN + shares.web + ADMIN) + shares.lookups * PER_LOOKUP + polls;
            assert!(taken <= limit, "{limit}: {shares:?}");
        }
        let shares = share(64, 1024, &[1]);
        assert_eq!((shares.web, shares.polls), (8, 14));
        assert!(64 < shares.wanted);
    }

    #[test]
    fn polls_of_many_addresses_count_as_many() {
        let shares = share(1_024, 64, &[16; 200]);
        assert_eq!(shares.polls, 34);
        assert_eq!(shares.wanted, OWN + WEB + ADMIN + Lookups::PLACES * PER_LOOKUP + 64 * 16);
    }

    #[test]
    fn the_least_limit_still_polls() {
        assert_eq!(share(0, 1024, &[16; 9]).polls, 1);
    }
}

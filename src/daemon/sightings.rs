//! What relying parties saw of tokens: from a file, and over the admin socket.
//!
//! Invariant: a line that is refused leaves a count behind and nothing else.

mod line;
mod tail;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use super::Inner;
use super::domain::Sighted;
use super::owner::Work;
use crate::web::api::SightingsTaken;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::untrusted::UntrustedText;
use anchorwatch_core::watch::Sighting;
use tail::Tail;

pub use line::{SightingRefusal, read_sighting};

/// Who reports what the followed file says.
const FILE: &str = "file";
/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What became of lines.
#[derive(Debug, Default)]
struct Tally {
    taken: u64,
    recorded: u64,
    refused: u64,
    /// Why the first was refused, and which it was.
    first: Option<(usize, SightingRefusal)>,
}

impl Inner {
    /// Takes in what a relying party saw, a line each.
    pub(super) async fn take_sightings(&self, text: &[u8], uid: Option<u32>) -> SightingsTaken {
        let reporter = uid.map_or_else(|| "unknown".to_owned(), |uid| format!("uid {uid}"));
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        let Tally { taken, recorded, refused, first } =
            self.record_sightings(&reporter, lines).await;
        let error = first.map(|(place, why)| format!("line {place}: {why}"));
        SightingsTaken { taken, recorded, refused, error }
    }

    async fn record_sightings<'a>(
        &self,
        reporter: &str,
        lines: impl Iterator<Item = &'a [u8]>,
    ) -> Tally {
        let now = self.shared.clock.now();
        let mut tally = Tally::default();
        let mut said: BTreeMap<TrustDomain, BTreeMap<UntrustedText, (Sighting, usize)>> =
            BTreeMap::new();
        for (place, line) in lines.enumerate() {
            let place = place.saturating_add(1);
            match read_sighting(line, now) {
                Ok((name, sighting)) => {
                    let of = said.entry(name).or_default();
                    let known = of.entry(sighting.kid.clone());
                    let merge =
                        |(known, _): &mut (Sighting, usize)| *known = known.merged(&sighting);
                    known.and_modify(merge).or_insert((sighting.clone(), place));
                    tally.taken = tally.taken.saturating_add(1);
                }
                Err(why) => self.refuse(&mut tally, place, why),
            }
        }
        for (name, sightings) in said {
            let domain = self.domains.load().get(&name).cloned();
            let recorded = match domain {
                None => Err(SightingRefusal::Unwatched),
                Some(domain) => {
                    let sightings = sightings.values().map(|(sighting, _)| sighting.clone());
                    let (sightings, by) = (sightings.collect(), reporter.into());
                    let sighted =
                        domain.ask(|reply| Work::RecordSightings(sightings, by, reply)).await;
                    sighted.ok_or(SightingRefusal::Unwatched)
                }
            };
            let (why, refused): (_, Vec<usize>) = match recorded {
                Ok(Sighted { recorded, refused }) => {
                    tally.recorded = tally.recorded.saturating_add(recorded);
                    let places = refused.iter().filter_map(|kid| Some(sightings.get(kid)?.1));
                    (SightingRefusal::Budget, places.collect())
                }
                Err(why) => (why, sightings.into_values().map(|(_, place)| place).collect()),
            };
            for place in refused {
                tally.taken = tally.taken.saturating_sub(1);
                self.refuse(&mut tally, place, why);
            }
        }
        let known = tally.taken.saturating_sub(tally.recorded);
        self.shared.registered.sighted("recorded", tally.recorded);
        self.shared.registered.sighted("known", known);
        tally
    }

    fn refuse(&self, tally: &mut Tally, place: usize, why: SightingRefusal) {
        self.shared.registered.sighted(why.label(), 1);
        tally.refused = tally.refused.saturating_add(1);
        tally.first.get_or_insert((place, why));
    }

    /// Follows the file that the configuration names, for as long as the daemon runs.
    pub(super) async fn follow_sightings(self: Arc<Self>) {
        let mut followed: Option<Tail> = None;
        let mut fault: Option<String> = None;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let path = self.config.load().sightings.clone();
            let Some(path) = path else {
                followed = None;
                continue;
            };
            // The same path over a reload is the same file at the same place.
            let tail = followed.take().filter(|tail| tail.path() == path);
            let tail = tail.unwrap_or_else(|| {
                info!(path = %path.display(), "sightings followed");
                Tail::new(&path)
            });
            let looked = tokio::task::spawn_blocking(move || {
                let mut tail = tail;
                let lines = tail.lines();
                (tail, lines)
            });
            let Ok((tail, lines)) = looked.await else { return };
            followed = Some(tail);
            match lines {
                Ok(lines) => {
                    fault = None;
                    let tally = self.record_sightings(FILE, lines.iter().map(Vec::as_slice)).await;
                    tell(&path, &tally);
                }
                Err(why) => {
                    let why = why.to_string();
                    if fault.as_deref() != Some(&*why) {
                        warn!(path = %path.display(), why, "cannot read the sightings");
                    }
                    fault = Some(why);
                }
            }
        }
    }
}

/// Says that lines were refused, and nothing of what they hold.
fn tell(path: &Path, tally: &Tally) {
    if let Some((_, why)) = tally.first {
        let (path, refused) = (path.display(), tally.refused);
        warn!(%path, refused, first = %why, "sightings refused");
    }
}

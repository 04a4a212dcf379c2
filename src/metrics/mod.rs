//! What Prometheus scrapes: one catalogue, rendered from the view at scrape time.
//!
//! Invariant: what *is* is read from the [`View`] at each scrape, so an authority that left takes
//! its series with it. Only what anchorwatch itself *did* is counted, and starts at zero.

mod authorities;
mod bundles;
mod catalogue;
mod docs;
mod encoder;
mod findings;
mod negotiation;
mod registered;
mod rotation;
mod selfwatch;
mod sources;

use std::io;

pub use catalogue::{Family, Group, Kind, Label, catalogue};
pub use docs::markdown;
pub use encoder::{Encoder, Format};
pub use negotiation::{accepts_gzip, negotiate};
pub use registered::{Described, Registered};
pub use selfwatch::{DeliveryFacts, SelfFacts};

use crate::view::View;

/// What one scrape is rendered from.
#[derive(Clone, Copy, Debug)]
pub struct Scrape<'a> {
    /// The trust domains.
    pub view: &'a View,
    /// The daemon itself.
    pub facts: &'a SelfFacts,
    /// What was counted by the `prometheus` crate's own types.
    pub registered: &'a Registered,
    /// Whether the families with a series for each authority are rendered.
    pub per_authority: bool,
}

/// Writes all families, in the catalogue's order, to `out` in pieces of at most some tens of
/// kilobytes. The whole text is never in memory.
pub fn render(scrape: &Scrape<'_>, format: Format, out: &mut dyn io::Write) -> io::Result<()> {
    let mut encoder = Encoder::new(format, out);
    for family in catalogue() {
        if family.per_authority && !scrape.per_authority {
            continue;
        }
        encoder.family(family)?;
        (family.render)(scrape, &mut encoder)?;
    }
    scrape.registered.render(&mut encoder)?;
    encoder.finish()
}

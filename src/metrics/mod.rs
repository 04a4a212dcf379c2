//! What Prometheus scrapes: one catalogue, rendered from the view at scrape time.
//!
//! Invariant: what *is* is read from the [`View`](anchorwatch_core::view::View) at each scrape, so an authority that left takes
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
mod scrape;
mod selfwatch;
mod sources;

pub use catalogue::{Family, Group, Kind, Label, catalogue};
pub use docs::markdown;
pub use encoder::{Encoder, Format};
pub use negotiation::{accepts_gzip, negotiate};
pub use registered::{Described, Registered};
pub use scrape::{Position, Scrape, render, render_piece};
pub use selfwatch::{DeliveryFacts, SelfFacts};

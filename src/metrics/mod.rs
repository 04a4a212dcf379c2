//! What Prometheus scrapes: one catalogue, rendered from the view at scrape time.
//!
//! Invariant: what *is* is read from the [`View`](anchorwatch_core::view::View) at each scrape, so an authority that left takes
//! its series with it. Only what anchorwatch itself *did* is counted, and starts at zero.

mod authorities;
mod bundles;
mod catalogue;
mod docs;
mod encoder;
mod family;
mod findings;
mod kind;
mod negotiation;
mod registered;
mod render;
mod rotation;
mod scrape;
mod self_facts;
mod selfwatch;
mod sources;

pub use catalogue::catalogue;
pub use docs::markdown;
pub use encoder::{Encoder, Format};
pub use family::{Family, Group, Label};
pub use kind::FamilyKind;
pub use negotiation::{accepts_gzip, negotiate};
pub use registered::{Described, Registered};
pub use render::{Position, render, render_piece};
pub use scrape::{AuthoritySeries, Scrape};
pub use self_facts::{DeliveryFacts, SelfFacts};

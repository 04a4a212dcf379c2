//! Trust domains in virtual time, with keys that look real, and someone who polls them.
//!
//! A [`Scenario`] says what is simulated: an issuer of the [`issuer`](crate::issuer) model, what
//! befalls it ([`Incident`]), and who looks on. A [`World`] plays it: an iterator of [`Turn`]s, and
//! beside it the [`Truth`], which no turn gives away. The same scenario and seed give the same
//! world.
//!
//! Three clocks run in a world: the true time, in which scenarios and truths are told, the
//! issuer's, by which certificates are dated, and the monitor's, by which turns are.

mod catalogue;
mod certificate;
mod delays;
mod der;
mod endpoint;
mod incident;
mod injected_key;
mod key;
mod line;
mod mint;
mod monitor;
mod origin;
mod origin_settings;
mod pool;
mod random;
mod scenario;
mod server;
mod tamper;
mod truth;
mod turn;
mod version;
mod world;

use injected_key::InjectedKey;

pub use incident::{Incident, IncidentTheme};
pub use key::KeyAlgorithm;
pub use line::{ObservationLines, truth_line};
pub use mint::{Mint, Minted};
pub use pool::KeyPool;
pub use random::Random;
pub use scenario::{Authentication, Observer, Scenario, Skip};
pub use truth::{PublicationCause, RemovalKind, Truth, WorldEvent};
pub use turn::{Skipped, Turn};
pub use world::World;

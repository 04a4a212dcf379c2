//! Trust domains made on the spot: real keys, real X509-SVIDs, real TLS on loopback.
//!
//! [`Scene`] has three of them, each with a [`Character`], and [`table`] shows what the daemon sees
//! of them; the tests watch the same endpoints. Invariant: nothing here decides when a key is made
//! or goes away. That is the issuer model's to say; this mints and serves.

mod configuration;
mod directory;
mod domain;
pub mod endpoint;
mod error;
pub mod mint;
mod scene;
mod script;
pub mod table;

pub use error::SceneError;
pub use scene::Scene;
pub use script::Character;

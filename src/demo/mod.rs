//! Trust domains made on the spot: real keys, real X509-SVIDs, real TLS on loopback.
//!
//! A scene has three of them, each with a character, and a table shows what the daemon sees
//! of them; the tests watch the same endpoints. Invariant: nothing here decides when a key is made
//! or goes away. That is the issuer model's to say; this mints and serves.

pub mod endpoint;
pub mod mint;


//! What a family counts or shows.

/// What a family counts or shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FamilyKind {
    /// Only grows while the process lives.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Is always 1; its labels say something.
    Info,
}

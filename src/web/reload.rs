//! Whether a reload is taken over HTTP.

/// Whether the configuration can be reloaded over TCP (`--web.enable-lifecycle`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReloadOverHttp {
    /// `POST /-/reload` is taken.
    Taken,
    /// It is answered with a refusal.
    Refused,
}

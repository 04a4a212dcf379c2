//! Why the demonstration cannot be played.

use std::io;

use super::mint::MintError;

/// Why a scene cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum SceneError {
    /// A port of the loopback or a file could not be had.
    #[error("cannot {action} for the demonstration")]
    Io {
        /// What was being done.
        action: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// A key or a certificate could not be made.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// A name of the script is malformed.
    #[error("cannot use the name {name}")]
    Name {
        /// The name.
        name: &'static str,
    },
    /// An issuer of the script has no key to sign with.
    #[error("the issuer of {name} signs nothing")]
    NoSvid {
        /// Its trust domain.
        name: &'static str,
    },
}

impl SceneError {
    pub(super) fn io(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, source }
    }
}

//! What a key looks like that someone appends.

use super::origin_settings::OriginSettings;
use super::truth::PublicationCause;
use super::{KeyAlgorithm, Mint, Minted};
use crate::issuer::IssuedKey;
use anchorwatch_core::bundle::SvidType;

/// What an appended key looks like, and who appends it.
#[derive(Clone, Debug)]
pub(super) struct InjectedKey {
    pub(super) kind: PublicationCause,
    pub(super) look: KeyAppearance,
}

#[derive(Clone, Debug)]
pub(super) enum KeyAppearance {
    /// As the domain's own keys.
    Matched,
    /// A JWT key with this key ID, made of this.
    Jwt { kid: String, algorithm: KeyAlgorithm },
    /// A key that there is already: of another domain, or one that was removed.
    Known(Minted),
}

impl InjectedKey {
    pub(super) fn new(kind: PublicationCause, look: KeyAppearance) -> Self {
        Self { kind, look }
    }

    /// Makes the key.
    pub(super) fn make(
        &self,
        mint: &mut Mint,
        charter: &OriginSettings,
        key: &IssuedKey,
    ) -> Option<Minted> {
        match (&self.look, key.svid_type) {
            (KeyAppearance::Known(minted), _) => Some(minted.clone()),
            (KeyAppearance::Jwt { kid, algorithm }, _) => Some(mint.jwt_with(*algorithm, kid)),
            (KeyAppearance::Matched, SvidType::X509) => mint.x509(charter.x509_key, key.validity),
            (KeyAppearance::Matched, SvidType::Jwt | SvidType::Wit) => {
                Some(mint.jwt(charter.jwt_key))
            }
        }
    }
}

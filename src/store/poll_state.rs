//! What the last polls of a trust domain saw, as it stands in its row.

use rusqlite::Connection;

use super::{StoreError, VerifyFault, seal};
use anchorwatch_core::bundle::Digest;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::watch::PollState;

/// What the last polls of a trust domain saw, as far as it was taken down.
pub(super) fn read(connection: &Connection, name: &TrustDomain) -> Result<PollState, VerifyFault> {
    let failed = || StoreError::database("read what the last polls saw");
    let poll_state = "SELECT poll_state, digest FROM poll_states WHERE trust_domain = ?1";
    let mut statement = connection.prepare_cached(poll_state).map_err(failed())?;
    let mut rows = statement.query([name.as_str()]).map_err(failed())?;
    let Some(row) = rows.next().map_err(failed())? else { return Ok(PollState::default()) };
    let differs = |_| VerifyFault::PollState { trust_domain: name.clone() };
    let text: String = row.get(0).map_err(differs)?;
    let digest: [u8; 32] = row.get(1).map_err(differs)?;
    if seal::poll_state(name, &text) != Digest::from_bytes(digest) {
        return Err(VerifyFault::PollState { trust_domain: name.clone() });
    }
    // A later version may have written it otherwise.
    Ok(serde_json::from_str(&text).unwrap_or_else(|error| {
        tracing::warn!(trust_domain = %name, %error, "cannot read what the last polls saw");
        PollState::default()
    }))
}

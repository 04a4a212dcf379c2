//! The table of all authorities: derived from the events, written with them.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::StoreError;
use super::column::{bracket, moment, trust_domain};
use anchorwatch_core::bundle::{Authority, AuthorityId, Fingerprint, SvidType, Validity};
use anchorwatch_core::journal::AuthorityEntry;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::{Bracket, Timestamp};
use anchorwatch_core::watch::{AuthorityRecord, Event, Leaf};

const INTRODUCED: &str = "
    INSERT INTO authorities (trust_domain, svid_type, fingerprint, public_key, source,
        published_after, published_until, returned_after, returned_until)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
    ON CONFLICT DO UPDATE SET public_key = ?4, source = ?5, published_after = ?6,
        published_until = ?7, removed_after = NULL, removed_until = NULL, returned_after = ?8,
        returned_until = ?9";
const RELABELLED: &str = "UPDATE authorities SET public_key = ?4, source = ?5
    WHERE trust_domain = ?1 AND svid_type = ?2 AND fingerprint = ?3";
const REMOVED: &str = "UPDATE authorities SET removed_after = ?4, removed_until = ?5
    WHERE trust_domain = ?1 AND svid_type = ?2 AND fingerprint = ?3";
// The earliest `notBefore` of all, as the facts keep it.
const SIGNED: &str = "UPDATE authorities
    SET signed_seen_at = ?4, signed_not_before = ?5, signed_not_after = ?6
    WHERE trust_domain = ?1 AND svid_type = ?2 AND fingerprint = ?3
        AND (signed_not_before IS NULL OR ?5 < signed_not_before)";

/// Takes an event into the table. `number` is the event's own.
pub(super) fn take_in(
    connection: &Connection,
    trust_domain: &TrustDomain,
    number: i64,
    event: &Event,
) -> rusqlite::Result<()> {
    let Some(id) = event.authority() else { return Ok(()) };
    let (domain, svid_type) = (trust_domain.as_str(), id.svid_type.label());
    let fingerprint = id.fingerprint.as_bytes();
    let public_key = |authority: &Authority| authority.public_key.map(|key| *key.as_bytes());
    let after = |bracket: &Bracket| bracket.after.map(moment);
    match event {
        Event::AuthorityIntroduced { authority, published, returned_after } => {
            connection.prepare_cached(INTRODUCED)?.execute(params![
                domain,
                svid_type,
                fingerprint,
                public_key(authority),
                number,
                after(published),
                moment(published.until),
                returned_after.as_ref().and_then(after),
                returned_after.map(|removed| moment(removed.until)),
            ])?;
        }
        Event::AuthorityRelabelled { authority, .. } => {
            let key = public_key(authority);
            let row = params![domain, svid_type, fingerprint, key, number];
            connection.prepare_cached(RELABELLED)?.execute(row)?;
        }
        Event::AuthorityRemoved { removed, .. } => {
            let until = moment(removed.until);
            let row = params![domain, svid_type, fingerprint, after(removed), until];
            connection.prepare_cached(REMOVED)?.execute(row)?;
        }
        Event::AuthoritySigned { leaf: Leaf { seen_at, validity }, .. } => {
            connection.prepare_cached(SIGNED)?.execute(params![
                domain,
                svid_type,
                fingerprint,
                moment(*seen_at),
                moment(validity.not_before),
                moment(validity.not_after),
            ])?;
        }
        // Only what was the state is published. The unconfirmed authority is in the journal.
        Event::UnconfirmedAuthoritySeen { .. }
        | Event::EndpointConfigured { .. }
        | Event::FirstContact { .. }
        | Event::BundleChanged { .. }
        | Event::SteppedBack { .. }
        | Event::StepBackConfirmed { .. }
        | Event::AddressDiffers { .. }
        | Event::FailureBegan { .. }
        | Event::DeniedSignerSeen { .. }
        | Event::DeniedSignerGone { .. }
        | Event::Recovered { .. }
        | Event::WatchGap { .. }
        | Event::ClockSteppedBack { .. }
        | Event::IrregularitiesChanged { .. }
        | Event::Rebootstrapped { .. }
        | Event::BudgetExceeded { .. }
        | Event::PolicyChanged { .. }
        | Event::ConsumersChanged { .. }
        | Event::AuthorityJudged { .. }
        | Event::DatesPassed { .. }
        | Event::IntermediateSeen { .. }
        | Event::EndpointShifted { .. }
        | Event::NetworksFound { .. }
        | Event::KidSighted { .. }
        | Event::Decided { .. }
        | Event::FindingRaised { .. }
        | Event::FindingEnded { .. }
        | Event::FindingsLeftOut { .. } => (),
    }
    Ok(())
}

/// What [`entry`] reads, from which tables.
pub(super) const SELECT: &str = "SELECT a.trust_domain, e.payload, a.published_after,
    a.published_until, a.removed_after, a.removed_until, a.returned_after, a.returned_until,
    a.signed_seen_at, a.signed_not_before, a.signed_not_after, a.svid_type, a.fingerprint,
    a.public_key
    FROM authorities a JOIN events e ON e.number = a.source";

/// The record of one authority.
pub(super) fn record(
    connection: &Connection,
    trust_domain: &TrustDomain,
    id: AuthorityId,
) -> Result<Option<AuthorityRecord>, StoreError> {
    let failed = || StoreError::database("look an authority up");
    let place = "WHERE a.trust_domain = ?1 AND a.svid_type = ?2 AND a.fingerprint = ?3";
    let mut statement = connection.prepare_cached(&format!("{SELECT} {place}")).map_err(failed())?;
    let key = params![trust_domain.as_str(), id.svid_type.label(), id.fingerprint.as_bytes()];
    let found = statement.query_row(key, |row| Ok(entry(row))).optional().map_err(failed())?;
    found.transpose().map(|found| found.map(|entry| entry.record))
}

/// Reads a row of [`SELECT`].
pub(super) fn entry(row: &Row<'_>) -> Result<AuthorityEntry, StoreError> {
    let failed = || StoreError::database("read an authority");
    let trust_domain = trust_domain(row, 0)?;
    let payload = row.get_ref(1).map_err(failed())?.as_str();
    let payload = payload.map_err(|error| StoreError::damaged("an authority's event", error))?;
    let source: Event = serde_json::from_str(payload)
        .map_err(|error| StoreError::damaged("an authority's event", error))?;
    let (Event::AuthorityIntroduced { authority, .. }
    | Event::AuthorityRelabelled { authority, .. }) = source
    else {
        return Err(StoreError::damaged("an authority", "its event does not hold its key"));
    };
    let record = || -> rusqlite::Result<AuthorityRecord> {
        let span = |after: usize, until: usize| -> rusqlite::Result<Option<Bracket>> {
            let after: Option<i64> = row.get(after)?;
            Ok(row.get::<_, Option<i64>>(until)?.map(|until| bracket(after, until)))
        };
        let signed = match (row.get(8)?, row.get(9)?, row.get(10)?) {
            (Some(seen_at), Some(not_before), Some(not_after)) => Some(Leaf {
                seen_at: Timestamp::from_unix_micros(seen_at),
                validity: Validity {
                    not_before: Timestamp::from_unix_micros(not_before),
                    not_after: Timestamp::from_unix_micros(not_after),
                },
            }),
            _ => None,
        };
        Ok(AuthorityRecord {
            removed: span(4, 5)?,
            returned_after: span(6, 7)?,
            signed,
            ..AuthorityRecord::new(authority, bracket(row.get(2)?, row.get(3)?))
        })
    };
    Ok(AuthorityEntry { trust_domain, record: record().map_err(failed())? })
}

/// A row with the columns that are searched by.
pub(super) struct Indexed {
    pub(super) entry: AuthorityEntry,
    pub(super) id: AuthorityId,
    pub(super) public_key: Option<Vec<u8>>,
}

/// Reads a row of [`SELECT`] with the columns that are searched by.
pub(super) fn indexed(row: &Row<'_>) -> Result<Indexed, StoreError> {
    let failed = || StoreError::database("read an authority");
    let svid_type: String = row.get(11).map_err(failed())?;
    let svid_type = SvidType::from_label(&svid_type)
        .ok_or_else(|| StoreError::damaged("an authority", "no such use"))?;
    let fingerprint = Fingerprint::from_bytes(row.get(12).map_err(failed())?);
    let public_key = row.get(13).map_err(failed())?;
    Ok(Indexed { entry: entry(row)?, id: AuthorityId { svid_type, fingerprint }, public_key })
}

//! Looking into the store.

use std::ops::ControlFlow;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::StoreError;
use super::column::{from_number, moment, number, trust_domain};
use super::index;
use anchorwatch_core::bundle::{Digest, Fingerprint, PublicKeyId, SvidType};
use anchorwatch_core::journal::{AuthorityEntry, Entry, RecordedEntry};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::Event;

/// Which entries of the journal are wanted. What is left out is not asked for.
#[derive(Clone, Debug)]
pub struct EventQuery {
    /// Of this trust domain.
    pub trust_domain: Option<TrustDomain>,
    /// At this moment or later.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// Of this kind, see [`anchorwatch_core::watch::Event::NAMES`].
    pub kind: Option<Box<str>>,
    /// About this authority, under whatever use.
    pub authority: Option<Fingerprint>,
    /// After the entry with this number.
    pub after: Option<u64>,
    /// Before the entry with this number.
    pub before: Option<u64>,
    /// How many at most: the latest. No more than [`Self::MOST`] are given.
    pub limit: usize,
}

impl EventQuery {
    /// How many entries one answer holds at most: of the longest, some tens of megabytes.
    pub const MOST: usize = 10_000;
}

impl Default for EventQuery {
    fn default() -> Self {
        Self {
            trust_domain: None,
            since: None,
            until: None,
            kind: None,
            authority: None,
            after: None,
            before: None,
            limit: 100,
        }
    }
}

/// Which part of the journal is wanted, whole. What is left out is not asked for.
#[derive(Clone, Debug, Default)]
pub struct EntryRange {
    /// Of this trust domain.
    pub trust_domain: Option<TrustDomain>,
    /// At this moment or later.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
}

/// An entry of the journal as it stands in the store.
#[derive(Clone, Debug)]
pub struct StoredEntry<'a> {
    /// Its number, counted from 1 without a gap.
    pub number: u64,
    /// When it happened.
    pub at: Timestamp,
    /// The trust domain that it happened to.
    pub trust_domain: TrustDomain,
    /// The digest that chains it to all before it.
    pub hash: Digest,
    /// What happened, as the text that was hashed.
    pub payload: &'a str,
}

impl StoredEntry<'_> {
    /// What happened.
    pub fn event(&self) -> Result<Event, StoreError> {
        let number = self.number;
        serde_json::from_str(self.payload)
            .map_err(|error| StoreError::damaged(format!("entry {number} of the journal"), error))
    }
}

/// Whether an authority is published now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Presence {
    /// In the bundle.
    Published,
    /// No longer in the bundle.
    Removed,
}

/// Which authorities are wanted. What is left out is not asked for.
#[derive(Clone, Debug)]
pub struct AuthorityQuery {
    /// Of this trust domain.
    pub trust_domain: Option<TrustDomain>,
    /// Of this use.
    pub svid_type: Option<SvidType>,
    /// Published, or removed.
    pub presence: Option<Presence>,
    /// With this fingerprint.
    pub fingerprint: Option<Fingerprint>,
    /// With this public key, whatever carries it.
    pub public_key: Option<PublicKeyId>,
    /// Which of them, where there are more than `limit`.
    pub part: AuthorityPart,
    /// How many at most. No more than [`Self::MOST`] are given.
    pub limit: usize,
}

/// Which authorities are given where more match.
#[derive(Clone, Debug, Default)]
pub enum AuthorityPart {
    /// Those that were published last.
    #[default]
    Latest,
    /// The first of the list, which is ordered by trust domain, use, publication and fingerprint.
    First,
    /// The first that follow this place in the list.
    After(TrustDomain, SvidType, Timestamp, Fingerprint),
}

impl AuthorityQuery {
    /// How many authorities one answer holds at most: 10,000 trust domains of 8.
    pub const MOST: usize = 100_000;
}

impl Default for AuthorityQuery {
    fn default() -> Self {
        Self {
            trust_domain: None,
            svid_type: None,
            presence: None,
            fingerprint: None,
            public_key: None,
            part: AuthorityPart::Latest,
            limit: Self::MOST,
        }
    }
}

/// The conditions of a query, and the values in them.
#[derive(Default)]
struct Conditions {
    text: String,
    values: Vec<Value>,
}

impl Conditions {
    /// Adds a condition with one place for a value, where there is one.
    fn when(self, condition: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.also(condition, [value.into()]),
            None => self,
        }
    }

    /// Adds a condition with as many places for values.
    fn also(mut self, condition: &str, values: impl IntoIterator<Item = Value>) -> Self {
        self.text.push_str(if self.text.is_empty() { " WHERE " } else { " AND " });
        self.text.push_str(condition);
        self.values.extend(values);
        self
    }

    fn limit(mut self, order: &str, limit: usize, most: usize) -> Self {
        self.text.push_str(order);
        self.text.push_str(" LIMIT ?");
        self.values.push(Value::Integer(i64::try_from(limit.min(most)).unwrap_or(i64::MAX)));
        self
    }
}

fn name(trust_domain: Option<&TrustDomain>) -> Option<String> {
    trust_domain.map(|name| name.as_str().to_owned())
}

/// The latest entries that match, the newest last.
pub(super) fn events(
    connection: &Connection,
    query: &EventQuery,
) -> Result<Vec<RecordedEntry>, StoreError> {
    let failed = || StoreError::database("read the journal");
    let Conditions { text, values } = Conditions::default()
        .when("trust_domain = ?", name(query.trust_domain.as_ref()))
        .when("kind = ?", query.kind.as_deref().map(str::to_owned))
        .when("authority = ?", query.authority.map(|id| id.as_bytes().to_vec()))
        .when("? <= at", query.since.map(moment))
        .when("at < ?", query.until.map(moment))
        .when("? < number", query.after.map(number))
        .when("number < ?", query.before.map(number))
        .limit(" ORDER BY number DESC", query.limit, EventQuery::MOST);
    // The numbers first: what is not wanted in the end is not read but for its place in an index.
    let text = format!(
        "SELECT number, at, trust_domain, hash, payload FROM events
         WHERE number IN (SELECT number FROM events{text}) ORDER BY number"
    );
    let mut statement = connection.prepare_cached(&text).map_err(failed())?;
    let mut rows = statement.query(params_from_iter(values)).map_err(failed())?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next().map_err(failed())? {
        let number = from_number(row.get(0).map_err(failed())?);
        let payload: String = row.get(4).map_err(failed())?;
        let event = serde_json::from_str(&payload).map_err(|error| {
            StoreError::damaged(format!("entry {number} of the journal"), error)
        })?;
        let at = Timestamp::from_unix_micros(row.get(1).map_err(failed())?);
        let entry = Entry { at, trust_domain: trust_domain(row, 2)?, event };
        let hash = Digest::from_bytes(row.get(3).map_err(failed())?);
        entries.push(RecordedEntry { number, hash, entry });
    }
    Ok(entries)
}

/// Hands over the entries of a part of the journal, oldest first.
pub(super) fn each_entry(
    connection: &Connection,
    wanted: &EntryRange,
    take: &mut dyn FnMut(StoredEntry<'_>) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let failed = || StoreError::database("read the journal");
    let Conditions { text, values } = Conditions::default()
        .when("trust_domain = ?", name(wanted.trust_domain.as_ref()))
        .when("? <= at", wanted.since.map(moment))
        .when("at < ?", wanted.until.map(moment));
    let text =
        format!("SELECT number, at, trust_domain, hash, payload FROM events{text} ORDER BY number");
    let mut statement = connection.prepare(&text).map_err(failed())?;
    let mut rows = statement.query(params_from_iter(values)).map_err(failed())?;
    while let Some(row) = rows.next().map_err(failed())? {
        let number = from_number(row.get(0).map_err(failed())?);
        let damaged = |error| StoreError::damaged(format!("entry {number} of the journal"), error);
        let payload = row.get_ref(4).map_err(failed())?.as_str().map_err(damaged)?;
        let at = Timestamp::from_unix_micros(row.get(1).map_err(failed())?);
        let hash = Digest::from_bytes(row.get(3).map_err(failed())?);
        let trust_domain = trust_domain(row, 2)?;
        if take(StoredEntry { number, at, trust_domain, hash, payload }).is_break() {
            break;
        }
    }
    Ok(())
}

/// The use as it is ordered in a list ([`place_of`]).
const USE: &str = "CASE a.svid_type WHEN 'x509-svid' THEN 0 WHEN 'jwt-svid' THEN 1 ELSE 2 END";
const IN_ORDER: &str = " ORDER BY a.trust_domain,
    CASE a.svid_type WHEN 'x509-svid' THEN 0 WHEN 'jwt-svid' THEN 1 ELSE 2 END,
    a.published_until, a.fingerprint";

fn place_of(svid_type: SvidType) -> i64 {
    match svid_type {
        SvidType::X509 => 0,
        SvidType::Jwt => 1,
        SvidType::Wit => 2,
    }
}

/// The authorities that match, by trust domain, use and first publication.
pub(super) fn authorities(
    connection: &Connection,
    query: &AuthorityQuery,
) -> Result<Vec<AuthorityEntry>, StoreError> {
    let failed = || StoreError::database("read the authorities");
    let removed = |presence| match presence {
        Presence::Published => 0,
        Presence::Removed => 1,
    };
    let conditions = Conditions::default()
        .when("a.trust_domain = ?", name(query.trust_domain.as_ref()))
        .when("a.svid_type = ?", query.svid_type.map(|of| of.label().to_owned()))
        .when("(a.removed_until IS NOT NULL) = ?", query.presence.map(removed))
        .when("a.fingerprint = ?", query.fingerprint.map(|id| id.as_bytes().to_vec()))
        .when("a.public_key = ?", query.public_key.map(|id| id.as_bytes().to_vec()));
    let (conditions, order) = match &query.part {
        AuthorityPart::Latest => (conditions, " ORDER BY a.source DESC"),
        AuthorityPart::First => (conditions, IN_ORDER),
        AuthorityPart::After(trust_domain, svid_type, published, fingerprint) => {
            let name = || Value::Text(trust_domain.as_str().to_owned());
            // The first condition is one that the index of trust domains knows.
            let behind = format!(
                "? <= a.trust_domain AND (? < a.trust_domain OR
                 (?, ?, ?) < ({USE}, a.published_until, a.fingerprint))"
            );
            let values = [
                name(),
                name(),
                Value::Integer(place_of(*svid_type)),
                Value::Integer(moment(*published)),
                Value::Blob(fingerprint.as_bytes().to_vec()),
            ];
            (conditions.also(&behind, values), IN_ORDER)
        }
    };
    let Conditions { text, values } = conditions.limit(order, query.limit, AuthorityQuery::MOST);
    // The rows first: an entry of the journal is read for what is given alone.
    let text =
        format!("{} WHERE a.rowid IN (SELECT a.rowid FROM authorities a{text})", index::SELECT);
    let mut statement = connection.prepare_cached(&text).map_err(failed())?;
    let mut rows = statement.query(params_from_iter(values)).map_err(failed())?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next().map_err(failed())? {
        entries.push(index::entry(row)?);
    }
    entries.sort_by(|a, b| {
        let key = |entry: &AuthorityEntry| (entry.record.id().svid_type, entry.record.published);
        let ((a_type, a_published), (b_type, b_published)) = (key(a), key(b));
        (&a.trust_domain, a_type, a_published.until, a.record.id()).cmp(&(
            &b.trust_domain,
            b_type,
            b_published.until,
            b.record.id(),
        ))
    });
    Ok(entries)
}

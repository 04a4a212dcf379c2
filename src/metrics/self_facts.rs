//! What the daemon says of itself.

use anchorwatch_core::time::Timestamp;

/// What the daemon says of itself.
#[derive(Clone, Debug, Default)]
pub struct SelfFacts {
    /// Whether the last reload of the configuration succeeded.
    pub config_reload_successful: bool,
    /// When a configuration was last taken.
    pub config_reloaded_at: Timestamp,
    /// A number that differs where the configuration does.
    pub config_hash: u32,
    /// When the store was created.
    pub store_created_at: Timestamp,
    /// When something was last made durable.
    pub last_persisted_at: Option<Timestamp>,
    /// Writes to the store that failed.
    pub write_failures: u64,
    /// Batches that wait to be written.
    pub backlog: u64,
    /// Events that were lost since too much waited.
    pub events_lost: u64,
    /// Faults of the store that are known.
    pub store_faults: u64,
    /// When the whole store was last found in order.
    pub store_verified_at: Option<Timestamp>,
    /// The size of the store in bytes.
    pub journal_size: u64,
    /// Entries of the journal.
    pub journal_entries: u64,
    /// When the scheduler turned last.
    pub ticked_at: Timestamp,
    /// What became of pushed alerts, an Alertmanager each.
    pub deliveries: Vec<DeliveryFacts>,
}

/// What became of the alerts for one Alertmanager, since the process started.
#[derive(Clone, Debug, Default)]
pub struct DeliveryFacts {
    /// Its URL.
    pub alertmanager: String,
    /// Alerts that were sent, whatever came of it.
    pub sent: u64,
    /// Alerts whose sending failed.
    pub failed: u64,
    /// Alerts that were dropped, since too many were open.
    pub dropped: u64,
    /// Alerts that wait.
    pub waiting: u64,
}

//! What a reload finds different.

use std::fmt;

use super::schema::{Key, Reload};
use super::setting::{Row, Table as _};
use super::{Config, Relationship};
use anchorwatch_core::spiffe::TrustDomain;

/// One difference between two configurations.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ConfigChange {
    /// A trust domain is watched from now on.
    Added(TrustDomain),
    /// A trust domain is watched no more.
    Removed(TrustDomain),
    /// URL, profile or endpoint ID differ: trust is kept, and it is recorded.
    Reconfigured(TrustDomain),
    /// Another key of the relationship differs.
    Adjusted(TrustDomain),
    /// A key of the whole watch differs, and the new value holds from now on.
    Applied {
        /// The key.
        key: String,
    },
    /// A key of the whole watch differs, and the old value holds until a restart.
    NeedsRestart {
        /// The key.
        key: String,
    },
}

impl ConfigChange {
    /// Whether the old value holds until a restart.
    pub fn needs_restart(&self) -> bool {
        matches!(self, Self::NeedsRestart { .. })
    }
}

impl fmt::Display for ConfigChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added(domain) => write!(f, "{domain} is watched from now on"),
            Self::Removed(domain) => write!(f, "{domain} is watched no more"),
            Self::Reconfigured(domain) => write!(f, "the endpoint of {domain} is another"),
            Self::Adjusted(domain) => write!(f, "settings of {domain} changed"),
            Self::Applied { key } => write!(f, "{key} changed"),
            Self::NeedsRestart { key } => {
                write!(f, "{key} changed, and the old value holds until a restart")
            }
        }
    }
}

/// What is different in `new`: keys of the whole watch, then relationships by trust domain.
pub(super) fn between(old: &Config, new: &Config) -> Vec<ConfigChange> {
    let differs = |row: &&Row<Config>| (row.show)(old, row.key) != (row.show)(new, row.key);
    let mut changes: Vec<ConfigChange> =
        Config::ROWS.iter().filter(differs).map(|row| of_whole(row.key)).collect();
    changes.sort_by_key(|change| !change.needs_restart());
    for relationship in &old.relationships {
        if new.relationship(relationship.trust_domain()).is_none() {
            changes.push(ConfigChange::Removed(relationship.trust_domain().clone()));
        }
    }
    for relationship in &new.relationships {
        let trust_domain = relationship.trust_domain();
        let change = match old.relationship(trust_domain) {
            None => ConfigChange::Added(trust_domain.clone()),
            Some(before) if before.endpoint != relationship.endpoint => {
                ConfigChange::Reconfigured(trust_domain.clone())
            }
            Some(before) if !same_settings(before, relationship) => {
                ConfigChange::Adjusted(trust_domain.clone())
            }
            Some(_) => continue,
        };
        changes.push(change);
    }
    changes
}

/// The change of a key of the whole file. Where a key below it needs a restart, that one is named.
fn of_whole(key: &Key) -> ConfigChange {
    let needs_restart = |key: &Key| key.reload == Reload::Restart;
    let below = key.kind.scope().and_then(|scope| scope.keys().find(|key| needs_restart(key)));
    match below {
        Some(below) => ConfigChange::NeedsRestart { key: format!("{}.{}", key.name, below.name) },
        None if needs_restart(key) => ConfigChange::NeedsRestart { key: key.name.to_owned() },
        None => ConfigChange::Applied { key: key.name.to_owned() },
    }
}

/// Whether all but the daily budget agrees, which is `limits`' to tell.
fn same_settings(old: &Relationship, new: &Relationship) -> bool {
    if old.settings.policy.daily_budget == new.settings.policy.daily_budget {
        return old == new;
    }
    let mut old = old.clone();
    old.settings.policy.daily_budget = new.settings.policy.daily_budget;
    old == *new
}

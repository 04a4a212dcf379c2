//! What an issuer does, and what is done to it.

use std::fmt;
use std::time::Duration;

use anchorwatch_core::bundle::{SvidType, Validity};
use anchorwatch_core::time::Timestamp;

/// The number of a key, in the order of publication from 1. Never used twice.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyNumber(pub(super) u64);

impl KeyNumber {
    /// The bare number.
    pub fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for KeyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// One server of several that share a bundle.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ReplicaNumber(pub u16);

/// A key that was published, and by whom.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IssuedKey {
    /// Which.
    pub number: KeyNumber,
    /// What it signs.
    pub svid_type: SvidType,
    /// The server that made it; `None` where none did: an upstream root, or a key from outside.
    pub replica: Option<ReplicaNumber>,
    /// Why it was made.
    pub occasion: KeyCreationCause,
    /// The root that signed it, where it is an intermediate of an upstream authority.
    pub parent: Option<KeyNumber>,
    /// When it was made and published.
    pub issued_at: Timestamp,
    /// From when until when it is valid. An X.509 authority's dates are whole seconds and its
    /// `not_before` is backdated; a JWT key carries no dates on the wire.
    pub validity: Validity,
}

/// Why a key was made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyCreationCause {
    /// Its chain had no key, and it signs at once: a start without keys.
    First,
    /// Its date had come.
    Due,
    /// `localauthority prepare`.
    Command,
    /// The upstream authority has it, and a server took it over.
    Root,
    /// `AppendBundle`: no server made it.
    Appended,
}

/// What happened at an issuer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IssuerEvent {
    /// When.
    pub at: Timestamp,
    /// What.
    pub action: IssuerAction,
}

/// What an issuer did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum IssuerAction {
    /// A key is in the bundle from now on.
    Published {
        /// The key.
        key: IssuedKey,
    },
    /// A server has an intermediate of the upstream authority's. It is sent with what it signs and
    /// never stands in the bundle.
    Certified {
        /// The key.
        key: IssuedKey,
    },
    /// A key is in the bundle again, since an older state of it came back.
    Returned {
        /// The key.
        key: IssuedKey,
    },
    /// A key signs from now on. Not on the wire.
    Activated {
        /// Which.
        key: KeyNumber,
    },
    /// A key has signed for the last time. Not on the wire.
    Retired {
        /// Which.
        key: KeyNumber,
    },
    /// A key that was prepared will never sign, and stays published until it is pruned.
    Orphaned {
        /// Which.
        key: KeyNumber,
    },
    /// A key is distrusted within its own trust domain. Not on the wire.
    Tainted {
        /// Which.
        key: KeyNumber,
    },
    /// A key is no longer in the bundle.
    Removed {
        /// Which.
        key: KeyNumber,
        /// By what.
        by: RemovalCause,
    },
    /// The bundle was written: its sequence number moved. It follows what the transaction did.
    SequenceMoved {
        /// What it is now. SPIRE leaves a 0 out of the document.
        sequence: u64,
    },
    /// A server began to run.
    Started {
        /// Which.
        replica: ReplicaNumber,
    },
    /// A server ended.
    Stopped {
        /// Which.
        replica: ReplicaNumber,
    },
    /// An intervention was not possible, and nothing happened.
    Refused {
        /// What was asked.
        intervention: Intervention,
        /// Why not.
        refusal: InterventionRefused,
    },
}

/// What took a key out of the bundle.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RemovalCause {
    /// The server itself, long after the key's end.
    Pruned,
    /// An operator, by the issuer's own command.
    Revoked,
    /// Someone, past the issuer.
    Withdrawn,
    /// An older state of the datastore, which did not have it.
    Restored,
}

/// What is done to an issuer from outside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Intervention {
    /// A server begins to run.
    Start {
        /// Which.
        replica: ReplicaNumber,
        /// Whether it still has the keys that it had.
        keys: KeyStore,
    },
    /// A server ends.
    Stop {
        /// Which.
        replica: ReplicaNumber,
    },
    /// `localauthority prepare`: a new key now. A key that was prepared already is orphaned.
    Prepare {
        /// On which server.
        replica: ReplicaNumber,
        /// Of which chain.
        svid_type: SvidType,
    },
    /// `localauthority activate`: the prepared key signs from now on.
    Activate {
        /// On which server.
        replica: ReplicaNumber,
        /// Of which chain.
        svid_type: SvidType,
    },
    /// `localauthority taint`: the key that signed before is distrusted.
    Taint {
        /// On which server.
        replica: ReplicaNumber,
        /// Of which chain.
        svid_type: SvidType,
    },
    /// `localauthority revoke`: the tainted key is taken out of the bundle.
    Revoke {
        /// On which server.
        replica: ReplicaNumber,
        /// Of which chain.
        svid_type: SvidType,
    },
    /// `AppendBundle`: someone puts a key into the bundle that no server made.
    Append {
        /// What it signs.
        svid_type: SvidType,
        /// From when until when it is valid.
        validity: Validity,
    },
    /// Someone takes a key out of the bundle, whatever the issuer does with it.
    Withdraw {
        /// Which.
        key: KeyNumber,
    },
    /// The preparations of a chain fail for a while. The current key signs on.
    FailPreparations {
        /// On which server.
        replica: ReplicaNumber,
        /// Of which chain.
        svid_type: SvidType,
        /// For how long.
        lasting: Duration,
    },
    /// No server prunes for a while: what is due waits for the first tick after it.
    HoldPrunes {
        /// For how long.
        lasting: Duration,
    },
    /// The keys that are made from now on live this long, and the dates of those that were made
    /// stay (a restart under another `ca_ttl`).
    ChangeCaTtl {
        /// L.
        ca_ttl: Duration,
    },
    /// The upstream authority signs under a new root, which the next intermediate brings along.
    RotateRoot,
    /// The datastore is copied.
    Backup,
    /// The datastore is replaced by its last copy. A server whose key it lacks makes a new one,
    /// which signs at once.
    Restore,
}

/// What a starting server finds in its key manager.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyStore {
    /// The keys that it had.
    Kept,
    /// Nothing.
    Lost,
}

/// Why an intervention was not possible.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum InterventionRefused {
    /// The server does not run.
    NotRunning,
    /// The server runs already.
    Running,
    /// The model has no such chain: WIT keys are not issued.
    NoSuchChain,
    /// No key is in the state that the command wants: prepared to activate, old to taint, tainted
    /// to revoke.
    NoSuchKey,
    /// The key is not in the bundle.
    NotPublished,
    /// There is no upstream authority.
    NoUpstream,
    /// There is no copy of the datastore.
    NoBackup,
}

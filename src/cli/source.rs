//! Where the reading commands get their answers: from a running daemon over its admin socket, else
//! from the store.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::output::{chain, complain, complain_of};
use super::{Exit, Global};
use crate::config::{Config, LoadError, Relationship};
use crate::store::{StoreReader, VerifyFault};
use crate::web::{AdminClient, ClientError};
use anchorwatch_core::judge::{self, Assessment};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::view::DomainView;

/// Who answers.
pub(super) enum StateSource {
    /// A running daemon.
    Daemon(AdminClient),
    /// The store in this folder, read beside nobody.
    Store(PathBuf),
}

/// Reads the configuration, and says what is wrong with it.
pub(super) fn load(global: &Global) -> Result<Config, Exit> {
    Config::load(&global.config_file).map_err(|why| {
        match &why {
            LoadError::Unreadable { .. } => complain(&chain(&why)),
            LoadError::Faults(faults) => complain_of(faults),
        }
        Exit::Config
    })
}

/// The daemon of this configuration where one runs, else its store.
pub(super) async fn find(config: &Config) -> StateSource {
    match AdminClient::connect(&config.admin_socket).await {
        Ok(client) => StateSource::Daemon(client),
        Err(_) => StateSource::Store(config.store.path.clone()),
    }
}

/// Opens a store for reading, and says why that cannot be.
pub(super) fn open(path: &Path) -> Result<StoreReader, Exit> {
    StoreReader::open(path).map_err(|why| {
        complain(&chain(&why));
        Exit::CannotLook
    })
}

/// What the store knows of a trust domain, and its findings at this moment.
pub(super) fn pictured(
    store: &StoreReader,
    relationship: &Relationship,
    at: Timestamp,
) -> DomainView {
    let (state, faults) = store.state(relationship.trust_domain());
    damaged(&faults);
    let mut domain = DomainView {
        endpoint: Arc::new(relationship.endpoint.clone()),
        policy: Arc::new(relationship.settings.policy.clone()),
        state,
        findings: Arc::new([]),
        dropped: Arc::new([]),
        ended: Arc::new([]),
        counts: Arc::default(),
        stopped: None,
        unrecorded: false,
    };
    let Assessment { findings, dropped } = judge::assess(&domain.case(), at);
    (domain.findings, domain.dropped) = (findings.into(), dropped.into());
    domain
}

/// Says what of the store is damaged, and so left out of what is shown.
pub(super) fn damaged(faults: &[VerifyFault]) {
    for fault in faults {
        complain(&format!("the store is damaged: {fault}"));
    }
}

/// Says why a daemon gave no answer.
pub(super) fn unanswered(why: &ClientError) -> Exit {
    complain(&chain(why));
    match why {
        ClientError::Refused { .. } => Exit::Warning,
        ClientError::NotRecorded { .. } => Exit::NotRecorded,
        ClientError::Absent { .. } | ClientError::Broken { .. } => Exit::CannotLook,
    }
}

/// A text for use in a query: every byte that is not plainly a name's is escaped.
pub(super) fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let quote = |byte: u8| {
        if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(quote).collect()
}

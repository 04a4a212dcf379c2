//! Trust domains under the watch of a daemon, and an operator's commands beside it.

use std::path::{Path, PathBuf};
use std::process::Output;

use anchorwatch::demo::mint::JwtAuthority;
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

use crate::process::{PATIENCE, Partner, Process, anchorwatch, configure, document, json};

/// What an operator says beside each decision.
pub(crate) const WHO: [&str; 3] = ["--by=j.doe", "--reason=CHG-1", "--yes"];

/// Partners under watch.
pub(crate) struct Scene {
    pub(crate) folder: TempDir,
    pub(crate) config: PathBuf,
    pub(crate) partners: Vec<Partner>,
    pub(crate) daemon: Process,
}

impl Scene {
    pub(crate) async fn of(names: &[&str]) -> Self {
        Self::with(names, "").await
    }

    /// `more` stands at the head of the configuration.
    pub(crate) async fn with(names: &[&str], more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut partners = Vec::new();
        for name in names {
            partners.push(Partner::start(name).await);
        }
        let relationships: Vec<_> =
            partners.iter().map(|one| one.relationship(folder.path())).collect();
        Self::start_with(folder, partners, &relationships, more)
    }

    /// The watch over these relationships, one for each partner.
    pub(crate) fn start_with(
        folder: TempDir,
        partners: Vec<Partner>,
        relationships: &[String],
        more: &str,
    ) -> Self {
        let config = configure(folder.path(), relationships);
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(&config, more.to_owned() + &text).unwrap();
        let daemon = Self::start(&config);
        let scene = Self { folder, config, partners, daemon };
        scene.until_all_are_up();
        scene
    }

    fn start(config: &Path) -> Process {
        Process::start_with(config, &["--web.enable-lifecycle"])
    }

    pub(crate) fn until_all_are_up(&self) {
        for partner in &self.partners {
            self.daemon.until("up", |daemon| daemon.domain(&partner.name)["up"] == true);
        }
    }

    /// Has the daemon end by itself, and starts it again.
    pub(crate) fn restart(&mut self) {
        self.daemon.signal("-TERM");
        self.daemon.child.wait().unwrap();
        self.daemon = Self::start(&self.config);
    }

    /// Has the daemon die at once, and starts it again.
    pub(crate) fn kill_and_restart(&mut self) {
        drop(self.daemon.child.kill());
        drop(self.daemon.child.wait());
        self.daemon = Self::start(&self.config);
        self.until_all_are_up();
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        anchorwatch(&self.config, arguments).output().unwrap()
    }

    pub(crate) fn decide(&self, arguments: &[&str]) -> Output {
        self.run(&[arguments, &WHO].concat())
    }

    /// What this partner's bundle lists from now on.
    pub(crate) fn publish(&self, partner: usize, keys: &[&JwtAuthority], sequence: u64) {
        let partner = &self.partners[partner];
        partner.endpoint.serve(document(&[&partner.authority], keys, sequence));
    }

    /// The entries of this kind in the journal, oldest first.
    pub(crate) fn events(&self, kind: &str) -> Vec<Value> {
        let events = json(&self.run(&["events", "--kind", kind, "--output=json"]));
        events.as_array().unwrap().clone()
    }

    /// Holds the store up: whoever wants to write waits, a second at most, until this is dropped.
    pub(crate) fn hold_the_store(&self) -> Connection {
        let store = Connection::open(self.folder.path().join("store/anchorwatch.sqlite")).unwrap();
        store.busy_timeout(PATIENCE).unwrap();
        store.execute_batch("BEGIN IMMEDIATE").unwrap();
        store
    }
}

/// What a command printed, which ends with this exit code.
#[track_caller]
pub(crate) fn said(output: &Output, code: i32) -> String {
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
    format!("{out}{err}")
}

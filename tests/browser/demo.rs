//! A running `anchorwatch demo`, as a process of its own.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::process::Process;

/// The attack comes within 34 s; nothing waits longer than this.
const PATIENCE: Duration = Duration::from_secs(50);
/// How long the demo may take to end in order, so that its folder goes too.
const ENDS_WITHIN: Duration = Duration::from_secs(3);

pub(crate) struct Demo(Process);

impl Demo {
    pub(crate) fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_anchorwatch"))
            .args(["demo", "--quiet", "--for", "120s", "--web.listen-address=127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("the demo says where its page is").unwrap();
            if let Some((_, rest)) = line.split_once("http://") {
                break rest.split('/').next().unwrap().to_owned();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        Self(Process { child, address })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.0.address)
    }

    /// The first finding of this kind, once there is one.
    pub(crate) fn until(&self, kind: &str) -> Value {
        let began = Instant::now();
        loop {
            if let Some(found) = self.0.findings().into_iter().find(|one| one["kind"] == kind) {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "{kind} was never found");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.0.end(ENDS_WITHIN);
    }
}

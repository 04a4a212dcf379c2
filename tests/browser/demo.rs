//! A running `anchorwatch demo`, as a process of its own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The attack comes within 34 s; nothing waits longer than this.
const PATIENCE: Duration = Duration::from_secs(50);

pub(crate) struct Demo {
    child: Child,
    address: String,
}

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
        Self { child, address }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn findings(&self) -> Vec<Value> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET /api/v1/findings HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// The first finding of this kind, once there is one.
    pub(crate) fn until(&self, kind: &str) -> Value {
        let began = Instant::now();
        loop {
            if let Some(found) = self.findings().into_iter().find(|one| one["kind"] == kind) {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "{kind} was never found");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // In order, so that its folder goes too.
        let process = self.child.id().to_string();
        drop(Command::new("kill").args(["-TERM", &process]).status());
        for _ in 0..150 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

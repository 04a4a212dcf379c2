//! The daemon as a process of its own, trust domains for it to watch, and the commands beside it.

#[path = "http.rs"]
pub(crate) mod http;

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use anchorwatch::daemon::SystemClock;
use anchorwatch::demo::endpoint::LoopbackEndpoint;
use anchorwatch::demo::mint::{DemoKeyAlgorithm, IssuedDocument, JwtAuthority, X509Ca};
use anchorwatch_core::bundle::Validity;
use anchorwatch_core::spiffe::{SpiffeId, TrustDomain};
use anchorwatch_core::time::Clock as _;
pub(crate) use http::PATIENCE;
use http::{Answer, Request};
use serde_json::Value;

/// What holds a stop up until then holds it up: whoever stops the daemon waits no longer.
const STOPS_WITHIN: Duration = Duration::from_secs(2);

/// A trust domain with an endpoint of its own.
pub(crate) struct Partner {
    pub(crate) name: String,
    pub(crate) authority: X509Ca,
    pub(crate) key: JwtAuthority,
    pub(crate) endpoint: LoopbackEndpoint,
}

impl Partner {
    pub(crate) async fn start(name: &str) -> Self {
        let domain: TrustDomain = name.parse().unwrap();
        let authority = X509Ca::mint(&domain, day(), DemoKeyAlgorithm::EcP256).unwrap();
        let key = JwtAuthority::mint(DemoKeyAlgorithm::EcP256).unwrap();
        let svid = authority.svid(&id(name), hour()).unwrap();
        let endpoint =
            LoopbackEndpoint::start(&svid, document(&[&authority], &[&key], 1)).await.unwrap();
        Self { name: name.to_owned(), authority, key, endpoint }
    }

    /// The relationship as it stands in a configuration, with its bootstrap file in `folder`.
    pub(crate) fn relationship(&self, folder: &Path) -> String {
        let file = folder.join(format!("{}.pem", self.name));
        std::fs::write(&file, self.authority.pem()).unwrap();
        relationship(&self.name, &self.endpoint.url(), &id(&self.name), Some(&file))
    }
}

/// A day, so far from the dates of its rotation that nothing is due now.
pub(crate) fn day() -> Validity {
    let now = SystemClock.now();
    Validity {
        not_before: now.saturating_sub(Duration::from_hours(5)),
        not_after: now.saturating_add(Duration::from_hours(19)),
    }
}

pub(crate) fn hour() -> Validity {
    let now = SystemClock.now();
    Validity {
        not_before: now.saturating_sub(Duration::from_hours(3)),
        not_after: now.saturating_add(Duration::from_hours(3)),
    }
}

pub(crate) fn id(name: &str) -> SpiffeId {
    format!("spiffe://{name}/spire/server").parse().unwrap()
}

pub(crate) fn document(authorities: &[&X509Ca], keys: &[&JwtAuthority], sequence: u64) -> Vec<u8> {
    let x509 = authorities.iter().map(|authority| authority.jwk().clone());
    let keys = x509.chain(keys.iter().map(|key| key.jwk().clone())).collect();
    IssuedDocument { keys, sequence: Some(sequence), refresh_hint: Some(60) }.to_bytes()
}

pub(crate) fn relationship(
    name: &str,
    url: &str,
    id: &SpiffeId,
    bootstrap: Option<&Path>,
) -> String {
    let mut text = format!(
        "  {name}:\n    bundle_endpoint_url: {url}\n    \
         bundle_endpoint_profile: {{https_spiffe: {{endpoint_spiffe_id: {id}}}}}\n"
    );
    if let Some(bootstrap) = bootstrap {
        let _ = writeln!(text, "    bootstrap_bundle_path: {}", bootstrap.display());
    }
    text
}

pub(crate) fn configure(folder: &Path, relationships: &[String]) -> PathBuf {
    let path = folder.join("anchorwatch.yaml");
    let store = folder.join("store");
    let head = format!(
        "store: {{path: {}}}\ndefaults: {{poll_interval: 1s, timeout: 1s}}\nfederates_with:\n",
        store.display()
    );
    std::fs::write(&path, head + &relationships.concat()).unwrap();
    path
}

pub(crate) fn anchorwatch(config: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anchorwatch"));
    command.args(arguments).arg(format!("--config.file={}", config.display()));
    command
}

pub(crate) fn json(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{why}: {said}"))
}

/// What the admin socket of the daemon in this folder answers to a relying party's lines.
pub(crate) fn report_sightings(folder: &Path, lines: &str) -> Answer {
    let headers = &[("content-type", "application/x-ndjson")];
    let target = "/admin/v1/sightings";
    let request = Request { method: "POST", target, headers, body: lines.as_bytes() };
    request.send_to_socket(&folder.join("store/admin.sock")).unwrap()
}

/// A daemon in a process of its own.
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) address: String,
}

impl Process {
    pub(crate) fn start(config: &Path) -> Self {
        Self::start_at(config, "127.0.0.1:0")
    }

    /// Where it is to listen. Port 0 is any free one.
    pub(crate) fn start_at(config: &Path, listen: &str) -> Self {
        Self::start_with(config, &[&format!("--web.listen-address={listen}")])
    }

    /// With these arguments more. Without an address among them it listens on any free port.
    pub(crate) fn start_with(config: &Path, arguments: &[&str]) -> Self {
        let listens = arguments.iter().any(|one| one.starts_with("--web.listen-address"));
        let free = (!listens).then_some("--web.listen-address=127.0.0.1:0");
        let mut command = anchorwatch(config, &["run", "--log.format=json"]);
        command.args(arguments).args(free);
        Self::spawn(command)
    }

    /// A daemon that logs as JSON, by this command.
    pub(crate) fn spawn(command: Command) -> Self {
        Self::try_spawn(command).expect("the daemon says where it listens")
    }

    /// As [`Self::spawn`]; where the daemon refuses to run, its exit code and what it said.
    pub(crate) fn try_spawn(command: Command) -> Result<Self, (Option<i32>, String)> {
        Self::try_spawn_heard(command, |_| ())
    }

    /// As [`Self::try_spawn`]; each line of its log is handed on.
    pub(crate) fn try_spawn_heard(
        mut command: Command,
        hear: impl Fn(&Value) + Send + 'static,
    ) -> Result<Self, (Option<i32>, String)> {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        while let Some(line) = lines.next() {
            let line = line.unwrap();
            let read: Value = serde_json::from_str(&line).unwrap_or_default();
            hear(&read);
            if let Some(address) = read["http"].as_str() {
                let address = address.to_owned();
                std::thread::spawn(move || {
                    for line in lines.map_while(Result::ok) {
                        hear(&serde_json::from_str(&line).unwrap_or_default());
                    }
                });
                return Ok(Self { child, address });
            }
            said = said + &line + "\n";
        }
        Err((child.wait().unwrap().code(), said))
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        Request::get(path).send_to(&self.address).unwrap()
    }

    /// The body of an answer of any status.
    #[track_caller]
    pub(crate) fn text(&self, path: &str) -> String {
        self.get(path).text().to_owned()
    }

    /// The body of an answer of status 200; `None` where none came, since the daemon may be gone.
    pub(crate) fn try_text(&self, path: &str) -> Option<String> {
        let answer = Request::get(path).send_to(&self.address).ok()?;
        (answer.status == 200).then(|| answer.text().to_owned())
    }

    /// The body as JSON; null where it is something else.
    pub(crate) fn value(&self, path: &str) -> Value {
        serde_json::from_slice(&self.get(path).body).unwrap_or_default()
    }

    /// What the API says of a trust domain, or that it does not know it.
    pub(crate) fn domain(&self, name: &str) -> Value {
        self.value(&format!("/api/v1/trust-domains/{name}"))
    }

    pub(crate) fn signal(&self, signal: &str) {
        let process = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
    }

    /// Asks it to end by a signal; `None` where it still runs after this long.
    pub(crate) fn end(&mut self, within: Duration) -> Option<ExitStatus> {
        self.signal("-TERM");
        let asked = Instant::now();
        loop {
            let status = self.child.try_wait().unwrap();
            if status.is_some() || within <= asked.elapsed() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Has it end by a signal. Whatever is to hold it up must be held for longer than this takes.
    #[track_caller]
    pub(crate) fn stops_in_time(&mut self) -> ExitStatus {
        self.end(STOPS_WITHIN).expect("it does not end")
    }

    /// The memory that the process holds, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// What is open.
    pub(crate) fn findings(&self) -> Vec<Value> {
        self.value("/api/v1/findings").as_array().cloned().unwrap_or_default()
    }

    /// Waits until this holds of the daemon.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !holds(self) {
            assert!(began.elapsed() < PATIENCE, "never {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

//! Prometheus and Alertmanager as processes of their own.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::process::http::Request;

/// Nothing takes this long to start.
const PATIENCE: Duration = Duration::from_secs(30);
const RULES: &str = "alerts/anchorwatch.rules.yaml";
const ALERTMANAGER: &str = "alerts/alertmanager.example.yaml";

/// The ports from which one is taken that nobody has: below those that the system gives away by
/// itself, so that none is lost to a connection while its program restarts.
const PORTS: std::ops::Range<u16> = 12_000..32_000;

/// A port that nobody has, and that is given once.
pub(crate) fn free() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = std::process::id().wrapping_mul(37);
    loop {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let count = u32::from(PORTS.end - PORTS.start);
        let offset = u16::try_from(start.wrapping_add(step) % count).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORTS.start + offset));
        if TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}

/// A program, ended by its process id.
pub(crate) struct Program {
    command: Command,
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Program {
    /// `name` says where its log goes.
    fn start(mut command: Command, folder: &Path, name: &str, address: SocketAddr) -> Self {
        let log = File::create(folder.join(format!("{name}.log"))).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = spawn(&mut command);
        Self { command, child, address }
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The same again, on what it left behind.
    pub(crate) fn start_again(&mut self) {
        self.child = spawn(&mut self.command);
    }

    pub(crate) fn json(&self, path: &str) -> Option<Value> {
        serde_json::from_str(&get(self.address, path, "application/json")?).ok()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn spawn(command: &mut Command) -> Child {
    let program = command.get_program().to_owned();
    command.spawn().unwrap_or_else(|why| {
        panic!("cannot start {program:?} ({why}): `make packages` installs what the tests call")
    })
}

/// The body of a good answer.
pub(crate) fn get(address: SocketAddr, path: &str, accept: &str) -> Option<String> {
    let headers = &[("accept", accept)];
    let answer = Request { headers, ..Request::get(path) }.send_to(address).ok()?;
    (answer.status == 200).then(|| answer.text().to_owned())
}

/// Two Alertmanagers in a cluster, under the example's routes and inhibitions. Only the waits are
/// shorter, and the receivers are ours.
pub(crate) fn alertmanagers(folder: &Path, webhook: SocketAddr) -> [Program; 2] {
    let mut text = fs::read_to_string(ALERTMANAGER).unwrap();
    for (theirs, ours) in [
        ("http://127.0.0.1:5001/", format!("http://{webhook}/pager")),
        ("http://127.0.0.1:5002/", format!("http://{webhook}/tickets")),
        ("group_wait: 30s", "group_wait: 1s".to_owned()),
        ("group_interval: 5m", "group_interval: 1s".to_owned()),
        ("group_interval: 1m", "group_interval: 1s".to_owned()),
    ] {
        assert!(text.contains(theirs), "{theirs}");
        text = text.replace(theirs, &ours);
    }
    let config = folder.join("alertmanager.yaml");
    fs::write(&config, text).unwrap();
    let gossip = [free(), free()];
    let began = Instant::now();
    [0, 1].map(|place| {
        let (address, name) = (free(), format!("alertmanager{place}"));
        let mut command = Command::new("prometheus-alertmanager");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.join(&name).display()))
            .arg(format!("--web.listen-address={address}"))
            .arg(format!("--cluster.listen-address={}", gossip[place]))
            .arg(format!("--cluster.peer={}", gossip[1 - place]))
            .args(["--cluster.peer-timeout=2s", "--cluster.reconnect-interval=1s"]);
        let started = Program::start(command, folder, &name, address);
        // It joins a cluster that is there already.
        while get(address, "/-/ready", "*/*").is_none() {
            assert!(began.elapsed() < PATIENCE, "{name} does not come up");
            std::thread::sleep(Duration::from_millis(20));
        }
        started
    })
}

/// A Prometheus that scrapes and evaluates each second.
pub(crate) fn prometheus(
    folder: &Path,
    daemon: SocketAddr,
    classic: SocketAddr,
    alertmanagers: &[Program; 2],
) -> Program {
    let rules = fs::canonicalize(RULES).unwrap();
    let [one, other] = alertmanagers.each_ref().map(|one| one.address);
    let config = folder.join("prometheus.yaml");
    let text = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: ['{rules}']
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{one}', '{other}']}}]}}]}}
scrape_configs:
  - job_name: anchorwatch
    static_configs: [{{targets: ['{daemon}']}}]
  - job_name: classic
    metrics_path: /classic
    static_configs: [{{targets: ['{classic}']}}]
",
        rules = rules.display(),
    );
    fs::write(&config, text).unwrap();
    let address = free();
    let mut command = Command::new("prometheus");
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("prometheus").display()))
        .arg(format!("--web.listen-address={address}"))
        .arg("--rules.alert.resend-delay=10s");
    Program::start(command, folder, "prometheus", address)
}

//! What ten thousand trust domains cost: memory, CPU while nothing changes, a scrape, a restart.
//!
//! The real daemon, built for release, watches 10,000 trust domains of 8 authorities each. They are
//! all served by one endpoint of go-spiffe's federation handler: each poll is a full handshake and
//! a full document all the same.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a measurement, not the product"
)]

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const DOMAINS: usize = 10_000;
const INTERVAL: Duration = Duration::from_secs(75);
/// How many scrapes are timed.
const SCRAPES: usize = 5;
/// The kernel counts a process's CPU in hundredths of a second.
const TICKS: f64 = 100.0;

fn main() {
    let Some(bin) = std::env::args().skip(1).find(|argument| !argument.starts_with("--")) else {
        println!("fleet: needs the folder of the Go programs; `make bench` gives it");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Path::new(&bin), folder.path());
    println!("{DOMAINS} trust domains of 8 authorities, one poll each {} s:", INTERVAL.as_secs());

    configure(folder.path(), &server.ready, true);
    let daemon = Daemon::start(folder.path());
    println!("  ready on an empty store after       {:>8.2} s", daemon.ready_after);
    daemon.wait_until_all_are_up();
    println!("  memory once all were polled         {:>8} MiB (target 100)", daemon.memory());
    let (before, began) = (daemon.cpu(), Instant::now());
    std::thread::sleep(INTERVAL);
    let share = (daemon.cpu() - before) / began.elapsed().as_secs_f64();
    println!(
        "  CPU over one interval, unchanged    {:>8.1} % of one core (target 6)",
        100.0 * share
    );
    println!("  memory after it                     {:>8} MiB", daemon.memory());
    scrape(&daemon, "with per-authority families");
    drop(daemon);

    configure(folder.path(), &server.ready, false);
    let daemon = Daemon::start(folder.path());
    println!("  ready again after SIGKILL           {:>8.2} s (target 2)", daemon.ready_after);
    scrape(&daemon, "without them");
}

fn configure(folder: &Path, ready: &Value, per_authority: bool) {
    let text = |name: &str| ready[name].as_str().unwrap().to_owned();
    let (url, id) = (text("https_spiffe_url"), text("endpoint_spiffe_id"));
    let own = text("trust_domain");
    let mut yaml = format!(
        "store: {{path: {0}/store}}\nmetrics: {{per_authority: {per_authority}}}\n\
         defaults: {{poll_interval: {1}s}}\nfederates_with:\n",
        folder.display(),
        INTERVAL.as_secs()
    );
    for place in 0..=DOMAINS {
        let name = if place == 0 { own.clone() } else { format!("d{place}.example") };
        let _ = writeln!(yaml, "  {name}:\n    bundle_endpoint_url: {url}");
        let _ = writeln!(
            yaml,
            "    bundle_endpoint_profile: {{https_spiffe: {{endpoint_spiffe_id: {id}}}}}"
        );
        if place == 0 {
            let _ = writeln!(yaml, "    bootstrap_bundle_path: {}", text("bootstrap"));
        }
    }
    std::fs::write(folder.join("anchorwatch.yaml"), yaml).unwrap();
}

fn scrape(daemon: &Daemon, which: &str) {
    let mut best = f64::MAX;
    let mut series = 0;
    let memory = daemon.memory();
    let before = daemon.cpu();
    for _ in 0..SCRAPES {
        let began = Instant::now();
        let text = daemon.get("/metrics");
        best = best.min(began.elapsed().as_secs_f64());
        series = text.lines().filter(|line| !line.starts_with('#')).count();
    }
    let cpu = (daemon.cpu() - before) / SCRAPES as f64;
    println!(
        "  scrape {which:<28} {:>8.0} ms wall, {:.0} ms CPU, {series} series: {:.0} ms CPU for 250,000 (target 50); {:+} MiB",
        best * 1e3,
        cpu * 1e3,
        cpu * 1e3 * 250_000.0 / series as f64,
        daemon.memory() - memory,
    );
}

struct Server {
    child: Child,
    ready: Value,
}

impl Server {
    fn start(bin: &Path, folder: &Path) -> Self {
        std::fs::create_dir_all(folder.join("served")).unwrap();
        let mut child = Command::new(bin.join("serve"))
            .args(["--dir", folder.join("served").to_str().unwrap(), "--authorities", "8"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, ready: serde_json::from_str(&line).unwrap() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

struct Daemon {
    child: Child,
    address: String,
    ready_after: f64,
}

impl Daemon {
    fn start(folder: &Path) -> Self {
        let began = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_anchorwatch"))
            .args(["run", "--web.listen-address=127.0.0.1:0", "--log.format=json"])
            .arg(format!("--config.file={}", folder.join("anchorwatch.yaml").display()))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
            if let Some(address) = line["http"].as_str() {
                break address.to_owned();
            }
        };
        // Whoever writes a log that nobody reads stops.
        std::thread::spawn(move || lines.for_each(drop));
        let mut daemon = Self { child, address, ready_after: 0.0 };
        while !daemon.get("/-/ready").contains("is ready") {
            std::thread::sleep(Duration::from_millis(10));
        }
        daemon.ready_after = began.elapsed().as_secs_f64();
        daemon
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: bench\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap_or_default().1.to_owned()
    }

    fn wait_until_all_are_up(&self) {
        loop {
            let text = self.get("/metrics");
            let up =
                |line: &&str| line.starts_with("anchorwatch_source_up{") && line.ends_with(" 1");
            if DOMAINS < text.lines().filter(up).count() {
                return;
            }
            std::thread::sleep(Duration::from_secs(2));
        }
    }

    /// Resident memory in MiB.
    fn memory(&self) -> i64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<i64>().unwrap() / 1024
    }

    /// CPU so far in seconds, user and system.
    fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks = |place: usize| fields.get(place).unwrap().parse::<f64>().unwrap();
        (ticks(11) + ticks(12)) / TICKS
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

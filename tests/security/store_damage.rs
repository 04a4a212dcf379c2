//! What befalls the store is seen: nothing that was acknowledged is lost, and the watch pages for itself.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use anchorwatch::daemon::SystemClock;
use anchorwatch::demo::mint::{DemoKeyAlgorithm, JwtAuthority};
use anchorwatch_core::time::{Clock as _, Timestamp};
use rusqlite::Connection;
use serde_json::Value;

use crate::alertmanager::Alertmanager;
use crate::process::{PATIENCE, Partner, Process, anchorwatch, configure, document, json};

const DATABASE: &str = "anchorwatch.sqlite";

/// Two trust domains under watch, one store, one Alertmanager.
struct World {
    folder: tempfile::TempDir,
    config: PathBuf,
    partner: Partner,
    _sibling: Partner,
    alertmanager: Alertmanager,
    _runtime: tokio::runtime::Runtime,
}

impl World {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let partner = runtime.block_on(Partner::start("b.example"));
        let sibling = runtime.block_on(Partner::start("c.example"));
        let relationships =
            [partner.relationship(folder.path()), sibling.relationship(folder.path())];
        let config = configure(folder.path(), &relationships);
        let alertmanager = runtime.block_on(Alertmanager::start());
        let text = std::fs::read_to_string(&config).unwrap();
        let push = format!("alertmanagers: [{{url: \"{}\"}}]\n", alertmanager.url);
        std::fs::write(&config, push + &text).unwrap();
        Self { folder, config, partner, _sibling: sibling, alertmanager, _runtime: runtime }
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn file(&self, ending: &str) -> PathBuf {
        self.store().join(format!("{DATABASE}{ending}"))
    }

    fn start(&self) -> Process {
        let daemon = Process::start(&self.config);
        daemon.until("read", |daemon| daemon.domain("b.example")["up"] == true);
        daemon.until("read", |daemon| daemon.domain("c.example")["up"] == true);
        daemon
    }

    /// A new JWT key, under the next sequence number; waits until the daemon shows it.
    fn publishes(&self, daemon: &Process, sequence: u64) {
        let key = JwtAuthority::mint(DemoKeyAlgorithm::EcP256).unwrap();
        let keys = [&self.partner.key, &key];
        self.partner.endpoint.serve(document(&[&self.partner.authority], &keys, sequence));
        daemon.until("sees the key", |daemon| daemon.domain("b.example")["sequence"] == sequence);
    }

    /// Waits until an alert of this name fires.
    #[track_caller]
    fn is_paged(&self, name: &str) -> Value {
        let fires = |alert: &Value| {
            // What ended before the daemon began is told too, and is no news.
            let ends = alert["endsAt"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
            alert["labels"]["alertname"] == name
                && ends.is_some_and(|ends| SystemClock.now() < ends)
        };
        let began = Instant::now();
        loop {
            let told = self.alertmanager.alerts();
            if let Some(found) = told.iter().rfind(|alert| fires(alert)) {
                return found.clone();
            }
            assert!(began.elapsed() < PATIENCE, "never told {name}: {told:#?}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    fn command(&self, arguments: &[&str]) -> Output {
        anchorwatch(&self.config, arguments).output().unwrap()
    }
}

fn is_ready(daemon: &Process) -> bool {
    daemon.get("/-/ready").status == 200
}

fn finding(daemon: &Process, kind: &str) -> Option<Value> {
    daemon.findings().into_iter().find(|finding| finding["kind"] == kind)
}

fn metric(daemon: &Process, name: &str) -> Option<f64> {
    let text = daemon.text("/metrics");
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

/// The numbers and hashes of all entries.
fn journal(daemon: &Process) -> Vec<(u64, String)> {
    let entries = daemon.value("/api/v1/events?limit=10000");
    let entry = |one: &Value| Some((one["number"].as_u64()?, one["hash"].as_str()?.to_owned()));
    entries.as_array().into_iter().flatten().filter_map(entry).collect()
}

#[test]
fn a_log_that_is_deleted_is_seen_and_costs_nothing_that_was_acknowledged() {
    let world = World::new();
    let daemon = world.start();
    world.publishes(&daemon, 2);
    std::fs::remove_file(world.file("-wal")).unwrap();
    daemon.until("not ready", |daemon| !is_ready(daemon));
    daemon.until("reported", |daemon| finding(daemon, "store_damaged").is_some());
    assert!(0.0 < metric(&daemon, "anchorwatch_store_damaged ").unwrap());
    let told = world.is_paged("AnchorwatchStoreDamaged");
    assert!(
        told["annotations"]["evidence"].as_str().unwrap().contains("-wal was removed"),
        "{told:#}"
    );
    assert_eq!(told["labels"]["trust_domain"], Value::Null);
    // Keys and a decision after it.
    world.publishes(&daemon, 3);
    let fingerprint = json(&world.command(&[
        "authorities",
        "--trust-domain=c.example",
        "--output=json",
    ]))[0]["fingerprint"]
        .as_str()
        .unwrap()
        .to_owned();
    let approved = world.command(&[
        "approve",
        &fingerprint,
        "--trust-domain=c.example",
        "--reason=asked",
        "--by=test",
        "--yes",
    ]);
    assert!(approved.status.success(), "{}", String::from_utf8_lossy(&approved.stderr));
    // And again, with what was opened again.
    std::fs::remove_file(world.file("-wal")).unwrap();
    world.publishes(&daemon, 4);
    let acknowledged = journal(&daemon);
    assert!(10 < acknowledged.len(), "{acknowledged:?}");
    // SIGKILL.
    drop(daemon);

    let daemon = world.start();
    let found = journal(&daemon);
    for entry in &acknowledged {
        assert!(found.contains(entry), "{entry:?} was acknowledged");
    }
    drop(daemon);
    let verified = world.command(&["store", "verify"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}

#[test]
fn a_database_that_is_deleted_or_replaced_makes_the_daemon_unready_and_pages() {
    for replaced in [false, true] {
        let world = World::new();
        let daemon = world.start();
        assert!(is_ready(&daemon));
        std::fs::remove_file(world.file("")).unwrap();
        if replaced {
            std::fs::write(world.file(""), "something else").unwrap();
        }
        daemon.until("not ready", |daemon| !is_ready(daemon));
        let told = world.is_paged("AnchorwatchStateNotPersisted");
        assert_eq!(told["labels"]["source"], "push");
        assert_eq!(told["labels"]["kind"], "state_not_persisted");
        world.is_paged("AnchorwatchStoreDamaged");
        // It watches on, and says that it is unrecorded.
        world.publishes(&daemon, 2);
        daemon.until("unrecorded", |daemon| daemon.domain("b.example")["unrecorded"] == true);
    }
}

/// After a kill the log is all that has the last entries: a start says that they are gone.
#[test]
fn a_log_that_is_deleted_after_a_kill_is_missed_at_the_start() {
    let world = World::new();
    let daemon = world.start();
    world.publishes(&daemon, 2);
    // Before the log is moved into the database.
    drop(daemon);
    std::fs::remove_file(world.file("-wal")).unwrap();
    let daemon = Process::start(&world.config);
    daemon.until("reported", |daemon| finding(daemon, "store_damaged").is_some());
    let evidence = finding(&daemon, "store_damaged").unwrap()["evidence"].to_string();
    assert!(evidence.contains("the journal was cut"), "{evidence}");
    daemon.until("read", |daemon| daemon.domain("b.example")["up"] == true);
    assert!(is_ready(&daemon), "it records again");
}

/// Someone edits what a start reads, with SQLite's own means.
fn edited(sql: &str) -> (World, Process) {
    let world = World::new();
    let daemon = world.start();
    for sequence in 2..6 {
        world.publishes(&daemon, sequence);
    }
    daemon.signal("-TERM");
    let mut daemon = daemon;
    daemon.child.wait().unwrap();
    drop(daemon);
    let connection = Connection::open(world.file("")).unwrap();
    connection.execute_batch("DROP TRIGGER events_are_not_edited").unwrap();
    assert!(connection.execute_batch(sql).is_ok(), "{sql}");
    drop(connection);
    let daemon = world.start();
    (world, daemon)
}

#[test]
fn a_start_with_a_damaged_checkpoint_says_so_and_makes_it_anew() {
    let edit =
        "UPDATE checkpoints SET facts = replace(facts, '\"high_water\":5', '\"high_water\":4')";
    let (world, daemon) = edited(edit);
    daemon.until("reported", |daemon| finding(daemon, "store_damaged").is_some());
    let told = world.is_paged("AnchorwatchStoreDamaged");
    let evidence = told["annotations"]["evidence"].as_str().unwrap();
    assert!(evidence.contains("the checkpoint of b.example"), "{evidence}");
    // What was known is known: from the events.
    assert_eq!(daemon.domain("b.example")["sequence"], 5);
    assert!(is_ready(&daemon), "it polls, judges and records");
    let findings = world.command(&["findings"]);
    let said = String::from_utf8_lossy(&findings.stdout);
    assert!(said.contains("store_damaged  anchorwatch itself"), "{said}");
    assert_eq!(findings.status.code(), Some(2));
    let page = daemon.text("/");
    assert!(page.contains("anchorwatch itself"), "{page}");
    let id = finding(&daemon, "store_damaged").unwrap()["id"].as_str().unwrap().to_owned();
    assert!(daemon.text(&format!("/finding/{id}")).contains("the checkpoint of b.example"));
}

#[test]
fn an_entry_that_was_edited_is_found_by_the_check_in_the_background() {
    // An old one, which no start reads, once there are checkpoints.
    let edit = "UPDATE events SET payload = payload || ' ' WHERE number = 2";
    let (world, daemon) = edited(edit);
    daemon.until("reported", |daemon| finding(daemon, "store_damaged").is_some());
    let told = world.is_paged("AnchorwatchStoreDamaged");
    assert!(told["annotations"]["evidence"].as_str().unwrap().contains("entry 2 "), "{told:#}");
    drop(daemon);
    // The same by hand.
    let verified = world.command(&["store", "verify"]);
    assert_eq!(verified.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&verified.stderr).contains("entry 2 "));
}

#[test]
fn a_store_in_order_says_when_it_was_verified() {
    let world = World::new();
    let daemon = world.start();
    let verified = "anchorwatch_store_verified_timestamp_seconds ";
    daemon.until("verified", |daemon| metric(daemon, verified).is_some());
    assert_eq!(metric(&daemon, "anchorwatch_store_damaged "), Some(0.0));
    assert_eq!(finding(&daemon, "store_damaged"), None);
    assert!(is_ready(&daemon));
}

#[test]
fn a_link_in_the_place_of_the_lock_file_is_refused() {
    let world = World::new();
    let precious = world.folder.path().join("precious");
    std::fs::write(&precious, "precious\n").unwrap();
    std::fs::create_dir(world.store()).unwrap();
    std::os::unix::fs::symlink(&precious, world.store().join("anchorwatch.lock")).unwrap();
    let mut started = anchorwatch(&world.config, &["run", "--web.listen-address=127.0.0.1:0"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    let status = loop {
        if let Some(status) = started.try_wait().unwrap() {
            break Some(status);
        }
        if PATIENCE < began.elapsed() {
            started.kill().unwrap();
            started.wait().unwrap();
            break None;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    assert!(status.is_some_and(|status| !status.success()), "it runs, or ran: {status:?}");
    let mut said = String::new();
    started.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("without following links"), "{said}");
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "precious\n");
}

/// Runs the daemon as somebody who may read the store and not write it.
fn start_as_somebody_else(world: &World) -> Process {
    let is_root = String::from_utf8_lossy(&Command::new("id").arg("-u").output().unwrap().stdout)
        .trim()
        == "0";
    open_to_all(world.folder.path());
    let mut command = if is_root {
        // The binary may lie where nobody else may go.
        let binary = world.folder.path().join("anchorwatch-binary");
        std::fs::copy(env!("CARGO_BIN_EXE_anchorwatch"), &binary).unwrap();
        std::fs::set_permissions(&binary, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(binary);
        command
    } else {
        Command::new(env!("CARGO_BIN_EXE_anchorwatch"))
    };
    command.args(["run", "--log.format=json", "--web.listen-address=127.0.0.1:0"]);
    command.arg(format!("--config.file={}", world.config.display()));
    Process::spawn(command)
}

/// The files may be read by everyone, and written by nobody but root.
fn open_to_all(folder: &Path) {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
            }
        }
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o555)).unwrap();
    }
}

fn close_again(folder: &Path) {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
}

#[test]
fn a_read_only_store_starts_unready_and_is_watched_with() {
    let world = World::new();
    let daemon = world.start();
    world.publishes(&daemon, 2);
    // SIGKILL: the last entries are in the log alone.
    drop(daemon);
    let daemon = start_as_somebody_else(&world);
    assert!(!is_ready(&daemon), "{}", daemon.text("/-/ready"));
    world.is_paged("AnchorwatchStateNotPersisted");
    daemon.until("read", |daemon| daemon.domain("b.example")["sequence"] == 2);
    world.publishes(&daemon, 3);
    daemon.until("unrecorded", |daemon| daemon.domain("b.example")["unrecorded"] == true);
    assert!(!is_ready(&daemon));
    drop(daemon);
    close_again(world.folder.path());
}

/// A disk that is full for files of more than so many kibibytes.
fn start_on_a_full_disk(world: &World, kibibytes: u32) -> Process {
    let mut command = Command::new("bash");
    let script = format!("trap '' XFSZ; ulimit -f {kibibytes}; exec \"$0\" \"$@\"");
    command.args(["-c", &script]).arg(env!("CARGO_BIN_EXE_anchorwatch"));
    command.args(["run", "--log.format=json", "--web.listen-address=127.0.0.1:0"]);
    command.arg(format!("--config.file={}", world.config.display()));
    Process::spawn(command)
}

#[test]
fn a_full_disk_at_the_start_is_waited_out() {
    // A store that is there and one that is not; no byte can be written, or a few pages.
    for (is_there, kibibytes) in [(true, 0), (true, 36), (false, 0)] {
        let world = World::new();
        if is_there {
            let daemon = world.start();
            world.publishes(&daemon, 2);
            daemon.signal("-TERM");
            let mut daemon = daemon;
            daemon.child.wait().unwrap();
        }
        let daemon = start_on_a_full_disk(&world, kibibytes);
        daemon.until("read", |daemon| daemon.domain("b.example")["up"] == true);
        world.publishes(&daemon, 3);
        daemon.until("not ready", |daemon| !is_ready(daemon));
        let told = world.is_paged("AnchorwatchStateNotPersisted");
        assert!(told["annotations"]["unrecorded"].is_string(), "{told:#}");
        daemon.until("unrecorded", |daemon| daemon.domain("b.example")["unrecorded"] == true);
        drop(daemon);
        // There is room again: what was recorded before is still there.
        let daemon = world.start();
        daemon.until("ready", is_ready);
        if is_there {
            assert!(5 < journal(&daemon).len());
        }
    }
}

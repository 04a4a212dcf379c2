//! A store whose files are corrupted at random while nobody runs: either what it says is the same,
//! or the corruption is reported, by `store verify` and by the next start. None is silently taken.

use std::fs;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::issuer::Issuer;
use crate::process::{Process, anchorwatch, configure};
use crate::repetitions;

/// The file of the store that holds the journal.
const DATABASE: &str = "anchorwatch.sqlite";
/// Changes of each bundle before the store is taken as it is.
const CHANGES: u64 = 30;

/// What is done to the files.
#[derive(Clone, Copy, Debug)]
enum Corruption {
    FlipBit(&'static str),
    ZeroBlock(&'static str),
    Truncate(&'static str),
    Append(&'static str),
    RemoveLog,
}

const CORRUPTIONS: [Corruption; 9] = [
    Corruption::FlipBit(""),
    Corruption::FlipBit("-wal"),
    Corruption::FlipBit(""),
    Corruption::ZeroBlock(""),
    Corruption::ZeroBlock("-wal"),
    Corruption::Truncate(""),
    Corruption::Truncate("-wal"),
    Corruption::Append(""),
    Corruption::RemoveLog,
];

/// The places come from one number, which a failure names.
struct Random(u64);

impl Random {
    /// A number below `bound`, by `SplitMix64`.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}

impl Corruption {
    fn carry_out(self, store: &Path, random: &mut Random) {
        let file = |ending: &str| store.join(format!("{DATABASE}{ending}"));
        let edit = |path: PathBuf, at: u64, bytes: &[u8]| {
            let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
            file.seek(SeekFrom::Start(at)).unwrap();
            file.write_all(bytes).unwrap();
        };
        match self {
            Self::FlipBit(ending) => {
                let path = file(ending);
                let bytes = fs::read(&path).unwrap();
                let at = random.below(u64::try_from(bytes.len()).unwrap());
                let byte = bytes[usize::try_from(at).unwrap()] ^ (1 << random.below(8));
                edit(path, at, &[byte]);
            }
            Self::ZeroBlock(ending) => {
                let blocks = fs::metadata(file(ending)).unwrap().len() / 512;
                edit(file(ending), random.below(blocks) * 512, &[0; 512]);
            }
            Self::Truncate(ending) => {
                let file = fs::OpenOptions::new().write(true).open(file(ending)).unwrap();
                let length = file.metadata().unwrap().len();
                file.set_len(random.below(length)).unwrap();
            }
            Self::Append(ending) => {
                let length = fs::metadata(file(ending)).unwrap().len();
                edit(file(ending), length, &random.below(u64::MAX).to_le_bytes());
            }
            Self::RemoveLog => fs::remove_file(file("-wal")).unwrap(),
        }
    }
}

/// How a corruption fared.
#[derive(Debug, Default)]
struct Tally {
    harmless: usize,
    reported: usize,
    /// The store has its beginning and says nothing false; only `--head` knows that more was there.
    cut: usize,
}

#[test]
fn no_corruption_of_the_store_is_taken_in_silence() {
    let corruptions = repetitions(100, 9);
    let seed = RandomState::new().build_hasher().finish();
    let mut random = Random(seed);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut issuers: Vec<Issuer> = ["one.example", "two.example"]
        .map(|name| runtime.block_on(Issuer::start(name)))
        .into_iter()
        .collect();
    let relationships: Vec<String> =
        issuers.iter().map(|issuer| issuer.relationship(folder.path())).collect();
    let config = configure(folder.path(), &relationships);
    let store = folder.path().join("store");
    let (head, journal) = fill(&config, &mut issuers);
    let kept = folder.path().join("kept");
    copy(&store, &kept);

    let mut tally = Tally::default();
    for number in 0..corruptions {
        let corruption = CORRUPTIONS[number % CORRUPTIONS.len()];
        fs::remove_dir_all(&store).unwrap();
        copy(&kept, &store);
        corruption.carry_out(&store, &mut random);
        let what = format!("{corruption:?}, number {number} of seed {seed}");
        let whole = verify(&config, &["--head", &head]).status.success();
        let in_order = verify(&config, &[]).status.success();
        if whole {
            assert_eq!(events(&config), journal, "{what}: taken in silence");
            tally.harmless += 1;
        } else if in_order {
            let left = events(&config);
            assert_eq!(journal.get(..left.len()), Some(&left[..]), "{what}: not a beginning");
            tally.cut += 1;
        } else {
            tally.reported += 1;
        }
        starts_and_reports(&config, in_order, &what);
    }
    println!(
        "{corruptions} corruptions: {} harmless, {} reported, {} that cut the tail (known to \
         `--head`); none was taken in silence",
        tally.harmless, tally.reported, tally.cut
    );
    assert!(0 < tally.reported, "nothing was ever damaged: {tally:?}");
}

/// Runs a daemon over some changes and kills it. Returns the journal's head and its entries.
fn fill(config: &Path, issuers: &mut [Issuer]) -> (String, Vec<Value>) {
    let daemon = Process::start(config);
    for change in 1..=CHANGES {
        for issuer in issuers.iter_mut() {
            daemon.until("read", |daemon| daemon.domain(&issuer.name)["sequence"] == change);
            issuer.shown.fetch_max(change, std::sync::atomic::Ordering::Relaxed);
            issuer.rotate();
        }
    }
    drop(daemon);
    let verified = verify(config, &[]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    let journal = events(config);
    let head = journal.last().unwrap()["hash"].as_str().unwrap().to_owned();
    (head, journal)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

fn verify(config: &Path, arguments: &[&str]) -> Output {
    anchorwatch(config, &[&["store", "verify"], arguments].concat()).output().unwrap()
}

/// The journal's entries; none where it cannot be read.
fn events(config: &Path) -> Vec<Value> {
    let arguments = ["events", "--limit", "10000", "--output", "json"];
    let output = anchorwatch(config, &arguments).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// A daemon either refuses this store with a message or watches on; what `store verify` finds it
/// reports itself.
fn starts_and_reports(config: &Path, in_order: bool, what: &str) {
    let arguments = ["run", "--log.format=json", "--web.listen-address=127.0.0.1:0"];
    let daemon = match Process::try_spawn(anchorwatch(config, &arguments)) {
        Ok(daemon) => daemon,
        Err((code, said)) => {
            assert!(code.is_some_and(|code| code != 0 && code != 101), "{what}: {code:?}, {said}");
            assert!(!said.trim().is_empty(), "{what}: refused without a word");
            return;
        }
    };
    let value = |name: &str| -> Option<f64> {
        let metrics = daemon.try_text("/metrics")?;
        let line = metrics.lines().find(|line| line.starts_with(name))?;
        line.rsplit_once(' ')?.1.parse().ok()
    };
    let damaged = || value("anchorwatch_store_damaged ").is_some_and(|damaged| 0.0 < damaged);
    let verified = || value("anchorwatch_store_verified_timestamp_seconds ").is_some();
    daemon.until("verified or reported", |_| damaged() || verified());
    assert!(in_order || damaged(), "{what}: the daemon says nothing of what `store verify` finds");
}

//! `anchorwatch export`: an evidence pack, for those who have neither the daemon nor its store.

mod pack;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use pack::Pack;

use super::output::{chain, complain, file_name, print};
use super::{Exit, Global, source};
use crate::daemon::SystemClock;
use crate::store::{EntryRange, StoreReader, StoredEntry};
use anchorwatch_core::bundle::Digest;
use anchorwatch_core::finding::Finding;
use anchorwatch_core::journal::{Chain, describe};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::{Clock as _, Timestamp};
use anchorwatch_core::watch::Event;

/// Write an evidence pack: events, documents, findings, decisions, digests.
#[derive(Args, Debug)]
#[command(after_help = "\
The folder is made, and must not be there. In it:
  events.jsonl      the journal's entries, each with the text that was hashed and the hash before it
  bundles/          the documents that they name, as stored: private keys are redacted
  findings.json     what is open now
  decisions.jsonl   who decided what, when and why
  pack.json         what was asked for, the journal's head, and how an entry's hash is made
  MANIFEST.sha256   the digests of all of them

Check it with `sha256sum -c MANIFEST.sha256` in the folder; keep the manifest's own digest
elsewhere. The store is only read, beside a running daemon or without one. Exit code 1 says that an
entry does not fit its hash: the pack holds it as it stands.

Example:
  anchorwatch export INC-42 --trust-domain domain-b.example --since 2026-12-01T00:00:00Z")]
pub(super) struct Arguments {
    /// Folder to create for the evidence; it must not exist.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Export only this trust domain.
    #[arg(long, value_name = "NAME")]
    trust_domain: Option<TrustDomain>,
    /// Export only events at or after this time (RFC 3339).
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Export only events before this time (RFC 3339).
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    /// Folder of the store, instead of the configuration's `store.path`.
    #[arg(long, value_name = "FOLDER")]
    store: Option<PathBuf>,
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Exit {
    let path = match &arguments.store {
        Some(path) => path.clone(),
        None => match source::load(global) {
            Ok(config) => config.store.path,
            Err(exit) => return exit,
        },
    };
    let store = match source::open(&path) {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    match export(&store, arguments) {
        Ok(exported) => exported.tell(arguments),
        Err(why) => {
            complain(&why);
            Exit::CannotLook
        }
    }
}

/// What came into a pack.
#[derive(Default)]
struct Exported {
    entries: u64,
    decisions: u64,
    bodies: BTreeSet<Digest>,
    domains: BTreeSet<TrustDomain>,
    /// Documents that are kept no more.
    gone: usize,
    /// Entries that do not fit their hash.
    misfits: Vec<u64>,
}

impl Exported {
    fn tell(&self, arguments: &Arguments) -> Exit {
        let Self { entries, decisions, bodies, gone, misfits, .. } = self;
        let written = bodies.len().saturating_sub(*gone);
        print(&format!(
            "{}: {entries} events, {decisions} decisions, {written} documents",
            file_name(&arguments.folder)
        ));
        if 0 < *gone {
            complain(&format!(
                "{gone} documents are not stored, or not yet: the events contain their digests"
            ));
        }
        let Some(first) = misfits.first() else { return Exit::Ok };
        let count = misfits.len();
        complain(&format!(
            "{count} entries do not fit their hash, the first is {first}: run `anchorwatch store verify`"
        ));
        Exit::Warning
    }
}

fn export(store: &StoreReader, arguments: &Arguments) -> Result<Exported, String> {
    let mut pack = Pack::create(&arguments.folder)?;
    let mut exported = Exported::default();
    let head = journal(store, arguments, &mut pack, &mut exported)?;
    for digest in &exported.bodies {
        match store.body(*digest).map_err(|why| chain(&why))? {
            Some(body) => pack.whole(&format!("bundles/{}.json", digits(*digest)), &body)?,
            None => exported.gone = exported.gone.saturating_add(1),
        }
    }
    let mut findings: BTreeMap<&TrustDomain, Vec<Finding>> = BTreeMap::new();
    for name in &exported.domains {
        let (state, faults) = store.state(name);
        source::damaged(&faults);
        findings.insert(name, state.facts.ledger.open.clone());
    }
    pack.json("findings.json", &findings)?;
    let about = serde_json::json!({
        "anchorwatch": env!("CARGO_PKG_VERSION"),
        "made_at": SystemClock.now(),
        "trust_domain": arguments.trust_domain,
        "since": arguments.since,
        "until": arguments.until,
        "entries": exported.entries,
        "journal_head": { "number": head.number, "hash": head.head },
        "hash": "SHA-256 over: the 32 bytes of previous, number and at_micros and the length of trust_domain as 8 bytes each, big-endian, trust_domain, payload",
        "findings": "event findings that are open now; `anchorwatch findings` derives the conditions",
    });
    pack.json("pack.json", &about)?;
    pack.finish(&format!("journal head: entry {} {}", head.number, head.head))?;
    Ok(exported)
}

/// Writes events and decisions. The whole journal is read: what an entry is chained to may belong
/// to another trust domain.
fn journal(
    store: &StoreReader,
    arguments: &Arguments,
    pack: &mut Pack,
    exported: &mut Exported,
) -> Result<Chain, String> {
    let mut events = pack.file("events.jsonl")?;
    let mut decisions = pack.file("decisions.jsonl")?;
    let mut head = Chain::genesis();
    let mut fault = None;
    let read = store.each_entry(&EntryRange::default(), &mut |stored| {
        let previous = head;
        head = Chain { number: stored.number, head: stored.hash };
        if !wanted(arguments, &stored) {
            return ControlFlow::Continue(());
        }
        if previous.next(stored.at, &stored.trust_domain, stored.payload) != head {
            exported.misfits.push(stored.number);
        }
        let written = events
            .line(&entry(&stored, previous.head))
            .and_then(|()| note(&stored, &mut decisions, exported));
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(why) => {
                fault = Some(why);
                ControlFlow::Break(())
            }
        }
    });
    read.map_err(|why| chain(&why))?;
    fault.map_or(Ok(()), Err)?;
    pack.close(events)?;
    pack.close(decisions)?;
    Ok(head)
}

fn wanted(arguments: &Arguments, stored: &StoredEntry<'_>) -> bool {
    arguments.trust_domain.as_ref().is_none_or(|name| *name == stored.trust_domain)
        && arguments.since.is_none_or(|since| since <= stored.at)
        && arguments.until.is_none_or(|until| stored.at < until)
}

fn entry(stored: &StoredEntry<'_>, previous: Digest) -> serde_json::Value {
    serde_json::json!({
        "number": stored.number,
        "at": stored.at,
        "at_micros": stored.at.as_unix_micros(),
        "trust_domain": stored.trust_domain,
        "previous": previous,
        "hash": stored.hash,
        "payload": stored.payload,
    })
}

/// Takes down what else an entry brings into the pack. One that cannot be read is a misfit.
fn note(
    stored: &StoredEntry<'_>,
    decisions: &mut pack::Hashed,
    exported: &mut Exported,
) -> Result<(), String> {
    exported.entries = exported.entries.saturating_add(1);
    exported.domains.insert(stored.trust_domain.clone());
    let Ok(event) = stored.event() else {
        if exported.misfits.last() != Some(&stored.number) {
            exported.misfits.push(stored.number);
        }
        return Ok(());
    };
    exported.bodies.extend(event.body());
    if matches!(event, Event::Decided { .. } | Event::Rebootstrapped { .. }) {
        exported.decisions = exported.decisions.saturating_add(1);
        decisions.line(&serde_json::json!({
            "number": stored.number,
            "at": stored.at,
            "trust_domain": stored.trust_domain,
            "what": describe(&event),
            "event": event,
        }))?;
    }
    Ok(())
}

/// A digest's digits alone.
fn digits(digest: Digest) -> String {
    let text = digest.to_string();
    text.strip_prefix("sha256:").map(str::to_owned).unwrap_or(text)
}

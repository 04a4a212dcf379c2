//! The journal of a store, read for a replay. The store is opened for reading alone, so a daemon
//! may hold it meanwhile.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use super::{Arguments, Printer, rules};
use crate::cli::output::{chain, complain};
use crate::config::Config;
use crate::store::{EntryRange, StoreReader};
use anchorwatch_core::decision::DecisionAction;
use anchorwatch_core::journal::Entry;
use anchorwatch_core::replay::{JournalReplay, RecordedDecisions, Rules};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::watch::Event;

/// What operators and configurations decided, by trust domain, as the journal has it.
type Decided = BTreeMap<TrustDomain, Vec<DecisionAction>>;

pub(super) fn replay(
    config: Option<&Config>,
    arguments: &Arguments,
    out: &mut Printer,
) -> Result<(), String> {
    let path: &Path = match (&arguments.store, config) {
        (Some(path), _) => path,
        (None, Some(config)) => &config.store.path,
        (None, None) => {
            return Err(
                "name what is to be judged: --config.file, --store or --observations".to_owned()
            );
        }
    };
    let store = StoreReader::open(path).map_err(|why| chain(&why))?;
    let wanted =
        EntryRange { trust_domain: arguments.trust_domain.clone(), ..EntryRange::default() };
    let decided = decided(&store, &wanted)?;
    let mut replay = JournalReplay::new(
        |name: &TrustDomain| judged_by(config, arguments, &decided, name),
        if arguments.without_decisions {
            RecordedDecisions::LeaveOut
        } else {
            RecordedDecisions::Keep
        },
    );
    each_event(&store, &wanted, &mut |entry| out.reports(&replay.judge_entry(entry)))?;
    let poll_states = store.poll_states().map_err(|why| chain(&why))?;
    let ends = poll_states
        .into_iter()
        .filter_map(|(name, poll_state)| Some((name, poll_state.last_poll?)));
    let left_out: Vec<String> = replay.left_out().iter().map(ToString::to_string).collect();
    let (reports, summary) = replay.finish(&ends.collect());
    out.reports(&reports)?;
    if !left_out.is_empty() {
        complain(&format!(
            "left out, since the configuration has no rules for them: {}",
            left_out.join(", ")
        ));
    }
    if summary.lines == 0 {
        complain("the journal has no such entry");
    }
    out.summary(&summary)
}

/// The rules for a trust domain; `None` where there is a configuration that says nothing of it.
fn judged_by(
    config: Option<&Config>,
    arguments: &Arguments,
    decided: &Decided,
    name: &TrustDomain,
) -> Option<Rules> {
    let known = |config: &Config| config.relationships.iter().any(|one| one.trust_domain() == name);
    if config.is_some_and(|config| !known(config)) {
        return None;
    }
    let mut rules = rules(config, arguments, name)?;
    // What the journal tells of has its own time there.
    let told = decided.get(name).map(Vec::as_slice).unwrap_or_default();
    rules
        .decisions
        .retain(|decision| !arguments.without_decisions && !told.contains(&decision.action));
    Some(rules)
}

fn decided(store: &StoreReader, wanted: &EntryRange) -> Result<Decided, String> {
    let mut decided = Decided::new();
    each_event(store, wanted, &mut |entry| {
        if let Event::Decided { decision } = entry.event {
            decided.entry(entry.trust_domain).or_default().push(decision.action);
        }
        Ok(())
    })?;
    Ok(decided)
}

fn each_event(
    store: &StoreReader,
    wanted: &EntryRange,
    take: &mut dyn FnMut(Entry) -> Result<(), String>,
) -> Result<(), String> {
    let mut fault = None;
    let read = store.each_entry(wanted, &mut |stored| {
        let event = stored.event().map_err(|why| chain(&why));
        let taken = event.and_then(|event| {
            let (at, trust_domain) = (stored.at, stored.trust_domain.clone());
            take(Entry { at, trust_domain, event })
        });
        match taken {
            Ok(()) => ControlFlow::Continue(()),
            Err(why) => {
                fault = Some(why);
                ControlFlow::Break(())
            }
        }
    });
    read.map_err(|why| chain(&why))?;
    fault.map_or(Ok(()), Err)
}

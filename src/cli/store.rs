//! `anchorwatch store verify`: is the journal whole?

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::output::{Output, complain, print, print_json};
use super::{Exit, Global, source};
use crate::store::{Verified, VerifyFault};
use anchorwatch_core::bundle::Digest;

/// How often a long verification says how far it is.
const PROGRESS_EVERY: u64 = 250_000;

/// What can be asked about the store.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Find any edit, gap or reordering; with --head also a tail that was cut.
    Verify(VerifyArguments),
}

/// The arguments of `store verify`.
#[derive(Args, Debug)]
#[command(after_help = "\
All that the daemon's check in the background finds is found. A journal whose tail was cut is whole
in itself. The daemon notes its head in the lock file beside it, logs it each hour and when it stops,
and sends it with each alert that it pushes: give one that is kept elsewhere to find a cut.

Exit codes: 0 where it is whole, 1 where it is not, 3 where it cannot be read.

Example:
  anchorwatch store verify --head sha256:9d1e…")]
pub(super) struct VerifyArguments {
    /// Digest that the daemon logged as the head of its journal.
    #[arg(long, value_name = "DIGEST")]
    head: Option<Digest>,
    /// Folder of the store, instead of the configuration's `store.path`.
    #[arg(long, value_name = "FOLDER")]
    path: Option<PathBuf>,
    /// Form of the output: text for people, json for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(global: &Global, command: &Command) -> Exit {
    let Command::Verify(arguments) = command;
    let path = match &arguments.path {
        Some(path) => path.clone(),
        None => match source::load(global) {
            Ok(config) => config.store.path,
            Err(exit) => return exit,
        },
    };
    let reader = match source::open(&path) {
        Ok(reader) => reader,
        Err(exit) => return exit,
    };
    let terminal = std::io::stderr().is_terminal();
    let mut next = PROGRESS_EVERY;
    let mut progress = |read: u64, all: u64| {
        if terminal && next <= read {
            complain(&format!("{read} of {all} entries"));
            next = read.saturating_add(PROGRESS_EVERY);
        }
    };
    match reader.verify(arguments.head, &mut progress) {
        Ok(verified) => {
            show(&verified, arguments.output);
            Exit::Ok
        }
        Err(faults) => {
            faults.listed.iter().for_each(|fault| complain(&fault.to_string()));
            if 0 < faults.more {
                complain(&format!("{} more are not listed", faults.more));
            }
            let damaged = faults.listed.iter().any(VerifyFault::is_damage);
            if damaged { Exit::Warning } else { Exit::CannotLook }
        }
    }
}

fn show(verified: &Verified, output: Output) {
    let Verified { head, trust_domains, checkpoints, authorities, bodies, .. } = verified;
    if output == Output::Json {
        return print_json(&serde_json::json!({
            "entries": head.number,
            "head": head.head,
            "trust_domains": trust_domains,
            "checkpoints": checkpoints,
            "authorities": authorities,
            "bodies": bodies,
            "entries_after_the_given_head": verified.followed_by(),
        }));
    }
    print(&format!(
        "the journal is whole: {} entries of {trust_domains} trust domains\n  head         {}\n  checkpoints  {checkpoints}\n  authorities  {authorities}\n  bodies       {bodies}",
        head.number, head.head
    ));
    if let Some(after) = verified.followed_by() {
        print(&format!("  {after} entries follow the head that was given"));
    }
}

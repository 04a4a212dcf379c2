//! `anchorwatch simulate`: the judgement, scored against worlds whose truth is known.

mod disturbed;
mod first;

use std::fs::File;
use std::io::{BufWriter, IsTerminal as _, Write};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clap::Args;

use super::output::{complain, print, table};
use super::{Exit, Global};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::duration_text;
use anchorwatch_lab::issuer::IssuerSettings;
use anchorwatch_lab::score::{
    Clean, CleanRow, ExpectedFinding, IncidentRow, Promise, ROWS, RestartRow, StallMask, StallRow,
    VerdictScore, clean_rows, restart_row, stall_row, verdicts,
};
use anchorwatch_lab::simulate::{Incident, KeyPool, ObservationLines, Scenario, World, truth_line};

/// Play trust domains in virtual time, and score the judgement of them.
#[derive(Args, Debug)]
#[command(after_help = "\
Without --incident it prints the whole table: verdicts, clean rotation, restarts, stalls, attacks and
their twins. The worlds follow from the seed, and nobody tuned the judgement on the default one.

Examples:
  anchorwatch simulate --years 100
  anchorwatch simulate --incident injected_jwt_matched --worlds 50 --seed 7
  anchorwatch simulate --incident rollback --observations polls.jsonl --truth truth.jsonl")]
pub(super) struct Arguments {
    /// Simulate only this incident. May be repeated.
    #[arg(long = "incident", value_name = "NAME", value_parser = incident)]
    incidents: Vec<Incident>,
    /// Number of domain-years of rotation without incidents.
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    years: u64,
    /// Number of simulated worlds for each incident.
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    worlds: u64,
    /// Number of hand-overs whose activation is known.
    #[arg(long, value_name = "COUNT", default_value_t = 1_000_000)]
    handovers: u64,
    /// Seed of the random numbers: the same seed gives the same worlds.
    #[arg(long, value_name = "NUMBER", default_value_t = 20_261_123)]
    seed: u64,
    /// File for the polls of one world, which are written instead of a score, as
    /// `replay --observations` reads them.
    #[arg(long, value_name = "FILE", requires = "truth")]
    observations: Option<PathBuf>,
    /// File for the truth of that world.
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Number of servers in that world.
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    replicas: u16,
    /// Lifetime of its CA keys, as 24h.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, default_value = "24h")]
    ca_ttl: Duration,
    /// Time for which it is watched, as 72h.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, default_value = "6d")]
    lasts: Duration,
}

fn incident(text: &str) -> Result<Incident, String> {
    let names: Vec<&str> = Incident::ALL.iter().map(|incident| incident.label()).collect();
    Incident::from_label(text).ok_or_else(|| format!("the incidents are {}", names.join(", ")))
}

/// A year.
const YEAR: Duration = Duration::from_hours(24 * 365);
/// As many keys as the busiest world uses, and some.
const KEYS: usize = 16_384;

pub(super) fn run(_global: &Global, arguments: &Arguments) -> Exit {
    let Ok(name) = "simulated.example".parse::<TrustDomain>() else { return Exit::Host };
    match (&arguments.observations, &arguments.truth) {
        (Some(polls), Some(truth)) => match write(arguments, &name, polls, truth) {
            Ok(()) => Exit::Ok,
            Err(why) => {
                complain(&why);
                Exit::CannotLook
            }
        },
        _ => score(arguments, &name),
    }
}

/// Writes one world out.
fn write(
    arguments: &Arguments,
    name: &TrustDomain,
    polls: &PathBuf,
    truth: &PathBuf,
) -> Result<(), String> {
    let create = |path: &PathBuf| {
        let file = File::create(path);
        file.map(BufWriter::new).map_err(|why| format!("cannot write {}: {why}", path.display()))
    };
    let (mut polls, mut truths) = (create(polls)?, create(truth)?);
    let issuer = IssuerSettings::spire(arguments.ca_ttl);
    let mut scenario = Scenario::clean(name.clone(), arguments.replicas, issuer);
    scenario.lasts = arguments.lasts;
    for incident in &arguments.incidents {
        scenario = scenario.with(arguments.lasts / 2, *incident);
    }
    let failed = |why: std::io::Error| format!("cannot write: {why}");
    let mut world = World::new(&scenario, arguments.seed);
    let mut lines = ObservationLines::new(name.clone());
    for turn in world.by_ref() {
        polls.write_all(lines.of(&turn).as_bytes()).map_err(failed)?;
    }
    for truth in world.truth() {
        writeln!(truths, "{}", truth_line(name, truth).trim_end()).map_err(failed)?;
    }
    polls.flush().and_then(|()| truths.flush()).map_err(failed)
}

fn score(arguments: &Arguments, name: &TrustDomain) -> Exit {
    let keys = KeyPool::new(KEYS, arguments.seed);
    let mut kept = true;
    if arguments.incidents.is_empty() {
        kept &= show_verdicts(&verdicts(arguments.handovers, arguments.seed));
        kept &= disturbed::show(arguments, name, &keys);
        kept &= first::show(arguments, name, &keys);
        kept &= show_clean(arguments, name, &keys);
        kept &= show_restarts(arguments, name, &keys);
        kept &= show_stalls(arguments, name, &keys);
    }
    kept &= show_incidents(arguments, name, &keys);
    if kept {
        print("\nall of it is kept");
        Exit::Ok
    } else {
        print("\nsome of it is not kept");
        Exit::Warning
    }
}

/// Does `work` for each number below `count` on all cores, and says how far it is.
fn each<T: Send>(what: &str, count: u64, work: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let done = AtomicUsize::new(0);
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let watched = std::io::stderr().is_terminal();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let number = u64::try_from(number).unwrap_or(u64::MAX);
                    if count <= number {
                        return;
                    }
                    let result = work(number);
                    results.lock().unwrap_or_else(PoisonError::into_inner).push((number, result));
                    let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                    if watched {
                        let _ = write!(std::io::stderr(), "\r{what}: {done} of {count}  ");
                    }
                }
            });
        }
    });
    if watched {
        let _ = write!(std::io::stderr(), "\r{:60}\r", "");
    }
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

fn mark(kept: bool) -> String {
    if kept { "kept" } else { "NOT KEPT" }.to_owned()
}

fn share(part: impl TryInto<u32>, whole: impl TryInto<u32>) -> String {
    let number = |value: Result<u32, _>| value.map_or(0.0, f64::from);
    let (part, whole) =
        (number(part.try_into().map_err(drop)), number(whole.try_into().map_err(drop)));
    if whole <= 0.0 { "-".to_owned() } else { format!("{:.1} %", part / whole * 100.0) }
}

fn show_verdicts(score: &VerdictScore) -> bool {
    let VerdictScore { handovers, safe, wrong_safe, violated, wrong_violated, undecidable, .. } =
        *score;
    let kept = wrong_safe == 0 && wrong_violated == 0;
    let rows = [[
        handovers.to_string(),
        safe.to_string(),
        wrong_safe.to_string(),
        violated.to_string(),
        wrong_violated.to_string(),
        share(undecidable, handovers),
        score.without_lead.to_string(),
        mark(kept),
    ]];
    let headings = [
        "HAND-OVERS",
        "SAFE",
        "WRONG",
        "VIOLATED",
        "WRONG",
        "UNDECIDABLE",
        "WITHOUT LEAD",
        "0 WRONG",
    ];
    print(&format!("Verdicts on hand-overs whose activation is known\n{}", table(headings, &rows)));
    kept
}

fn years(watched: Duration) -> f64 {
    watched.as_secs_f64() / YEAR.as_secs_f64()
}

fn show_clean(arguments: &Arguments, name: &TrustDomain, keys: &KeyPool) -> bool {
    let kinds = clean_rows();
    let count = u64::try_from(kinds.len()).unwrap_or(1);
    let each_kind = arguments.years.div_ceil(count).max(1);
    let domains = each("clean rotation, domain-years", each_kind * count, |number| {
        let place = usize::try_from(number % count).unwrap_or(0);
        let seed = arguments.seed.wrapping_add(number.wrapping_mul(0x9e37_79b9));
        let kind = kinds.get(place);
        kind.map(|kind| (place, kind.play(name, YEAR, seed, keys)))
    });
    let mut rows = Vec::new();
    let mut all = CleanRow::default();
    for (place, kind) in kinds.iter().enumerate() {
        let Clean { replicas, ca_ttl, upstream } = *kind;
        let of = domains.iter().flatten().filter(|(of, _)| *of == place);
        let row = of.fold(CleanRow::default(), |sum, (_, row)| sum.plus(*row));
        all = all.plus(row);
        rows.push([
            replicas.to_string(),
            duration_text(ca_ttl),
            if upstream { "upstream" } else { "self-signed" }.to_owned(),
            format!("{:.0}", years(row.watched)),
            row.critical.to_string(),
            row.overdue.to_string(),
            row.unexpected.to_string(),
            row.other.to_string(),
        ]);
    }
    let kept = all.critical == 0 && all.overdue == 0 && all.unexpected == 0;
    rows.push([
        "all".to_owned(),
        String::new(),
        mark(kept),
        format!("{:.0}", years(all.watched)),
        all.critical.to_string(),
        all.overdue.to_string(),
        all.unexpected.to_string(),
        all.other.to_string(),
    ]);
    let headings =
        ["REPLICAS", "CA_TTL", "MODE", "YEARS", "CRITICAL", "OVERDUE", "UNEXPECTED", "OTHER"];
    print(&format!("\nClean rotation\n{}", table(headings, &rows)));
    kept
}

fn show_restarts(arguments: &Arguments, name: &TrustDomain, keys: &KeyPool) -> bool {
    let mut kept = true;
    let mut rows = Vec::new();
    for replicas in [1, 3, 5] {
        let domains = arguments.years.div_ceil(25).max(4);
        let played = each("restarts, domain-years", domains, |number| {
            let seed = arguments.seed.wrapping_add(number).wrapping_mul(31);
            restart_row(name, replicas, YEAR, seed, keys)
        });
        let row = played.into_iter().fold(RestartRow::default(), RestartRow::plus);
        let publications = u32::try_from(row.publications).unwrap_or(u32::MAX);
        let raised = u32::try_from(row.raised).unwrap_or(0);
        let overdue = f64::from(u32::try_from(row.overdue).unwrap_or(u32::MAX));
        let a_year = overdue / years(row.watched).max(1e-9);
        // A server that is down past its date and comes back without its keys is late, and looks so:
        // those publications are counted beside the others.
        let late = u32::try_from(row.taken_as_late).unwrap_or(0);
        let told = publications.saturating_sub(late);
        let good =
            u64::from(told) * 99 <= u64::from(raised) * 100 && (replicas != 3 || a_year <= 0.2);
        kept &= good;
        rows.push([
            replicas.to_string(),
            format!("{:.0}", years(row.watched)),
            row.publications.to_string(),
            share(raised, told),
            row.taken_as_late.to_string(),
            row.taken_as_on_time.to_string(),
            format!("{a_year:.2}"),
            row.unexpected.to_string(),
            mark(good),
        ]);
    }
    let headings = [
        "REPLICAS",
        "YEARS",
        "PUBLISHED",
        "RAISED",
        "AS LATE",
        "AS ON TIME",
        "OVERDUE A YEAR",
        "SCHEDULED RAISED",
        "99 %, 0.2 AT 3",
    ];
    print(&format!(
        "\nA restart without keys per replica every 20 days\n{}",
        table(headings, &rows)
    ));
    kept
}

fn show_stalls(arguments: &Arguments, name: &TrustDomain, keys: &KeyPool) -> bool {
    let mut kept = true;
    let mut rows = Vec::new();
    let plain = [1, 3, 5, 8].map(|replicas| (replicas, StallMask::None));
    for (replicas, mask) in plain.into_iter().chain([(3, StallMask::RestartOfAnother)]) {
        let masked = mask == StallMask::RestartOfAnother;
        let played = each("stalls", arguments.worlds * 5, |number| {
            let seed = arguments.seed.wrapping_add(number).wrapping_mul(17);
            stall_row(name, replicas, mask, seed, keys)
        });
        let mut row = StallRow::default();
        for one in played {
            row.add(one);
        }
        let good = masked || row.found == row.stalled;
        kept &= good;
        let median = row.median().map(|median| Duration::from_secs(median.as_secs()));
        rows.push([
            replicas.to_string(),
            if masked { "yes" } else { "no" }.to_owned(),
            row.stalled.to_string(),
            share(u32::try_from(row.found).unwrap_or(0), u32::try_from(row.stalled).unwrap_or(0)),
            median.map_or("-".to_owned(), |median| humantime::format_duration(median).to_string()),
            if masked { "told apart".to_owned() } else { mark(good) },
        ]);
    }
    let headings =
        ["REPLICAS", "MASKED BY A RESTART", "CHAINS", "FOUND", "MEDIAN AFTER THE DATE", "100 %"];
    print(&format!("\nStalls\n{}", table(headings, &rows)));
    kept
}

fn show_incidents(arguments: &Arguments, name: &TrustDomain, keys: &KeyPool) -> bool {
    let wanted = |promise: &&Promise| {
        arguments.incidents.is_empty() || arguments.incidents.contains(&promise.incident)
    };
    let promises: Vec<&Promise> = ROWS.iter().filter(wanted).collect();
    let count = u64::try_from(promises.len()).unwrap_or(0);
    let played = each("incidents, worlds", count * arguments.worlds, |number| {
        let place = usize::try_from(number % count.max(1)).unwrap_or(0);
        let seed = arguments.seed.wrapping_add(number / count.max(1)).wrapping_mul(13);
        promises.get(place).map(|promise| (place, promise.play(name, seed, keys).0))
    });
    let mut kept = true;
    let mut rows = Vec::new();
    for (place, promise) in promises.iter().enumerate() {
        let of = played.iter().flatten().filter(|(of, _)| *of == place);
        let row = of.fold(IncidentRow::default(), |sum, (_, row)| sum.plus(*row));
        let good = row.kept == row.worlds;
        kept &= good;
        let (finding, severity, latest) = match promise.expected {
            ExpectedFinding::Raised(kind, severity, latest) => {
                (kind.label(), severity.label(), latest.label())
            }
            ExpectedFinding::Quiet => ("nothing critical", "-", "ever"),
        };
        rows.push([
            promise.incident.label().to_owned(),
            promise.policy.label().to_owned(),
            finding.to_owned(),
            severity.to_owned(),
            latest.to_owned(),
            format!("{} of {}", row.kept, row.worlds),
            mark(good),
            promise.why.to_owned(),
        ]);
    }
    let headings = ["INCIDENT", "POLICY", "FINDING", "SEVERITY", "BY THE", "MET", "100 %", "WHY"];
    print(&format!("\nAttacks, their twins, and what must not page\n{}", table(headings, &rows)));
    kept
}

//! The rows of the first period after a baseline.

use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_lab::score::{FirstPeriod, PlantedRow, QuietRow, first_periods};
use anchorwatch_lab::simulate::KeyPool;

use super::{Arguments, each, mark, share};
use crate::cli::output::{print, table};

/// Keys that are planted in the first period, and first periods without any. Returns whether both keep
/// their promise.
pub(super) fn show(arguments: &Arguments, name: &TrustDomain, keys: &KeyPool) -> bool {
    let planted = show_planted(arguments, name, keys);
    let quiet = show_quiet(arguments, name, keys);
    planted && quiet
}

fn show_planted(arguments: &Arguments, name: &TrustDomain, keys: &KeyPool) -> bool {
    let (mut kept, mut rows, mut all) = (true, Vec::new(), PlantedRow::default());
    for kind in first_periods() {
        let played = each("keys planted in a first period", arguments.worlds * 20, |number| {
            kind.plant(name, arguments.seed.wrapping_add(number).wrapping_mul(19), keys)
        });
        let row = played.into_iter().fold(PlantedRow::default(), PlantedRow::plus);
        let good = row.is_silent_within(kind.silent_share());
        let limit = format!("{:.0} % silent: {}", kind.silent_share() * 100.0, mark(good));
        kept &= good;
        all = all.plus(row);
        rows.push(planted_row(words(kind), row, limit));
    }
    let good = all.is_critical_enough();
    let nobody = ["all".to_owned(), String::new(), String::new()];
    rows.push(planted_row(nobody, all, format!("35 % critical: {}", mark(good))));
    let headings = [
        "REPLICAS",
        "DRIFT",
        "SERVERS",
        "PLANTED",
        "CRITICAL",
        "WARNING",
        "SILENT",
        "CRITICAL LATER",
        "AT MOST",
    ];
    print(&format!(
        "\nA JWT key planted in the first period after a baseline\n{}",
        table(headings, &rows)
    ));
    kept && good
}

fn planted_row(
    [replicas, drift, servers]: [String; 3],
    row: PlantedRow,
    limit: String,
) -> [String; 9] {
    let of = |part: usize| share(part, row.planted);
    [
        replicas,
        drift,
        servers,
        row.planted.to_string(),
        of(row.critical),
        of(row.warned),
        of(row.silent),
        of(row.critical_later),
        limit,
    ]
}

fn show_quiet(arguments: &Arguments, name: &TrustDomain, keys: &KeyPool) -> bool {
    let (mut kept, mut rows) = (true, Vec::new());
    for kind in first_periods() {
        let played = each("first periods", arguments.worlds * 20, |number| {
            kind.watch(name, arguments.seed.wrapping_add(number).wrapping_mul(23), keys)
        });
        let row = played.into_iter().fold(QuietRow::default(), QuietRow::plus);
        let good = row.is_kept();
        kept &= good;
        let [replicas, drift, servers] = words(kind);
        rows.push([
            replicas,
            drift,
            servers,
            row.lineages.to_string(),
            row.critical.to_string(),
            row.warned.to_string(),
            row.lasting.to_string(),
            mark(good),
        ]);
    }
    let headings = [
        "REPLICAS",
        "DRIFT",
        "SERVERS",
        "LINEAGES",
        "CRITICAL",
        "WARNINGS",
        "LASTING",
        "0, 1 A LINEAGE, 0",
    ];
    print(&format!("\nFirst periods in which nothing happens\n{}", table(headings, &rows)));
    kept
}

fn words(kind: FirstPeriod) -> [String; 3] {
    let drift = if kind.drifts { "a quarter" } else { "none" };
    let servers = if kind.is_new { "new" } else { "old" };
    [kind.replicas.to_string(), drift.to_owned(), servers.to_owned()]
}

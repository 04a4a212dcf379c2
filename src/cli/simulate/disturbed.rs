//! The row of verdicts on the hand-overs of whole worlds.

use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_lab::score::{Disturbance, DisturbedRow, disturbed_row};
use anchorwatch_lab::simulate::KeyPool;

use super::{Arguments, each, mark, share};
use crate::cli::output::{print, table};

/// Worlds in which `ca_ttl` changes and servers lose their keys: returns whether no verdict is wrong.
pub(super) fn show(arguments: &Arguments, name: &TrustDomain, keys: &KeyPool) -> bool {
    let mut kept = true;
    let mut rows = Vec::new();
    for disturbance in Disturbance::ALL {
        let played = each("verdicts in worlds", arguments.worlds * 6, |number| {
            let seed = arguments.seed.wrapping_add(number).wrapping_mul(13);
            let replicas = if number % 2 == 0 { 1 } else { 3 };
            disturbed_row(name, disturbance, replicas, seed, keys)
        });
        let row = played.into_iter().fold(DisturbedRow::default(), DisturbedRow::plus);
        let good = row.wrong_safe == 0 && row.wrong_violated == 0;
        kept &= good;
        rows.push([
            disturbance.label().to_owned(),
            row.handovers.to_string(),
            row.safe.to_string(),
            row.wrong_safe.to_string(),
            row.violated.to_string(),
            row.wrong_violated.to_string(),
            share(row.undecided, row.handovers),
            mark(good),
        ]);
    }
    let headings =
        ["WORLD", "HAND-OVERS", "SAFE", "WRONG", "VIOLATED", "WRONG", "UNDECIDABLE", "0 WRONG"];
    print(&format!(
        "\nVerdicts where ca_ttl changes or servers lose their keys\n{}",
        table(headings, &rows)
    ));
    kept
}

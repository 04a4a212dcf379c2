//! Every family: its name, its meaning, its labels and what renders it. The documentation, the
//! tests and the scrape all read this one table.

use super::{Family, authorities, bundles, findings, rotation, selfwatch, sources};

/// All families, by group.
pub fn catalogue() -> impl Iterator<Item = &'static Family> {
    [
        findings::FAMILIES,
        authorities::FAMILIES,
        rotation::FAMILIES,
        bundles::FAMILIES,
        sources::FAMILIES,
        selfwatch::FAMILIES,
    ]
    .into_iter()
    .flatten()
}

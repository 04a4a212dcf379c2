//! What the packages hold is what the repository says: copies equal, versions agree.

#![cfg(test)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const CHART: &str = "packaging/helm/anchorwatch";
/// How many dashboards there are: the chart has all of them, and not merely as many as are left.
const DASHBOARDS: usize = 2;

/// Helm takes no file from outside of a chart, so it holds copies: each with where it is from.
fn copies() -> BTreeMap<PathBuf, PathBuf> {
    let files = Path::new(CHART).join("files");
    let rules = PathBuf::from("alerts/anchorwatch.rules.yaml");
    let mut copies = BTreeMap::from([(files.join("anchorwatch.rules.yaml"), rules)]);
    for dashboard in listed(Path::new("dashboards")) {
        if dashboard.extension().is_some_and(|extension| extension == "json") {
            let name = dashboard.file_name().unwrap();
            copies.insert(files.join("dashboards").join(name), dashboard.clone());
        }
    }
    assert_eq!(copies.len(), 1 + DASHBOARDS, "{copies:#?}");
    copies
}

/// The files of a folder.
fn listed(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect()
}

#[test]
fn the_chart_holds_the_rules_and_the_dashboards_as_they_are() {
    let copies = copies();
    let files = Path::new(CHART).join("files");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        drop(fs::remove_dir_all(&files));
        fs::create_dir_all(files.join("dashboards")).unwrap();
        for (copy, original) in &copies {
            fs::copy(original, copy).unwrap();
        }
    }
    for (copy, original) in &copies {
        let same = fs::read(copy).ok() == Some(fs::read(original).unwrap());
        assert!(same, "{} is not {}: run `make chart`", copy.display(), original.display());
    }
    for held in [listed(&files), listed(&files.join("dashboards"))].concat() {
        assert!(copies.contains_key(&held), "{} is a copy of nothing", held.display());
    }
}

/// What stands after `key` on its line.
fn value(file: &str, key: &str) -> String {
    let text = fs::read_to_string(file).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.unwrap_or_else(|| panic!("{file} has no {key}")).trim().to_owned()
}

#[test]
fn the_packages_have_the_versions_of_the_crate() {
    let chart = format!("{CHART}/Chart.yaml");
    assert_eq!(value(&chart, "appVersion:"), env!("CARGO_PKG_VERSION"));
    // The image is built by a toolchain that the crate can be built with.
    let image = value("Dockerfile", "FROM rust:");
    let (version, _) = image.split_once('-').unwrap();
    let number = |version: &str| -> Vec<u32> {
        version.split('.').map(|part| part.parse().unwrap()).collect()
    };
    assert!(number(version) >= number(env!("CARGO_PKG_RUST_VERSION")), "{version}");
}

/// The pages cite the schema, and editors read it: the Debian package has it beside them.
#[test]
fn the_debian_package_has_the_schema_beside_the_pages() {
    let manifest = fs::read_to_string("Cargo.toml").unwrap();
    let (_, assets) = manifest.split_once("\nassets = [\n").unwrap();
    let (assets, _) = assets.split_once("\n]\n").unwrap();
    let folder_of = |asset: &str| {
        let start = format!("[\"{asset}\", ");
        let rest = assets.lines().find_map(|line| line.trim_start().strip_prefix(&*start));
        rest.unwrap_or_else(|| panic!("{asset} is no asset")).to_owned()
    };
    let schema = "docs/anchorwatch.schema.json";
    assert!(Path::new(schema).is_file());
    assert_eq!(folder_of(schema), folder_of("docs/*.md"));
}

//! The alerts fire, hold, end and are routed as they should, by the programs that will do it.

#![cfg(test)]

use std::fs;

use anchorwatch::alerts::{alerts, prometheus_rule, rules};

const RULES: &str = "alerts/anchorwatch.rules.yaml";
const OBJECT: &str = "alerts/prometheusrule.yaml";

/// Compares with a file that is checked in, or writes it.
#[track_caller]
fn expect_file(path: &str, text: &str) {
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(path, text).unwrap();
    }
    let there = fs::read_to_string(path).unwrap_or_default();
    assert!(there == text, "{path} is not up to date (UPDATE_EXPECT=1 rewrites it)");
}

#[test]
fn the_files_of_rules_are_up_to_date() {
    assert!(40 < alerts().len());
    expect_file(RULES, &rules());
    expect_file(OBJECT, &prometheus_rule());
}

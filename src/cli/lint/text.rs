//! A report for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::report::{ConsumerAnswer, LintReport};
use crate::cli::output::table;
use anchorwatch_consumers::{Acceptance, ConsumerVerdict, KeptKey};
use anchorwatch_core::bundle::SvidType;
use anchorwatch_core::time::duration_text;
use anchorwatch_core::untrusted::escape_line;

/// The most keys that are listed.
const MOST: usize = 200;

/// All reports, one after another.
pub(super) fn text(reports: &[LintReport]) -> String {
    let reports: Vec<String> = reports.iter().map(one).collect();
    reports.join("\n\n")
}

fn one(report: &LintReport) -> String {
    let mut text = escape_line(&report.document).into_owned();
    match report.authorities {
        None => text.push_str(": no bundle"),
        Some(count) => {
            let _ = write!(text, ": {}", counted(count, "authority", "authorities"));
            if let Some(sequence) = report.sequence {
                let _ = write!(text, ", sequence {sequence}");
            }
            if let Some(hint) = report.refresh_hint {
                let _ = write!(text, ", refresh hint {hint} s");
            }
        }
    }
    for departure in &report.departures {
        let (line, level) = (departure.place.line, departure.level.label());
        let _ = write!(text, "\n  {level}: line {line}: ");
        if let Some(entry) = departure.entry {
            let _ = write!(text, "keys[{entry}]: ");
        }
        let (message, rule) = (escape_line(&departure.message), departure.rule);
        let _ = write!(text, "{message} ({}; {rule})", departure.clause);
    }
    if 0 < report.not_listed {
        let _ = write!(text, "\n  and {} more", report.not_listed);
    }
    let width = report.consumers.iter().map(|one| one.consumer.to_string().len()).max();
    for answer in &report.consumers {
        let consumer = format!("{:<1$}", answer.consumer.to_string(), width.unwrap_or_default());
        let _ = write!(text, "\n  {consumer}  {}", verdict(answer));
    }
    text.push_str(&keys(&report.consumers));
    text
}

fn verdict(answer: &ConsumerAnswer) -> String {
    let acceptance = match &answer.reading {
        ConsumerVerdict::Accepts(acceptance) => acceptance,
        ConsumerVerdict::Rejects(refusal) => {
            let line = answer.place.map(|place| format!("line {}: ", place.line));
            return format!("refuses: {}{refusal}", line.unwrap_or_default());
        }
    };
    let Acceptance { kept, ignored, next_poll } = acceptance;
    let counts = SvidType::ALL.map(|svid_type| {
        (svid_type, kept.iter().filter(|kept| kept.svid_type == svid_type).count())
    });
    let counts = counts.iter().filter(|(_, count)| 0 < *count);
    let mut counts: Vec<String> =
        counts.map(|(svid_type, count)| format!("{count} {}", svid_type.label())).collect();
    if counts.is_empty() {
        counts.push("nothing, so that no SVID of the trust domain is valid".to_owned());
    }
    let mut text = format!("accepts: keeps {}", counts.join(", "));
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for one in ignored {
        reasons.entry(one.reason.label()).or_default().push(format!("keys[{}]", one.entry));
    }
    for (reason, mut entries) in reasons {
        let more = entries.len().saturating_sub(8);
        entries.truncate(8);
        let more = if 0 < more { format!(" and {more} more") } else { String::new() };
        let _ = write!(text, "; ignores {}{more} ({reason})", entries.join(", "));
    }
    let _ = write!(text, "; asks again in {}", duration_text(*next_poll));
    text
}

/// The keys that anyone keeps, and who does.
fn keys(answers: &[ConsumerAnswer]) -> String {
    let mut rows: BTreeMap<u32, (&KeptKey, Vec<String>)> = BTreeMap::new();
    let mut accepting = 0;
    for answer in answers {
        let Some(acceptance) = answer.reading.acceptance() else { continue };
        accepting += 1;
        for kept in &acceptance.kept {
            let (_, by) = rows.entry(kept.entry).or_insert_with(|| (kept, Vec::new()));
            by.push(answer.consumer.to_string());
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    let more = rows.len().saturating_sub(MOST);
    let rows: Vec<[String; 5]> = rows
        .into_values()
        .take(MOST)
        .map(|(kept, by)| {
            let by =
                if by.len() == accepting { "all that accept".to_owned() } else { by.join(", ") };
            let short = kept.fingerprint.map_or_else(|| "-".to_owned(), |known| known.short());
            let kid = kept.kid.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
            [kept.entry.to_string(), kept.svid_type.label().to_owned(), short, kid, by]
        })
        .collect();
    let table = table(["ENTRY", "USE", "FINGERPRINT", "KID", "KEPT BY"], &rows);
    let mut text = String::new();
    for line in table.lines() {
        let _ = write!(text, "\n    {line}");
    }
    if 0 < more {
        let _ = write!(text, "\n    and {more} more");
    }
    text
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

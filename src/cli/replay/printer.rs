//! How a replay is printed: a line at a time, since it may be long.

use std::io::{BufWriter, Stdout, Write as _};

use crate::cli::output::Output;
use anchorwatch_core::judge::VerdictKind;
use anchorwatch_core::replay::{Change, ReplayReport, Summary};
use anchorwatch_core::untrusted::{escape_json, escape_line, escape_lines};

/// What prints a replay.
pub(super) struct Printer {
    out: BufWriter<Stdout>,
    output: Output,
}

impl Printer {
    pub(super) fn new(output: Output) -> Self {
        Self { out: BufWriter::new(std::io::stdout()), output }
    }

    pub(super) fn reports(&mut self, reports: &[ReplayReport]) -> Result<(), String> {
        reports.iter().try_for_each(|report| match self.output {
            Output::Json => self.json(report),
            Output::Table => self.line(&told(report)),
        })
    }

    pub(super) fn summary(&mut self, summary: &Summary) -> Result<(), String> {
        if self.output == Output::Json {
            return self.json(summary);
        }
        for (name, totals) in &summary.domains {
            let counted = |of: &mut dyn Iterator<Item = String>| {
                let list: Vec<String> = of.collect();
                if list.is_empty() { "none".to_owned() } else { list.join(", ") }
            };
            let raised = totals.raised.iter().map(|(kind, count)| format!("{count} {kind}"));
            let verdicts = totals.verdicts.iter().map(|(kind, count)| format!("{count} {kind}"));
            let raised = counted(&mut { raised });
            let verdicts = counted(&mut { verdicts });
            let open = counted(&mut totals.open.iter().map(|kind| (*kind).to_owned()));
            let pages = totals.pages;
            self.line(&format!("{name}: {pages} would have paged"))?;
            self.line(&format!(
                "  raised    {raised}\n  verdicts  {verdicts}\n  open      {open}"
            ))?;
        }
        Ok(())
    }

    fn json(&mut self, value: &impl serde::Serialize) -> Result<(), String> {
        let text = serde_json::to_string(value).map_err(|why| why.to_string())?;
        writeln!(self.out, "{}", escape_json(&text)).map_err(|why| unwritten(&why))
    }

    fn line(&mut self, text: &str) -> Result<(), String> {
        writeln!(self.out, "{}", escape_lines(text)).map_err(|why| unwritten(&why))
    }

    pub(super) fn finish(mut self) -> Result<(), String> {
        self.out.flush().map_err(|why| unwritten(&why))
    }
}

fn unwritten(why: &std::io::Error) -> String {
    format!("cannot write: {why}")
}

/// A report as a line for people.
fn told(report: &ReplayReport) -> String {
    match report {
        ReplayReport::Finding {
            at,
            trust_domain,
            finding,
            subject,
            severity,
            change,
            evidence,
            ..
        } => {
            let change = match change {
                Change::Raised => "raised",
                Change::Cleared => "cleared",
                Change::Severity => "now",
            };
            let why = evidence.first().map_or("", |one| one.text.as_str());
            let about = if subject.is_empty() { String::new() } else { format!(" {subject}") };
            format!(
                "{at}  {trust_domain}  {change} {severity} {finding}{about}: {}",
                escape_line(why)
            )
        }
        ReplayReport::Verdict { at, trust_domain, old, new, verdict, slack_seconds, .. } => {
            let new = new.map_or_else(|| "nothing known".to_owned(), |new| new.short());
            let old = old.short();
            let is_decided = *verdict != VerdictKind::Undecidable.label();
            let slack = is_decided.then(|| format!(", slack {slack_seconds} s"));
            let slack = slack.unwrap_or_default();
            format!("{at}  {trust_domain}  verdict {verdict}: {old} gave way to {new}{slack}")
        }
    }
}

//! What the daemon sees, for a person who looks on: a table that stays in its place on a terminal,
//! a line a change elsewhere.
//!
//! Invariant: nothing here prints. A picture or an event goes in, text comes out, and no foreign
//! text in it is longer than its place or reaches the terminal unescaped.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::time::Duration;

use anchorwatch_core::bundle::{AuthorityId, SvidType};
use anchorwatch_core::finding::{FindingKind, Severity};
use anchorwatch_core::journal::Entry;
use anchorwatch_core::journal::text::{count, describe, time_of_day};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::{Timestamp, span};
use anchorwatch_core::untrusted::shown;
use anchorwatch_core::view::{DomainView, PollCounts, View};
use anchorwatch_core::watch::{Event, Phase};

/// How many of the last changes stand below the table: a frame and the cursor fit 24 lines.
const RECENT: usize = 10;
/// How many trust domains the table shows.
const ROWS: usize = 8;
/// How much of a trust domain's name is shown.
const NAME: usize = 40;
/// How much of a state is shown.
const STATE: usize = 40;
/// How many publications are remembered, to say how long a removed key was there.
const REMEMBERED: usize = 1024;

const HIDE_CURSOR: &str = "\x1b[?25l";
const SHOW_CURSOR: &str = "\x1b[?25h";
/// A synchronized update: terminals that know it draw all at once, others ignore it.
const BEGIN_UPDATE: &str = "\x1b[?2026h";
const END_UPDATE: &str = "\x1b[?2026l";
const ERASE_REST_OF_LINE: &str = "\x1b[K";
const ERASE_BELOW: &str = "\x1b[J";

/// What a narrow terminal cuts comes last.
const HEADINGS: [&str; 9] =
    ["TRUST DOMAIN", "STATE", "SEQ", "X.509", "JWT", "CHANGED", "POLLS", "FAILED", "NEXT"];

/// The live picture of a watch.
#[derive(Debug)]
pub struct DemoTable {
    is_terminal: bool,
    width: usize,
    page: Option<String>,
    /// How many lines of the last frame stand above the cursor; `None` before the first.
    drawn: Option<usize>,
    recent: VecDeque<String>,
    published: BTreeMap<(TrustDomain, AuthorityId), Publication>,
    name_width: usize,
    began: Option<Timestamp>,
}

/// When a key was first seen, and whether its publication was.
#[derive(Clone, Copy, Debug)]
struct Publication {
    seen_at: Timestamp,
    witnessed: bool,
}

/// Where a table is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TableOutput {
    /// A terminal: it is drawn over.
    Terminal,
    /// A file or a pipe: lines are added.
    Lines,
}

impl DemoTable {
    /// A table for a terminal of `width` columns, or for a file or a pipe.
    pub fn new(output: TableOutput, width: u16) -> Self {
        Self {
            is_terminal: output == TableOutput::Terminal,
            width: usize::from(width),
            page: None,
            drawn: None,
            recent: VecDeque::new(),
            published: BTreeMap::new(),
            name_width: 0,
            began: None,
        }
    }

    /// The same with the address of the page at the top.
    pub fn with_page(self, url: impl Into<String>) -> Self {
        Self { page: Some(url.into()), ..self }
    }

    /// Takes another width, where the terminal's has changed.
    pub fn resize(&mut self, width: u16) {
        self.width = usize::from(width);
    }

    /// What comes first: the address, where no frame shows it.
    pub fn heading(&self) -> String {
        match &self.page {
            Some(url) if !self.is_terminal => format!("page: {url}\n"),
            Some(_) | None => String::new(),
        }
    }

    /// What replaces the last frame on a terminal, its line ends included. Empty elsewhere.
    pub fn frame(&mut self, view: &View) -> String {
        self.began.get_or_insert(view.at);
        if !self.is_terminal {
            return String::new();
        }
        let lines = self.picture(view);
        let mut out = String::from(BEGIN_UPDATE);
        match self.drawn {
            None => out.push_str(HIDE_CURSOR),
            Some(0) => (),
            // Writing to a string does not fail.
            Some(drawn) => _ = write!(out, "\r\x1b[{drawn}A"),
        }
        for line in &lines {
            // A character in the last column would leave the cursor in two minds.
            out.push_str(&cut(line, self.width.saturating_sub(1)));
            out.push_str(ERASE_REST_OF_LINE);
            out.push('\n');
        }
        out.push_str(ERASE_BELOW);
        out.push_str(END_UPDATE);
        self.drawn = Some(lines.len());
        out
    }

    /// The line of an event, without its end, where it is worth one and nothing draws frames. The
    /// table remembers it for its frames in any case.
    pub fn line(&mut self, entry: &Entry) -> Option<String> {
        self.began.get_or_insert(entry.at);
        let lived = self.lived(entry);
        if !is_news(&entry.event) {
            return None;
        }
        let name = shown(entry.trust_domain.as_str(), NAME);
        self.name_width = self.name_width.max(name.len());
        let (time, text) = (time_of_day(entry.at), describe(&entry.event));
        let line = format!("{time} {name:<width$}  {text}{lived}", width = self.name_width);
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(line.clone());
        (!self.is_terminal).then_some(line)
    }

    /// What comes last: the cursor as it was, and what every domain came to.
    pub fn summary(&self, view: &View) -> String {
        let mut out = String::from(self.close());
        let lasted = self.began.and_then(|began| view.at.since(began)).unwrap_or_default();
        let _ = writeln!(out, "after {}:", span(Duration::from_secs(lasted.as_secs())));
        let names = view.domains.iter().map(|domain| name_of(domain));
        let width = names.map(|name| name.len()).max().unwrap_or(0);
        for domain in &view.domains {
            let counts = &domain.counts;
            let _ = writeln!(
                out,
                "  {:<width$}  {}, {} failed; {} seen, {} removed; {}",
                name_of(domain),
                count(counts.polls, "poll"),
                failed(counts),
                count(recorded(counts, "authority_introduced"), "key"),
                recorded(counts, "authority_removed"),
                outcome(domain),
            );
        }
        out
    }

    /// What gives the terminal back as it was; for an end without a summary.
    pub fn close(&self) -> &'static str {
        if self.drawn.is_some() { SHOW_CURSOR } else { "" }
    }

    /// The lines of a frame, as long as they come out.
    fn picture(&self, view: &View) -> Vec<String> {
        let mut title = format!("anchorwatch  {} UTC", time_of_day(view.at));
        if let Some(url) = &self.page {
            let _ = write!(title, "  {url}");
        }
        let mut rows = vec![HEADINGS.map(str::to_owned)];
        rows.extend(view.domains.iter().take(ROWS).map(|domain| cells(domain, view.at)));
        let mut lines = vec![title, String::new()];
        lines.extend(aligned(&rows));
        let more = view.domains.len().saturating_sub(ROWS);
        if 0 < more {
            lines.push(format!("and {} more", count(more, "trust domain")));
        }
        lines.push(String::new());
        lines.extend(self.recent.iter().cloned());
        lines
    }

    /// Remembers publications, and says of a removed key how long it was there.
    fn lived(&mut self, entry: &Entry) -> String {
        let key = |id: AuthorityId| (entry.trust_domain.clone(), id);
        if let Event::AuthorityIntroduced { authority, published, .. } = &entry.event
            && self.published.len() < REMEMBERED
        {
            let witnessed = published.after.is_some();
            let publication = Publication { seen_at: entry.at, witnessed };
            self.published.insert(key(authority.id), publication);
        }
        if let Event::AuthorityRemoved { authority, .. } = &entry.event
            && let Some(publication) = self.published.remove(&key(*authority))
        {
            let lived = entry.at.since(publication.seen_at).unwrap_or_default();
            let lived = span(Duration::from_secs(lived.as_secs()));
            let word = if publication.witnessed { "published" } else { "seen for" };
            return format!(" ({word} {lived})");
        }
        String::new()
    }
}

/// Whether an event is worth a line of its own. The keys of a change, and not the change itself,
/// are; the keys of the very first bundle are not.
fn is_news(event: &Event) -> bool {
    if let Event::BundleChanged { introduced, removed, .. } = event {
        introduced.is_empty() && removed.is_empty()
    } else if let Event::AuthorityIntroduced { published, .. } = event {
        published.after.is_some()
    } else {
        true
    }
}

fn name_of(domain: &DomainView) -> String {
    shown(domain.endpoint.trust_domain.as_str(), NAME)
}

/// One row of the table.
fn cells(domain: &DomainView, now: Timestamp) -> [String; HEADINGS.len()] {
    let (facts, poll_state) = (&domain.state.facts, &domain.state.poll_state);
    let confirmed = facts.bundle.confirmed.as_ref();
    let sequence = confirmed.and_then(|confirmed| confirmed.sequence.given());
    let changed = confirmed.and_then(|confirmed| now.since(confirmed.since.until));
    let next = poll_state.last_poll.map(|last| last.saturating_add(poll_state.interval));
    let none = || "-".to_owned();
    [
        name_of(domain),
        state(domain),
        sequence.map_or_else(none, |sequence| sequence.to_string()),
        authorities(domain, SvidType::X509, now),
        authorities(domain, SvidType::Jwt, now),
        changed.map_or_else(none, |ago| format!("{} ago", age(ago))),
        domain.counts.polls.to_string(),
        failed(&domain.counts).to_string(),
        next.map_or_else(none, |next| age(next.since(now).unwrap_or_default())),
    ]
}

/// The one thing to know of a domain.
fn state(domain: &DomainView) -> String {
    let (facts, poll_state) = (&domain.state.facts, &domain.state.poll_state);
    let text = if let Some(reason) = &domain.stopped {
        format!("stopped: {reason}")
    } else if let Some(worst) = domain.findings.iter().max_by_key(|finding| finding.severity) {
        format!("{}: {}", worst.severity, worst.kind.label())
    } else if let Some(failure) = &facts.endpoint.failure {
        format!("failing: {}", failure.reason)
    } else if poll_state.pending.is_some() {
        "step back pending".to_owned()
    } else if facts.endpoint.first_contact.is_none() {
        "no bundle yet".to_owned()
    } else if domain.unrecorded {
        "unrecorded".to_owned()
    } else {
        "ok".to_owned()
    };
    shown(&text, STATE)
}

/// All that was found, the most urgent first; where that is nothing, the one thing to know.
fn outcome(domain: &DomainView) -> String {
    if domain.stopped.is_some() || (domain.findings.is_empty() && domain.ended.is_empty()) {
        return state(domain);
    }
    let open = domain.findings.iter().map(|one| (one.severity, one.kind));
    let open: BTreeSet<_> = open.map(Reverse).collect();
    let ended = domain.ended.iter().map(|one| (one.severity, one.kind));
    let ended: BTreeSet<_> = ended.map(Reverse).filter(|one| !open.contains(one)).collect();
    let told = |Reverse((severity, kind)): &Reverse<(Severity, FindingKind)>| {
        format!("{severity}: {}", kind.label())
    };
    let over = ended.iter().map(|one| format!("{} (over)", told(one)));
    open.iter().map(told).chain(over).collect::<Vec<_>>().join(", ")
}

/// How many authorities of a use are published, and how many of them were seen to sign.
fn authorities(domain: &DomainView, svid_type: SvidType, now: Timestamp) -> String {
    let published = domain.state.facts.published().filter(|r| r.id().svid_type == svid_type);
    let (mut all, mut active) = (0_u64, 0_u64);
    for record in published {
        all = all.saturating_add(1);
        active = active.saturating_add(u64::from(record.seen_phase(now) == Phase::Active));
    }
    if active == 0 { all.to_string() } else { format!("{all} ({active} active)") }
}

fn failed(counts: &PollCounts) -> u64 {
    counts.failures.iter().fold(0, |sum, count| count.saturating_add(sum))
}

/// How many events of a kind were recorded.
fn recorded(counts: &PollCounts, name: &str) -> u64 {
    let mut kinds = Event::NAMES.iter().zip(&counts.events);
    kinds.find(|(kind, _)| **kind == name).map_or(0, |(_, count)| *count)
}

/// A duration in its largest unit.
fn age(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3600 => format!("{}m", seconds / 60),
        seconds @ 3600..86_400 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// Rows whose columns stand under each other.
fn aligned<const N: usize>(rows: &[[String; N]]) -> impl Iterator<Item = String> {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = columns(cell).max(*width);
        }
    }
    rows.iter().map(move |row| {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        line.truncate(line.trim_end().len());
        line
    })
}

/// How many columns a text takes: it is ASCII but for the ellipsis, which takes one as well.
fn columns(text: &str) -> usize {
    text.chars().count()
}

/// A text cut to this many columns.
fn cut(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut line: String = text.chars().take(width.saturating_sub(1)).collect();
    if 0 < width {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests;

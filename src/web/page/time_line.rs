//! The time line of a trust domain's authorities: a lane for each, by use, with what was seen of
//! it before now and what is expected after.

use std::time::Duration;

use maud::{Markup, html};

use super::life::{Leaving, Life};
use super::scale::Scale;
use super::svg;
use super::table::table;
use super::words::{NOTHING, bracket, maybe_stretch, second, stretch, words};
use crate::web::api::LineageReport;
use anchorwatch_core::bundle::SvidType;
use anchorwatch_core::time::{Timestamp, Window, span};
use anchorwatch_core::view::DomainView;
use anchorwatch_core::watch::AuthorityRecord;

/// How many authorities of one use are drawn, the newest first: the table and the API have more.
const DRAWN: usize = 16;
/// How many are in the table.
const LISTED: usize = 64;
/// The height of a lane, and the middle of its bar.
const LANE: u32 = 30;
const MIDDLE: u32 = 13;

/// The figure, and the same as a table.
pub(super) fn section(domain: &DomainView, lineages: &[LineageReport], now: Timestamp) -> Markup {
    let lives = lives(domain, now);
    if lives.is_empty() {
        return html! { p { "No authority is on record yet." } };
    }
    let shown: Vec<Life> = SvidType::ALL
        .into_iter()
        .flat_map(|of| lives.iter().filter(move |life| life.id.svid_type == of).take(DRAWN))
        .cloned()
        .collect();
    let dates = lineages.iter().filter_map(|line| line.expected);
    let scale = Scale::new(&shown, dates, lifetime(domain), now);
    html! {
        figure.timeline {
            (legend())
            ol {
                (axis(scale, now))
                @for svid_type in SvidType::ALL {
                    (group(svid_type, &shown, lineages, scale, now))
                }
            }
            figcaption.dim {
                "Times are UTC. A faint end is the stretch between "
                "two polls in which it happened; what is dashed is expected and not seen."
            }
        }
        details {
            summary { "The time line as a table" }
            (listed(&lives))
        }
    }
}

/// The authorities on record, the latest published first.
fn lives(domain: &DomainView, now: Timestamp) -> Vec<Life> {
    let mut records: Vec<&AuthorityRecord> =
        domain.state.facts.authorities.records.iter().collect();
    records.sort_by_key(|record| (std::cmp::Reverse(record.published.until), record.id()));
    let published = records.iter().filter(|record| record.removed.is_none());
    let removed = records.iter().filter(|record| record.removed.is_some());
    let mut lives: Vec<Life> =
        published.chain(removed).take(LISTED).map(|one| Life::new(one, domain, now)).collect();
    lives.sort_by_key(|life| (life.id.svid_type, std::cmp::Reverse(life.begins()), life.id));
    lives
}

/// How long a key of this trust domain lives: what the time line is as wide as.
fn lifetime(domain: &DomainView) -> Option<Duration> {
    let facts = &domain.state.facts;
    let lineages = facts.rotation.lineages.iter().filter(|line| line.is_established());
    let known = lineages.filter_map(|line| line.lifetime).max();
    let explained = || facts.published().filter(|record| record.is_explained());
    known.or_else(|| explained().filter_map(|record| facts.lifetime_of(record)).max())
}

fn legend() -> Markup {
    let bar = |class, place| svg::bar(class, 0.0, 100.0, place);
    let shapes = [
        (bar("bar published", (6, 6)), "published"),
        (bar("bar active", (2, 14)), "active: it signs"),
        (bar("bar retired", (6, 6)), "retired"),
        (bar("bar expired", (6, 6)), "expired"),
        (bar("bar unexplained", (4, 10)), "unexplained"),
        (svg::mark("gone", 50.0, 9, GONE), "removed"),
        (bar("overlap", (8, 3)), "overlap with its successor"),
        (svg::mark("due", 50.0, 9, DUE), "next authority due"),
    ];
    html! {
        ul.legend {
            @for (shape, name) in shapes {
                li { svg width="28" height="18" aria-hidden="true" { (shape) } (name) }
            }
        }
    }
}

/// What is narrower than this, in percent, is a mark: it could not be seen on a narrow screen.
const NARROW: f64 = 3.0;
/// A box.
const DUE: &str = "M-5 -6H5V6H-5Z";
/// A cross.
const GONE: &str = "M-5 -5L5 5M-5 5L5 -5";

fn axis(scale: Scale, now: Timestamp) -> Markup {
    html! {
        li.axis aria-hidden="true" {
            span {}
            svg width="100%" height="34" {
                @for (place, (at, text)) in scale.ticks().into_iter().enumerate() {
                    // A narrow screen has room for every other one.
                    @let class = if place % 2 == 0 { "tick" } else { "tick second" };
                    (svg::label(class, scale.place(at), 28, &text))
                    (svg::upright("grid", scale.place(at), (30, 34)))
                }
                (svg::label("now", scale.place(now), 12, "now"))
            }
        }
    }
}

fn group(
    svid_type: SvidType,
    lives: &[Life],
    lineages: &[LineageReport],
    scale: Scale,
    now: Timestamp,
) -> Markup {
    let lives: Vec<&Life> = lives.iter().filter(|life| life.id.svid_type == svid_type).collect();
    if lives.is_empty() {
        return Markup::default();
    }
    let heading = match svid_type {
        SvidType::X509 => "X.509 authorities",
        SvidType::Jwt => "JWT keys",
        SvidType::Wit => "WIT keys",
    };
    html! {
        li.group { h3 { (heading) } }
        @for line in lineages.iter().filter(|line| line.svid_type == svid_type).take(DRAWN) {
            @if let Some(date) = line.expected { (due(line, date, scale, now)) }
        }
        @for life in lives {
            (lane(life, scale, now))
        }
    }
}

fn ground(scale: Scale, now: Timestamp) -> Markup {
    html! {
        @for (at, _) in scale.ticks() {
            (svg::upright("grid", scale.place(at), (0, LANE)))
        }
        (svg::upright("now", scale.place(now), (0, LANE)))
    }
}

fn due(line: &LineageReport, date: Window, scale: Scale, now: Timestamp) -> Markup {
    let (class, word) = if line.overdue { ("due late", "overdue") } else { ("due", "next") };
    let said = format!("lineage {}: {word} due {}", line.lineage, stretch(date));
    let (from, until) = (scale.place(date.from), scale.place(date.until));
    let shapes = html! {
        (ground(scale, now))
        @if let Some(deadline) = line.deadline {
            (svg::bar("tolerance", from, scale.place(deadline), (MIDDLE + 2, 2)))
        }
        @if until - from < NARROW {
            (svg::mark(class, from.midpoint(until), MIDDLE, DUE))
        } @else {
            (svg::bar(class, from, until, (MIDDLE - 6, 12)))
        }
    };
    html! {
        li {
            span.lane-name { "lineage " (line.lineage) " " span.dim { (word) } }
            (svg::drawing("lane", LANE, &said, &shapes))
        }
    }
}

fn lane(life: &Life, scale: Scale, now: Timestamp) -> Markup {
    let shapes = html! {
        (ground(scale, now))
        @for stretch in stretches(life, now) {
            (stretch.draw(scale))
        }
        @if let Some(Window { from, until }) = life.overlap {
            (svg::bar("overlap", scale.place(from), scale.place(until), (LANE - 6, 3)))
        }
        @if let Leaving::Seen(removed) = life.leaving && scale.shows(removed.until) {
            (svg::mark("gone", scale.place(removed.until), MIDDLE, GONE))
        }
    };
    let fingerprint = life.id.fingerprint;
    html! {
        li {
            span.lane-name {
                a href={ "/events?authority=" (fingerprint) } { code { (fingerprint.short()) } }
                " "
                span class=(if life.explained { "dim" } else { "critical" }) {
                    (words(life.standing))
                }
            }
            (svg::drawing("lane", LANE, &said(life), &shapes))
        }
    }
}

/// What a lane shows, in words.
fn said(life: &Life) -> String {
    let mut said = format!(
        "{} {}: {}, published {}",
        life.id.svid_type.label(),
        life.id.fingerprint.short(),
        life.state,
        bracket(life.published)
    );
    let mut say = |what: &str, when: Option<String>| {
        if let Some(when) = when {
            said.extend([", ", what, " ", &when]);
        }
    };
    say("signs from", life.activated.map(stretch));
    say("signs until", life.retired.map(stretch));
    say("expires", life.expires.map(second));
    match life.leaving {
        Leaving::Seen(removed) => say("removed", Some(bracket(removed))),
        Leaving::Expected(window) => say("goes", Some(stretch(window))),
        Leaving::Unknown => (),
    }
    said
}

/// A part of a life that looks one way.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stretch {
    from: Timestamp,
    until: Timestamp,
    class: &'static str,
    /// Whether it was seen, or is expected.
    seen: bool,
}

impl Stretch {
    fn draw(self, scale: Scale) -> Markup {
        let (from, until) = (scale.place(self.from), scale.place(self.until));
        if until <= from {
            return Markup::default();
        }
        let (class, half) = match (self.class, self.seen) {
            ("bracket", _) => ("bar bracket", 3),
            ("active", true) => ("bar active", 7),
            ("active", false) => ("bar active expected", 7),
            ("retired", true) => ("bar retired", 3),
            ("retired", false) => ("bar retired expected", 3),
            ("expired", true) => ("bar expired", 3),
            ("expired", false) => ("bar expired expected", 3),
            ("unexplained", _) => ("bar unexplained", 5),
            (_, true) => ("bar published", 3),
            (_, false) => ("bar published expected", 3),
        };
        svg::bar(class, from, until, (MIDDLE - half, 2 * half))
    }
}

/// The parts of a life in order, each before or after now.
fn stretches(life: &Life, now: Timestamp) -> Vec<Stretch> {
    let begins = life.begins();
    let mut parts = Vec::new();
    if let Some(after) = life.published.after {
        parts.push(Stretch { from: after, until: begins, class: "bracket", seen: true });
    }
    let (seen_until, ends) = match life.leaving {
        Leaving::Seen(removed) => {
            let last = removed.after.unwrap_or(removed.until);
            parts.push(Stretch { from: last, until: removed.until, class: "bracket", seen: true });
            (last, last)
        }
        Leaving::Expected(window) => (now, window.until.max(now)),
        Leaving::Unknown => (now, now),
    };
    let steps = [
        (Some(begins), if life.explained { "published" } else { "unexplained" }),
        (life.activated.map(|window| window.until), "active"),
        (life.retired.map(|window| window.until), "retired"),
        (life.expires, "expired"),
    ];
    let known: Vec<_> = steps.into_iter().filter_map(|(at, class)| Some((at?, class))).collect();
    for (place, (from, class)) in known.iter().copied().enumerate() {
        let next = known.get(place..).unwrap_or_default().iter().skip(1).map(|one| one.0).min();
        let (from, until) = (from.max(begins), next.unwrap_or(ends).min(ends));
        for (from, until, seen) in
            [(from, until.min(seen_until), true), (from.max(seen_until), until, false)]
        {
            if from < until {
                parts.push(Stretch { from, until, class, seen });
            }
        }
    }
    parts
}

fn listed(lives: &[Life]) -> Markup {
    let row = |life: &Life| {
        let leaves = match life.leaving {
            Leaving::Seen(removed) => format!("removed {}", bracket(removed)),
            Leaving::Expected(window) => format!("expected {}", stretch(window)),
            Leaving::Unknown => NOTHING.to_owned(),
        };
        let overlap = life.overlap.and_then(|both| both.until.since(both.from)).map(span);
        [
            html! { (life.id.fingerprint.short()) },
            html! { (life.id.svid_type.label()) },
            html! { (words(life.standing)) },
            html! { (life.state) },
            html! { (bracket(life.published)) },
            html! { (maybe_stretch(life.activated)) },
            html! { (maybe_stretch(life.retired)) },
            html! { (life.expires.map_or_else(|| NOTHING.to_owned(), second)) },
            html! { (leaves) },
            html! { (overlap.unwrap_or_else(|| NOTHING.to_owned())) },
        ]
    };
    let rows: Vec<_> = lives.iter().map(row).collect();
    let headings = [
        "authority",
        "use",
        "standing",
        "state",
        "published",
        "signs from",
        "signs until",
        "expires",
        "leaves",
        "overlap",
    ];
    table("Authorities, the latest published first within each use", headings, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_core::bundle::{AuthorityId, Fingerprint};
    use anchorwatch_core::time::Bracket;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_795_384_800 + seconds)
    }

    fn life(leaving: Leaving) -> Life {
        Life {
            id: AuthorityId { svid_type: SvidType::X509, fingerprint: Fingerprint::of(b"key") },
            standing: "on_time",
            explained: true,
            state: "active",
            published: Bracket::new(Some(at(-61)), at(-60)),
            activated: Some(Window::point(at(-30))),
            retired: Some(Window::point(at(30))),
            expires: Some(at(60)),
            leaving,
            overlap: None,
        }
    }

    fn parts(life: &Life) -> Vec<(&'static str, i64, i64, bool)> {
        let relative = |moment: Timestamp| moment.as_unix() - at(0).as_unix();
        stretches(life, at(0))
            .into_iter()
            .map(|one| (one.class, relative(one.from), relative(one.until), one.seen))
            .collect()
    }

    #[test]
    fn what_was_seen_ends_now_and_what_is_expected_begins_there() {
        let leaving = Leaving::Expected(Window::new(at(80), at(90)));
        let expected = [
            ("bracket", -61, -60, true),
            ("published", -60, -30, true),
            ("active", -30, 0, true),
            ("active", 0, 30, false),
            ("retired", 30, 60, false),
            ("expired", 60, 90, false),
        ];
        assert_eq!(parts(&life(leaving)), expected);
    }

    #[test]
    fn nothing_is_drawn_after_a_removal_or_where_nothing_is_known() {
        let removed = Leaving::Seen(Bracket::new(Some(at(-11)), at(-10)));
        let expected = [
            ("bracket", -61, -60, true),
            ("bracket", -11, -10, true),
            ("published", -60, -30, true),
            ("active", -30, -11, true),
        ];
        assert_eq!(parts(&life(removed)), expected);
        let unknown = parts(&life(Leaving::Unknown));
        assert!(unknown.iter().all(|(_, _, until, seen)| *until <= 0 && *seen), "{unknown:?}");
    }

    #[test]
    fn a_lane_says_in_words_what_it_shows() {
        let said = said(&life(Leaving::Expected(Window::point(at(90)))));
        for part in ["x509-svid", "active", "published 2026-11-22 21:58:59Z to", "expires", "goes"]
        {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}

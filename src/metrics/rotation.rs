//! The families over rotation: what is expected when, and how hand-overs went.

use std::io;

use super::encoder::count;
use super::family::{AUTHORITY, Label, Render, TRUST_DOMAIN, USE};
use super::{Encoder, Family, FamilyKind, Group, Scrape};
use anchorwatch_core::bundle::SvidType;
use anchorwatch_core::judge::{Case, Expected, VerdictKind, in_flight};
use anchorwatch_core::time::{Timestamp, Window};
use anchorwatch_core::view::{DomainView, PollCounts};
use anchorwatch_core::watch::{HandOver, Lineage};

/// How many lineages of a use have series: more replicas than anyone runs.
const MOST_LINEAGES: usize = 64;

const LINEAGE: Label = ("lineage", "the number of the lineage in its trust domain");

const fn rotation(
    name: &'static str,
    help: &'static str,
    labels: &'static [Label],
    render: Render,
) -> Family {
    let (kind, group) = (FamilyKind::Gauge, Group::Rotation);
    Family { name, kind, help, labels, group, per_authority: false, render }
}

const fn authority(name: &'static str, help: &'static str, render: Render) -> Family {
    let labels = &[TRUST_DOMAIN, USE, AUTHORITY];
    Family { per_authority: true, ..rotation(name, help, labels, render) }
}

pub(super) const FAMILIES: &[Family] = &[
    rotation(
        "anchorwatch_rotation_expected_timestamp_seconds",
        "When the next authority of a lineage is due at the latest, by its issuer's schedule.",
        &[TRUST_DOMAIN, USE, LINEAGE],
        |scrape, out| due(scrape, out, |date, _| date.until),
    ),
    rotation(
        "anchorwatch_rotation_deadline_timestamp_seconds",
        "Until when the next authority of a lineage would be on time.",
        &[TRUST_DOMAIN, USE, LINEAGE],
        |scrape, out| due(scrape, out, |_, deadline| deadline),
    ),
    rotation(
        "anchorwatch_issuer_replicas",
        "Number of replicas that issue, counted by the lineages that are on time.",
        &[TRUST_DOMAIN],
        replicas,
    ),
    rotation(
        "anchorwatch_rotation_overlap_seconds",
        "How long the old and the new authority were published together, at least, in the last \
         completed hand-over.",
        &[TRUST_DOMAIN, USE],
        overlap,
    ),
    rotation(
        "anchorwatch_rotation_slack_seconds",
        "By how much the last completed hand-over exceeds what the two laws need, at worst; below 0 \
         where it broke a law.",
        &[TRUST_DOMAIN, USE],
        slack,
    ),
    Family {
        kind: FamilyKind::Counter,
        ..rotation(
            "anchorwatch_rotations_total",
            "Completed hand-overs, by verdict.",
            &[TRUST_DOMAIN, USE, ("verdict", "`safe`, `violated` or `undecidable`")],
            rotations,
        )
    },
    rotation(
        "anchorwatch_consumer_delay_seconds",
        "How long a declared consumer may take to fetch a published key: D of the two laws.",
        &[TRUST_DOMAIN, ("consumer", "as in `consumers`")],
        delays,
    ),
    authority(
        "anchorwatch_authority_expected_activation_timestamp_seconds",
        "When a published authority is expected to sign for the first time, at the latest.",
        |scrape, out| expected(scrape, out, |expected| expected.activation),
    ),
    authority(
        "anchorwatch_authority_expected_retirement_timestamp_seconds",
        "When a published authority is expected to sign for the last time, at the latest.",
        |scrape, out| expected(scrape, out, |expected| expected.retirement),
    ),
    authority(
        "anchorwatch_authority_expected_removal_timestamp_seconds",
        "When a published authority is expected to leave the bundle, at the latest.",
        |scrape, out| expected(scrape, out, |expected| expected.removal),
    ),
    authority(
        "anchorwatch_removed_authority_at_risk_until_timestamp_seconds",
        "Until when credentials may be unexpired that an authority signed before it was removed too \
         early; gone afterwards.",
        at_risk_until,
    ),
    Family {
        labels: &[
            TRUST_DOMAIN,
            USE,
            AUTHORITY,
            ("bound", "`least` or `most`: what is certain, and what is possible"),
        ],
        ..authority(
            "anchorwatch_removed_authority_in_flight_share",
            "The share of unexpired credentials that became invalid with an authority that was removed \
             too early, from 0 to 1; gone once the last of them has expired.",
            shares,
        )
    },
];

type Labels<'a, const N: usize> = [(&'static str, &'a str); N];

fn name_of(domain: &DomainView) -> (&'static str, &str) {
    ("trust_domain", domain.endpoint.trust_domain.as_str())
}

fn due(
    scrape: &Scrape<'_>,
    out: &mut Encoder,
    moment: impl Fn(Window, Timestamp) -> Timestamp,
) -> io::Result<()> {
    for domain in scrape.domains() {
        let facts = &domain.state.facts;
        let interval = facts.interval(&domain.policy);
        for svid_type in SvidType::ALL {
            let lineages = facts.rotation.established(svid_type).take(MOST_LINEAGES);
            let due = |line: &Lineage| facts.rotation.due(line, &domain.policy, interval);
            for (line, (date, deadline)) in lineages.filter_map(|line| Some((line, due(line)?))) {
                let number = line.number.to_string();
                let labels: Labels<'_, 3> =
                    [name_of(domain), ("use", svid_type.label()), ("lineage", &number)];
                out.sample(&labels, moment(date, deadline).as_unix_seconds())?;
            }
        }
    }
    Ok(())
}

fn replicas(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    for domain in scrape.domains() {
        let facts = &domain.state.facts;
        if facts.endpoint.first_contact.is_some() {
            out.sample(&[name_of(domain)], count(facts.rotation.replicas()))?;
        }
    }
    Ok(())
}

/// The last hand-over of each use for which `of` gives a number.
fn last(
    scrape: &Scrape<'_>,
    out: &mut Encoder,
    of: impl Fn(&Case<'_>, &HandOver) -> Option<f64>,
) -> io::Result<()> {
    for domain in scrape.domains() {
        let case = domain.case();
        let handovers = &domain.state.facts.rotation.handovers;
        for svid_type in PollCounts::USES {
            let mut newest_first = handovers.iter().rev().filter(|one| one.svid_type == svid_type);
            if let Some(value) = newest_first.find_map(|handover| of(&case, handover)) {
                out.sample(&[name_of(domain), ("use", svid_type.label())], value)?;
            }
        }
    }
    Ok(())
}

fn overlap(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    last(scrape, out, |_, handover| Some(handover.overlap()?.0.as_secs_f64()))
}

fn slack(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    last(scrape, out, |case, handover| {
        let slack = case.verdict(handover)?.slack_seconds;
        let (size, sign) = (count(slack.unsigned_abs()), if slack < 0 { -1.0 } else { 1.0 });
        Some(size * sign)
    })
}

fn rotations(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    for domain in scrape.domains() {
        for (svid_type, counts) in PollCounts::USES.iter().zip(&domain.counts.rotations) {
            for (verdict, number) in VerdictKind::LABELS.iter().zip(counts) {
                let labels: Labels<'_, 3> =
                    [name_of(domain), ("use", svid_type.label()), ("verdict", verdict)];
                out.sample(&labels, count(*number))?;
            }
        }
    }
    Ok(())
}

fn delays(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    for domain in scrape.domains() {
        let case = domain.case();
        let consumers = &domain.policy.consumers;
        for (place, consumer) in consumers.iter().enumerate() {
            // One that is declared twice has one series.
            if consumers.iter().position(|one| one == consumer) == Some(place) {
                let delay = case.delay_of(*consumer).as_secs_f64();
                out.sample(&[name_of(domain), ("consumer", &consumer.to_string())], delay)?;
            }
        }
    }
    Ok(())
}

fn expected(
    scrape: &Scrape<'_>,
    out: &mut Encoder,
    step: impl Fn(Expected) -> Option<Window>,
) -> io::Result<()> {
    super::authorities::each(scrape, |domain, record, labels| {
        match step(domain.case().expected(record)) {
            Some(window) => out.sample(&labels, window.until.as_unix_seconds()),
            None => Ok(()),
        }
    })
}

/// The removals after which something is at risk now.
fn risks(
    scrape: &Scrape<'_>,
    mut write: impl FnMut(&anchorwatch_core::judge::InFlight, Labels<'_, 3>) -> io::Result<()>,
) -> io::Result<()> {
    for domain in scrape.domains() {
        let case = domain.case();
        let handovers = &domain.state.facts.rotation.handovers;
        if handovers.is_empty() {
            continue;
        }
        // What went so long ago that nothing it signed lives is most of it, at every scrape.
        let longest = PollCounts::USES.map(|svid_type| case.ttl(svid_type).longest);
        let longest = longest.into_iter().max().unwrap_or_default();
        let longest = longest.saturating_add(domain.policy.sigma());
        let recent = |handover: &&HandOver| {
            scrape.at() < handover.removed.until.saturating_add(longest)
                && !handover.covered_by_other_finding
        };
        for handover in handovers.iter().filter(recent) {
            let risk = in_flight(&case, handover);
            if 0.0 < risk.most && scrape.at() < risk.until {
                let short = handover.old.short();
                let svid_type = ("use", handover.svid_type.label());
                write(&risk, [name_of(domain), svid_type, ("authority", &short)])?;
            }
        }
    }
    Ok(())
}

fn at_risk_until(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    risks(scrape, |risk, labels| out.sample(&labels, risk.until.as_unix_seconds()))
}

fn shares(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    risks(scrape, |risk, [name, svid_type, short]| {
        out.sample(&[name, svid_type, short, ("bound", "least")], risk.least)?;
        out.sample(&[name, svid_type, short, ("bound", "most")], risk.most)
    })
}

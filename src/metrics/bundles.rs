//! The families over the documents.

use std::io;

use super::encoder::count;
use super::family::{PROFILE, SOURCE, TRUST_DOMAIN};
use super::sources::each;
use super::{Encoder, Family, FamilyKind, Group, Scrape};
use anchorwatch_core::watch::Event;

/// The events that are changes of a bundle: what `kind` may be.
const CHANGES: [&str; 6] = [
    "bundle_changed",
    "authority_introduced",
    "authority_removed",
    "authority_relabelled",
    "stepped_back",
    "step_back_confirmed",
];

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "anchorwatch_federation_info",
        kind: FamilyKind::Info,
        help: "A federation relationship that is monitored: which trust domain accepts the identities of which other.",
        labels: &[
            ("trust_domain", "who is watching; absent where the configuration does not say"),
            ("federates_with", "the trust domain that is watched"),
            PROFILE,
        ],
        group: Group::Bundles,
        per_authority: false,
        render: federation_info,
    },
    Family {
        name: "anchorwatch_bundle_info",
        kind: FamilyKind::Info,
        help: "The newest bundle, as of the last good poll.",
        labels: &[
            TRUST_DOMAIN,
            SOURCE,
            ("digest", "the SHA-256 of the key set, whatever its order on the wire"),
            PROFILE,
        ],
        group: Group::Bundles,
        per_authority: false,
        render: bundle_info,
    },
    Family {
        name: "anchorwatch_bundle_sequence",
        kind: FamilyKind::Gauge,
        help: "The sequence number of the newest bundle; absent where it states none. A float is \
               exact below 2^53.",
        labels: &[TRUST_DOMAIN, SOURCE],
        group: Group::Bundles,
        per_authority: false,
        render: sequence,
    },
    Family {
        name: "anchorwatch_bundle_changes_total",
        kind: FamilyKind::Counter,
        help: "Changes of the bundle that were recorded, by kind of event.",
        labels: &[TRUST_DOMAIN, ("kind", "the event in the journal")],
        group: Group::Bundles,
        per_authority: false,
        render: changes,
    },
    Family {
        name: "anchorwatch_bundle_last_change_timestamp_seconds",
        kind: FamilyKind::Gauge,
        help: "The poll that showed the newest bundle first.",
        labels: &[TRUST_DOMAIN],
        group: Group::Bundles,
        per_authority: false,
        render: last_change,
    },
    Family {
        name: "anchorwatch_bundle_size_bytes",
        kind: FamilyKind::Gauge,
        help: "The length of the document in the last good poll.",
        labels: &[TRUST_DOMAIN, SOURCE],
        group: Group::Bundles,
        per_authority: false,
        render: size,
    },
    Family {
        name: "anchorwatch_bundle_irregularities",
        kind: FamilyKind::Gauge,
        help: "How often the newest bundle departs from the standard.",
        labels: &[TRUST_DOMAIN],
        group: Group::Bundles,
        per_authority: false,
        render: irregularities,
    },
    Family {
        name: "anchorwatch_bundle_unrecorded_changes",
        kind: FamilyKind::Gauge,
        help: "Changes that were counted and not recorded, since the daily budget was spent.",
        labels: &[TRUST_DOMAIN],
        group: Group::Bundles,
        per_authority: false,
        render: unrecorded,
    },
];

fn federation_info(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    for domain in scrape.domains() {
        let other = ("federates_with", domain.endpoint.trust_domain.as_str());
        let profile = ("profile", domain.endpoint.profile.name().label());
        match scrape.trust_domain() {
            Some(own) => out.sample(&[("trust_domain", own.as_str()), other, profile], 1.0)?,
            None => out.sample(&[other, profile], 1.0)?,
        }
    }
    Ok(())
}

fn bundle_info(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    each(scrape, |domain, [name, source]| {
        let Some(confirmed) = &domain.state.facts.bundle.confirmed else { return Ok(()) };
        let digest = confirmed.content.to_string();
        let profile = ("profile", domain.endpoint.profile.name().label());
        out.sample(&[name, source, ("digest", &digest), profile], 1.0)
    })
}

fn sequence(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    each(scrape, |domain, labels| {
        let confirmed = domain.state.facts.bundle.confirmed.as_ref();
        match confirmed.and_then(|confirmed| confirmed.sequence.given()) {
            Some(sequence) => out.sample(&labels, count(sequence)),
            None => Ok(()),
        }
    })
}

fn changes(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    each(scrape, |domain, [name, _]| {
        for kind in CHANGES {
            let place = Event::NAMES.iter().position(|event| *event == kind);
            let counted = place.and_then(|place| domain.counts.events.get(place));
            out.sample(&[name, ("kind", kind)], count(counted.copied().unwrap_or_default()))?;
        }
        Ok(())
    })
}

fn last_change(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    each(scrape, |domain, [name, _]| match &domain.state.facts.bundle.confirmed {
        Some(confirmed) => out.sample(&[name], confirmed.since.until.as_unix_seconds()),
        None => Ok(()),
    })
}

fn size(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    each(scrape, |domain, labels| match domain.state.poll_state.last_success {
        Some(_) => out.sample(&labels, count(domain.state.poll_state.length)),
        None => Ok(()),
    })
}

fn irregularities(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    each(scrape, |domain, [name, _]| {
        out.sample(&[name], count(domain.state.facts.document.irregularities.len()))
    })
}

fn unrecorded(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    each(scrape, |domain, [name, _]| out.sample(&[name], count(domain.state.poll_state.unrecorded)))
}

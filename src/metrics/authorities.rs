//! The families over the keys.

use std::io;

use super::encoder::count;
use super::family::{AUTHORITY, TRUST_DOMAIN, USE};
use super::{Encoder, Family, FamilyKind, Group, Scrape};
use anchorwatch_core::bundle::SvidType;
use anchorwatch_core::untrusted::cut;
use anchorwatch_core::view::DomainView;
use anchorwatch_core::watch::{AuthorityRecord, Phase};

/// The longest key ID that becomes a label, in characters. SPIRE's has 32.
const LONGEST_KID: usize = 64;
/// The longest key type that becomes a label, in characters: an unknown one is foreign text.
const LONGEST_KEY_TYPE: usize = 64;

/// The states of an authority in the bundle.
const STATES: [Phase; 4] = [Phase::Published, Phase::Active, Phase::Retired, Phase::Expired];

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "anchorwatch_authorities",
        kind: FamilyKind::Gauge,
        help: "Authorities in the newest bundle, as of the last good poll.",
        labels: &[TRUST_DOMAIN, USE],
        group: Group::Authorities,
        per_authority: false,
        render: authorities,
    },
    Family {
        name: "anchorwatch_authority_info",
        kind: FamilyKind::Info,
        help: "An authority of the newest bundle.",
        labels: &[
            TRUST_DOMAIN,
            USE,
            AUTHORITY,
            ("fingerprint", "the whole fingerprint"),
            ("key_type", "`ec-p256`, `rsa-2048` and so on"),
            ("kid", "the key ID, escaped and cut to 64 bytes; absent where there is none"),
        ],
        group: Group::Authorities,
        per_authority: true,
        render: info,
    },
    Family {
        name: "anchorwatch_authority_state",
        kind: FamilyKind::Gauge,
        help: "1 for the state that an authority is in, 0 for the others. Active is inferred from \
               the endpoint's own SVID or the issuer's schedule, retired from the schedule.",
        labels: &[
            TRUST_DOMAIN,
            USE,
            AUTHORITY,
            ("state", "`published`, `active`, `retired` or `expired`"),
        ],
        group: Group::Authorities,
        per_authority: true,
        render: state,
    },
    Family {
        name: "anchorwatch_authority_not_before_timestamp_seconds",
        kind: FamilyKind::Gauge,
        help: "From when an X.509 authority is valid.",
        labels: &[TRUST_DOMAIN, USE, AUTHORITY],
        group: Group::Authorities,
        per_authority: true,
        render: not_before,
    },
    Family {
        name: "anchorwatch_authority_not_after_timestamp_seconds",
        kind: FamilyKind::Gauge,
        help: "Until when an X.509 authority is valid.",
        labels: &[TRUST_DOMAIN, USE, AUTHORITY],
        group: Group::Authorities,
        per_authority: true,
        render: not_after,
    },
    Family {
        name: "anchorwatch_authority_first_seen_timestamp_seconds",
        kind: FamilyKind::Gauge,
        help: "The first poll that showed an authority, since its last removal.",
        labels: &[TRUST_DOMAIN, USE, AUTHORITY],
        group: Group::Authorities,
        per_authority: true,
        render: first_seen,
    },
];

fn authorities(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    for domain in scrape.domains() {
        // Before the first bundle nothing is known, and none is not zero.
        if domain.state.facts.endpoint.first_contact.is_none() {
            continue;
        }
        for svid_type in SvidType::ALL {
            let of_use = |record: &&AuthorityRecord| record.id().svid_type == svid_type;
            let published = domain.state.facts.published().filter(of_use).count();
            let name = domain.endpoint.trust_domain.as_str();
            let labels = [("trust_domain", name), ("use", svid_type.label())];
            out.sample(&labels, count(published))?;
        }
    }
    Ok(())
}

/// Writes for each published authority what `write` makes of it; its first three labels are given.
pub(super) fn each(
    scrape: &Scrape<'_>,
    mut write: impl FnMut(&DomainView, &AuthorityRecord, [(&'static str, &str); 3]) -> io::Result<()>,
) -> io::Result<()> {
    for domain in scrape.domains() {
        let name = domain.endpoint.trust_domain.as_str();
        for record in domain.state.facts.published() {
            let id = record.id();
            let short = id.fingerprint.short();
            let labels =
                [("trust_domain", name), ("use", id.svid_type.label()), ("authority", &*short)];
            write(domain, record, labels)?;
        }
    }
    Ok(())
}

fn info(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    each(scrape, |_, record, [domain, svid_type, short]| {
        let fingerprint = record.id().fingerprint.to_string();
        let key_type = record.authority.key_type.to_string();
        let key_type = cut(&key_type, LONGEST_KEY_TYPE);
        let kid = record.authority.kid.as_ref().map(|kid| kid.shortened(LONGEST_KID));
        let fingerprint = ("fingerprint", fingerprint.as_str());
        let key_type = ("key_type", &*key_type);
        match &kid {
            Some(kid) => {
                out.sample(&[domain, svid_type, short, fingerprint, key_type, ("kid", kid)], 1.0)
            }
            None => out.sample(&[domain, svid_type, short, fingerprint, key_type], 1.0),
        }
    })
}

fn state(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    let now = scrape.at();
    each(scrape, |domain, record, [name, svid_type, short]| {
        let phase = domain.case().phase(record, now);
        for state in STATES {
            let value = if state == phase { 1.0 } else { 0.0 };
            out.sample(&[name, svid_type, short, ("state", state.label())], value)?;
        }
        Ok(())
    })
}

fn not_before(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    each(scrape, |_, record, labels| match &record.authority.certificate {
        Some(certificate) => out.sample(&labels, certificate.validity.not_before.as_unix_seconds()),
        None => Ok(()),
    })
}

fn not_after(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    each(scrape, |_, record, labels| match &record.authority.certificate {
        Some(certificate) => out.sample(&labels, certificate.validity.not_after.as_unix_seconds()),
        None => Ok(()),
    })
}

fn first_seen(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    each(scrape, |_, record, labels| out.sample(&labels, record.published.until.as_unix_seconds()))
}

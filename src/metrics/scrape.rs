//! One scrape, written piece by piece: who reads slowly holds a piece, and neither a thread nor the
//! whole text.

use std::io;
use std::sync::Arc;

use super::{Encoder, Family, Format, Group, Registered, SelfFacts, catalogue};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::view::{Departed, DomainView, View};

/// A piece ends once it is this long, in bytes. It exceeds this by one trust domain's series of one
/// family at most.
const ENOUGH: usize = 60 << 10;

/// What one scrape is rendered from.
///
/// A family sees the trust domains of one piece alone (`domains`), so that its series can
/// be written in several pieces.
#[derive(Clone, Copy, Debug)]
pub struct Scrape<'a> {
    view: &'a View,
    domains: &'a [Arc<DomainView>],
    departed: &'a [Departed],
    is_last: bool,
    pub(super) facts: &'a SelfFacts,
    pub(super) registered: &'a Registered,
    per_authority: bool,
}

impl<'a> Scrape<'a> {
    /// A scrape of all trust domains, of the daemon itself, and of what was counted.
    /// `per_authority` says whether the families with a series for each authority are rendered.
    pub fn new(
        view: &'a View,
        facts: &'a SelfFacts,
        registered: &'a Registered,
        per_authority: bool,
    ) -> Self {
        let (domains, departed) = (&view.domains[..], &view.departed[..]);
        Self { view, domains, departed, is_last: true, facts, registered, per_authority }
    }

    /// The moment that the scrape shows.
    pub(super) fn at(&self) -> Timestamp {
        self.view.at
    }

    /// Who is watching, where the configuration says.
    pub(super) fn trust_domain(&self) -> Option<&'a TrustDomain> {
        self.view.trust_domain.as_ref()
    }

    /// Any trust domain, whether it belongs to this piece or not.
    pub(super) fn domain(&self, name: &TrustDomain) -> Option<&'a Arc<DomainView>> {
        self.view.domain(name)
    }

    /// The trust domains whose series belong to this piece.
    pub(super) fn domains(&self) -> &'a [Arc<DomainView>] {
        self.domains
    }

    /// The trust domains that are not watched any more and whose series belong to this piece.
    pub(super) fn departed(&self) -> &'a [Departed] {
        self.departed
    }

    /// The whole picture, in the last piece of a family: for series of all trust domains together.
    pub(super) fn whole(&self) -> Option<&'a View> {
        self.is_last.then_some(self.view)
    }

    /// The same scrape, for the trust domain at this place alone; those that are gone follow the
    /// last one.
    fn of(&self, place: usize) -> Self {
        let domains = self.domains.get(place..=place).unwrap_or_default();
        let is_last = self.domains.len() <= place.saturating_add(1);
        let departed = if is_last { self.departed } else { &[] };
        Self { domains, departed, is_last, ..*self }
    }
}

/// Where a scrape goes on: a family, and the first trust domain of it that is not written yet.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Position {
    family: usize,
    domain: usize,
}

/// Writes one piece, of some 64 KiB, and says where the next one begins; `None` after the last.
pub fn render_piece(
    scrape: &Scrape<'_>,
    format: Format,
    from: Position,
) -> io::Result<(Vec<u8>, Option<Position>)> {
    let mut encoder = Encoder::new(format);
    let mut domain = from.domain;
    for (place, family) in catalogue().enumerate().skip(from.family) {
        if family.per_authority && !scrape.per_authority {
            continue;
        }
        if let Some(domain) = write(scrape, family, domain, &mut encoder)? {
            return Ok((encoder.into_piece(), Some(Position { family: place, domain })));
        }
        domain = 0;
    }
    scrape.registered.render(&mut encoder)?;
    encoder.end();
    Ok((encoder.into_piece(), None))
}

/// Writes a family from this trust domain on, and says with which to go on where the piece is full.
fn write(
    scrape: &Scrape<'_>,
    family: &Family,
    from: usize,
    encoder: &mut Encoder,
) -> io::Result<Option<usize>> {
    if from == 0 {
        encoder.family(family)?;
    } else {
        encoder.resume(family);
    }
    if family.group == Group::Daemon {
        return (family.render)(scrape, encoder).map(|()| None);
    }
    // Where no trust domain is watched, those that are gone still have their series.
    for place in from..scrape.domains.len().max(1) {
        if from < place && ENOUGH <= encoder.length() {
            return Ok(Some(place));
        }
        (family.render)(&scrape.of(place), encoder)?;
    }
    Ok(None)
}

/// Writes all families, in the catalogue's order, to `out`, piece by piece. The whole text is never
/// in memory.
pub fn render(scrape: &Scrape<'_>, format: Format, out: &mut dyn io::Write) -> io::Result<()> {
    let mut next = Some(Position::default());
    while let Some(from) = next {
        let piece;
        (piece, next) = render_piece(scrape, format, from)?;
        out.write_all(&piece)?;
    }
    Ok(())
}

//! A scrape, written piece by piece: who reads slowly holds a piece, and neither a thread nor the
//! whole text.

use std::io;

use super::{AuthoritySeries, Encoder, Family, Format, Group, Scrape, catalogue};

/// A piece ends once it is this long, in bytes. It exceeds this by one trust domain's series of one
/// family at most.
const ENOUGH: usize = 60 << 10;

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
        if family.per_authority && scrape.authority_series == AuthoritySeries::LeftOut {
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
        family.begin(encoder)?;
    } else {
        encoder.resume(family.name);
    }
    if family.group == Group::Daemon {
        return (family.render)(scrape, encoder).map(|()| None);
    }
    // Where no trust domain is watched, those that are gone still have their series.
    for place in from..scrape.domains().len().max(1) {
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

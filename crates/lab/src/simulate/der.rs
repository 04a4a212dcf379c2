//! As much of DER as a certificate takes (X.690).

use time::OffsetDateTime;

use anchorwatch_core::time::Timestamp;

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const PRINTABLE_STRING: u8 = 0x13;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// The tag of an explicit context-specific element.
pub(super) const fn explicit(number: u8) -> u8 {
    0xa0 | number
}

/// The tag of an implicit context-specific primitive.
pub(super) const fn implicit(number: u8) -> u8 {
    0x80 | number
}

/// One element with these parts as its content.
pub(super) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut der = Vec::with_capacity(length + 6);
    der.push(tag);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 0x80 => der.push(short),
        (Ok(long), _) => der.extend([0x81, long]),
        (Err(_), long) => {
            // Nothing here is longer than 64 KiB.
            der.push(0x82);
            der.extend(long.unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    for part in parts {
        der.extend_from_slice(part);
    }
    der
}

/// A number that is not negative, from its big-endian bytes.
pub(super) fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let significant = bytes.get(zeros..).unwrap_or_default();
    // A leading bit would make it negative.
    let negative = significant.first().is_none_or(|first| 0x80 <= *first);
    element(INTEGER, &[if negative { &[0] } else { &[] }, significant])
}

/// A moment, cut to whole seconds (RFC 5280, 4.1.2.5: two digits of the year before 2050).
pub(super) fn moment(at: Timestamp) -> Vec<u8> {
    let at = OffsetDateTime::from_unix_timestamp(at.as_unix());
    let at = at.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
    let (hour, minute, second) = at.to_hms();
    let rest = format!("{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
    if (1950..2050).contains(&year) {
        let year = year.rem_euclid(100);
        element(UTC_TIME, &[format!("{year:02}").as_bytes(), rest.as_bytes()])
    } else {
        element(GENERALIZED_TIME, &[format!("{year:04}").as_bytes(), rest.as_bytes()])
    }
}

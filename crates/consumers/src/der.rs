//! DER as Go's `cryptobyte` takes it: definite lengths in their shortest form, tags below 31.

use time::{Date, Month, PrimitiveDateTime, Time};

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// The tag of a context-specific element that holds a value.
pub(crate) const fn context(number: u8) -> u8 {
    0x80 | number
}

/// The tag of a context-specific element that holds elements.
pub(crate) const fn constructed(number: u8) -> u8 {
    0xa0 | number
}

/// Elements that have not been read yet. A method that gives `None` has found no such element
/// there; what is left then is nobody's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Der<'a>(pub(crate) &'a [u8]);

impl<'a> Der<'a> {
    pub(crate) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn peek(self, tag: u8) -> bool {
        self.0.first() == Some(&tag)
    }

    /// The next element: its tag, how long its header is, and all of it.
    fn next(&mut self) -> Option<(u8, usize, &'a [u8])> {
        let [tag, first, rest @ ..] = self.0 else { return None };
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (header, length) = if first & 0x80 == 0 {
            (2, usize::from(*first))
        } else {
            let octets = usize::from(first & 0x7f);
            if !(1..=4).contains(&octets) {
                return None;
            }
            let octets = rest.get(..octets)?;
            let length = octets.iter().fold(0_u32, |sum, octet| sum << 8 | u32::from(*octet));
            // X.690, 10.1: the shortest form.
            if length < 128 || octets.first() == Some(&0) {
                return None;
            }
            (2 + octets.len(), usize::try_from(length).ok()?)
        };
        let (element, rest) = self.0.split_at_checked(header.checked_add(length)?)?;
        self.0 = rest;
        Some((*tag, header, element))
    }

    /// The next element, with its header.
    pub(crate) fn any(&mut self) -> Option<(u8, Der<'a>, &'a [u8])> {
        let (tag, header, element) = self.next()?;
        Some((tag, Der(element.get(header..)?), element))
    }

    /// What the next element holds, where it has this tag.
    pub(crate) fn read(&mut self, tag: u8) -> Option<Der<'a>> {
        let (found, content, _) = self.any()?;
        (found == tag).then_some(content)
    }

    /// The next element whole, where it has this tag.
    pub(crate) fn element(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, _, element) = self.any()?;
        (found == tag).then_some(element)
    }

    /// What the next element holds, where it has this tag; nothing where there is none.
    pub(crate) fn optional(&mut self, tag: u8) -> Option<Der<'a>> {
        if self.peek(tag) { self.read(tag) } else { Some(Der(&[])) }
    }

    pub(crate) fn boolean(&mut self) -> Option<bool> {
        match self.read(BOOLEAN)?.0 {
            [0] => Some(false),
            [0xff] => Some(true),
            _ => None,
        }
    }

    /// An integer in its shortest form, in two's complement.
    pub(crate) fn integer(&mut self) -> Option<&'a [u8]> {
        self.integer_with(INTEGER)
    }

    pub(crate) fn integer_with(&mut self, tag: u8) -> Option<&'a [u8]> {
        let bytes = self.read(tag)?.0;
        match bytes {
            [] => None,
            [0, next, ..] if next & 0x80 == 0 => None,
            [0xff, next, ..] if next & 0x80 != 0 => None,
            _ => Some(bytes),
        }
    }

    /// An object identifier whose numbers fit in 31 bits, as its bytes, which are one for one.
    pub(crate) fn oid(&mut self) -> Option<&'a [u8]> {
        let bytes = self.read(OBJECT_IDENTIFIER)?.0;
        let mut numbers = bytes;
        if numbers.is_empty() {
            return None;
        }
        while !numbers.is_empty() {
            let last = numbers.iter().position(|byte| byte & 0x80 == 0)?;
            let (number, rest) = numbers.split_at_checked(last + 1)?;
            // X.690, 8.19.2: the fewest octets.
            if number.first() == Some(&0x80) || !fits(number) {
                return None;
            }
            numbers = rest;
        }
        Some(bytes)
    }

    /// A bit string, moved to the right so that no bit is missing at its end.
    pub(crate) fn bits(&mut self) -> Option<Vec<u8>> {
        let [unused, bytes @ ..] = self.read(BIT_STRING)?.0 else { return None };
        let unused = *unused;
        if 7 < unused {
            return None;
        }
        let left = match bytes.last() {
            None if unused == 0 => 0,
            None => return None,
            Some(last) => last & ((1 << unused) - 1),
        };
        if left != 0 {
            return None;
        }
        if unused == 0 {
            return Some(bytes.to_vec());
        }
        let mut before = 0;
        let moved = bytes.iter().map(|byte| {
            let moved = before << (8 - unused) | byte >> unused;
            before = *byte;
            moved
        });
        Some(moved.collect())
    }

    /// A time, in seconds since the Unix epoch.
    pub(crate) fn time(&mut self) -> Option<i64> {
        let (tag, content, _) = self.any()?;
        let text = std::str::from_utf8(content.0).ok()?;
        match tag {
            UTC_TIME => utc_time(text),
            GENERALIZED_TIME => {
                let year = number(text.get(..4)?)?;
                moment(year, text.get(4..)?, Seconds::Given)
            }
            _ => None,
        }
    }
}

/// Whether a number of an object identifier fits in 31 bits.
fn fits(number: &[u8]) -> bool {
    match number {
        [_, _, _, _, _, _, ..] => false,
        [first, _, _, _, _] => first & 0x7f < 8,
        _ => true,
    }
}

fn utc_time(text: &str) -> Option<i64> {
    let short = number(text.get(..2)?)?;
    // Go's two digits of a year begin at 69, and X.509's at 50 (RFC 5280, 4.1.2.5.1).
    let year = if short < 50 { 2000 + short } else { 1900 + short };
    let rest = text.get(2..)?;
    // Without seconds too, which X.509 forbids and Go takes.
    moment(year, rest, Seconds::Given).or_else(|| moment(year, rest, Seconds::LeftOut))
}

/// Whether a time has seconds.
#[derive(Clone, Copy, Debug)]
enum Seconds {
    Given,
    LeftOut,
}

/// `MMDDhhmm`, seconds where there are any, and a zone: `Z`, or an offset other than 0.
fn moment(year: i32, text: &str, seconds: Seconds) -> Option<i64> {
    let (fields, zone) = text.split_at_checked(match seconds {
        Seconds::Given => 10,
        Seconds::LeftOut => 8,
    })?;
    let field = |at: usize| u8::try_from(number(fields.get(at..at + 2)?)?).ok();
    let month = Month::try_from(field(0)?).ok()?;
    let date = Date::from_calendar_date(year, month, field(2)?).ok()?;
    let second = match seconds {
        Seconds::Given => field(8)?,
        Seconds::LeftOut => 0,
    };
    let time = Time::from_hms(field(4)?, field(6)?, second).ok()?;
    let moment = PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp();
    Some(moment - offset(zone)?)
}

/// The seconds that a zone is ahead. Go writes the offset that it read anew and compares: `+0000`
/// and `+0160` come out otherwise.
fn offset(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let sign = match zone.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = (number(zone.get(1..3)?)?, number(zone.get(3..5)?)?);
    let whole = zone.len() == 5 && hours <= 24 && minutes < 60 && 0 < hours + minutes;
    whole.then(|| sign * i64::from(hours * 3600 + minutes * 60))
}

fn number(digits: &str) -> Option<i32> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_their_shortest_form_only() {
        let long = [&[0x04, 0x81, 0x80][..], &[0; 128]].concat();
        assert_eq!(Der(&long).read(OCTET_STRING).map(|read| read.0.len()), Some(128));
        for wrong in [
            &[0x04][..],
            &[0x04, 0x01],
            &[0x04, 0x80, 0, 0],
            &[0x04, 0x81, 0x01, 0],
            &[0x1f, 0x01, 0],
            &[&[0x04, 0x82, 0x00, 0x80][..], &[0; 128]].concat(),
        ] {
            assert!(Der(wrong).any().is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn integers_have_their_shortest_form_only() {
        for (bytes, expected) in [
            (&[2, 1, 0][..], Some(&[0][..])),
            (&[2, 2, 0, 0x80], Some(&[0, 0x80])),
            (&[2, 2, 0, 0x7f], None),
            (&[2, 2, 0xff, 0x80], None),
            (&[2, 0], None),
        ] {
            assert_eq!(Der(bytes).integer(), expected);
        }
    }

    #[test]
    fn an_object_identifier_has_numbers_of_31_bits() {
        for (bytes, taken) in [
            (&[6, 1, 0x2a][..], true),
            (&[6, 5, 0x87, 0xff, 0xff, 0xff, 0x7f], true),
            (&[6, 5, 0x88, 0x80, 0x80, 0x80, 0x00], false),
            (&[6, 6, 0x81, 0x80, 0x80, 0x80, 0x80, 0x00], false),
            (&[6, 2, 0x80, 0x01], false),
            (&[6, 1, 0x80], false),
            (&[6, 0], false),
        ] {
            assert_eq!(Der(bytes).oid().is_some(), taken, "{bytes:?}");
        }
    }

    #[test]
    fn bits_that_are_not_used_are_0_and_moved_away() {
        assert_eq!(Der(&[3, 2, 4, 0xf0]).bits(), Some(vec![0x0f]));
        assert_eq!(Der(&[3, 3, 4, 0x12, 0x30]).bits(), Some(vec![0x01, 0x23]));
        assert_eq!(Der(&[3, 1, 0]).bits(), Some(vec![]));
        for wrong in [&[3, 1, 1][..], &[3, 2, 8, 0], &[3, 2, 4, 0x08], &[3, 0]] {
            assert_eq!(Der(wrong).bits(), None);
        }
    }

    #[test]
    fn times_are_read_as_go_reads_them() {
        let read = |tag: u8, text: &str| {
            let bytes = [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
            Der(&bytes).time()
        };
        let utc = |text: &str| read(UTC_TIME, text);
        assert_eq!(utc("700101000000Z"), Some(0));
        assert_eq!(utc("7001010000Z"), Some(0));
        assert_eq!(utc("700101010000+0100"), Some(0));
        assert_eq!(utc("500101000000Z"), read(GENERALIZED_TIME, "19500101000000Z"));
        assert_eq!(utc("490101000000Z"), read(GENERALIZED_TIME, "20490101000000Z"));
        assert!(read(GENERALIZED_TIME, "99991231235959Z").is_some());
        for wrong in [
            "700101000000",
            "700101000000+0000",
            "700101000000+0160",
            "701301000000Z",
            "700230000000Z",
            "700101240000Z",
            "700101000060Z",
            "700101000000Zx",
            "70010100000Z",
        ] {
            assert_eq!(utc(wrong), None, "{wrong}");
        }
        assert_eq!(read(GENERALIZED_TIME, "197001010000Z"), None);
        assert_eq!(read(GENERALIZED_TIME, "19700101000000.5Z"), None);
    }
}

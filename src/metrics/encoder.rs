//! The two text formats, from one table.

use std::io;

use super::FamilyKind;
use anchorwatch_core::untrusted::escape_line;

/// How much is gathered usually: a piece is allocated once.
const PIECE: usize = 64 << 10;
/// The most that is gathered: a trust domain of as many authorities as a document may hold takes
/// some megabytes in one family, and nothing takes more.
const MOST: usize = 64 << 20;

/// Whether quotes are escaped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Quotes {
    Escaped,
    Plain,
}

/// A format that Prometheus reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// OpenMetrics 1.0.0.
    OpenMetrics,
    /// Prometheus' text format 0.0.4.
    Text,
}

impl Format {
    /// The exact content type: Prometheus 3 refuses a scrape without one that it knows.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// Writes families and samples: one piece of a scrape.
pub struct Encoder {
    format: Format,
    buffer: Vec<u8>,
    name: String,
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder").field("format", &self.format).finish_non_exhaustive()
    }
}

impl Encoder {
    /// An encoder of a piece that is empty yet.
    pub fn new(format: Format) -> Self {
        Self { format, buffer: Vec::with_capacity(PIECE + 4096), name: String::new() }
    }

    /// Goes on with the family of this name, which a piece before this one began.
    pub(super) fn resume(&mut self, name: &str) {
        name.clone_into(&mut self.name);
    }

    /// Begins a family of the catalogue: its help, type and unit.
    pub(super) fn begin(
        &mut self,
        name: &str,
        kind: FamilyKind,
        help: &str,
        unit: Option<&str>,
    ) -> io::Result<()> {
        let kind = match kind {
            FamilyKind::Counter => "counter",
            FamilyKind::Gauge => "gauge",
            FamilyKind::Info => match self.format {
                Format::OpenMetrics => "info",
                Format::Text => "gauge",
            },
        };
        self.header(name, kind, help, unit)
    }

    /// Begins a family by its parts.
    pub(super) fn header(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        unit: Option<&str>,
    ) -> io::Result<()> {
        name.clone_into(&mut self.name);
        // OpenMetrics names a family without the suffix that its samples carry.
        let family = match (self.format, kind) {
            (Format::OpenMetrics, "counter") => name.strip_suffix("_total").unwrap_or(name),
            (Format::OpenMetrics, "info") => name.strip_suffix("_info").unwrap_or(name),
            (Format::OpenMetrics | Format::Text, _) => name,
        };
        for (word, text) in [("HELP", help), ("TYPE", kind)] {
            self.put(&["# ", word, " ", family, " "]);
            let quotes = match (word, self.format) {
                ("HELP", Format::OpenMetrics) => Quotes::Escaped,
                (_, Format::OpenMetrics | Format::Text) => Quotes::Plain,
            };
            self.escape(text, quotes);
            self.put(&["\n"]);
        }
        if let (Format::OpenMetrics, Some(unit)) = (self.format, unit) {
            self.put(&["# UNIT ", family, " ", unit, "\n"]);
        }
        self.bounded()
    }

    /// Writes one series of the family that was begun.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: f64) -> io::Result<()> {
        self.suffixed("", labels, value)
    }

    /// Writes one series whose name ends in `suffix`, as a histogram's do.
    pub(super) fn suffixed(
        &mut self,
        suffix: &str,
        labels: &[(&str, &str)],
        value: f64,
    ) -> io::Result<()> {
        self.buffer.extend_from_slice(self.name.as_bytes());
        self.put(&[suffix]);
        let mut before = "{";
        for (name, text) in labels {
            self.put(&[before, name, "=\""]);
            self.escape(text, Quotes::Escaped);
            self.put(&["\""]);
            before = ",";
        }
        self.put(&[if before == "{" { " " } else { "} " }]);
        self.number(value);
        self.put(&["\n"]);
        self.bounded()
    }

    /// Writes the end of a scrape, which OpenMetrics has.
    pub fn end(&mut self) {
        if self.format == Format::OpenMetrics {
            self.put(&["# EOF
"]);
        }
    }

    /// How many bytes the piece has so far.
    pub(super) fn length(&self) -> usize {
        self.buffer.len()
    }

    /// The piece.
    pub fn into_piece(self) -> Vec<u8> {
        self.buffer
    }

    fn put(&mut self, parts: &[&str]) {
        for part in parts {
            self.buffer.extend_from_slice(part.as_bytes());
        }
    }

    /// Label values escape `\`, `"` and line ends; a help text of 0.0.4 escapes no quotes. What
    /// would be hidden is shown, whoever wrote it.
    fn escape(&mut self, text: &str, quotes: Quotes) {
        let odd = |byte: &u8| matches!(byte, b'\\') || (quotes == Quotes::Escaped && *byte == b'"');
        // Nearly no text holds any, and this loop without a way out looks at many bytes at once.
        let plain = |byte: &u8| matches!(byte, b' '..=b'~') && !odd(byte);
        if text.as_bytes().iter().fold(true, |found, byte| found & plain(byte)) {
            self.buffer.extend_from_slice(text.as_bytes());
            return;
        }
        let text = escape_line(text);
        let mut rest = text.as_bytes();
        while let Some(place) = rest.iter().position(odd) {
            let (plain, after) = rest.split_at(place);
            self.buffer.extend_from_slice(plain);
            let mut after = after.iter();
            match after.next() {
                Some(b'"') => self.put(&["\\\""]),
                Some(_) | None => self.put(&["\\\\"]),
            }
            rest = after.as_slice();
        }
        self.buffer.extend_from_slice(rest);
    }

    fn number(&mut self, value: f64) {
        /// Beyond it a float has no unit digit.
        const WHOLE: f64 = 9_007_199_254_740_992.0;
        #[expect(
            clippy::as_conversions,
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "compared with what it was made of"
        )]
        let (whole, back) = (value as i64, value as i64 as f64);
        if (value - back).abs() <= 0.0 && value.abs() < WHOLE {
            self.put(&[itoa::Buffer::new().format(whole)]);
        } else if value.is_nan() {
            self.put(&["NaN"]);
        } else if value.is_infinite() {
            self.put(&[if value < 0.0 { "-Inf" } else { "+Inf" }]);
        } else {
            self.put(&[ryu::Buffer::new().format_finite(value)]);
        }
    }

    /// Fails where the piece is longer than any may be.
    fn bounded(&self) -> io::Result<()> {
        if MOST < self.buffer.len() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(())
    }
}

/// A count as a metric's value: exact below 2^53.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "exact below 2^53")]
pub(super) fn count(number: impl TryInto<u64>) -> f64 {
    number.try_into().unwrap_or(u64::MAX) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(format: Format, write: impl FnOnce(&mut Encoder)) -> String {
        let mut encoder = Encoder::new(format);
        write(&mut encoder);
        encoder.end();
        String::from_utf8(encoder.into_piece()).unwrap()
    }

    #[test]
    fn labels_are_escaped_and_numbers_are_prometheus_own() {
        let text = lines(Format::Text, |encoder| {
            encoder.header("a", "gauge", "an end \"quoted\" \\", None).unwrap();
            encoder.sample(&[("k", "a\"b\\c\nd")], 1.5).unwrap();
            for value in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -0.0, 1e300, 1_764_000_000.25]
            {
                encoder.sample(&[], value).unwrap();
            }
        });
        assert_eq!(
            text,
            "# HELP a an end \"quoted\" \\\\\n# TYPE a gauge\na{k=\"a\\\"b\\\\c\\\\nd\"} 1.5\n\
             a +Inf\na -Inf\na NaN\na 0\na 1e300\na 1764000000.25\n"
        );
    }

    #[test]
    fn openmetrics_names_a_counter_without_its_suffix_and_ends() {
        let text = lines(Format::OpenMetrics, |encoder| {
            encoder.header("polls_total", "counter", "Polls.", None).unwrap();
            encoder.sample(&[], 3.0).unwrap();
            encoder.header("took_seconds", "gauge", "Took.", Some("seconds")).unwrap();
        });
        assert_eq!(
            text,
            "# HELP polls Polls.\n# TYPE polls counter\npolls_total 3\n\
             # HELP took_seconds Took.\n# TYPE took_seconds gauge\n# UNIT took_seconds seconds\n# EOF\n"
        );
    }
}

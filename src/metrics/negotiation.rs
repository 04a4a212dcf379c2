//! Which format a scraper gets.

use super::Format;

/// The format that an `Accept` header prefers. Without a header, and for whoever takes anything,
/// text 0.0.4: every tool reads it.
pub fn negotiate(accept: Option<&str>) -> Format {
    let mut best = (Format::Text, 0.0_f32);
    for offer in accept.unwrap_or_default().split(',') {
        let mut parts = offer.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        let (mut version, mut quality) = (None, 1.0_f32);
        for part in parts {
            match part.split_once('=') {
                Some(("version", value)) => version = Some(value.trim_matches('"')),
                Some(("q", value)) => quality = value.parse().unwrap_or(0.0),
                Some(_) | None => (),
            }
        }
        let format = match (media, version) {
            ("application/openmetrics-text", None | Some("1.0.0" | "0.0.1")) => Format::OpenMetrics,
            ("text/plain", None | Some("0.0.4")) | ("text/*" | "*/*", _) => Format::Text,
            _ => continue,
        };
        if best.1 < quality {
            best = (format, quality);
        }
    }
    best.0
}

/// Whether an `Accept-Encoding` header takes gzip.
pub fn accepts_gzip(accept_encoding: Option<&str>) -> bool {
    accept_encoding.unwrap_or_default().split(',').any(|offer| {
        let mut parts = offer.split(';').map(str::trim);
        let coding = parts.next().unwrap_or_default();
        let refused = parts.any(|part| {
            part.strip_prefix("q=").is_some_and(|q| q.parse::<f32>().unwrap_or(0.0) <= 0.0)
        });
        (coding.eq_ignore_ascii_case("gzip") || coding == "*") && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quality_decides() {
        // What Prometheus 3.5 sends.
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
            application/openmetrics-text;version=0.0.1;q=0.5,\
            text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        assert_eq!(negotiate(Some(prometheus)), Format::OpenMetrics);
        assert_eq!(negotiate(None), Format::Text);
        assert_eq!(negotiate(Some("*/*")), Format::Text);
        assert_eq!(negotiate(Some("text/html, */*;q=0.1")), Format::Text);
        let text = "text/plain;version=0.0.4;q=0.9, application/openmetrics-text;q=0.1";
        assert_eq!(negotiate(Some(text)), Format::Text);
        assert_eq!(negotiate(Some("application/openmetrics-text;version=2.0.0")), Format::Text);
    }

    #[test]
    fn gzip_is_used_only_where_it_is_taken() {
        assert!(accepts_gzip(Some("deflate, gzip")));
        assert!(accepts_gzip(Some("gzip;q=0.5")));
        assert!(!accepts_gzip(Some("gzip;q=0")));
        assert!(!accepts_gzip(Some("identity")));
        assert!(!accepts_gzip(None));
    }
}

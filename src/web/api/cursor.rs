//! Where a list of authorities goes on.

use std::fmt;
use std::str::FromStr;

use super::AuthorityReport;
use anchorwatch_core::bundle::{Fingerprint, SvidType};
use anchorwatch_core::journal::AuthorityEntry;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::Timestamp;

/// The last authority of a page: the next page begins after it, whatever came or went since. Its
/// text holds nothing that a query would have to escape.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Cursor {
    trust_domain: TrustDomain,
    svid_type: SvidType,
    published: Timestamp,
    fingerprint: Fingerprint,
}

impl Cursor {
    /// The place of an authority in the list.
    pub fn of(report: &AuthorityReport) -> Self {
        Self {
            trust_domain: report.trust_domain.clone(),
            svid_type: report.svid_type,
            published: report.published.until,
            fingerprint: report.fingerprint,
        }
    }
}

impl Cursor {
    /// The trust domain, use, publication and fingerprint of the authority.
    pub fn parts(&self) -> (&TrustDomain, SvidType, Timestamp, Fingerprint) {
        (&self.trust_domain, self.svid_type, self.published, self.fingerprint)
    }
}

impl From<&AuthorityEntry> for Cursor {
    fn from(entry: &AuthorityEntry) -> Self {
        let id = entry.record.id();
        Self {
            trust_domain: entry.trust_domain.clone(),
            svid_type: id.svid_type,
            published: entry.record.published.until,
            fingerprint: id.fingerprint,
        }
    }
}

/// Why a text is no place in the list.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a place in the list: take it from the `Link` header of the page before")]
pub struct CursorError;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trust_domain, svid_type, published, fingerprint } = self;
        let fingerprint = fingerprint.to_string();
        let digits = fingerprint.rsplit(':').next().unwrap_or_default();
        let published = published.as_unix_micros();
        write!(f, "{trust_domain}~{}~{published}~{digits}", svid_type.label())
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('~');
        let mut next = || parts.next().ok_or(CursorError);
        let (domain, svid_type, published, digits) = (next()?, next()?, next()?, next()?);
        let cursor = Self {
            trust_domain: domain.parse().map_err(|_| CursorError)?,
            svid_type: SvidType::from_label(svid_type).ok_or(CursorError)?,
            published: Timestamp::from_unix_micros(published.parse().map_err(|_| CursorError)?),
            fingerprint: format!("sha256:{digits}").parse().map_err(|_| CursorError)?,
        };
        parts.next().is_none().then_some(cursor).ok_or(CursorError)
    }
}

anchorwatch_core::serde_as_text!(Cursor);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_its_text() {
        let digits = "0".repeat(64);
        let text = format!("a.example~jwt-svid~1795384800000001~{digits}");
        let cursor: Cursor = text.parse().unwrap();
        assert_eq!(cursor.to_string(), text);
        for bad in ["", "a.example", &format!("{text}~"), &text.replace("jwt", "j")] {
            assert_eq!(bad.parse::<Cursor>(), Err(CursorError), "{bad}");
        }
    }
}

//! What findings and incidents are known by.

use std::fmt;
use std::str::FromStr;

use super::FindingKind;
use crate::bundle::{Digest, SvidType};
use crate::spiffe::TrustDomain;
use crate::time::Timestamp;

/// What a finding is known by: 12 hex digits, the same in every assessment.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FindingId([u8; 6]);

impl FindingId {
    /// The id of what began to be true of this subject then.
    pub fn new(
        trust_domain: Option<&TrustDomain>,
        kind: FindingKind,
        svid_type: Option<SvidType>,
        subject: &str,
        since: Timestamp,
    ) -> Self {
        let trust_domain = trust_domain.map(TrustDomain::as_str).unwrap_or_default();
        let svid_type = svid_type.map(SvidType::label).unwrap_or_default();
        let text = format!(
            "{trust_domain}\0{}\0{svid_type}\0{subject}\0{}",
            kind.label(),
            since.as_unix_micros()
        );
        Self(first_six(&text))
    }
}

/// What the findings of one poll are known by together: `i` and 8 hex digits.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct IncidentId([u8; 4]);

impl IncidentId {
    /// The incident of a trust domain at this poll.
    pub fn new(trust_domain: Option<&TrustDomain>, at: Timestamp) -> Self {
        let trust_domain = trust_domain.map(TrustDomain::as_str).unwrap_or_default();
        let [a, b, c, d, ..] = first_six(&format!("{trust_domain}\0{}", at.as_unix_micros()));
        Self([a, b, c, d])
    }
}

fn first_six(text: &str) -> [u8; 6] {
    let digest = Digest::of(text.as_bytes());
    let mut bytes = [0; 6];
    for (byte, from) in bytes.iter_mut().zip(digest.as_bytes()) {
        *byte = *from;
    }
    bytes
}

/// Why a text is no id.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FindingIdError {
    /// It is no id of a finding.
    #[error("not the id of a finding, such as 3f9c1a2b4d5e: 12 hex digits")]
    Finding,
    /// It is no id of an incident.
    #[error("not the id of an incident, such as i3f9c1a2b: i and 8 hex digits")]
    Incident,
}

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("i")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for FindingId {
    type Err = FindingIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        digits(text).map(Self).ok_or(FindingIdError::Finding)
    }
}

impl FromStr for IncidentId {
    type Err = FindingIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.strip_prefix('i').ok_or(FindingIdError::Incident)?;
        digits(text).map(Self).ok_or(FindingIdError::Incident)
    }
}

/// The bytes of lower-case hex digits, as many as are wanted.
fn digits<const N: usize>(text: &str) -> Option<[u8; N]> {
    let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() != 2 * N || !text.bytes().all(lower) {
        return None;
    }
    let mut bytes = [0; N];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(bytes)
}

serde_as_text!(FindingId, IncidentId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_text() {
        let at = Timestamp::from_unix(1_700_000_000);
        let id = FindingId::new(None, FindingKind::Rollback, None, "", at);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().len(), 12);
        let incident = IncidentId::new(None, at);
        assert_eq!(incident.to_string().parse(), Ok(incident));
        assert_eq!("3F9C1A2B4D5E".parse::<FindingId>(), Err(FindingIdError::Finding));
        assert_eq!("3f9c1a2b".parse::<IncidentId>(), Err(FindingIdError::Incident));
    }

    #[test]
    fn what_differs_in_anything_has_another_id() {
        let at = Timestamp::from_unix(1_700_000_000);
        let later = Timestamp::from_unix(1_700_000_001);
        let x509 = Some(SvidType::X509);
        let ids = [
            FindingId::new(None, FindingKind::Rollback, None, "", at),
            FindingId::new(None, FindingKind::Rollback, None, "", later),
            FindingId::new(None, FindingKind::Rollback, None, "a", at),
            FindingId::new(None, FindingKind::Rollback, x509, "", at),
            FindingId::new(None, FindingKind::Churn, None, "", at),
        ];
        let distinct: std::collections::BTreeSet<_> = ids.into_iter().collect();
        assert_eq!(distinct.len(), ids.len());
    }
}

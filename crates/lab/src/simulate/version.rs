//! One state of a bundle as an endpoint serves it.

use std::fmt::Write as _;
use std::sync::Arc;

use super::{Minted, Random};
use anchorwatch_core::bundle::{
    Bundle, Digest, Fingerprint, Irregularity, IrregularityKind, ParseLimits, StatedNumber,
    SvidType, parse,
};
use anchorwatch_core::time::Timestamp;

/// One state of a bundle.
#[derive(Clone, Debug)]
pub(super) struct BundleVersion {
    /// Its number: no two states of a world share one.
    pub(super) number: u64,
    /// Since when it has been the state, in true time.
    pub(super) since: Timestamp,
    /// The sequence number; SPIRE leaves a 0 out.
    pub(super) sequence: Option<u64>,
    /// The refresh hint in seconds.
    refresh_hint: Option<u64>,
    pub(super) bundle: Bundle,
    pub(super) irregularities: Vec<Irregularity>,
    /// Its X.509 authorities, sorted.
    pub(super) anchors: Vec<Fingerprint>,
    pub(super) keys: Vec<Minted>,
}

impl BundleVersion {
    /// The state that has these keys. SPIRE leaves a sequence of 0 out: that is `None`.
    pub(super) fn new(
        number: u64,
        since: Timestamp,
        sequence: Option<u64>,
        refresh_hint: Option<u64>,
        keys: Vec<Minted>,
    ) -> Arc<Self> {
        let authorities = keys.iter().map(|key| Arc::clone(&key.authority)).collect();
        let stated = |number: Option<u64>| number.map_or(StatedNumber::Absent, StatedNumber::Given);
        let bundle = Bundle::new(authorities, stated(sequence), stated(refresh_hint));
        let x509 = bundle.authorities().iter().map(|authority| authority.id);
        let x509 = x509.filter(|id| id.svid_type == SvidType::X509);
        let anchors = x509.map(|id| id.fingerprint).collect();
        let mut absent = Vec::new();
        if sequence.is_none() {
            absent.push(Irregularity { entry: None, kind: IrregularityKind::MissingSequence });
        }
        if refresh_hint.is_none() {
            absent.push(Irregularity { entry: None, kind: IrregularityKind::MissingRefreshHint });
        }
        let irregularities = absent;
        let mut version =
            Self { number, since, sequence, refresh_hint, bundle, irregularities, anchors, keys };
        if version.repeats_a_key_id() {
            version.read();
        }
        Arc::new(version)
    }

    /// The state with these keys and this sequence number, under the hint that it has.
    pub(super) fn altered(
        &self,
        number: u64,
        since: Timestamp,
        sequence: Option<u64>,
        keys: Vec<Minted>,
    ) -> Arc<Self> {
        Self::new(number, since, sequence, self.refresh_hint, keys)
    }

    /// The document, its keys in an order that chance gives.
    pub(super) fn document(&self, random: &mut Random) -> String {
        let mut elements: Vec<_> = self.keys.iter().map(Minted::element).collect();
        random.shuffle(&mut elements);
        let mut text = format!(r#"{{"keys":[{}]"#, elements.join(","));
        if let Some(sequence) = self.sequence {
            let _ = write!(text, r#","spiffe_sequence":{sequence}"#);
        }
        if let Some(hint) = self.refresh_hint {
            let _ = write!(text, r#","spiffe_refresh_hint":{hint}"#);
        }
        text.push('}');
        text
    }

    /// A digest that stands for the body's: another for another state. The body itself is written
    /// only where someone wants it.
    pub(super) fn body(&self) -> Digest {
        Digest::of(&self.number.to_be_bytes())
    }

    /// How long the document is, in bytes, within a few a key.
    pub(super) fn length(&self) -> u64 {
        self.keys.iter().fold(64, |length, key| length.saturating_add(key.length()))
    }

    fn repeats_a_key_id(&self) -> bool {
        let mut kids: Vec<_> =
            self.bundle.authorities().iter().filter_map(|one| one.kid.as_ref()).collect();
        let all = kids.len();
        kids.sort_unstable();
        kids.dedup();
        kids.len() != all
    }

    /// Has the parser say what is odd.
    fn read(&mut self) {
        if let Ok(parsed) =
            parse(self.document(&mut Random::new(self.number)).as_bytes(), &ParseLimits::default())
        {
            self.bundle = parsed.bundle;
            self.irregularities = parsed.irregularities;
        }
    }
}

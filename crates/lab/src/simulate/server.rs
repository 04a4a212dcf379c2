//! The certificate that a server presents at its endpoint.

use std::time::Duration;

use crate::issuer::{IssuedKey, KeyCreationCause, KeyNumber, NOT_BEFORE_CUSHION};
use anchorwatch_core::bundle::Validity;
use anchorwatch_core::time::Timestamp;

/// How often a server looks whether its own SVID is to be renewed (`svid/rotator_config.go`).
const LOOKS_EVERY: Duration = Duration::from_secs(5);

/// An SVID of a server's own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct ServerSvid {
    /// The X.509 authority, or the intermediate, that signed it.
    pub(super) signer: KeyNumber,
    /// From when until when it is valid, by the issuer's clock.
    pub(super) validity: Validity,
    /// How many SVIDs the server had before it.
    pub(super) number: u64,
}

/// A server's own SVID through time, in the issuer's time.
#[derive(Clone, Debug)]
pub(super) struct Server {
    /// What its SVIDs are signed with from now on.
    signer: Option<IssuedKey>,
    svid: Option<ServerSvid>,
    /// When the next one is due; `None` while there is nothing to sign with.
    renews_at: Option<Timestamp>,
    ttl: Duration,
    signed: u64,
}

impl Server {
    pub(super) fn new(ttl: Duration) -> Self {
        Self { signer: None, svid: None, renews_at: None, ttl, signed: 0 }
    }

    /// The server starts: its SVID lived in memory alone.
    pub(super) fn starts(&mut self, at: Timestamp) {
        self.svid = None;
        self.renews_at = self.signer.is_some().then_some(at);
    }

    /// The server's keys are gone.
    pub(super) fn loses_keys(&mut self) {
        self.signer = None;
        self.renews_at = None;
    }

    /// From `at` on, another authority signs. The SVID that there is stays until it is due.
    pub(super) fn activates(&mut self, at: Timestamp, signer: IssuedKey) {
        self.renew(at);
        self.signer = Some(signer);
        // The first key of a start: there was nothing to sign with before it.
        if signer.occasion == KeyCreationCause::First || self.renews_at.is_none() {
            self.renews_at = Some(at);
        }
    }

    /// The key that signed the SVID is tainted: it is renewed at the next look.
    pub(super) fn taints(&mut self, at: Timestamp, key: KeyNumber) {
        self.renew(at);
        if self.svid.is_some_and(|svid| svid.signer == key) {
            self.renews_at = Some(at.saturating_add(LOOKS_EVERY));
        }
    }

    /// The SVID at `at`, which does not run back.
    pub(super) fn svid(&mut self, at: Timestamp) -> Option<ServerSvid> {
        self.renew(at);
        self.svid
    }

    fn renew(&mut self, to: Timestamp) {
        while let Some(at) = self.renews_at
            && at <= to
        {
            self.sign(at);
        }
    }

    fn sign(&mut self, at: Timestamp) {
        // An authority that has ended signs nothing, and the last SVID stays.
        let Some(signer) = self.signer.filter(|signer| at < signer.validity.not_after) else {
            self.renews_at = None;
            return;
        };
        let whole = |moment: Timestamp| Timestamp::from_unix(moment.as_unix());
        let not_before = whole(at.saturating_sub(NOT_BEFORE_CUSHION));
        let not_after = whole(at.saturating_add(self.ttl)).min(signer.validity.not_after);
        let validity = Validity { not_before, not_after };
        self.svid = Some(ServerSvid { signer: signer.number, validity, number: self.signed });
        self.signed = self.signed.saturating_add(1);
        // `svid/rotator.go`: at half of its life, counted from its backdated beginning.
        let life = not_after.since(not_before).unwrap_or_default();
        let half = not_before.saturating_add(life / 2);
        let waits = half.since(at).unwrap_or_default().as_micros();
        let looks = waits.div_ceil(LOOKS_EVERY.as_micros()).max(1);
        let looks = u32::try_from(looks).unwrap_or(u32::MAX);
        self.renews_at = Some(at.saturating_add(LOOKS_EVERY * looks));
    }
}

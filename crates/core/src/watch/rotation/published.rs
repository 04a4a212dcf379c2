//! One publication.

use std::time::Duration;

use crate::bundle::AuthorityId;
use crate::time::{Timestamp, Window};

/// A publication, as the lineages see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Publication {
    pub(super) authority: AuthorityId,
    /// When it was published: an X.509 authority's own word, where its poll bracket bears it out.
    pub(super) published: Window,
    /// When it was made by its issuer's clock, where that says so within what clocks may differ.
    pub(super) issued_at: Option<Timestamp>,
    /// How long it lives, where it says so.
    pub(super) lifetime: Option<Duration>,
}

/// How near to a date a publication came that met none.
#[derive(Clone, Copy)]
pub(super) struct Fit {
    /// How many publications of the poll it is one of.
    pub(super) among: u32,
    /// Whether the baseline knows the lineages only loosely, and one may have drifted so far.
    pub(super) loose: bool,
}

impl Fit {
    /// There is no date to compare it with.
    pub(super) const NONE: Self = Self { among: 1, loose: false };
}

//! One publication, and what became of it.

use std::time::Duration;

use crate::bundle::AuthorityId;
use crate::time::{Timestamp, Window};
use crate::watch::{FirstDateFit, Standing};

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

/// What became of one publication.
#[derive(Clone, Debug)]
pub(in crate::watch) struct Outcome {
    pub(in crate::watch) authority: AuthorityId,
    pub(in crate::watch) standing: Standing,
    /// The lineage that it belongs to, and the authority before it there.
    pub(in crate::watch) lineage: Option<u32>,
    pub(in crate::watch) predecessor: Option<AuthorityId>,
    /// The authorities that may not be those of their lineages, since this publication could have met
    /// their dates as well.
    pub(in crate::watch) contests: Vec<AuthorityId>,
}

impl Outcome {
    /// Of an authority that goes on no lineage.
    pub(super) fn aside(authority: AuthorityId, standing: Standing) -> Self {
        Self { authority, standing, lineage: None, predecessor: None, contests: Vec::new() }
    }
}

/// How near to a date a publication came that met none.
#[derive(Clone)]
pub(super) struct Fit {
    /// How many publications of the poll it is one of.
    pub(super) among: u32,
    /// How it fits the first dates of the lineages that a baseline knows only loosely.
    pub(super) first: FirstDateFit,
    /// The authorities that have the first dates that it could have as well.
    pub(super) contests: Vec<AuthorityId>,
}

impl Fit {
    /// There is no date to compare it with.
    pub(super) const NONE: Self =
        Self { among: 1, first: FirstDateFit::None, contests: Vec::new() };
}

//! What decisions do to lineages.

use super::published::Publication;
use super::{RotationModel, Unpaired};
use crate::bundle::AuthorityId;

impl RotationModel {
    /// An operator says that this lineage ended on purpose.
    pub(in crate::watch) fn retire(&mut self, number: u32) {
        self.end(number);
    }

    /// An operator denied this authority: no lineage rests on it.
    pub(in crate::watch) fn deny(&mut self, authority: AuthorityId) {
        self.drop_branch(authority);
        self.first_dates.release(authority);
        for lineage in &mut self.lineages {
            if lineage.deadline_extension.is_some_and(|(holder, _)| holder == authority) {
                lineage.deadline_extension = None;
            }
        }
    }

    /// An operator explained this authority after all: where it held a lineage's date, the lineage
    /// goes on from it.
    pub(in crate::watch) fn explain(&mut self, publication: Explained) -> Option<AuthorityId> {
        let Explained { authority, published, lifetime } = publication;
        let publication = Publication { authority, published, issued_at: None, lifetime };
        let held = |lineage: &&mut super::Lineage| {
            lineage.deadline_extension.is_some_and(|(holder, _)| holder == authority)
        };
        if let Some(lineage) = self.lineages.iter_mut().find(held) {
            return lineage.extend(&publication, published);
        }
        if self.lineage_of(authority).is_none() && self.baseline.is_some() {
            self.branch(&publication);
        }
        None
    }

    /// An X.509 publication whose JWT key did not follow was no late one: it fits no date.
    pub(super) fn unclaim(&mut self, pair: Unpaired) -> Option<u32> {
        let authority = pair.authority;
        let lineage = self.lineages.iter_mut().find(|lineage| lineage.newest == Some(authority))?;
        let (published, issued_at, lifetime) =
            (lineage.published, lineage.issued_at, lineage.lifetime);
        let publication = Publication { authority, published, issued_at, lifetime };
        *lineage = pair.lineage;
        Some(self.branch(&publication))
    }
}

/// An authority that is explained after its publication.
#[derive(Clone, Copy, Debug)]
pub(in crate::watch) struct Explained {
    pub(in crate::watch) authority: AuthorityId,
    pub(in crate::watch) published: crate::time::Window,
    pub(in crate::watch) lifetime: Option<std::time::Duration>,
}

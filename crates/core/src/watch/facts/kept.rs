//! What follows from all authorities on record, kept while none of them changes.
//!
//! An endpoint or a reporter decides how many keys one batch of events brings. What is compared with
//! each of them is made once for all of them.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Facts, Sighting};
use crate::untrusted::UntrustedText;
use crate::watch::Event;
use crate::watch::rotation::Forms;

/// What follows from the authorities on record. It is made where it is asked for, and facts are the
/// same whether they hold it or not.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    forms: Option<Arc<Forms>>,
    kids: Option<Arc<HashSet<UntrustedText>>>,
}

impl PartialEq for Kept {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Facts {
    /// Drops what is kept, before and after an event that may change an authority.
    pub(super) fn drop_kept(&mut self, event: &Event) {
        let changes_none =
            matches!(event, Event::UnconfirmedAuthoritySeen { .. } | Event::KidSighted { .. });
        if !changes_none {
            self.kept = Kept::default();
        }
    }

    /// What the explained authorities look like that are published.
    pub(super) fn forms(&mut self) -> Arc<Forms> {
        if let Some(forms) = &self.kept.forms {
            return Arc::clone(forms);
        }
        let explained = self.published().filter(|record| record.is_explained());
        let forms = Arc::new(Forms::of(explained));
        self.kept.forms = Some(Arc::clone(&forms));
        forms
    }

    /// The key IDs of all authorities on record, as sightings hold them.
    pub(super) fn carried_kids(&mut self) -> Arc<HashSet<UntrustedText>> {
        if let Some(kids) = &self.kept.kids {
            return Arc::clone(kids);
        }
        #[cfg(test)]
        crate::watch::work::CARRIED.add();
        let kids = self.authorities.iter().filter_map(|record| record.authority.kid.as_ref());
        let kids = kids.map(|kid| Sighting::cut(kid.as_received())).collect();
        let kids = Arc::new(kids);
        self.kept.kids = Some(Arc::clone(&kids));
        kids
    }
}

//! What follows from all authorities on record, kept while none of them changes.
//!
//! An endpoint decides how many keys one batch of events brings. What is compared with
//! each of them is made once for all of them.

use std::sync::Arc;

use super::Facts;
use crate::watch::Event;
use crate::watch::course::Forms;

/// What follows from the authorities on record. It is made where it is asked for, and facts are the
/// same whether they hold it or not.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    forms: Option<Arc<Forms>>,
}

impl PartialEq for Kept {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Facts {
    /// Drops what is kept, before and after an event that may change an authority.
    pub(super) fn drop_kept(&mut self, event: &Event) {
        if !matches!(event, Event::AuthorityGlimpsed { .. }) {
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
}

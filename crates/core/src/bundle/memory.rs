//! What the elements of the last document said, so that an element that did not change is not read
//! again.
//!
//! SPIRE shuffles its keys in every answer, so a document is seldom the same twice; its elements
//! are. Reading one (certificate, point, thumbprint) takes about ten times as long as hashing it.
//! What an element says follows from its text alone, so remembering it changes nothing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::element::{Element, element};
use super::{AuthorityPool, Digest, Irregularity};

/// What the elements of the last document of one endpoint said. Bounded by that document.
#[derive(Debug, Default)]
pub struct Memory {
    elements: Mutex<HashMap<Digest, Element>>,
    news: AtomicBool,
    irregular: AtomicBool,
    /// Where authorities that other endpoints publish too are held.
    pool: OnceLock<Arc<AuthorityPool>>,
}

impl Memory {
    /// From now on an authority that is held elsewhere is not held here once more.
    pub fn join(&self, pool: &Arc<AuthorityPool>) {
        self.pool.get_or_init(|| Arc::clone(pool));
    }

    /// Begins the reading of a document.
    pub(super) fn reading(&self) -> Reading<'_> {
        let known =
            std::mem::take(&mut *self.elements.lock().unwrap_or_else(PoisonError::into_inner));
        Reading { memory: self, known, seen: HashMap::new(), fresh: false }
    }

    /// Whether the last document says something that the one before did not: another element, or
    /// irregularities now or then. What follows from a document alone need not be asked again
    /// where it does not.
    pub fn has_news(&self, irregularities: &[Irregularity]) -> bool {
        let irregular = !irregularities.is_empty();
        let was = self.irregular.swap(irregular, Ordering::Relaxed);
        self.news.load(Ordering::Relaxed) || irregular || was
    }
}

/// The reading of one document. One that fails half-way forgets what was known, and the next one
/// reads it again.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    memory: &'a Memory,
    known: HashMap<Digest, Element>,
    seen: HashMap<Digest, Element>,
    fresh: bool,
}

impl Reading<'_> {
    /// What an element says.
    pub(super) fn element(&mut self, raw: &str) -> Element {
        let digest = Digest::of(raw.as_bytes());
        if let Some((digest, known)) = self.known.remove_entry(&digest) {
            self.seen.insert(digest, known.clone());
            return known;
        }
        self.fresh = true;
        let mut read = element(raw);
        if let Some(pool) = self.memory.pool.get() {
            read.authority = read.authority.map(|authority| pool.intern(authority));
        }
        // Of what may hold a secret nothing is kept, not even a hash.
        if !read.secret {
            self.seen.insert(digest, read.clone());
        }
        read
    }

    /// Ends the reading: what this document does not have is forgotten.
    pub(super) fn finish(self) {
        let news = self.fresh || !self.known.is_empty();
        self.memory.news.store(news, Ordering::Relaxed);
        *self.memory.elements.lock().unwrap_or_else(PoisonError::into_inner) = self.seen;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{ParseLimits, parse_with};

    #[test]
    fn nothing_of_a_secret_is_remembered() {
        let memory = Memory::default();
        let body = br#"{"keys":[{"kty":"EC","use":"jwt-svid","kid":"a","crv":"P-256","x":"","y":"","d":"c2VjcmV0"}]}"#;
        parse_with(body, &ParseLimits::default(), &memory).unwrap();
        assert!(memory.elements.lock().unwrap().is_empty());
    }
}

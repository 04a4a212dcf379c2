//! What decisions do to lines.

#![expect(clippy::similar_names, reason = "the words of the field are alike")]

use super::claim::Birth;
use super::{Course, Unpaired};
use crate::bundle::AuthorityId;

impl Course {
    /// An operator says that this lineage ended on purpose.
    pub(in crate::watch) fn retire(&mut self, number: u32) {
        self.end(number);
    }

    /// An operator denied this authority: no line rests on it.
    pub(in crate::watch) fn deny(&mut self, authority: AuthorityId) {
        self.drop_branch(authority);
        for line in &mut self.lines {
            if line.held.is_some_and(|(holder, _)| holder == authority) {
                line.held = None;
            }
        }
    }

    /// An operator explained this authority after all: where it held a lineage's date, the lineage
    /// goes on from it.
    pub(in crate::watch) fn explain(&mut self, birth: Explained) -> Option<AuthorityId> {
        let Explained { authority, published, life } = birth;
        let birth = Birth { authority, published, made: None, life };
        let held =
            |line: &&mut super::Line| line.held.is_some_and(|(holder, _)| holder == authority);
        if let Some(line) = self.lines.iter_mut().find(held) {
            return line.goes_on(&birth, published);
        }
        if self.line_of(authority).is_none() && self.baseline.is_some() {
            self.branch(&birth);
        }
        None
    }

    /// An X.509 birth whose JWT key did not follow was no late one: it fits no date.
    pub(super) fn unclaim(&mut self, pair: Unpaired) -> Option<u32> {
        let authority = pair.authority;
        let line = self.lines.iter_mut().find(|line| line.newest == Some(authority))?;
        let (published, made, life) = (line.published, line.made, line.life);
        let birth = Birth { authority, published, made, life };
        *line = pair.line;
        Some(self.branch(&birth))
    }
}

/// An authority that is explained after its birth.
#[derive(Clone, Copy, Debug)]
pub(in crate::watch) struct Explained {
    pub(in crate::watch) authority: AuthorityId,
    pub(in crate::watch) published: crate::time::Window,
    pub(in crate::watch) life: Option<std::time::Duration>,
}

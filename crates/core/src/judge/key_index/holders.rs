//! The trust domains that publish one key.

use std::collections::BTreeSet;

use super::Number;
use crate::time::Timestamp;

/// A trust domain that publishes a key, ordered by when it published it first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct KeyHolder {
    /// When it was seen to publish it.
    pub(super) published: Timestamp,
    /// Which.
    pub(super) number: Number,
}

/// The trust domains that publish one key. Nearly every key has one, which takes no allocation.
#[derive(Debug)]
pub(super) enum Holders {
    One(KeyHolder),
    Many(BTreeSet<KeyHolder>),
}

impl Holders {
    pub(super) fn add(&mut self, holder: KeyHolder) {
        match self {
            Self::One(first) => *self = Self::Many(BTreeSet::from([*first, holder])),
            Self::Many(holders) => drop(holders.insert(holder)),
        }
    }

    /// Returns whether none is left.
    pub(super) fn remove(&mut self, holder: KeyHolder) -> bool {
        match self {
            Self::One(only) => *only == holder,
            Self::Many(holders) => {
                holders.remove(&holder);
                if holders.len() < 2 {
                    let Some(last) = holders.first().copied() else { return true };
                    *self = Self::One(last);
                }
                false
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(holders) => holders.len(),
        }
    }

    /// The holders, in the order of publication.
    pub(super) fn iter(&self) -> impl Iterator<Item = KeyHolder> + '_ {
        let (one, many) = match self {
            Self::One(only) => (Some(*only), None),
            Self::Many(holders) => (None, Some(holders.iter().copied())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

//! What changed from one bundle to the next.

use std::cmp::Ordering;
use std::sync::Arc;

use super::{Authority, Bundle};

/// The difference of two key sets. Sets, not lists: SPIRE shuffles its keys in every answer.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct BundleDiff {
    /// In the later bundle alone.
    pub introduced: Vec<Arc<Authority>>,
    /// In the earlier bundle alone.
    pub removed: Vec<Arc<Authority>>,
    /// In both, but under another key ID: as it was, and as it is.
    pub relabelled: Vec<(Arc<Authority>, Arc<Authority>)>,
}

impl BundleDiff {
    /// Whether both key sets are the same.
    pub fn is_empty(&self) -> bool {
        self.introduced.is_empty() && self.removed.is_empty() && self.relabelled.is_empty()
    }
}

/// What `later` introduces, removes and relabels against `earlier`.
pub fn diff(earlier: &Bundle, later: &Bundle) -> BundleDiff {
    let mut difference = BundleDiff::default();
    let mut before = earlier.authorities().iter().peekable();
    let mut after = later.authorities().iter().peekable();
    loop {
        let order = match (before.peek(), after.peek()) {
            (None, None) => return difference,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => old.id.cmp(&new.id),
        };
        match order {
            Ordering::Less => difference.removed.extend(before.next().cloned()),
            Ordering::Greater => difference.introduced.extend(after.next().cloned()),
            Ordering::Equal => {
                if let (Some(old), Some(new)) = (before.next(), after.next())
                    && old.kid != new.kid
                {
                    difference.relabelled.push((Arc::clone(old), Arc::clone(new)));
                }
            }
        }
    }
}

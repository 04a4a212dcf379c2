//! Which announcement explains a publication (docs/judgement.md#announced).

use super::published::Publication;
use crate::bundle::Authority;
use crate::decision::Decisions;
use crate::time::Window;

/// The place of the announcement that covers this publication.
fn announcing(
    decisions: &Decisions,
    authority: &Authority,
    publication: &Publication,
) -> Option<usize> {
    let Window { from, until } = publication.published;
    let svid_type = publication.authority.svid_type;
    decisions.announcements.iter().position(|announced| {
        let asked = &announced.announcement;
        let key_type = asked.key_type.as_ref().is_none_or(|wanted| *wanted == authority.key_type);
        announced.covers(svid_type, from, until) && key_type
    })
}

/// Whether an announcement covers this publication.
pub(super) fn announces(
    decisions: &Decisions,
    authority: &Authority,
    publication: &Publication,
) -> bool {
    announcing(decisions, authority, publication).is_some()
}

/// Whether an announcement explains this publication; it explains one fewer from now on.
pub(super) fn consume(
    decisions: &mut Decisions,
    authority: &Authority,
    publication: &Publication,
) -> bool {
    let place = announcing(decisions, authority, publication);
    let found = place.and_then(|place| decisions.announcements.get_mut(place));
    found.map(|announced| announced.explains.push(publication.authority)).is_some()
}

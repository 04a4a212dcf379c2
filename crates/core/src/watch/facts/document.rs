//! The document that carries the bundle: how it departs from the standard, and who refuses it.

use serde::{Deserialize, Serialize};

use crate::bundle::Irregularity;
use crate::time::Timestamp;
use crate::watch::{ConsumerRefusal, Event};

/// How the document departs from the standard, and which consumers would refuse it.
///
/// Invariant: `refused_since` has one entry for each of `refusals`, in the same order.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct DocumentState {
    /// How the document departs from the standard.
    pub irregularities: Vec<Irregularity>,
    /// Since when it does so in these ways.
    pub irregular_since: Option<Timestamp>,
    /// Which consumers would refuse the document.
    pub refusals: Vec<ConsumerRefusal>,
    /// Since when each of them would, in the same order.
    pub refused_since: Vec<Timestamp>,
}

impl DocumentState {
    /// Takes in an event.
    pub(super) fn apply(&mut self, at: Timestamp, event: &Event) {
        if let Event::IrregularitiesChanged { irregularities } = event {
            self.irregularities.clone_from(irregularities);
            self.irregular_since = Some(at);
        }
        if let Event::ConsumersChanged { refusals } = event {
            self.refuse(at, refusals);
        }
    }

    /// Other consumers than before refuse the document, or for other reasons.
    fn refuse(&mut self, at: Timestamp, refusals: &[ConsumerRefusal]) {
        let known = self.refusals.iter().zip(&self.refused_since);
        let since = refusals.iter().map(|refusal| {
            let mut known = known.clone();
            known.find(|(one, _)| one.consumer == refusal.consumer).map_or(at, |(_, since)| *since)
        });
        self.refused_since = since.collect();
        self.refusals = refusals.to_vec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::consumer::Consumer;

    fn refuse(state: &mut DocumentState, seconds: i64, consumers: &[Consumer]) {
        let refusal =
            |consumer: &Consumer| ConsumerRefusal { consumer: *consumer, why: "no keys".into() };
        let refusals = consumers.iter().map(refusal).collect();
        state.apply(Timestamp::from_unix(seconds), &Event::ConsumersChanged { refusals });
    }

    #[test]
    fn a_consumer_that_goes_on_refusing_does_so_since_it_began_to() {
        let mut state = DocumentState::default();
        refuse(&mut state, 1, &[Consumer::Spire]);
        refuse(&mut state, 2, &[Consumer::Istio, Consumer::Spire]);
        assert_eq!(state.refused_since, [Timestamp::from_unix(2), Timestamp::from_unix(1)]);
        refuse(&mut state, 3, &[Consumer::Istio]);
        assert_eq!(state.refused_since, [Timestamp::from_unix(2)]);
        assert_eq!(state.refusals.len(), 1);
    }
}

//! Operators' decisions: in the journal of all trust domains that they concern, or of none. Order:
//! journal, durable, then export.

use std::collections::BTreeMap;

use tokio::sync::{oneshot, watch as channel};
use tracing::warn;

use super::decision_part::DecisionPart;
use super::owner::Work;
use super::plan::{Plan, plan};
use super::scheduler::SchedulerCommand;
use super::{Inner, operations};
use crate::config;
use crate::store::{Batch, Durability};
use crate::web::api::Decided;
use crate::web::{BackendError, Decide, RebootstrapOrder, Rebootstrapped};
use anchorwatch_core::decision::DecisionAction;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::untrusted::UntrustedText;
use anchorwatch_core::watch::{self, Event};

/// The longest name of who decides, in characters: as in a configuration.
const BY: usize = 256;
/// The longest reason, in characters: as in a configuration.
const REASON: usize = 1024;

/// What is journaled of each trust domain.
type Entries = BTreeMap<TrustDomain, Vec<Event>>;

/// What one owner still waits for.
struct Pending {
    batch: oneshot::Receiver<Batch>,
    verdict: oneshot::Sender<Durability>,
    applied: oneshot::Receiver<()>,
}

impl Inner {
    /// What decisions would do, in words. Nothing is done.
    pub(super) async fn preview(&self, asked: Decide) -> Result<Decided, BackendError> {
        let (effect, _) = self.plan(asked).await?;
        Ok(Decided { effect, at_risk: None })
    }

    /// Does what an operator decided: all of it or nothing.
    pub(super) async fn decide(&self, asked: Decide) -> Result<Decided, BackendError> {
        self.record_what_waits().await?;
        let (effect, entries) = self.plan(asked).await?;
        let at_risk = self.record_together(entries).await?;
        Ok(Decided { effect, at_risk })
    }

    async fn plan(&self, asked: Decide) -> Result<(String, Entries), BackendError> {
        let Decide { trust_domain, decisions, .. } = asked;
        let (mut effects, mut entries) = (Vec::new(), Entries::new());
        for mut decision in decisions {
            decision.by = words("who decides (--by)", &decision.by, BY)?;
            decision.reason = words("a reason (--reason)", &decision.reason, REASON)?;
            self.recognise(&mut decision.action).await?;
            let view = self.shared.views.capture(self.shared.clock.now());
            let Plan { effect, decisions } = plan(&view, trust_domain.as_ref(), &decision)?;
            effects.extend(effect);
            for (name, decision) in decisions {
                entries.entry(name).or_default().push(Event::Decided { decision });
            }
        }
        if entries.is_empty() {
            return Err(BackendError::Refused("nothing is decided".to_owned()));
        }
        Ok((effects.join("\n"), entries))
    }

    /// A denial binds the public key, which the store knows of a key that went long ago too. What
    /// whoever asks says of it does not count.
    async fn recognise(&self, action: &mut DecisionAction) -> Result<(), BackendError> {
        let DecisionAction::Deny { fingerprint, public_key, .. } = action else { return Ok(()) };
        let known = self.shared.store.public_key(*fingerprint).await;
        *public_key = known.map_err(|why| {
            BackendError::Unavailable(format!("cannot look up which public key is denied: {why}"))
        })?;
        Ok(())
    }

    /// Replaces what authenticates an endpoint, approves what stands in the file and is not denied,
    /// and has the endpoint polled.
    pub(super) async fn rebootstrap(
        &self,
        asked: RebootstrapOrder,
    ) -> Result<Rebootstrapped, BackendError> {
        let RebootstrapOrder { trust_domain, bundle, by, reason, uid } = asked;
        let by = words("who decides (--by)", &by, BY)?;
        let reason = words("a reason (--reason)", &reason, REASON)?;
        let listed = config::bootstrap::parse_bytes(bundle.as_bytes(), &trust_domain)
            .map_err(|why| BackendError::Refused(format!("the file cannot be used: {why}")))?;
        self.record_what_waits().await?;
        let unknown = || BackendError::NotFound(format!("{trust_domain} is not watched"));
        let view = self.shared.views.domain(&trust_domain).ok_or_else(unknown)?;
        let planned = watch::Rebootstrap::plan(&view.state.facts, listed, &by, &reason, uid);
        let watch::Rebootstrap { events, authorities, denied } = planned.map_err(|why| {
            BackendError::Refused(format!(
                "{why}; where a denial was a mistake, `anchorwatch approve FINGERPRINT` overrides it first"
            ))
        })?;
        let entries = BTreeMap::from([(trust_domain.clone(), events)]);
        let at_risk = self.record_together(entries).await?;
        // Whoever asked may be gone: the endpoint is polled all the same.
        let (done, _) = oneshot::channel();
        drop(self.commands.send(SchedulerCommand::PollNow(trust_domain, done)).await);
        Ok(Rebootstrapped { authorities, denied, at_risk })
    }

    /// Records what was decided of several trust domains in one transaction. Each owner works out
    /// its part and takes in nothing else until it knows whether the journal has all of it; where it
    /// has not, nothing of it holds anywhere, and nothing of it waits to be written later. Returns why
    /// it may not last, where the files of the journal were touched meanwhile.
    async fn record_together(&self, entries: Entries) -> Result<Option<String>, BackendError> {
        let domains = self.domains.load_full();
        let (release, released) = channel::channel(());
        let mut parts = Vec::with_capacity(entries.len());
        for (name, events) in entries {
            let Some(domain) = domains.get(&name) else {
                return Err(BackendError::NotFound(format!("{name} is not watched")));
            };
            let (batch, wanted) = oneshot::channel();
            let (verdict, judged) = oneshot::channel();
            let (applied, done) = oneshot::channel();
            let released = released.clone();
            let part = DecisionPart { events, batch, verdict: judged, applied, released };
            if !domain.send(Work::Decide(part)).await {
                return Err(self.lost(&name));
            }
            parts.push((name, Pending { batch: wanted, verdict, applied: done }));
        }
        let mut batches = Vec::with_capacity(parts.len());
        for (name, part) in &mut parts {
            let batch = (&mut part.batch).await;
            batches.push(batch.map_err(|_| self.lost(name))?);
        }
        let durability = self.shared.store.append_together(batches).await;
        let applied: Vec<_> = parts
            .into_iter()
            .map(|(_, Pending { verdict, applied, .. })| {
                let _gone = verdict.send(durability);
                applied
            })
            .collect();
        for one in applied {
            // An owner that ended has nothing more to publish.
            let _gone = one.await;
        }
        drop(release);
        match durability {
            Durability::Durable => Ok(None),
            Durability::Committed => {
                let why = self.why_unwritable();
                warn!(why, "a decision holds, and may not outlast this process");
                Ok(Some(format!(
                    "decided and in force, but not safe on disk yet ({why}): if anchorwatch stops before \
                     that is corrected, decide it again"
                )))
            }
            Durability::Unrecorded => Err(self.not_recorded()),
        }
    }

    /// Why a decision does not hold where the journal could not take it.
    pub(super) fn not_recorded(&self) -> BackendError {
        BackendError::NotRecorded(format!(
            "nothing was decided: the journal cannot be written ({})",
            self.why_unwritable()
        ))
    }

    fn why_unwritable(&self) -> String {
        let status = self.shared.store.status();
        status.failure.as_deref().unwrap_or("the last write failed").to_owned()
    }

    fn lost(&self, name: &TrustDomain) -> BackendError {
        if self.shared.stopping.is_cancelled() {
            return operations::stopping();
        }
        BackendError::Unavailable(format!(
            "nothing was decided: a bug ended the monitoring of {name}; a reload starts it again"
        ))
    }
}

/// What an operator says, as it may stand in the journal.
fn words(name: &str, text: &UntrustedText, most: usize) -> Result<UntrustedText, BackendError> {
    let text = text.as_received();
    let length = text.chars().count();
    if text.trim().is_empty() || most < length || text.chars().any(char::is_control) {
        let why = format!("{name} is wanted, in at most {most} printable characters");
        return Err(BackendError::Refused(why));
    }
    Ok(text.trim().into())
}

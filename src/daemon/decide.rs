//! Operators' decisions: in the journal of all trust domains that they concern, or of none. Order:
//! journal, durable, then export.

use std::collections::BTreeMap;

use tokio::sync::{oneshot, watch as channel};

use super::owner::{Part, Work};
use super::plan::{Plan, plan};
use super::scheduler::Command;
use super::{Inner, operations};
use crate::config;
use crate::store::{Batch, Durability};
use crate::web::{BackendError, Decide, Rebootstrap, Rebootstrapped};
use anchorwatch_core::decision::Deed;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::untrusted::UntrustedText;
use anchorwatch_core::watch::{self, Event};

/// The longest name of who decides, in characters: as in a configuration.
const BY: usize = 256;
/// The longest reason, in characters: as in a configuration.
const REASON: usize = 1024;

/// What is journaled of each trust domain.
type Decided = BTreeMap<TrustDomain, Vec<Event>>;

/// What one owner still waits for.
struct Pending {
    batch: oneshot::Receiver<Batch>,
    verdict: oneshot::Sender<Durability>,
    applied: oneshot::Receiver<()>,
}

impl Inner {
    /// What decisions would do, in words. Nothing is done.
    pub(super) async fn preview(&self, asked: Decide) -> Result<String, BackendError> {
        Ok(self.plan(asked).await?.0)
    }

    /// Does what an operator decided: all of it or nothing. Returns what it does, in words.
    pub(super) async fn decide(&self, asked: Decide) -> Result<String, BackendError> {
        let (effect, decided) = self.plan(asked).await?;
        self.record_together(decided).await?;
        Ok(effect)
    }

    async fn plan(&self, asked: Decide) -> Result<(String, Decided), BackendError> {
        let Decide { trust_domain, decisions, .. } = asked;
        let (mut effects, mut decided) = (Vec::new(), Decided::new());
        for mut decision in decisions {
            decision.by = words("who decides (--by)", &decision.by, BY)?;
            decision.reason = words("a reason (--reason)", &decision.reason, REASON)?;
            self.recognise(&mut decision.deed).await?;
            let view = self.shared.board.capture(self.shared.clock.now());
            let Plan { effect, decisions } = plan(&view, trust_domain.as_ref(), &decision)?;
            effects.extend(effect);
            for (name, decision) in decisions {
                decided.entry(name).or_default().push(Event::Decided { decision });
            }
        }
        if decided.is_empty() {
            return Err(BackendError::Refused("nothing is decided".to_owned()));
        }
        Ok((effects.join("\n"), decided))
    }

    /// A denial binds the public key, which the store knows of a key that went long ago too. What
    /// whoever asks says of it does not count.
    async fn recognise(&self, deed: &mut Deed) -> Result<(), BackendError> {
        let Deed::Deny { fingerprint, public_key, .. } = deed else { return Ok(()) };
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
        asked: Rebootstrap,
    ) -> Result<Rebootstrapped, BackendError> {
        let Rebootstrap { trust_domain, bundle, by, reason, uid } = asked;
        let by = words("who decides (--by)", &by, BY)?;
        let reason = words("a reason (--reason)", &reason, REASON)?;
        let listed = config::bootstrap::parse_bytes(bundle.as_bytes(), &trust_domain)
            .map_err(|why| BackendError::Refused(format!("the file cannot be used: {why}")))?;
        let unknown = || BackendError::NotFound(format!("{trust_domain} is not watched"));
        let view = self.shared.board.domain(&trust_domain).ok_or_else(unknown)?;
        let planned = watch::Rebootstrap::plan(&view.state.facts, listed, &by, &reason, uid);
        let watch::Rebootstrap { events, authorities, denied } = planned.map_err(|why| {
            BackendError::Refused(format!(
                "{why}; where a denial was a mistake, `anchorwatch approve FINGERPRINT` overrides it first"
            ))
        })?;
        self.record_together(BTreeMap::from([(trust_domain.clone(), events)])).await?;
        // Whoever asked may be gone: the endpoint is polled all the same.
        let (done, _) = oneshot::channel();
        drop(self.commands.send(Command::PollNow(trust_domain, done)).await);
        Ok(Rebootstrapped { authorities, denied })
    }

    /// Records what was decided of several trust domains in one transaction. Each owner works out
    /// its part and takes in nothing else until it knows whether all of it is durable; where it is
    /// not, nothing of it holds anywhere, and nothing of it waits to be written later.
    async fn record_together(&self, decided: Decided) -> Result<(), BackendError> {
        let domains = self.domains.load_full();
        let (release, released) = channel::channel(());
        let mut parts = Vec::with_capacity(decided.len());
        for (name, events) in decided {
            let Some(domain) = domains.get(&name) else {
                return Err(BackendError::NotFound(format!("{name} is not watched")));
            };
            let (batch, wanted) = oneshot::channel();
            let (verdict, judged) = oneshot::channel();
            let (applied, done) = oneshot::channel();
            let released = released.clone();
            let part = Part { events, batch, verdict: judged, applied, released };
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
            Durability::Durable => Ok(()),
            Durability::Unrecorded => Err(self.not_recorded()),
        }
    }

    /// Why a decision does not hold where the journal could not take it.
    fn not_recorded(&self) -> BackendError {
        let status = self.shared.store.status();
        let why = status.failure.as_deref().unwrap_or("the last write failed");
        BackendError::NotRecorded(format!(
            "nothing was decided: the journal cannot be written ({why})"
        ))
    }

    fn lost(&self, name: &TrustDomain) -> BackendError {
        if self.shared.stopping.is_cancelled() {
            return operations::stopping();
        }
        BackendError::Unavailable(format!(
            "nothing was decided: {name} is not watched since a bug ended it; a reload begins anew"
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

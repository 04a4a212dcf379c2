//! Operators' decisions. Order: journal, durable, then export.

use tokio::task::JoinSet;

use super::plan::{Plan, plan};
use super::{Inner, targets};
use crate::bundle::Authority;
use crate::config;
use crate::decision::{Decision, Deed, Door};
use crate::watch::Event;
use crate::web::{BackendError, Decide, Rebootstrap};

/// The longest name of who decides, in characters: as in a configuration.
const BY: usize = 256;
/// The longest reason, in characters: as in a configuration.
const REASON: usize = 1024;

impl Inner {
    /// Does what an operator decided, or only says what it would do.
    pub(super) async fn take_decision(&self, asked: Decide) -> Result<String, BackendError> {
        let Decide { trust_domain, mut decision, preview } = asked;
        decision.by = words("who decides (--by)", &decision.by, BY)?;
        decision.reason = words("a reason (--reason)", &decision.reason, REASON)?;
        self.recognise(&mut decision.deed).await;
        let view = self.shared.board.capture(self.shared.clock.now());
        let Plan { effect, decisions } = plan(&view, trust_domain.as_ref(), &decision)?;
        if preview {
            return Ok(effect.join("\n"));
        }
        // At once: what they record then shares the store's transactions.
        let mut noting = JoinSet::new();
        for (name, decision) in decisions {
            let domain = self.domains.lock().await.get(&name).cloned();
            let unwatched = || BackendError::NotFound(format!("{name} is not watched"));
            let (domain, shared) =
                (domain.ok_or_else(unwatched)?, std::sync::Arc::clone(&self.shared));
            let events = vec![Event::Decided { decision }];
            noting.spawn(async move { domain.lock().await.note(&shared, events).await });
        }
        while noting.join_next().await.is_some() {}
        Ok(effect.join("\n"))
    }

    /// A denial binds the public key, which the store knows of a key that went long ago too. What
    /// whoever asks says of it does not count.
    async fn recognise(&self, deed: &mut Deed) {
        let Deed::Deny { fingerprint, public_key, .. } = deed else { return };
        let known = self.shared.store.authority(*fingerprint).await.unwrap_or_default();
        *public_key = known.iter().find_map(|entry| entry.record.authority.public_key);
    }

    /// Replaces what authenticates an endpoint, and approves what stands in the file.
    pub(super) async fn take_rebootstrap(&self, asked: Rebootstrap) -> Result<usize, BackendError> {
        let Rebootstrap { trust_domain, bundle, by, reason, uid } = asked;
        let by = words("who decides (--by)", &by, BY)?;
        let reason = words("a reason (--reason)", &reason, REASON)?;
        let domain = self.domains.lock().await.get(&trust_domain).cloned();
        let unknown = || BackendError::NotFound(format!("{trust_domain} is not watched"));
        let domain = domain.ok_or_else(unknown)?;
        let listed = config::bootstrap::parse_bytes(bundle.as_bytes(), &trust_domain)
            .map_err(|why| BackendError::Refused(format!("the file cannot be used: {why}")))?;
        let approve = |authority: &std::sync::Arc<Authority>| Event::Decided {
            decision: Decision {
                deed: Deed::Approve { fingerprint: authority.id.fingerprint },
                by: by.clone(),
                reason: format!("rebootstrap: {reason}").into(),
                uid,
                door: Door::Operator,
            },
        };
        let approvals: Vec<Event> = listed.iter().map(approve).collect();
        let authorities = targets::x509(listed);
        let count = authorities.len();
        let mut events = vec![Event::Rebootstrapped { by, uid, reason, authorities }];
        events.extend(approvals);
        domain.lock().await.note(&self.shared, events).await;
        self.poll_now(Some(trust_domain)).await?;
        Ok(count)
    }
}

/// What an operator says, as it may stand in the journal.
fn words(name: &str, text: &str, most: usize) -> Result<Box<str>, BackendError> {
    let length = text.chars().count();
    if text.trim().is_empty() || most < length || text.chars().any(char::is_control) {
        let why = format!("{name} is wanted, in at most {most} printable characters");
        return Err(BackendError::Refused(why));
    }
    Ok(text.trim().into())
}

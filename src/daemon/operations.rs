//! What changes more than one trust domain, or which ones there are: one operation at a time, each
//! in a task of its own.
//!
//! Invariant: an operation that was taken in is carried out to its end. Whoever asked for it waits
//! for the answer alone.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tracing::error;

use super::Inner;
use crate::web::api::Decided;
use crate::web::{BackendError, Decide, RebootstrapOrder, Rebootstrapped};

/// How many operations may wait.
pub(super) const WAITING: usize = 64;

/// An operation, and where its answer goes.
pub(super) enum Operation {
    /// Read the configuration anew, and watch by it.
    Reload(oneshot::Sender<Result<(), BackendError>>),
    /// Carry out decisions: what they do, in words.
    Decide(Decide, oneshot::Sender<Result<Decided, BackendError>>),
    /// Replace what authenticates an endpoint: by how many authorities.
    Rebootstrap(RebootstrapOrder, oneshot::Sender<Result<Rebootstrapped, BackendError>>),
    /// Journal denials, and the public keys that they bind, wherever they are missing.
    CarryDenials,
}

impl Inner {
    /// Carries out operations in the order in which they came, until the daemon stops.
    pub(super) async fn carry_out(self: Arc<Self>, mut operations: mpsc::Receiver<Box<Operation>>) {
        loop {
            let operation = tokio::select! {
                biased;
                () = self.shared.stopping.cancelled() => return,
                operation = operations.recv() => operation,
                () = self.shared.denied_key_known.notified() => {
                    Some(Box::new(Operation::CarryDenials))
                }
            };
            let Some(operation) = operation else { return };
            let inner = Arc::clone(&self);
            // In a task of its own, so that a bug in one of them is not the end of all.
            let carried = tokio::spawn(async move { inner.operate(*operation).await });
            if let Err(why) = carried.await
                && why.is_panic()
            {
                self.shared.registered.panicked();
                error!(%why, "an operation ended by a panic");
            }
        }
    }

    async fn operate(&self, operation: Operation) {
        // Whoever asked may be gone.
        match operation {
            Operation::Reload(reply) => _ = reply.send(self.reload_all().await),
            Operation::CarryDenials => self.carry_denials().await,
            Operation::Decide(asked, reply) => _ = reply.send(self.decide(asked).await),
            Operation::Rebootstrap(asked, reply) => {
                _ = reply.send(self.rebootstrap(asked).await);
            }
        }
    }

    /// Has an operation carried out, and waits for its answer. Once it is taken in, it does not
    /// matter whether this is waited for.
    pub(super) async fn request<T>(
        &self,
        operation: impl FnOnce(oneshot::Sender<Result<T, BackendError>>) -> Operation,
    ) -> Result<T, BackendError> {
        let (reply, answer) = oneshot::channel();
        if self.operations.send(Box::new(operation(reply))).await.is_err() {
            return Err(stopping());
        }
        answer.await.unwrap_or_else(|_| {
            Err(if self.shared.stopping.is_cancelled() {
                stopping()
            } else {
                BackendError::Unavailable("the operation failed inside: see the log".to_owned())
            })
        })
    }
}

/// Why nothing is begun any more.
pub(super) fn stopping() -> BackendError {
    BackendError::Unavailable("the daemon is stopping".to_owned())
}

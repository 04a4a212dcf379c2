//! The push to Alertmanager: critical findings at once, again every 5 s, and resolved late.
//!
//! A rule says the same a scrape and an evaluation later. Its alert has the same name and the same
//! labels, so that Alertmanager mutes it while the pushed one fires (`alerts/README.md`).
//!
//! Invariant: nothing waits for an Alertmanager. Each has a task and an outbox of its own, bounded
//! by what is open, and a dead one costs the others and the polls nothing.

mod alert;
mod delivery;
mod outbox;
mod post;

pub use alert::{AlertContext, PushedAlert, alerts, ended};
pub use delivery::{Delivery, Notifier, ViewSource};
pub use outbox::{Outbox, Posting, Timing};
pub use post::{Recipient, SendError};

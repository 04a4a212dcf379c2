//! What people and programs ask over HTTP: the scrape, the health of the watch, a read-only API,
//! and, over a Unix socket alone, decisions.
//!
//! Invariant: nothing that comes over TCP changes anything, but a reload where the operator
//! allowed it.

mod admin;
mod admin_request;
pub mod api;
mod backend;
mod client;
mod context;
mod fault;
mod gate;
mod json;
mod listener;
mod login;
mod page;
mod paging;
mod pieces;
mod readers;
mod reload;
mod request;
mod router;
mod scrape;
mod secure;
mod site;

pub use admin::AdminListener;
pub use admin_request::{DecisionRequest, RebootstrapRequest};
pub use backend::{
    Asked, AuthorityFilter, Backend, BackendError, Decide, EventFilter, Identity, RebootstrapOrder,
    Rebootstrapped, ScrapeFacts,
};
pub use client::{AdminClient, ClientError};
pub use gate::{Protect, Protection, RequestGate};
pub use listener::{WebListener, WebSettings};
pub use readers::{ADMIN_CONNECTIONS, CONNECTIONS, Readers};
pub use reload::ReloadOverHttp;

/// Where HTTP is served unless told otherwise: above the range that exporters have filled.
pub const DEFAULT_PORT: u16 = 10464;

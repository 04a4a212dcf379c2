//! What a handler knows.

use std::sync::Arc;

use super::ReloadOverHttp;
use super::backend::SharedBackend;
use super::readers::Readers;
use super::scrape::Scrapes;

/// What a handler knows.
#[derive(Clone)]
pub(super) struct HandlerContext {
    pub(super) backend: SharedBackend,
    pub(super) readers: Arc<Readers>,
    pub(super) scrapes: Arc<Scrapes>,
    pub(super) reload: ReloadOverHttp,
}

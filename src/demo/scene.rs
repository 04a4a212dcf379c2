//! Three trust domains on loopback, and what is needed to watch them.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::configuration::{bootstrap_path, configuration};
use super::directory::Directory;
use super::domain::{Changes, IssuingDomain};
use super::endpoint::LoopbackEndpoint;
use super::error::SceneError;
use super::script::Character;
use anchorwatch_core::spiffe::BundleEndpoint;
use anchorwatch_core::time::Clock;

/// The longest that [`Scene::run`] sleeps, so that a wall clock that is stepped does not stop it.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// The shortest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
/// The configuration's name within the directory.
const CONFIGURATION: &str = "anchorwatch.yaml";

/// Three trust domains with an endpoint each, and a directory with the bootstrap bundles and the
/// configuration to watch them by. All of it goes when this is dropped.
pub struct Scene {
    clock: Arc<dyn Clock>,
    cast: Vec<(IssuingDomain, LoopbackEndpoint)>,
    endpoints: Vec<BundleEndpoint>,
    configuration: String,
    directory: Directory,
}

impl Scene {
    /// Opens the endpoints on free ports of the loopback and writes the files. From here on
    /// [`run`](Self::run) must be polled, or the endpoints' SVIDs expire.
    pub async fn start(clock: Arc<dyn Clock>) -> Result<Self, SceneError> {
        let began = clock.now();
        let directory = Directory::create(began).map_err(SceneError::io("make a directory"))?;
        let (mut cast, mut endpoints) = (Vec::new(), Vec::new());
        for character in Character::ALL {
            let mut domain = IssuingDomain::new(character, began)?;
            let Changes { document: Some(document), svid: Some(svid) } = domain.advance(began)?
            else {
                return Err(SceneError::NoSvid { name: character.trust_domain() });
            };
            let document = document.to_bytes();
            let path = bootstrap_path(directory.path(), domain.trust_domain());
            std::fs::write(path, &document).map_err(SceneError::io("write a bootstrap bundle"))?;
            let endpoint = LoopbackEndpoint::start(&svid, document).await;
            let endpoint = endpoint.map_err(SceneError::io("open an endpoint"))?;
            endpoints.push(domain.bundle_endpoint(&endpoint)?);
            cast.push((domain, endpoint));
        }
        let configuration = configuration(directory.path(), &endpoints);
        std::fs::write(directory.path().join(CONFIGURATION), &configuration)
            .map_err(SceneError::io("write the configuration"))?;
        Ok(Self { clock, cast, endpoints, configuration, directory })
    }

    /// The relationships, as they stand in the configuration.
    pub fn endpoints(&self) -> &[BundleEndpoint] {
        &self.endpoints
    }

    /// The configuration that watches them, scaled to match.
    pub fn configuration(&self) -> &str {
        &self.configuration
    }

    /// Where the configuration was written.
    pub fn configuration_path(&self) -> PathBuf {
        self.directory.path().join(CONFIGURATION)
    }

    /// Brings every domain to the present, and says how long until there is more to do.
    pub fn advance(&mut self) -> Result<Duration, SceneError> {
        let now = self.clock.now();
        let mut wakes_at = now.saturating_add(LONGEST_PAUSE);
        for (domain, endpoint) in &mut self.cast {
            domain.advance(now)?.apply(endpoint);
            wakes_at = wakes_at.min(domain.wakes_at());
        }
        Ok(wakes_at.since(now).unwrap_or_default().max(SHORTEST_PAUSE))
    }

    /// Plays until `until` is cancelled.
    pub async fn run(&mut self, until: CancellationToken) -> Result<(), SceneError> {
        loop {
            let pause = self.advance()?;
            tokio::select! {
                () = until.cancelled() => return Ok(()),
                () = tokio::time::sleep(pause) => (),
            }
        }
    }
}

impl fmt::Debug for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scene").field("cast", &self.cast).finish_non_exhaustive()
    }
}

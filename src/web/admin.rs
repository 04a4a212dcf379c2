//! The admin socket: the same reading, and decisions. Whoever may open the socket decides, and the
//! kernel says who that is.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::middleware::{from_fn, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::Deserialize;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::admin_request::{DecisionRequest, RebootstrapRequest};
use super::api::{Decided, FederationReport};
use super::backend::{Backend, Decide, RebootstrapOrder, Rebootstrapped, SharedBackend};
use super::context::HandlerContext;
use super::fault::{fault, refused};
use super::json::Json;
use super::listener::{Acceptor, Bounds, accept};
use super::pieces::on_a_thread;
use super::readers::{Peer, Reader, Readers, admit};
use super::request::{Content, Parameters};
use super::{ReloadOverHttp, router};
use anchorwatch_core::decision::{self, Decision};
use anchorwatch_core::spiffe::TrustDomain;

/// The most bytes of a decision: a bundle, and a few words.
const BODY: usize = 8 << 20;
/// The most decisions at once: more keys than any incident has that a person looked through.
const DECISIONS: usize = 1_024;

/// An admin socket that is listened on.
#[derive(Debug)]
pub struct AdminListener {
    path: PathBuf,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl AdminListener {
    /// Listens on the socket at this path, mode 0600. A socket that nobody answers on is replaced;
    /// anything else that lies there is an error.
    pub async fn bind(path: &Path, backend: Arc<dyn Backend>) -> io::Result<Self> {
        vacant(path).await?;
        let readers = Readers::admin(backend.scrape().registered);
        let acceptor = Unix { listener: claim(path)? };
        let router = admin(backend, Arc::clone(&readers));
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(accept(acceptor, router, readers, Bounds::DEFAULT, stopped));
        Ok(Self { path: path.to_owned(), stop, task })
    }

    /// Stops listening, removes the socket, and lets requests under way end for half a second.
    pub async fn stop(self) {
        drop(fs::remove_file(&self.path));
        self.stop.send_replace(true);
        drop(self.task.await);
    }
}

struct Unix {
    listener: UnixListener,
}

impl Acceptor for Unix {
    type Stream = UnixStream;
    type Opening = std::future::Ready<io::Result<UnixStream>>;

    async fn next(&self) -> io::Result<(Self::Opening, Peer)> {
        let (stream, _) = self.listener.accept().await?;
        let peer = Peer::User(stream.peer_cred().ok().map(|peer| peer.uid()));
        Ok((std::future::ready(Ok(stream)), peer))
    }
}

/// The user ID of the process that asks, by the kernel's word.
fn uid(reader: &Reader) -> Option<u32> {
    match reader.peer() {
        Peer::User(uid) => uid,
        Peer::Network(_) => None,
    }
}

/// Whether a socket may be put here: nothing lies here, or the socket of a process that is gone.
async fn vacant(path: &Path) -> io::Result<()> {
    let taken = |kind, why: &str| Err(io::Error::new(kind, format!("{why} {}", path.display())));
    match fs::symlink_metadata(path) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(why) => return Err(why),
        Ok(there) if !there.file_type().is_socket() => {
            return taken(io::ErrorKind::AlreadyExists, "something that is no socket lies at");
        }
        Ok(_) => (),
    }
    match UnixStream::connect(path).await {
        Ok(_) => taken(io::ErrorKind::AddrInUse, "another process answers on"),
        Err(why) if why.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(why) => Err(why),
    }
}

/// A socket that nobody but its owner could ever open: it is bound in a folder of its own, and
/// moved to its place once its mode is right. The folder's name is short, since a socket's path is.
fn claim(path: &Path) -> io::Result<UnixListener> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let private = folder.join(format!(".{}", std::process::id()));
    // In a container every process is number 1, and one may have died right here.
    drop(fs::remove_dir_all(&private));
    fs::DirBuilder::new().mode(0o700).create(&private)?;
    let claimed = (|| {
        let inner = private.join("s");
        let socket = UnixListener::bind(&inner)?;
        fs::set_permissions(&inner, fs::Permissions::from_mode(0o600))?;
        fs::rename(&inner, path)?;
        Ok(socket)
    })();
    drop(fs::remove_dir_all(&private));
    claimed
}

fn admin(backend: SharedBackend, readers: Arc<Readers>) -> Router {
    Router::new()
        .route("/admin/v1/check", post(check))
        .route("/admin/v1/rebootstrap", post(rebootstrap))
        .route("/admin/v1/decisions", post(decide))
        .route("/admin/v1/sightings", post(take_sightings))
        .layer(DefaultBodyLimit::max(BODY))
        // Asked here, health needs no port, no certificate and no password.
        .route("/-/healthy", get(router::healthy))
        .route("/-/ready", get(router::ready))
        .merge(router::reading())
        .fallback(router::nothing)
        .layer(map_response(router::nosniff))
        .layer(from_fn(admit))
        .with_state(HandlerContext {
            backend,
            readers,
            scrapes: Arc::default(),
            reload: ReloadOverHttp::Taken,
        })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckParameters {
    trust_domain: Option<TrustDomain>,
}

async fn check(
    State(context): State<HandlerContext>,
    Parameters(parameters): Parameters<CheckParameters>,
) -> Response {
    match context.backend.check(parameters.trust_domain).await {
        Ok(view) => on_a_thread(move || Json(FederationReport::new(&view)).into_response())
            .await
            .unwrap_or_else(|| fault(StatusCode::INTERNAL_SERVER_ERROR, "interrupted")),
        Err(why) => refused(&why),
    }
}

async fn decide(
    State(context): State<HandlerContext>,
    Extension(reader): Extension<Reader>,
    Content(body): Content<DecisionRequest>,
) -> Response {
    let DecisionRequest { trust_domain, preview, by, reason, decisions } = body;
    if DECISIONS < decisions.len() {
        let why = format!("{} decisions at once: {DECISIONS} are allowed", decisions.len());
        return fault(StatusCode::BAD_REQUEST, &why);
    }
    // The kernel names who asks, and what comes through this socket comes from an operator.
    let (source, uid) = (decision::DecisionSource::Operator, uid(&reader));
    let decision =
        |action| Decision { action, by: by.clone(), reason: reason.clone(), uid, source };
    let decisions = decisions.into_iter().map(decision).collect();
    match context.backend.decide(Decide { trust_domain, decisions, preview }).await {
        Ok(decided) => Json(decided).into_response(),
        Err(why) => refused(&why),
    }
}

async fn take_sightings(
    State(context): State<HandlerContext>,
    Extension(reader): Extension<Reader>,
    lines: Bytes,
) -> Response {
    match context.backend.take_sightings(lines, uid(&reader)).await {
        // Whoever sends a token must learn of it.
        Ok(taken) if taken.error.is_some() => {
            (StatusCode::BAD_REQUEST, Json(taken)).into_response()
        }
        Ok(taken) => Json(taken).into_response(),
        Err(why) => refused(&why),
    }
}

async fn rebootstrap(
    State(context): State<HandlerContext>,
    Extension(reader): Extension<Reader>,
    Content(body): Content<RebootstrapRequest>,
) -> Response {
    let RebootstrapRequest { trust_domain, bundle, by, reason } = body;
    let uid = uid(&reader);
    let decision = RebootstrapOrder { trust_domain, bundle, by, reason, uid };
    let name = decision.trust_domain.clone();
    match context.backend.rebootstrap(decision).await {
        Ok(Rebootstrapped { authorities, denied, at_risk }) => {
            let mut effect = format!(
                "{authorities} X.509 authorities of the file authenticate {name} until its next good poll"
            );
            for authority in denied {
                effect += "\ndenied, so neither approved nor trusted: ";
                effect += &authority.to_string();
            }
            Json(Decided { effect, at_risk }).into_response()
        }
        Err(why) => refused(&why),
    }
}

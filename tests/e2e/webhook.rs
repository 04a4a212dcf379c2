//! Who is paged: a receiver of Alertmanager's webhooks that writes down what it is told. It is not
//! the Alertmanager of `tests/support`: a real one is between it and the daemon, and sends other
//! messages.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::programs;

/// What the classic format is asked for as, and answered as.
const TEXT: &str = "text/plain; version=0.0.4";

/// One message.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) at: Instant,
    pub(crate) receiver: String,
    body: Value,
}

impl Message {
    /// Its alerts, with this status, of this name and trust domain.
    pub(crate) fn alerts<'a>(&'a self, of: &'a Alert, status: &'a str) -> Vec<&'a Value> {
        let alerts = self.body["alerts"].as_array().unwrap().iter();
        let ours = alerts.filter(|one| {
            let labels = &one["labels"];
            one["status"] == status
                && labels["alertname"] == of.name
                && labels["trust_domain"] == of.trust_domain
        });
        ours.collect()
    }
}

/// What an alert is known by here: each trust domain of these tests has one of a name at most.
#[derive(Clone, Debug)]
pub(crate) struct Alert {
    pub(crate) name: &'static str,
    pub(crate) trust_domain: &'static str,
}

/// The receiver. Beside it stands a way to read the daemon's metrics in the classic format, for
/// Prometheus asks for OpenMetrics first.
pub(crate) struct Webhook {
    pub(crate) address: SocketAddr,
    messages: Arc<Mutex<Vec<Message>>>,
}

impl Webhook {
    pub(crate) async fn start(daemon: SocketAddr) -> Self {
        let messages = Arc::new(Mutex::new(Vec::new()));
        let classic = move || async move {
            let fetch = move || programs::get(daemon, "/metrics", TEXT);
            let answer = tokio::task::spawn_blocking(fetch).await.unwrap();
            ([(CONTENT_TYPE, TEXT)], answer.unwrap_or_default()).into_response()
        };
        let router = Router::new()
            .route("/classic", get(classic))
            .route("/{receiver}", post(take))
            .with_state(messages.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(listener, router).await });
        Self { address, messages }
    }

    pub(crate) fn messages(&self) -> Vec<Message> {
        self.messages.lock().unwrap().clone()
    }

    /// The messages that say so of this alert, oldest first.
    pub(crate) fn told(&self, of: &Alert, status: &str) -> Vec<Message> {
        let mut messages = self.messages();
        messages.retain(|message| !message.alerts(of, status).is_empty());
        messages
    }

    /// All that was received, for whoever reads why a test failed.
    pub(crate) fn summary(&self, since: Instant) -> String {
        let mut text = String::new();
        for message in self.messages() {
            let after = message.at.saturating_duration_since(since);
            for alert in message.body["alerts"].as_array().unwrap() {
                let (labels, receiver) = (&alert["labels"], &message.receiver);
                let _ = writeln!(text, "{after:.1?} {receiver} {} {labels}", alert["status"]);
            }
        }
        text
    }
}

async fn take(
    State(messages): State<Arc<Mutex<Vec<Message>>>>,
    Path(receiver): Path<String>,
    body: String,
) {
    let body = serde_json::from_str(&body).unwrap();
    messages.lock().unwrap().push(Message { at: Instant::now(), receiver, body });
}

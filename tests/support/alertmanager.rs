//! An Alertmanager on loopback that keeps what it is told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// No delivery takes this long, unless it hangs.
const PATIENCE: Duration = Duration::from_mins(2);

/// One request: where it went, who logged in, and its alerts.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) target: String,
    pub(crate) login: Option<String>,
    pub(crate) alerts: Vec<Value>,
}

pub(crate) struct Alertmanager {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Delivery>>>,
    arrived: Arc<Notify>,
    /// How many deliveries [`Self::next`] has returned.
    read: usize,
}

impl Alertmanager {
    pub(crate) async fn start() -> Self {
        Self::answering(StatusCode::OK, String::new()).await
    }

    /// One that gives each delivery this answer.
    pub(crate) async fn answering(status: StatusCode, text: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (received, arrived) = (Arc::<Mutex<Vec<Delivery>>>::default(), Arc::default());
        let (kept, tells) = (Arc::clone(&received), Arc::<Notify>::clone(&arrived));
        let answer = move |uri: Uri, headers: HeaderMap, body: Bytes| async move {
            let login = headers.get("authorization");
            let login = login.map(|value| value.to_str().unwrap().to_owned());
            let alerts = serde_json::from_slice(&body).unwrap();
            kept.lock().unwrap().push(Delivery { target: uri.to_string(), login, alerts });
            tells.notify_one();
            (status, text)
        };
        let router = Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, received, arrived, read: 0 }
    }

    /// The next delivery, in the order in which they come.
    pub(crate) async fn next(&mut self) -> Delivery {
        loop {
            let next = self.received.lock().unwrap().get(self.read).cloned();
            if let Some(next) = next {
                self.read += 1;
                return next;
            }
            let arrives = tokio::time::timeout(PATIENCE, self.arrived.notified());
            arrives.await.expect("it is told something");
        }
    }

    /// How many deliveries came that [`Self::next`] has not returned.
    pub(crate) fn unread(&self) -> usize {
        self.received.lock().unwrap().len() - self.read
    }

    /// All alerts that it was told, oldest first.
    pub(crate) fn alerts(&self) -> Vec<Value> {
        let received = self.received.lock().unwrap();
        received.iter().flat_map(|delivery| delivery.alerts.clone()).collect()
    }
}

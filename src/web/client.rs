//! The commands' side of the admin socket.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::api::ApiFault;

/// The most bytes of an answer: a hundred thousand authorities.
const ANSWER: usize = 256 << 20;
/// The longest that an answer may take: a check of many trust domains takes half a minute.
const PATIENCE: Duration = Duration::from_mins(2);

/// Why a running daemon gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens on the socket.
    #[error("no daemon answers on {}", path.display())]
    Absent {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The daemon says why not.
    #[error("{error}")]
    Refused {
        /// In its words.
        error: String,
    },
    /// What was decided could not be written to the journal, and has no effect.
    #[error("{error}")]
    NotRecorded {
        /// In the daemon's words.
        error: String,
    },
    /// The daemon went away, or what answers is none.
    #[error("the daemon's answer broke off or cannot be read: {detail}")]
    Broken {
        /// What went wrong.
        detail: String,
    },
}

/// A daemon that can be asked.
#[derive(Clone, Debug)]
pub struct AdminClient {
    path: PathBuf,
    patience: Duration,
}

impl AdminClient {
    /// The daemon on this socket, where one answers.
    pub async fn connect(path: &Path) -> Result<Self, ClientError> {
        let client = Self { path: path.to_owned(), patience: PATIENCE };
        client.stream().await.map(|_| client)
    }

    /// Reads something.
    pub async fn get<T: DeserializeOwned>(&self, target: &str) -> Result<T, ClientError> {
        self.ask(Method::GET, target, Bytes::new()).await
    }

    /// Reads a text.
    pub async fn text(&self, target: &str) -> Result<String, ClientError> {
        let body = self.answer(Method::GET, target, Bytes::new()).await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Asks for something to be done.
    pub async fn post<T: DeserializeOwned>(
        &self,
        target: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(broken)?;
        self.ask(Method::POST, target, body.into()).await
    }

    async fn stream(&self) -> Result<UnixStream, ClientError> {
        let path = self.path.clone();
        UnixStream::connect(&path).await.map_err(|source| ClientError::Absent { path, source })
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        target: &str,
        body: Bytes,
    ) -> Result<T, ClientError> {
        serde_json::from_slice(&self.answer(method, target, body).await?).map_err(broken)
    }

    async fn answer(
        &self,
        method: Method,
        target: &str,
        body: Bytes,
    ) -> Result<Bytes, ClientError> {
        let (status, body) =
            tokio::time::timeout(self.patience, self.exchange(method, target, body))
                .await
                .map_err(|_| broken(format!("none within {} s", self.patience.as_secs())))??;
        if status != StatusCode::OK {
            let Ok(ApiFault { error, code }) = serde_json::from_slice(&body) else {
                let error = String::from_utf8_lossy(&body).trim_end().to_owned();
                return Err(ClientError::Refused { error });
            };
            return Err(match code.as_deref() {
                Some(ApiFault::NOT_RECORDED) => ClientError::NotRecorded { error },
                _ => ClientError::Refused { error },
            });
        }
        Ok(body)
    }

    async fn exchange(
        &self,
        method: Method,
        target: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        let stream = TokioIo::new(self.stream().await?);
        let (mut sender, connection) = http1::handshake(stream).await.map_err(broken)?;
        let driver = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::HOST, "anchorwatch")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(broken)?;
        let response = sender.send_request(request).await.map_err(broken)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER).collect().await.map_err(broken)?;
        driver.abort();
        Ok((status, body.to_bytes()))
    }
}

fn broken(why: impl std::fmt::Display) -> ClientError {
    ClientError::Broken { detail: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_daemon_that_says_nothing_is_not_waited_for_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let _silent = tokio::net::UnixListener::bind(&path).unwrap();
        let client = AdminClient { path, patience: Duration::from_millis(10) };
        let answer = client.get::<serde_json::Value>("/api/v1/trust-domains").await;
        assert!(matches!(answer, Err(ClientError::Broken { .. })), "{answer:?}");
    }
}

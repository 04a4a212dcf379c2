//! A Prometheus of one's own, which scrapes one daemon each second.

use std::io::{self, BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anchorwatch_core::alerts::JOB;
use serde_json::Value;
use url::form_urlencoded::Serializer;

use crate::process::http::Request;

/// No answer takes this long, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// Ended with the test, by its process id.
pub(crate) struct Prometheus {
    child: Child,
    address: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl Prometheus {
    /// On a free port of the loopback, with a fresh store in `folder`.
    pub(crate) fn start(folder: &Path, target: &str) -> Self {
        let config = folder.join("prometheus.yaml");
        let text = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 900ms}}\n\
             scrape_configs:\n- job_name: {JOB}\n  static_configs: [{{targets: ['{target}']}}]\n"
        );
        std::fs::write(&config, text).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("tsdb").display()))
            .args(["--web.listen-address=127.0.0.1:0", "--log.format=json"])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("`make packages` installs what the tests call");
        // From here on it ends with this, whatever it says.
        let mut this = Self { child, address: String::new(), log: Arc::default() };
        let mut lines = BufReader::new(this.child.stderr.take().unwrap()).lines();
        while this.address.is_empty() {
            let line = lines.next().expect("it says where it listens").unwrap();
            let said: Value = serde_json::from_str(&line).unwrap_or_default();
            let listens =
                said["msg"].as_str().is_some_and(|msg| msg.eq_ignore_ascii_case("listening on"));
            if listens && let Some(address) = said["address"].as_str() {
                address.clone_into(&mut this.address);
            }
        }
        let log = Arc::clone(&this.log);
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| log.lock().unwrap().push(line));
        });
        this
    }

    /// What the API answers; `Err` is what it complains of.
    pub(crate) fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        let query = Serializer::new(String::new()).extend_pairs(parameters).finish();
        let began = Instant::now();
        let body = loop {
            match self.get(&format!("/api/v1/{path}?{query}")) {
                Ok(body) => break body,
                // A connection that breaks is no answer, and no fault of the question.
                Err(why) => assert!(began.elapsed() < PATIENCE, "{why}: {:#?}", self.said()),
            }
            std::thread::sleep(Duration::from_millis(100));
        };
        let mut answer: Value =
            serde_json::from_str(&body).map_err(|why| format!("{why}: {body}"))?;
        if answer["status"] == "success" && answer["warnings"].is_null() {
            Ok(answer["data"].take())
        } else {
            Err(body)
        }
    }

    fn get(&self, path: &str) -> io::Result<String> {
        let answer = Request::get(path).send_to(&self.address)?;
        Ok(answer.text().to_owned())
    }

    /// The end of its log.
    fn said(&self) -> Vec<String> {
        let log = self.log.lock().unwrap();
        log.iter().rev().take(20).rev().cloned().collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

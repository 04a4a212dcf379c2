//! A Prometheus of one's own, which scrapes one daemon each second.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anchorwatch::alerts::JOB;
use serde_json::Value;
use url::form_urlencoded::Serializer;

/// No answer takes this long, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// Ended with the test, by its process id.
pub(crate) struct Prometheus {
    child: Child,
    address: String,
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
        let mut this = Self { child, address: String::new() };
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
        std::thread::spawn(move || lines.for_each(|line| eprintln!("PROM {line:?}")));
        this
    }

    /// What the API answers; `Err` is what it complains of, or that it is not there yet.
    pub(crate) fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        let query = Serializer::new(String::new()).extend_pairs(parameters).finish();
        let mut stream = TcpStream::connect(&self.address).map_err(|why| why.to_string())?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(|why| why.to_string())?;
        write!(stream, "GET /api/v1/{path}?{query} HTTP/1.0\r\nHost: test\r\n\r\n")
            .map_err(|why| why.to_string())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(|why| why.to_string())?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| format!("no answer: {answer}"))?;
        let mut said: Value = serde_json::from_str(body).map_err(|why| format!("{why}: {head}"))?;
        if said["status"] == "success" && said["warnings"].is_null() {
            Ok(said["data"].take())
        } else {
            Err(body.to_owned())
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

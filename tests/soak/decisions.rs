//! An operator who decides all the time, over the admin socket, and remembers what was acknowledged.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use anchorwatch_core::bundle::Fingerprint;
use serde_json::{Value, json};

use crate::process::http::Request;

/// How long the operator rests between two decisions.
const REST: Duration = Duration::from_millis(40);
/// Each so many decisions one is a denial: it is journaled in every trust domain.
const DENIAL_EVERY: u64 = 7;

/// The trust domains in whose journals an acknowledged decision must stand, by its reason.
pub(crate) type Acknowledged = BTreeMap<String, Vec<String>>;

/// Decides until it is stopped, whether a daemon listens or not.
pub(crate) struct Operator {
    acknowledged: Arc<Mutex<Acknowledged>>,
    stop: Arc<AtomicBool>,
    deciding: JoinHandle<()>,
}

impl Operator {
    pub(crate) fn start(folder: &Path, trust_domains: Vec<String>) -> Self {
        let socket = folder.join("store/admin.sock");
        let (acknowledged, stop) = (Arc::<Mutex<Acknowledged>>::default(), Arc::default());
        let (heard, until) = (Arc::clone(&acknowledged), Arc::<AtomicBool>::clone(&stop));
        let deciding = std::thread::spawn(move || {
            for number in 0.. {
                if until.load(Ordering::Relaxed) {
                    return;
                }
                let (request, domains) = decision(number, &trust_domains);
                if decide(&socket, &request) == Some(200) {
                    let reason = request["reason"].as_str().unwrap().to_owned();
                    heard.lock().unwrap().insert(reason, domains);
                }
                std::thread::sleep(REST);
            }
        });
        Self { acknowledged, stop, deciding }
    }

    /// What was acknowledged since the last call.
    pub(crate) fn take(&self) -> Acknowledged {
        std::mem::take(&mut self.acknowledged.lock().unwrap())
    }

    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.deciding.join().unwrap();
    }
}

/// A decision that no other has the reason of, and the trust domains that must journal it.
fn decision(number: u64, trust_domains: &[String]) -> (Value, Vec<String>) {
    let fingerprint = Fingerprint::of(&number.to_be_bytes());
    let reason = format!("CHG-{number}");
    let place = usize::try_from(number).unwrap() % trust_domains.len();
    let one = &trust_domains[place];
    let action = |word: &str| json!([{ "decision": word, "fingerprint": fingerprint }]);
    if number.is_multiple_of(DENIAL_EVERY) {
        let deny = json!({ "by": "j.doe", "reason": reason, "decisions": action("deny") });
        return (deny, trust_domains.to_vec());
    }
    let approve = json!({
        "trust_domain": one, "by": "j.doe", "reason": reason, "decisions": action("approve"),
    });
    (approve, vec![one.clone()])
}

/// The status of the answer, where one came whole.
fn decide(socket: &Path, request: &Value) -> Option<u16> {
    let body = request.to_string();
    // An answer that a kill cut short acknowledges nothing.
    let answer = Request::post("/admin/v1/decisions", body.as_bytes()).send_to_socket(socket);
    Some(answer.ok()?.status)
}

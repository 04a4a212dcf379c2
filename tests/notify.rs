//! The push, against an Alertmanager that writes down what it is told.

#![cfg(test)]

#[path = "support/alertmanager.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod alertmanager;
#[path = "support/clock.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod clock;
#[path = "support/picture.rs"]
#[expect(dead_code, reason = "this crate needs a part of it")]
mod picture;

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alertmanager::{Alertmanager, Delivery};
use anchorwatch::daemon::SystemClock;
use anchorwatch::notify::{AlertContext, Notifier, Recipient, ViewSource, alerts};
use anchorwatch::resolver::{Lookups, SystemResolver};
use anchorwatch_core::bundle::SvidType;
use anchorwatch_core::finding::evidence::{DocumentEvidence, Evidence};
use anchorwatch_core::finding::{Finding, FindingId, FindingKind, IncidentId, Severity, SubjectId};
use anchorwatch_core::time::{Clock, Timestamp};
use anchorwatch_core::view::View;
use axum::http::StatusCode;
use clock::ManualClock;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A piece of evidence that holds a foreign text.
fn unusable(text: &str) -> DocumentEvidence {
    DocumentEvidence::UnusableRefreshHint { value: text.into() }
}

fn finding(severity: Severity, subject: &str, evidence: &[&str]) -> Finding {
    let name = "b.example".parse().unwrap();
    let (kind, svid_type) = (FindingKind::UnexpectedAuthority, Some(SvidType::Jwt));
    let since = picture::at(-60);
    Finding {
        id: FindingId::new(Some(&name), kind, svid_type, subject, since),
        incident: IncidentId::new(Some(&name), since),
        kind,
        severity,
        svid_type,
        subject: subject.into(),
        subject_id: None,
        since,
        evidence: evidence.iter().map(|text| unusable(text).into()).collect(),
    }
}

/// A trust domain with SPIRE's authorities, one of which is not explained.
fn view(findings: Vec<Finding>) -> View {
    let records = picture::authorities();
    let records = records.iter().map(|one| picture::record(one.as_ref().clone(), -60)).collect();
    let mut domain = picture::domain("b.example", "https://spire.b.example", records);
    domain.findings = findings.into();
    View { at: picture::at(0), domains: vec![Arc::new(domain)], ..View::default() }
}

/// The short digits and the whole fingerprint of the first JWT authority.
fn jwt() -> (String, String) {
    let authorities = picture::authorities();
    let jwt = authorities.iter().find(|one| one.id.svid_type == SvidType::Jwt).unwrap();
    let whole = jwt.id.fingerprint.to_string();
    (whole["sha256:".len()..][..16].to_owned(), whole)
}

struct Board {
    view: Mutex<View>,
}

impl ViewSource for Board {
    fn picture(&self) -> Option<(View, AlertContext)> {
        let mut view = self.view.lock().unwrap().clone();
        view.at = SystemClock.now();
        let external_url = Some("https://watch.example".to_owned());
        Some((view, AlertContext { external_url, journal_head: "17 sha256:00".to_owned() }))
    }
}

/// An Alertmanager, and how it is told.
async fn alertmanager(status: StatusCode) -> (Recipient, Alertmanager) {
    let alertmanager = Alertmanager::answering(status, "<b>no</b>".to_owned()).await;
    let url = format!("{}/prefix/", alertmanager.url).parse().unwrap();
    let resolve_after = Duration::ZERO;
    let recipient =
        Recipient { url, credentials: None, ca_file: None, identity: None, resolve_after };
    (recipient, alertmanager)
}

struct Watch {
    board: Arc<Board>,
    changes: watch::Sender<()>,
    notifier: Notifier,
}

impl Watch {
    fn of(findings: Vec<Finding>) -> Self {
        Self::by(Arc::new(SystemClock), findings)
    }

    fn by(clock: Arc<dyn Clock>, findings: Vec<Finding>) -> Self {
        let board = Arc::new(Board { view: Mutex::new(view(findings)) });
        let changes = watch::Sender::new(());
        let picture: Arc<dyn ViewSource> = Arc::<Board>::clone(&board);
        let resolver = Arc::new(SystemResolver::default());
        let lookups = Lookups::new(resolver, Arc::clone(&clock), Lookups::PLACES);
        let notifier = Notifier::new(picture, changes.subscribe(), clock, lookups);
        Self { board, changes, notifier }
    }

    fn shows(&self, findings: Vec<Finding>) {
        *self.board.view.lock().unwrap() = view(findings);
        self.changes.send_replace(());
    }
}

#[test]
fn a_critical_finding_is_one_alert_with_all_that_is_decided_on() {
    let (short, whole) = jwt();
    let critical = Finding {
        subject_id: Some(SubjectId::Fingerprint(whole.parse().unwrap())),
        ..finding(Severity::Critical, &short, &["early", picture::FOREIGN])
    };
    let warning = finding(Severity::Warning, "0000000000000000", &[]);
    let context = AlertContext { external_url: None, journal_head: "17 sha256:00".to_owned() };
    let alerts = alerts(&view(vec![critical.clone(), warning]), &context);
    let [alert] = &*alerts else { panic!("{alerts:#?}") };
    let label = |name: &str| alert.labels.get(name).map(String::as_str);
    assert_eq!(label("alertname"), Some("AnchorwatchUnexpectedAuthority"));
    assert_eq!(label("source"), Some("push"));
    assert_eq!(label("subject"), Some(&*short));
    assert_eq!(label("use"), Some("jwt-svid"));
    assert_eq!(label("severity"), Some("critical"));
    let told = |name: &str| alert.annotations.get(name).map(String::as_str).unwrap_or_default();
    assert_eq!(told("fingerprint"), whole);
    assert!(
        told("evidence").starts_with(&format!("{}\n", Evidence::from(unusable("early")))),
        "{}",
        told("evidence")
    );
    assert!(told("keys_after").contains(&short), "{}", told("keys_after"));
    assert!(!told("keys_before").contains(&short), "{}", told("keys_before"));
    assert_eq!(told("finding"), critical.id.to_string());
    assert!(alert.link.is_empty() && told("status_url").is_empty(), "no external URL");
    assert!(told("runbook_url").ends_with("#anchorwatchunexpectedauthority"));
}

#[test]
fn findings_about_one_thing_are_one_alert_since_the_first_of_them() {
    let (short, _) = jwt();
    let later = finding(Severity::Critical, &short, &["later"]);
    let mut earlier = finding(Severity::Critical, &short, &["earlier"]);
    earlier.since = picture::at(-600);
    let alerts = alerts(&view(vec![later, earlier]), &AlertContext::default());
    let [alert] = &*alerts else { panic!("{alerts:#?}") };
    assert_eq!(alert.since, picture::at(-600));
    assert_eq!(alert.annotations["evidence"], Evidence::from(unusable("later")).to_string());
}

#[tokio::test]
async fn an_alertmanager_is_told_when_a_finding_begins_and_when_it_ends() {
    let (mut recipient, mut told) = alertmanager(StatusCode::OK).await;
    let folder = tempfile::tempdir().unwrap();
    let password: PathBuf = folder.path().join("password");
    fs::write(&password, "s3cret\n").unwrap();
    recipient.credentials = Some(("watch".to_owned(), password));
    let mut watch = Watch::of(Vec::new());
    watch.notifier.arrange(vec![recipient]);
    watch.shows(vec![finding(Severity::Critical, "a", &["why"])]);
    let Delivery { target, login, alerts } = told.next().await;
    assert_eq!(target, "/prefix/api/v2/alerts");
    assert_eq!(login.as_deref(), Some("Basic d2F0Y2g6czNjcmV0"));
    let [alert] = &*alerts else { panic!("{alerts:#?}") };
    let id = finding(Severity::Critical, "a", &[]).id;
    assert_eq!(alert["generatorURL"], format!("https://watch.example/finding/{id}"));
    assert_eq!(alert["startsAt"], picture::at(-60).to_string());
    let ends: Timestamp = alert["endsAt"].as_str().unwrap().parse().unwrap();
    assert!(SystemClock.now() < ends, "{ends}");

    watch.shows(Vec::new());
    let alerts = told.next().await.alerts;
    let ends: Timestamp = alerts[0]["endsAt"].as_str().unwrap().parse().unwrap();
    assert!(ends <= SystemClock.now(), "{ends}");
    let delivery = watch.notifier.deliveries().remove(0);
    assert_eq!((delivery.sent, delivery.failed, delivery.dropped), (2, 0, 0));
}

#[tokio::test]
async fn a_dead_alertmanager_holds_up_no_other_and_is_tried_again() {
    let (alive, mut told) = alertmanager(StatusCode::OK).await;
    let (refusing, mut refused) = alertmanager(StatusCode::BAD_REQUEST).await;
    // Nobody listens: the port was just given back.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let dead = Recipient { url: format!("http://{free}").parse().unwrap(), ..alive.clone() };
    let mut watch = Watch::of(vec![finding(Severity::Critical, "a", &[])]);
    watch.notifier.arrange(vec![dead, refusing, alive]);
    told.next().await;
    refused.next().await;
    refused.next().await;
    watch.shows(vec![finding(Severity::Critical, "b", &[])]);
    let alerts = told.next().await.alerts;
    assert!(alerts.iter().any(|one| one["labels"]["subject"] == "b"), "{alerts:#?}");
    let deliveries = watch.notifier.deliveries();
    assert!(0 < deliveries[0].failed && deliveries[0].failed == deliveries[0].sent);
    assert!(0 < deliveries[1].failed && 0 < deliveries[1].waiting);
    assert_eq!(deliveries[2].failed, 0);
}

#[tokio::test]
async fn whom_the_configuration_still_names_is_not_told_anew_after_a_reload() {
    let (kept, mut told) = alertmanager(StatusCode::OK).await;
    let (gone, mut left) = alertmanager(StatusCode::OK).await;
    let mut watch = Watch::of(vec![finding(Severity::Critical, "a", &[])]);
    watch.notifier.arrange(vec![kept.clone(), gone]);
    told.next().await;
    left.next().await;
    watch.notifier.arrange(vec![kept]);
    watch.shows(vec![finding(Severity::Critical, "a", &[]), finding(Severity::Critical, "b", &[])]);
    let alerts = told.next().await.alerts;
    let subjects: Vec<_> = alerts.iter().map(|one| one["labels"]["subject"].clone()).collect();
    assert_eq!(subjects, ["b"], "a was told, and is not due");
    assert_eq!(left.unread(), 0, "who is not named is told no more");
}

/// An Alertmanager that takes longer for an alert than it is until that is due again.
#[tokio::test]
async fn a_slow_alertmanager_is_told_what_is_new_all_the_same() {
    let (recipient, mut told) = alertmanager(StatusCode::OK).await;
    let slow = ManualClock::ticking(picture::at(0), Duration::from_mins(1));
    let mut watch = Watch::by(Arc::new(slow), vec![finding(Severity::Critical, "a", &[])]);
    watch.notifier.arrange(vec![recipient]);
    told.next().await;
    watch.shows(vec![finding(Severity::Critical, "a", &[]), finding(Severity::Critical, "b", &[])]);
    let heard = async {
        while !told.next().await.alerts.iter().any(|one| one["labels"]["subject"] == "b") {}
    };
    tokio::time::timeout(PATIENCE, heard).await.unwrap();
}

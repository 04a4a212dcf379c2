//! `anchorwatch replay`: a store's journal or recorded polls judged again.

mod journal;
mod printer;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use printer::Printer;

use super::output::{Output, chain, complain};
use super::{Exit, Global, source};
use crate::config::Config;
use anchorwatch_core::bundle::consumer::Consumer;
use anchorwatch_core::replay::{Replay, Rules};
use anchorwatch_core::spiffe::{BundleEndpoint, EndpointProfile, TrustDomain};
use anchorwatch_core::watch::{
    BaselinePolicy, IssuerMode, IssuerModel, JudgementPolicy, Policy, PollInterval,
};

/// Judge a store or recorded polls again, under the rules of a configuration or of these flags.
#[derive(Args, Debug)]
#[command(after_help = "\
Without --observations the journal of the store is judged again, whole, beside a running daemon or
without one; the store is not changed. What happened is kept, and is judged again under the new
rules; how often was polled is not changed. Conditions that rest on polls alone are not in a
journal: replicas_disagree is not judged again, and endpoint_bundle_mismatch stays as it was. Each
moment at which time alone changes something is found to the minute, by looks at most 3 h or a
sixteenth of the shortest key's life apart.

A line of --observations has `at`, `trust_domain` and one of: `bundle` (the document) or `body`
(its text as served; what is no bundle is a poll that failed), `unchanged: true`, `failure` (a
reason such as `timeout` or `untrusted_chain`), `decision` (approve, deny, ack, announce …, with
the fields that the journal has; a rebootstrap has its file as `bundle`). Beside the first two
there may be `address`, `resolved` (all addresses of the name), `final_url` and `endpoint_svid`
(authority_key_id, not_before, not_after, chain).

Prints a JSON object a line: `finding` when one is raised, cleared or changes its severity,
`verdict` when a hand-over finished, and a `summary` at the end.

Examples:
  anchorwatch replay --config.file stricter.yaml --store /var/lib/anchorwatch
  anchorwatch replay --policy pinned --trust-domain domain-b.example --output table
  anchorwatch replay --observations polls.jsonl --max-jwt-svid-ttl 5m --policy pinned
  anchorwatch replay --observations polls.jsonl --config.file anchorwatch.yaml
  anchorwatch replay --observations polls.jsonl | jq -r 'select(.severity == \"critical\")'")]
pub(super) struct Arguments {
    /// File of recorded polls instead of a store, one JSON object a line in the order of time;
    /// - for standard input.
    #[arg(long, value_name = "FILE")]
    observations: Option<PathBuf>,
    /// Folder of the store, instead of the configuration's `store.path`.
    #[arg(long, value_name = "FOLDER", conflicts_with = "observations")]
    store: Option<PathBuf>,
    /// Replay only this trust domain of the store.
    #[arg(long, value_name = "NAME", conflicts_with = "observations")]
    trust_domain: Option<TrustDomain>,
    /// Ignore all decisions, those of the journal and those of the configuration.
    #[arg(long, conflicts_with = "observations")]
    without_decisions: bool,
    /// Form of the output: text for people, json for programs.
    #[arg(long, value_enum, default_value = "json")]
    output: Output,
    /// Interval between polls, as 60s.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    poll_interval: Option<Duration>,
    /// Longest lifetime of a JWT-SVID, as 1h.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    max_jwt_svid_ttl: Option<Duration>,
    /// Longest lifetime of an X509-SVID, as 24h.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    max_x509_svid_ttl: Option<Duration>,
    /// Largest difference between clocks that is tolerated, as 10s.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    clock_skew: Option<Duration>,
    /// Time for which validators accept a token past its expiry, as 1m.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    validator_leeway: Option<Duration>,
    /// Longest time for which replicas may serve an older bundle.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    replica_lag: Option<Duration>,
    /// Consumer of the bundle: spire, spire@1.15.3, go-spiffe, istio or cache:10m. May be
    /// repeated.
    #[arg(long = "consumer", value_name = "CONSUMER", value_parser = consumer)]
    consumers: Vec<Consumer>,
    /// Policy for unexplained authorities: pinned, scheduled, lenient or observe.
    #[arg(long, value_name = "POLICY", value_parser = judgement)]
    policy: Option<JudgementPolicy>,
    /// Lifetime of the SPIRE server's CA keys (`ca_ttl`), as 24h.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    ca_ttl: Option<Duration>,
    /// Source of the SPIRE server's X.509 authorities: `self_signed`, upstream or nested.
    #[arg(long, value_name = "MODE", value_parser = mode)]
    issuer_mode: Option<IssuerMode>,
    /// Judge the first document too, instead of taking it as the baseline.
    #[arg(long)]
    no_baseline: bool,
}

fn consumer(text: &str) -> Result<Consumer, String> {
    if let Ok(held) = humantime::parse_duration(text) {
        return Ok(Consumer::Cache(held));
    }
    text.parse().map_err(|_| "write spire, spire@1.15.3, go-spiffe, istio or a duration".to_owned())
}

fn judgement(text: &str) -> Result<JudgementPolicy, String> {
    let found = JudgementPolicy::from_label(text);
    found.ok_or_else(|| format!("the policies are {}", JudgementPolicy::LABELS.join(", ")))
}

fn mode(text: &str) -> Result<IssuerMode, String> {
    let found = IssuerMode::from_label(text);
    found.ok_or_else(|| format!("the modes are {}", IssuerMode::LABELS.join(", ")))
}

impl Arguments {
    /// These rules, and those of the flags in their place.
    fn over(&self, mut policy: Policy) -> Policy {
        if let Some(interval) = self.poll_interval {
            policy.poll_interval = PollInterval::Every(interval);
        }
        policy.max_jwt_svid_ttl = self.max_jwt_svid_ttl.or(policy.max_jwt_svid_ttl);
        policy.max_x509_svid_ttl = self.max_x509_svid_ttl.or(policy.max_x509_svid_ttl);
        policy.clock_skew = self.clock_skew.unwrap_or(policy.clock_skew);
        policy.validator_leeway = self.validator_leeway.unwrap_or(policy.validator_leeway);
        policy.replica_lag = self.replica_lag.unwrap_or(policy.replica_lag);
        policy.judgement = self.policy.unwrap_or(policy.judgement);
        if !self.consumers.is_empty() {
            policy.consumers.clone_from(&self.consumers);
        }
        if let IssuerModel::Spire { ca_ttl, mode, .. } = &mut policy.issuer {
            *ca_ttl = self.ca_ttl.or(*ca_ttl);
            *mode = self.issuer_mode.or(*mode);
        }
        if self.no_baseline {
            policy.baseline = BaselinePolicy::Explicit;
        }
        policy
    }
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Exit {
    let config = match configuration(global) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    match replay(config.as_ref(), arguments) {
        Ok(exit) => exit,
        Err(why) => {
            complain(&why);
            Exit::CannotLook
        }
    }
}

/// The configuration, where one is named or stands at the default place.
fn configuration(global: &Global) -> Result<Option<Config>, Exit> {
    if global.config_file == Path::new("anchorwatch.yaml") && !global.config_file.exists() {
        return Ok(None);
    }
    source::load(global).map(Some)
}

fn rules(
    config: Option<&Config>,
    arguments: &Arguments,
    trust_domain: &TrustDomain,
) -> Option<Rules> {
    let known = config.and_then(|config| {
        config.relationships.iter().find(|one| one.trust_domain() == trust_domain)
    });
    let (policy, endpoint) = if let Some(known) = known {
        (known.settings.policy.clone(), known.endpoint.clone())
    } else {
        (Policy::default(), recorded(trust_domain)?)
    };
    // The first observation is the baseline unless a flag says otherwise. A configuration that says
    // nothing of it says explicit.
    let policy = Policy { baseline: BaselinePolicy::TrustOnFirstUse, ..policy };
    let policy = Arc::new(arguments.over(policy));
    let decisions = known.map(|known| known.decisions()).unwrap_or_default();
    Some(Rules { policy, endpoint, decisions })
}

/// An endpoint for polls that were made elsewhere: self-served over `https_spiffe`.
fn recorded(trust_domain: &TrustDomain) -> Option<BundleEndpoint> {
    let id = format!("spiffe://{trust_domain}/spire/server").parse().ok()?;
    let url = format!("https://{trust_domain}").parse().ok()?;
    let profile = EndpointProfile::HttpsSpiffe { endpoint_spiffe_id: id };
    Some(BundleEndpoint { trust_domain: trust_domain.clone(), url, profile })
}

fn replay(config: Option<&Config>, arguments: &Arguments) -> Result<Exit, String> {
    let mut out = Printer::new(arguments.output);
    if let Some(path) = &arguments.observations {
        observations(config, arguments, path, &mut out)?;
    } else {
        journal::replay(config, arguments, &mut out)?;
    }
    out.finish()?;
    Ok(Exit::Ok)
}

fn observations(
    config: Option<&Config>,
    arguments: &Arguments,
    path: &Path,
    out: &mut Printer,
) -> Result<(), String> {
    let input: Box<dyn std::io::Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        let opened = File::open(path);
        Box::new(opened.map_err(|why| format!("cannot open {}: {why}", path.display()))?)
    };
    let mut input = BufReader::new(input);
    let mut replay = Replay::new(
        |trust_domain: &TrustDomain| rules(config, arguments, trust_domain),
        anchorwatch_consumers::refusals,
        config.map(|config| config.limits.document).unwrap_or_default(),
    );
    let mut number: u64 = 0;
    let mut line = String::new();
    loop {
        line.clear();
        number = number.saturating_add(1);
        let most = u64::try_from(replay.longest_line()).unwrap_or(u64::MAX).saturating_add(1);
        let read = input.by_ref().take(most).read_line(&mut line);
        match read {
            Ok(0) => break,
            Ok(_) if line.trim().is_empty() => continue,
            Ok(_) => (),
            Err(why) => return Err(format!("line {number}: cannot be read: {why}")),
        }
        let reports = replay
            .judge_line(line.trim_end())
            .map_err(|why| format!("line {number}: {}", chain(&why)))?;
        out.reports(&reports)?;
    }
    out.summary(&replay.finish())
}

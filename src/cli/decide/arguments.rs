//! What the decisions' commands take.

use std::io::{BufRead as _, IsTerminal as _};
use std::time::Duration;

use clap::Args;

use crate::cli::output::{complain, print};
use anchorwatch_core::bundle::{Fingerprint, KeyType, SvidType};
use anchorwatch_core::finding::{FindingId, IncidentId};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::Timestamp;

/// Who decides, and why.
#[derive(Args, Debug)]
pub(in crate::cli) struct Words {
    /// Name of the person who decides; recorded with the user ID of the process.
    #[arg(long, value_name = "NAME", env = "USER")]
    pub(in crate::cli) by: String,
    /// Reason for the decision, as a ticket; it is recorded.
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) reason: String,
    /// Decide without asking for confirmation. Required where no terminal can be asked.
    #[arg(long)]
    pub(super) yes: bool,
}

impl Words {
    /// Whether to go on: asks, and decides nothing where nobody can answer.
    pub(in crate::cli) fn confirmed(&self) -> bool {
        if self.yes {
            return true;
        }
        if !std::io::stdin().is_terminal() {
            complain("nothing was decided: there is no terminal to confirm it on; add --yes");
            return false;
        }
        print("decide so? [y/N]");
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer);
        let yes = read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes");
        if !yes {
            complain("nothing was decided");
        }
        yes
    }
}

/// Announce new authorities, or an outage of an endpoint, before they happen.
#[derive(Args, Debug)]
#[command(after_help = "\
The first authorities of that use that are published within the window, and that no scheduled rotation
explains, are explained by the announcement; each uses up one of the count.

With --outage, the endpoint may be unreachable for 30 days at most: source_stale and trust_domain_blind
are suppressed during the outage, lockout_imminent is not.

Examples:
  anchorwatch announce --trust-domain domain-b.example --use jwt-svid --count 1 \\
    --not-before 2026-12-01T00:00:00Z --not-after 2026-12-02T00:00:00Z --reason CHG-123
  anchorwatch announce --trust-domain domain-b.example --outage \\
    --not-before 2026-12-01T02:00:00Z --not-after 2026-12-01T06:00:00Z --reason CHG-124")]
pub(in crate::cli) struct Announce {
    /// Trust domain whose keys or outage are announced.
    #[arg(long, value_name = "NAME")]
    pub(super) trust_domain: TrustDomain,
    /// Use of the announced authorities: x509-svid, jwt-svid or wit-svid.
    #[arg(long = "use", value_name = "USE", value_parser = svid_type, required_unless_present = "outage")]
    pub(super) svid_type: Option<SvidType>,
    /// Announce an outage of the endpoint instead of authorities.
    #[arg(long, conflicts_with_all = ["svid_type", "count", "key_type", "max_lifetime"])]
    pub(super) outage: bool,
    /// Number of authorities that are announced, from 1 to 64.
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(super) count: u8,
    /// Earliest time of their publication, or start of the outage (RFC 3339).
    #[arg(long, value_name = "TIME")]
    pub(super) not_before: Timestamp,
    /// Latest time of their publication, or end of the outage (RFC 3339).
    #[arg(long, value_name = "TIME")]
    pub(super) not_after: Timestamp,
    /// Key type of the new keys, where it differs from the present one: ec-p256, rsa-2048, …
    #[arg(long, value_name = "TYPE", value_parser = key_type)]
    pub(super) key_type: Option<KeyType>,
    /// Longest lifetime of the new keys, where it differs from the present one.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(super) max_lifetime: Option<Duration>,
    #[command(flatten)]
    pub(super) words: Words,
}

/// Approve an authority: it is explained, and its findings end.
#[derive(Args, Debug)]
#[command(after_help = "\
Compare the full fingerprint with the partner out of band first.

Examples:
  anchorwatch approve sha256:3f9c… --by j.doe --reason \"restart of server 2, CHG-123\"
  anchorwatch approve --incident i3f9c1a2b --reason \"restart of server 2, CHG-123\"")]
pub(in crate::cli) struct Approve {
    #[command(flatten)]
    pub(super) target: Target,
    /// Trust domain in which it is approved; needed for an authority that was not seen yet.
    #[arg(long, value_name = "NAME")]
    pub(super) trust_domain: Option<TrustDomain>,
    #[command(flatten)]
    pub(super) words: Words,
}

/// Deny an authority: its public key authenticates nothing in any trust domain.
#[derive(Args, Debug)]
#[command(after_help = "\
Its finding stays open while the key is published, and opens again if the key returns. A later approval
with a reason overrides the denial.

Example:
  anchorwatch deny sha256:3f9c… --by j.doe --reason \"INC-42: planted through a stolen admin token\"")]
pub(in crate::cli) struct Deny {
    #[command(flatten)]
    pub(super) target: Target,
    /// Trust domain that publishes the rogue authority.
    #[arg(long, value_name = "NAME")]
    pub(super) trust_domain: Option<TrustDomain>,
    /// Deny it even if it is explained in another trust domain.
    #[arg(long)]
    pub(super) everywhere: bool,
    #[command(flatten)]
    pub(super) words: Words,
}

/// Which authorities a decision is about.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(in crate::cli) struct Target {
    /// Authority, by its full fingerprint: `sha256:` and 64 hex digits, or the digits alone.
    #[arg(value_name = "FINGERPRINT", value_parser = named)]
    pub(super) fingerprint: Option<NamedAuthority>,
    /// Incident whose authorities are all meant; each is printed first.
    #[arg(long, value_name = "ID")]
    pub(super) incident: Option<IncidentId>,
}

/// How an authority is named.
#[derive(Clone, Debug)]
pub(super) enum NamedAuthority {
    Whole(Fingerprint),
    /// The beginning of a fingerprint: good for a hint, never for a decision.
    Beginning(String),
}

fn named(text: &str) -> Result<NamedAuthority, String> {
    const LEAST: usize = 16;
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    if let Ok(fingerprint) = format!("sha256:{digits}").parse() {
        return Ok(NamedAuthority::Whole(fingerprint));
    }
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if LEAST <= digits.len() && digits.bytes().all(hex) {
        return Ok(NamedAuthority::Beginning(digits.to_owned()));
    }
    Err("a whole fingerprint is wanted: `sha256:` and 64 lower-case hex digits".to_owned())
}

/// Acknowledge a finding, which ends it.
#[derive(Args, Debug)]
#[command(after_help = "\
An acknowledgement ends the finding. For a rollback it also lowers the expected sequence number.

Examples:
  anchorwatch findings
  anchorwatch ack 3f9c1a2b4d5e --by j.doe --reason \"planned restore, CHG-124\"")]
pub(in crate::cli) struct Ack {
    #[command(flatten)]
    pub(super) target: Findings,
    #[command(flatten)]
    pub(super) words: Words,
}

/// Which findings a decision is about.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(in crate::cli) struct Findings {
    /// Finding to acknowledge, by its ID.
    #[arg(value_name = "FINDING")]
    pub(super) finding: Option<FindingId>,
    /// Incident whose findings are all meant; each is printed first.
    #[arg(long, value_name = "ID")]
    pub(super) incident: Option<IncidentId>,
}

/// Confirm that the first bundle of a trust domain is genuine.
#[derive(Args, Debug)]
#[command(after_help = "\
For a trust domain that no bootstrap file authenticated, as under https_web. Every fingerprint is printed
first: compare them with the partner out of band.

Example:
  anchorwatch baseline domain-c.example --by j.doe --reason \"compared by phone, CHG-125\"")]
pub(in crate::cli) struct Baseline {
    /// Trust domain whose first bundle is confirmed.
    #[arg(value_name = "DOMAIN")]
    pub(super) trust_domain: TrustDomain,
    #[command(flatten)]
    pub(super) words: Words,
}

/// Record that a lineage ended on purpose: its missed date is no longer waited for.
#[derive(Args, Debug)]
#[command(after_help = "\
A server that was removed leaves a lineage without a successor: this ends its rotation_overdue.

Example:
  anchorwatch retire-lineage domain-b.example 3 --by j.doe --reason \"scaled in, CHG-126\"")]
pub(in crate::cli) struct RetireLineage {
    /// Trust domain that the lineage belongs to.
    #[arg(value_name = "DOMAIN")]
    pub(super) trust_domain: TrustDomain,
    /// Number of the lineage, as `findings` and `show` print it.
    #[arg(value_name = "NUMBER")]
    pub(super) lineage: u32,
    #[command(flatten)]
    pub(super) words: Words,
}

fn svid_type(text: &str) -> Result<SvidType, String> {
    SvidType::from_label(text).ok_or_else(|| "write x509-svid, jwt-svid or wit-svid".to_owned())
}

fn key_type(text: &str) -> Result<KeyType, String> {
    let quoted = serde_json::Value::String(text.to_owned());
    let read: Result<KeyType, _> = serde_json::from_value(quoted);
    match read {
        Ok(key_type) if key_type.is_known() => Ok(key_type),
        _ => Err("write ec-p256, ec-p384, ec-p521, ed25519 or rsa-2048".to_owned()),
    }
}

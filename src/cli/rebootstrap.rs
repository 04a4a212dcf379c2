//! `anchorwatch rebootstrap DOMAIN FILE`: a way back in after a lockout.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;

use super::decide::Words;
use super::output::{complain, print};
use super::source::{self, StateSource};
use super::{Exit, Global, runtime};
use crate::config::bootstrap;
use crate::web::api::Decided;
use anchorwatch_core::spiffe::TrustDomain;

/// The most bytes of the file: as many as a bundle may have.
const MOST_BYTES: u64 = 4 << 20;

/// Replace what authenticates an endpoint, after a lockout.
#[derive(Args, Debug)]
#[command(after_help = "\
The endpoint must then prove itself by an authority of the file. The authorities in the file are
approved by this decision; all others are judged as before, and records stay. Get the file from the
partner out of band, and compare its fingerprints over a second channel.

Example:
  spire-server bundle show -format spiffe > b.json        # at the partner
  anchorwatch rebootstrap domain-b.example b.json --by j.doe --reason CHG-123")]
pub(super) struct Arguments {
    /// Trust domain whose endpoint can no longer be authenticated.
    #[arg(value_name = "DOMAIN")]
    trust_domain: TrustDomain,
    /// File with its bundle: SPIFFE JSON, or certificates in PEM.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    words: Words,
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Exit {
    let config = match source::load(global) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let bundle = match read(&arguments.file) {
        Ok(bundle) => bundle,
        Err(why) => {
            complain(&format!("cannot read {}: {why}", arguments.file.display()));
            return Exit::CannotLook;
        }
    };
    let name = &arguments.trust_domain;
    let authorities = match bootstrap::parse_bytes(bundle.as_bytes(), name) {
        Ok(authorities) => authorities,
        Err(why) => {
            complain(&format!("{}: {why}", arguments.file.display()));
            return Exit::Warning;
        }
    };
    print(&format!("until its next good poll these authenticate the endpoint of {name}:"));
    let (x509, others): (Vec<_>, Vec<_>) =
        authorities.iter().partition(|authority| authority.certificate.is_some());
    for authority in &x509 {
        print(&format!("  {}", authority.id));
    }
    print("they are approved by this decision, denied ones apart: those stay denied");
    print("records, lineages and high-water marks stay");
    for authority in others {
        print(&format!("approved too: {}", authority.id));
    }
    let body = serde_json::json!({
        "trust_domain": name,
        "bundle": bundle,
        "by": arguments.words.by,
        "reason": arguments.words.reason,
    });
    if !arguments.words.confirmed() {
        return Exit::Warning;
    }
    runtime(async {
        match source::find(&config).await {
            StateSource::Daemon(client) => {
                match client.post::<Decided>("/admin/v1/rebootstrap", &body).await {
                    Ok(decided) => {
                        print(&decided.effect);
                        if let Some(why) = &decided.at_risk {
                            complain(why);
                        }
                        Exit::Ok
                    }
                    Err(why) => source::unanswered(&why),
                }
            }
            StateSource::Store(_) => {
                let socket = config.admin_socket.display();
                complain(&format!("no daemon answers on {socket}: a decision needs one"));
                Exit::CannotLook
            }
        }
    })
}

fn read(path: &std::path::Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MOST_BYTES + 1).read_to_string(&mut text)?;
    Ok(text)
}

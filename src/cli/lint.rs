//! `anchorwatch lint`: where a bundle departs from the standard, and who would refuse it.

mod input;
mod place;
mod report;
mod sarif;
mod text;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::output::{complain, print, print_json};
use super::{Exit, runtime};
use anchorwatch_core::bundle::consumer::Consumer;
use anchorwatch_core::spiffe::{SpiffeId, TrustDomain};
use input::Input;
use report::{Level, LintReport};
use sarif::Execution;

/// Say where a bundle departs from the standard, and which consumers would refuse it.
#[derive(Args, Debug)]
#[command(after_help = "\
A folder stands for every *.json in it, and - for standard input. An https URL is asked once: by the
platform's roots, or as https_spiffe with --endpoint-spiffe-id and --bootstrap. Nothing is stored,
and no configuration is read.

Consumers: spire (the strictest of all versions), spire@1.15.3, go-spiffe, istio, cache:10m.
Without --consumer these are asked: spire@1.15.2, spire@1.15.3, go-spiffe and istio.

Exit codes:
  0   nothing to say
  1   the document departs from the standard, and every consumer that was asked takes it
  2   a consumer refuses it, it is no bundle, or it publishes a private key
  3   could not look: a file cannot be read, an endpoint does not answer
  64  the command line is wrong

Examples:
  anchorwatch lint bundle.json
  spire-server bundle show -format spiffe | anchorwatch lint -
  anchorwatch lint --consumer spire@1.15.2 --output sarif bundles/ > bundles.sarif
  anchorwatch lint --trust-domain domain-b.example --bootstrap b.json \\
    --endpoint-spiffe-id spiffe://domain-b.example/spire/server https://spire.domain-b.example:8443")]
pub(super) struct Arguments {
    /// Bundle to read: a file, a folder, an https URL, or - for standard input.
    #[arg(value_name = "BUNDLE", required = true)]
    bundles: Vec<String>,
    /// Check for this consumer only (spire, spire@1.15.3, go-spiffe, istio). May be repeated.
    #[arg(long = "consumer", value_name = "NAME")]
    consumers: Vec<Consumer>,
    /// Trust domain of the bundle: a CA that names another one is reported.
    #[arg(long, value_name = "NAME")]
    trust_domain: Option<TrustDomain>,
    /// SPIFFE ID that an `https_spiffe` endpoint must present.
    #[arg(long, value_name = "ID", requires = "bootstrap")]
    endpoint_spiffe_id: Option<SpiffeId>,
    /// Bundle that authenticates an `https_spiffe` endpoint: SPIFFE JSON or PEM.
    #[arg(long, value_name = "FILE", requires = "endpoint_spiffe_id")]
    bootstrap: Option<PathBuf>,
    /// Form of the output: text for people, json for programs, sarif for code scanning.
    #[arg(long, value_enum, default_value_t)]
    output: LintOutput,
}

/// The forms of `lint`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
enum LintOutput {
    /// Lines for people.
    #[default]
    Text,
    /// JSON for programs.
    Json,
    /// SARIF 2.1.0 for code scanning.
    Sarif,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let mut consumers: Vec<Consumer> = Vec::new();
    for consumer in &arguments.consumers {
        if !consumers.contains(consumer) {
            consumers.push(*consumer);
        }
    }
    if consumers.is_empty() {
        consumers = Consumer::KNOWN.to_vec();
    }
    let mut unread = false;
    let mut inputs = Vec::new();
    for written in &arguments.bundles {
        match Input::expand(written) {
            Ok(found) => inputs.extend(found),
            Err(why) => {
                complain(&why);
                unread = true;
            }
        }
    }
    let endpoint = (arguments.endpoint_spiffe_id.as_ref(), arguments.bootstrap.as_deref());
    let is_url = |input: &Input| matches!(input, Input::Url(_));
    if endpoint.0.is_some() && !inputs.iter().any(is_url) {
        complain("--endpoint-spiffe-id is about an https URL, and there is none");
        return Exit::Usage;
    }
    runtime(async {
        let mut reports = Vec::with_capacity(inputs.len());
        for input in &inputs {
            match input.read(endpoint).await {
                Ok(document) => {
                    let trust_domain = arguments.trust_domain.as_ref();
                    reports.push(LintReport::new(
                        input.name(),
                        &document,
                        trust_domain,
                        &consumers,
                    ));
                }
                Err(why) => {
                    complain(&why);
                    unread = true;
                }
            }
        }
        match arguments.output {
            LintOutput::Text => print(&text::text(&reports)),
            LintOutput::Json => print_json(&reports),
            LintOutput::Sarif => {
                let execution = if unread { Execution::Failed } else { Execution::Successful };
                print_json(&sarif::log(&reports, execution));
            }
        }
        match reports.iter().filter_map(LintReport::worst).max() {
            _ if unread => Exit::CannotLook,
            Some(Level::Error) => Exit::Critical,
            Some(Level::Warning) => Exit::Warning,
            None => Exit::Ok,
        }
    })
}

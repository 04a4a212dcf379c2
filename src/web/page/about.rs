//! The page about the watch itself.

use maud::html;

use super::frame::{Frame, Section};
use super::particulars::Particulars;
use super::words::near;
use crate::metrics::SelfFacts;
use crate::web::backend::Identity;

/// What runs, on which configuration, with which journal.
pub(in crate::web) fn about(
    frame: &Frame<'_>,
    identity: &Identity,
    facts: &SelfFacts,
    domains: usize,
) -> String {
    let now = frame.at;
    let mut build = Particulars::new();
    build.say("version", env!("CARGO_PKG_VERSION"));
    build.say("revision", option_env!("ANCHORWATCH_REVISION").unwrap_or("unknown"));
    let (architecture, system) = (std::env::consts::ARCH, std::env::consts::OS);
    build.say("built for", format_args!("{architecture}-{system}"));
    build.say("licence", env!("CARGO_PKG_LICENSE"));
    let mut configuration = Particulars::new();
    configuration.code("digest", identity.config_digest);
    configuration.add("taken", near(Some(facts.config_reloaded_at), now));
    let reload =
        if facts.config_reload_successful { "taken" } else { "refused: the old one stays" };
    configuration.say("last reload", reload).say("trust domains", domains);
    let mut store = Particulars::new();
    store.say("entries", facts.journal_entries).code("head", identity.journal_head);
    store.add("created", near(Some(facts.store_created_at), now));
    store.add("last durable write", near(facts.last_persisted_at, now));
    store.say("size", format_args!("{} KiB", facts.journal_size / 1024));
    store.say("failed writes", facts.write_failures).say("waiting batches", facts.backlog);
    store.say("lost events", facts.events_lost);
    let main = html! {
        h1 { "About this watch" }
        p.lead {
            "anchorwatch polls the bundle endpoints of federated trust domains as their consumers "
            "do, remembers every key, and says, with evidence, when a rotation does not go as it "
            "ought to."
        }
        h2 { "Program" }
        (build.list())
        h2 { "Configuration" }
        (configuration.list())
        h2 { "Journal" }
        (store.list())
        p {
            "With the head, " code { "anchorwatch store verify --head" }
            " finds any edit, gap or cut tail since."
        }
    };
    frame.page("About", Section::About, Some("/about"), &main)
}

/// Where nothing is served.
pub(in crate::web) fn missing(frame: &Frame<'_>, what: &str) -> String {
    let main = html! {
        h1 { "Not here" }
        p { (what) }
        p { a href="/" { "All trust domains" } }
    };
    frame.page("Not here", Section::Overview, None, &main)
}

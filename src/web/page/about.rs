//! The page about the watch itself.

use super::frame::{Frame, Section};
use super::html::Html;
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
    let mut html = Html::default();
    html.raw(
        "<h1>About this watch</h1><p class=\"lead\">anchorwatch polls the bundle endpoints of ",
    );
    html.raw("federated trust domains as their consumers do, remembers every key, and says, with ");
    html.raw("evidence, when a rotation does not go as it ought to.</p>");
    let mut build = Particulars::new();
    build.say("version", env!("CARGO_PKG_VERSION"));
    build.say("revision", option_env!("ANCHORWATCH_REVISION").unwrap_or("unknown"));
    let (architecture, system) = (std::env::consts::ARCH, std::env::consts::OS);
    build.say("built for", format_args!("{architecture}-{system}"));
    build.say("licence", env!("CARGO_PKG_LICENSE"));
    html.raw("<h2>Program</h2>").add(&build.into_html());
    let mut configuration = Particulars::new();
    configuration.code("digest", identity.config_digest);
    configuration.add("taken", &near(Some(facts.config_reloaded_at), now));
    let reload =
        if facts.config_reload_successful { "taken" } else { "refused: the old one stays" };
    configuration.say("last reload", reload).say("trust domains", domains);
    html.raw("<h2>Configuration</h2>").add(&configuration.into_html());
    let mut store = Particulars::new();
    store.say("entries", facts.journal_entries).code("head", identity.journal_head);
    store.add("created", &near(Some(facts.store_created_at), now));
    store.add("last durable write", &near(facts.last_persisted_at, now));
    store.say("size", format_args!("{} KiB", facts.journal_size / 1024));
    store.say("failed writes", facts.write_failures).say("waiting batches", facts.backlog);
    store.say("lost events", facts.events_lost);
    html.raw("<h2>Journal</h2>").add(&store.into_html());
    html.raw("<p>With the head, <code>anchorwatch store verify --head</code> finds any edit, gap ");
    html.raw("or cut tail since.</p>");
    frame.page("About", Section::About, Some("/about"), &html)
}

/// Where nothing is served.
pub(in crate::web) fn missing(frame: &Frame<'_>, what: &str) -> String {
    let mut html = Html::default();
    html.raw("<h1>Not here</h1><p>").text(what);
    html.raw("</p><p><a href=\"/\">All trust domains</a></p>");
    frame.page("Not here", Section::Overview, None, &html)
}

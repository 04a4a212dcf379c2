//! The pages for people: pure functions from a picture, and from entries of the journal, to HTML.
//! They need no script, and read on a phone, in the dark, from a keyboard and aloud.
//!
//! Invariant: markup is what `maud::html!` makes of this source, and what stands in it is escaped;
//! nothing is `PreEscaped`. What an endpoint says can neither open a tag nor leave an attribute. The
//! whole page is escaped once more where it is finished (`Frame::page`), as an
//! [`UntrustedText`](anchorwatch_core::untrusted::UntrustedText) is by its `Display`: nothing in it
//! is hidden or turns the direction of writing, whoever wrote it. A `maud::Render` for foreign text
//! would do that where somebody remembers to use it, and the core, which shows it, knows no markup.

mod about;
mod domain;
mod elements;
mod finding;
mod frame;
mod graph;
mod health;
mod journal;
mod life;
mod overview;
mod particulars;
mod remedy;
mod rotation;
mod scale;
mod standing;
mod svg;
mod table;
mod time_line;
mod words;

pub(super) use about::{about, missing};
pub(super) use domain::{EVENTS as DOMAIN_EVENTS, page as domain};
pub(super) use finding::{
    about as authority_of, closed as closed_finding, of_the_watch, open, page as finding,
    watch_page,
};
pub(super) use frame::Frame;
pub(super) use graph::graph;
pub(super) use journal::{SHOWN as EVENTS, Wanted, events};
pub(super) use overview::overview;

/// How the pages look.
pub(super) const STYLE: &str = include_str!("page/style.css");
/// The mark in a browser's tab.
pub(super) const ICON: &str = include_str!("page/favicon.svg");

#[cfg(test)]
mod contrast;

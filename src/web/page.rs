//! The pages for people: pure functions from a picture, and from entries of the journal, to HTML.
//! They need no script, and read on a phone, in the dark, from a keyboard and aloud.
//!
//! Invariant: everything that is not a literal of this source goes through [`html::Html::text`].

mod about;
mod domain;
mod finding;
mod frame;
mod graph;
mod health;
mod html;
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

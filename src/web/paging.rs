//! How long lists are had in pages: a limit, and the next page's address in a `Link` header
//! (RFC 8288), so that the body stays a plain list.

use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use url::form_urlencoded::{Serializer, parse};

use super::backend::BackendError;
use super::json;

/// How many entries an answer holds where nobody says.
pub(super) const USUAL: usize = 100;
/// How many entries an answer holds at most.
pub(super) const MOST: usize = 10_000;
/// How many entries are looked up at one time: what is looked up is in memory, whatever its size.
const CHUNK: usize = 100;
/// An answer ends once it is this long, in bytes, though more was asked for: an entry may have tens
/// of kilobytes, if whoever is watched wants it so.
const ENOUGH: usize = 1 << 20;

/// How many entries are given where this many are asked for.
pub(super) fn limit(asked: Option<usize>) -> usize {
    asked.unwrap_or(USUAL).min(MOST)
}

/// A page while it is filled, entry by entry.
#[derive(Debug)]
pub(super) struct Page {
    limit: usize,
    length: usize,
    entries: Vec<Vec<u8>>,
    is_last: bool,
}

impl Page {
    /// A page of so many entries at most.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, length: 0, entries: Vec::new(), is_last: false }
    }

    /// How many entries are to be looked up next; `None` where the page is full, or the list ended.
    pub(super) fn wants(&self) -> Option<usize> {
        let more = self.limit.saturating_sub(self.entries.len()).min(CHUNK);
        (0 < more && self.length < ENOUGH && !self.is_last).then_some(more)
    }

    /// Takes entries in, as far as there is room, and says which was the last that it took. So many
    /// were `asked` for: fewer are the end of the list.
    pub(super) fn fill<'a, T: Serialize>(
        &mut self,
        asked: usize,
        entries: impl ExactSizeIterator<Item = &'a T>,
    ) -> Result<Option<&'a T>, BackendError> {
        self.is_last = entries.len() < asked;
        let mut last = None;
        for entry in entries {
            if ENOUGH <= self.length || self.limit <= self.entries.len() {
                self.is_last = false;
                break;
            }
            let text = json::bytes(entry);
            let text = text.map_err(|why| BackendError::Unavailable(why.to_string()))?;
            self.length += text.len();
            self.entries.push(text);
            last = Some(entry);
        }
        Ok(last)
    }

    /// Turns the order of the entries.
    pub(super) fn reverse(&mut self) {
        self.entries.reverse();
    }

    /// The answer, with the address of the next page, where there is one: the same question with
    /// this parameter.
    pub(super) fn answer(self, uri: &Uri, next: Option<(&str, String)>) -> Response {
        let mut text = Vec::with_capacity(self.length + self.entries.len() + 2);
        text.push(b'[');
        text.extend_from_slice(&self.entries.join(&b','));
        text.push(b']');
        let mut response = ([(header::CONTENT_TYPE, "application/json")], text).into_response();
        let Some((name, value)) = next.filter(|_| !self.is_last) else { return response };
        let asked = parse(uri.query().unwrap_or_default().as_bytes());
        let mut query = Serializer::new(String::new());
        query.extend_pairs(asked.filter(|(given, _)| given != name)).append_pair(name, &value);
        let link = format!("<{}?{}>; rel=\"next\"", uri.path(), query.finish());
        // What is encoded for a query is good in a header too.
        if let Ok(link) = HeaderValue::from_str(&link) {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_by_count_by_length_or_with_the_list() {
        let short = vec!["short"; CHUNK];
        let mut page = Page::new(150);
        assert_eq!(page.wants(), Some(CHUNK));
        page.fill(CHUNK, short.iter()).unwrap();
        assert_eq!(page.wants(), Some(50));
        page.fill(50, short[..20].iter()).unwrap();
        assert_eq!(page.wants(), None);

        let long = ["x".repeat(ENOUGH / 4), "y".repeat(ENOUGH), "z".to_owned()];
        let mut page = Page::new(MOST);
        let last = page.fill(CHUNK, long.iter()).unwrap();
        assert_eq!(last, Some(&long[1]));
        assert_eq!((page.wants(), page.is_last), (None, false), "the third is on the next page");
    }
}

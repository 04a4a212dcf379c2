//! `/metrics`: rendered piece by piece, as it is read.
//!
//! Who reads slowly holds the pictures of the trust domains and a piece. Who comes while another
//! scrape of the same form is just under way joins it, and gets the pieces that it made.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use flate2::{Compress, Compression, Crc, FlushCompress};
use hyper::body::Bytes;
use tokio::sync::Semaphore;

use super::request::header as text;
use super::{ScrapeFacts, pieces};
use crate::metrics::{Format, Position, Scrape, accepts_gzip, negotiate, render_piece};

/// For how long others may join a scrape. It shows the moment at which it began.
const JOINED: Duration = Duration::from_secs(1);
/// How many bytes of pieces are kept for those who join: of each form of the newest scrape.
const KEPT: usize = 1 << 20;
/// How many pieces of text are packed together: by themselves they would pack worse.
const PACKED: usize = 4;

/// How a scrape is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Form {
    format: Format,
    gzip: bool,
}

/// The scrapes under way that may be joined: the newest of each form.
#[derive(Debug, Default)]
pub(super) struct Scrapes(Mutex<Vec<Weak<Rendering>>>);

impl Scrapes {
    /// The scrape of this form that is just under way, or a new one.
    fn join(
        &self,
        form: Form,
        now: Instant,
        facts: impl FnOnce() -> ScrapeFacts,
    ) -> Arc<Rendering> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|one| 0 < one.strong_count());
        let same = |one: &Weak<Rendering>| one.upgrade().filter(|one| one.form == form);
        if let Some(one) = running.iter().find_map(same) {
            if now.saturating_duration_since(one.began) < JOINED {
                return one;
            }
            // Nobody joins it any more.
            *one.kept() = None;
            running.retain(|other| !std::ptr::eq(other.as_ptr(), Arc::as_ptr(&one)));
        }
        let new = Arc::new(Rendering {
            facts: facts(),
            form,
            began: now,
            kept: Mutex::new(Some(VecDeque::new())),
        });
        running.push(Arc::downgrade(&new));
        new
    }
}

/// One scrape, whoever reads it.
#[derive(Debug)]
struct Rendering {
    facts: ScrapeFacts,
    form: Form,
    began: Instant,
    /// The newest pieces; `None` once nobody can join any more.
    kept: Mutex<Option<VecDeque<Arc<Piece>>>>,
}

/// One piece of a scrape. Its place follows from the pieces before it, which are always the same.
#[derive(Debug)]
struct Piece {
    from: Position,
    next: Option<Position>,
    bytes: Bytes,
    /// Of the text, where it is packed.
    sum: Crc,
}

impl Rendering {
    fn kept(&self) -> MutexGuard<'_, Option<VecDeque<Arc<Piece>>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The piece from this position on. Who wants the one that is just rendered waits for it.
    fn piece(&self, from: Position) -> io::Result<Arc<Piece>> {
        let mut kept = self.kept();
        let Some(pieces) = kept.as_mut() else {
            drop(kept);
            return self.render(from).map(Arc::new);
        };
        if let Some(piece) = pieces.iter().find(|piece| piece.from == from) {
            return Ok(Arc::clone(piece));
        }
        let piece = Arc::new(self.render(from)?);
        pieces.push_back(Arc::clone(&piece));
        while KEPT < pieces.iter().map(|piece| piece.bytes.len()).sum() {
            pieces.pop_front();
        }
        Ok(piece)
    }

    fn render(&self, from: Position) -> io::Result<Piece> {
        let ScrapeFacts { view, facts, registered, authority_series } = &self.facts;
        let scrape = Scrape::new(view, facts, registered, *authority_series);
        if !self.form.gzip {
            let (text, next) = render_piece(&scrape, self.form.format, from)?;
            return Ok(Piece { from, next, bytes: text.into(), sum: Crc::new() });
        }
        // Level 1: six buys an eighth of the size for seven times the CPU.
        let mut deflater = Compress::new(Compression::fast(), false);
        let (mut packed, mut sum, mut next) = (Vec::new(), Crc::new(), Some(from));
        for _ in 0..PACKED {
            let Some(from) = next else { break };
            let text;
            (text, next) = render_piece(&scrape, self.form.format, from)?;
            sum.update(&text);
            deflate(&mut deflater, &text, FlushCompress::None, &mut packed)?;
        }
        // It ends at a byte, so that others can follow that know nothing of it.
        deflate(&mut deflater, &[], FlushCompress::Sync, &mut packed)?;
        Ok(Piece { from, next, bytes: packed.into(), sum })
    }
}

/// Packs all of this text.
fn deflate(
    deflater: &mut Compress,
    mut text: &[u8],
    flush: FlushCompress,
    packed: &mut Vec<u8>,
) -> io::Result<()> {
    loop {
        packed.reserve(16 << 10);
        let (taken, given) = (deflater.total_in(), deflater.total_out());
        deflater.compress_vec(text, packed, flush).map_err(io::Error::other)?;
        let taken = usize::try_from(deflater.total_in() - taken).unwrap_or(usize::MAX);
        text = text.get(taken..).unwrap_or_default();
        let is_idle = taken == 0 && deflater.total_out() == given;
        // Where there was room for more, all that is to come has come.
        if text.is_empty() && (is_idle || packed.len() < packed.capacity()) {
            return Ok(());
        }
    }
}

/// How far one reader is.
struct Progress {
    rendering: Arc<Rendering>,
    next: Option<Position>,
    begun: bool,
    ended: bool,
    sum: Crc,
}

impl Progress {
    /// RFC 1952, 2.3.1: deflate, no name, no time, the fastest, an unknown system.
    const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];
    /// RFC 1951, 3.2.4: the last block, stored and empty.
    const LAST_BLOCK: [u8; 5] = [1, 0, 0, 0xff, 0xff];

    fn new(rendering: Arc<Rendering>) -> Self {
        let next = Some(Position::default());
        Self { rendering, next, begun: false, ended: false, sum: Crc::new() }
    }

    fn piece(&mut self) -> io::Result<Option<Bytes>> {
        let gzip = self.rendering.form.gzip;
        if gzip && !std::mem::replace(&mut self.begun, true) {
            return Ok(Some(Bytes::from_static(&Self::HEAD)));
        }
        if let Some(from) = self.next {
            let piece = self.rendering.piece(from)?;
            self.next = piece.next;
            self.sum.combine(&piece.sum);
            return Ok(Some(piece.bytes.clone()));
        }
        if gzip && !std::mem::replace(&mut self.ended, true) {
            let (sum, length) = (self.sum.sum().to_le_bytes(), self.sum.amount().to_le_bytes());
            return Ok(Some([&Self::LAST_BLOCK[..], &sum, &length].concat().into()));
        }
        Ok(None)
    }
}

/// The answer to a scrape with these headers: one that is under way, or a new one of these facts.
/// `threads` bounds how many pieces are rendered at one time.
pub(super) fn answer(
    scrapes: &Scrapes,
    headers: &HeaderMap,
    threads: Arc<Semaphore>,
    facts: impl FnOnce() -> ScrapeFacts,
) -> Response {
    let format = negotiate(text(headers, &header::ACCEPT));
    let gzip = accepts_gzip(text(headers, &header::ACCEPT_ENCODING));
    let rendering = scrapes.join(Form { format, gzip }, Instant::now(), facts);
    let mut progress = Progress::new(rendering);
    let body = pieces::body(threads, move || progress.piece());
    let mut response = body.into_response();
    let types = response.headers_mut();
    types.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    types.insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
    if gzip {
        types.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::metrics::{AuthoritySeries, Registered, SelfFacts};
    use anchorwatch_core::view::View;

    const TEXT: Form = Form { format: Format::OpenMetrics, gzip: false };

    fn facts() -> ScrapeFacts {
        ScrapeFacts {
            view: View::default(),
            facts: SelfFacts::default(),
            registered: Registered::new().unwrap(),
            authority_series: AuthoritySeries::Rendered,
        }
    }

    fn read(rendering: &Arc<Rendering>) -> Vec<u8> {
        let mut progress = Progress::new(Arc::clone(rendering));
        let mut all = Vec::new();
        while let Some(piece) = progress.piece().unwrap() {
            all.extend_from_slice(&piece);
        }
        all
    }

    #[test]
    fn scrapes_at_one_time_are_rendered_once() {
        let scrapes = Scrapes::default();
        let now = Instant::now();
        let first = scrapes.join(TEXT, now, facts);
        let second = scrapes.join(TEXT, now, || panic!("rendered twice"));
        assert!(Arc::ptr_eq(&first, &second));
        // It shows when the process was asked, and is the same all the same.
        assert_eq!(read(&first), read(&second));
        let packed = scrapes.join(Form { gzip: true, ..TEXT }, now, facts);
        assert!(!Arc::ptr_eq(&first, &packed));
        let later = scrapes.join(TEXT, now + JOINED, facts);
        assert!(!Arc::ptr_eq(&first, &later));
        assert!(first.kept().is_none(), "nobody joins it any more");
        assert!(read(&first).ends_with(b"# EOF\n"), "who reads it still does");
        drop((later, second));
        let alone = scrapes.join(TEXT, now + JOINED, facts);
        assert!(alone.kept().is_some());
    }

    #[test]
    fn what_is_packed_in_pieces_is_one_stream() {
        let text: String = (0..40_000).map(|n| (n * 7919).to_string() + "\n").collect();
        let mut progress = Vec::from(Progress::HEAD);
        let mut whole = Crc::new();
        for part in text.as_bytes().chunks(100_000) {
            let mut deflater = Compress::new(Compression::fast(), false);
            deflate(&mut deflater, part, FlushCompress::None, &mut progress).unwrap();
            deflate(&mut deflater, &[], FlushCompress::Sync, &mut progress).unwrap();
            let mut sum = Crc::new();
            sum.update(part);
            whole.combine(&sum);
        }
        progress.extend_from_slice(&Progress::LAST_BLOCK);
        progress.extend_from_slice(&whole.sum().to_le_bytes());
        progress.extend_from_slice(&whole.amount().to_le_bytes());
        let mut read = String::new();
        flate2::read::GzDecoder::new(&progress[..]).read_to_string(&mut read).unwrap();
        assert!(read == text && progress.len() * 2 < text.len());
    }
}

//! Basic authentication with bcrypt hashes: on one thread of its own, and each result remembered, so
//! that a scrape does not cost a bcrypt.

mod queue;

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::{hmac, rand};
use axum::http::HeaderValue;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::readers::Peer;
use queue::{Job, NamedUser, Queue};

/// How many results are remembered, good ones and bad ones apart: whoever guesses pushes nobody
/// out who is known.
const REMEMBERED: usize = 256;
/// The most bytes of credentials.
const CREDENTIALS: usize = 4 << 10;

/// Whether somebody may ask.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum LoginVerdict {
    /// They may.
    Known,
    /// They may not.
    Unknown,
    /// Too many are asked about at this moment.
    Busy,
}

type Tag = [u8; 32];

/// Who logged in, and who did not.
pub(super) struct Logins {
    /// Made anew by each process, so that what is remembered says nothing of a password.
    key: Option<hmac::Key>,
    checks: Arc<Checks>,
}

/// What the thread shares with those who wait for it.
#[derive(Default)]
struct Checks {
    known: Mutex<HashSet<Tag>>,
    unknown: Mutex<HashSet<Tag>>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: Queue,
    has_thread: bool,
    is_closed: bool,
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logins").finish_non_exhaustive()
    }
}

impl Drop for Logins {
    /// Ends the thread.
    fn drop(&mut self) {
        let mut state = self.checks.state();
        state.is_closed = true;
        state.queue.close();
        self.checks.changed.notify_all();
    }
}

impl Logins {
    pub(super) fn new() -> Self {
        // Without randomness nothing is remembered.
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new()).ok();
        Self { key, checks: Arc::default() }
    }

    /// Whether these credentials are those of a user.
    pub(super) async fn verdict(
        &self,
        authorization: Option<&HeaderValue>,
        users: &BTreeMap<Box<str>, Box<str>>,
        peer: Option<Peer>,
    ) -> LoginVerdict {
        let Some((user, password)) = authorization.and_then(credentials) else {
            return LoginVerdict::Unknown;
        };
        let hash = std::str::from_utf8(&user).ok().and_then(|user| users.get(user)).cloned();
        let named = if hash.is_some() { NamedUser::Exists } else { NamedUser::Unknown };
        let hash = hash.unwrap_or_else(|| nobody(users));
        // Whether they exist is in it: a user may have had the hash that stands for nobody's.
        let tag =
            self.tag(&[&[u8::from(named == NamedUser::Exists)], &user, hash.as_bytes(), &password]);
        if let Some(verdict) = tag.and_then(|tag| self.checks.remembered(&tag)) {
            return verdict;
        }
        // Which names share a bucket is nobody's to know.
        let bucket = self.tag(&[&user]).map_or(0, |[first, ..]| first % 16);
        let job = Job::new(tag, (peer, bucket), password, hash, named);
        match self.checks.push(job) {
            Some(verdict) => verdict.await.unwrap_or(LoginVerdict::Busy),
            None => LoginVerdict::Busy,
        }
    }

    fn tag(&self, parts: &[&[u8]]) -> Option<Tag> {
        let mut context = hmac::Context::with_key(self.key.as_ref()?);
        for part in parts {
            context.update(&u64::try_from(part.len()).ok()?.to_be_bytes());
            context.update(part);
        }
        context.sign().as_ref().try_into().ok()
    }
}

impl Checks {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remembered(&self, tag: &Tag) -> Option<LoginVerdict> {
        let has = |cache: &Mutex<HashSet<Tag>>| {
            cache.lock().unwrap_or_else(PoisonError::into_inner).contains(tag)
        };
        if has(&self.known) {
            return Some(LoginVerdict::Known);
        }
        has(&self.unknown).then_some(LoginVerdict::Unknown)
    }

    /// Has a job done; `None` where there can be no thread that does it.
    fn push(self: &Arc<Self>, job: Job) -> Option<tokio::sync::oneshot::Receiver<LoginVerdict>> {
        let mut state = self.state();
        if !state.has_thread {
            let checks = Arc::clone(self);
            let thread = std::thread::Builder::new().name("bcrypt".to_owned());
            thread.spawn(move || while checks.check_one() {}).ok()?;
            state.has_thread = true;
        }
        let verdict = state.queue.push(job);
        self.changed.notify_one();
        Some(verdict)
    }

    /// Waits for a job and does it, on the thread; false where no more are to come.
    fn check_one(&self) -> bool {
        let mut state = self.state();
        let mut job = loop {
            if state.is_closed {
                return false;
            }
            if let Some(job) = state.queue.pop() {
                break job;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        drop(state);
        // One that was checked while this one waited.
        let verdict = job.tag.and_then(|tag| self.remembered(&tag)).unwrap_or_else(|| {
            let verify = || bcrypt::verify(&job.password, &job.hash).unwrap_or(false);
            let good = catch_unwind(AssertUnwindSafe(verify)).unwrap_or(false)
                && job.user == NamedUser::Exists;
            if let Some(tag) = job.tag {
                remember(if good { &self.known } else { &self.unknown }, tag);
            }
            if good { LoginVerdict::Known } else { LoginVerdict::Unknown }
        });
        self.state().queue.done(&mut job);
        job.tell(verdict);
        true
    }
}

fn remember(cache: &Mutex<HashSet<Tag>>, tag: Tag) {
    let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
    if REMEMBERED <= cache.len() {
        // Which one goes is chance, as in exporter-toolkit: the map's hash has a random key.
        if let Some(one) = cache.iter().next().copied() {
            cache.remove(&one);
        }
    }
    cache.insert(tag);
}

/// RFC 7617, 2: user and password, apart at the first colon.
fn credentials(authorization: &HeaderValue) -> Option<(Vec<u8>, Vec<u8>)> {
    let (scheme, encoded) = authorization.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") || CREDENTIALS < encoded.len() {
        return None;
    }
    let decoded = BASE64_STANDARD.decode(encoded).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let (user, password) = decoded.split_at_checked(colon)?;
    Some((user.to_vec(), password.get(1..)?.to_vec()))
}

/// The hash of no password, as costly as that of a user: who asks by a name that does not exist
/// waits as long as by one that does.
fn nobody(users: &BTreeMap<Box<str>, Box<str>>) -> Box<str> {
    let cost = users.values().filter_map(|hash| hash.get(4..6)).max().unwrap_or("10");
    format!("$2y${cost}$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(text: &str) -> HeaderValue {
        HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(text))).unwrap()
    }

    fn users() -> BTreeMap<Box<str>, Box<str>> {
        let hash = bcrypt::hash("right", 4).unwrap();
        BTreeMap::from([("alice".into(), hash.into())])
    }

    #[tokio::test]
    async fn the_right_password_of_a_user_is_known_and_nothing_else() {
        let (logins, users) = (Logins::new(), users());
        for _ in 0..2 {
            for (text, verdict) in [
                ("alice:right", LoginVerdict::Known),
                ("alice:wrong", LoginVerdict::Unknown),
                ("alice:", LoginVerdict::Unknown),
                ("bob:right", LoginVerdict::Unknown),
                ("bob:fakepassword", LoginVerdict::Unknown),
                ("alice", LoginVerdict::Unknown),
            ] {
                assert_eq!(
                    logins.verdict(Some(&basic(text)), &users, None).await,
                    verdict,
                    "{text}"
                );
            }
        }
        assert_eq!(logins.verdict(None, &users, None).await, LoginVerdict::Unknown);
        let other = HeaderValue::from_static("Bearer abc");
        assert_eq!(logins.verdict(Some(&other), &users, None).await, LoginVerdict::Unknown);
        assert_eq!(logins.checks.known.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_password_that_was_changed_is_not_remembered() {
        let (logins, mut users) = (Logins::new(), users());
        let alice = basic("alice:right");
        assert_eq!(logins.verdict(Some(&alice), &users, None).await, LoginVerdict::Known);
        users.insert("alice".into(), bcrypt::hash("other", 4).unwrap().into());
        assert_eq!(logins.verdict(Some(&alice), &users, None).await, LoginVerdict::Unknown);
        // Nor where it had the hash that stands for nobody's.
        let fake = basic("bob:fakepassword");
        let hash = nobody(&BTreeMap::new());
        let mut users = BTreeMap::from([("bob".into(), hash.clone()), ("carol".into(), hash)]);
        assert_eq!(logins.verdict(Some(&fake), &users, None).await, LoginVerdict::Known);
        users.remove("bob");
        assert_eq!(logins.verdict(Some(&fake), &users, None).await, LoginVerdict::Unknown);
    }

    #[test]
    fn guesses_push_out_guesses_alone() {
        let cache = Mutex::new(HashSet::new());
        for number in 0..512_u64 {
            let mut tag = [0; 32];
            tag[..8].copy_from_slice(&number.to_be_bytes());
            remember(&cache, tag);
        }
        assert_eq!(cache.lock().unwrap().len(), REMEMBERED);
    }

    #[tokio::test]
    async fn the_thread_ends_with_the_logins() {
        let (logins, users) = (Logins::new(), users());
        let alice = basic("alice:right");
        assert_eq!(logins.verdict(Some(&alice), &users, None).await, LoginVerdict::Known);
        let checks = Arc::downgrade(&logins.checks);
        drop(logins);
        while 0 < checks.strong_count() {
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn an_unknown_user_costs_what_a_known_one_does() {
        let users = BTreeMap::from([("a".into(), format!("$2b$12${}", "a".repeat(53)).into())]);
        assert!(nobody(&users).starts_with("$2y$12$"));
        assert!(nobody(&BTreeMap::new()).starts_with("$2y$10$"));
        assert!(bcrypt::verify("x", &nobody(&self::users())).is_ok(), "it is a real hash");
    }
}

//! Basic authentication with bcrypt hashes: off the runtime's threads, one at a time, and each
//! result remembered, so that a scrape does not cost a bcrypt.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::{hmac, rand};
use axum::http::HeaderValue;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::sync::{Semaphore, TryAcquireError};

/// How many may wait for bcrypt. At cost 10 it takes some 60 ms.
const WAITING: usize = 64;
/// How many results are remembered, good ones and bad ones apart: whoever guesses pushes nobody
/// out who is known.
const REMEMBERED: usize = 256;
/// The most bytes of credentials.
const CREDENTIALS: usize = 4 << 10;

/// Whether somebody may ask.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
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
    known: Arc<Mutex<HashSet<Tag>>>,
    unknown: Arc<Mutex<HashSet<Tag>>>,
    waiting: Arc<Semaphore>,
    turn: Arc<Semaphore>,
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logins").finish_non_exhaustive()
    }
}

impl Logins {
    pub(super) fn new() -> Self {
        // Without randomness nothing is remembered.
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new()).ok();
        Self {
            key,
            known: Arc::default(),
            unknown: Arc::default(),
            waiting: Arc::new(Semaphore::new(WAITING)),
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// Whether these credentials are those of a user.
    pub(super) async fn verdict(
        &self,
        authorization: Option<&HeaderValue>,
        users: &BTreeMap<Box<str>, Box<str>>,
    ) -> Verdict {
        let Some((user, password)) = authorization.and_then(credentials) else {
            return Verdict::Unknown;
        };
        let hash = std::str::from_utf8(&user).ok().and_then(|user| users.get(user)).cloned();
        let exists = hash.is_some();
        let hash = hash.unwrap_or_else(|| nobody(users));
        // Whether they exist is in it: a user may have had the hash that stands for nobody's.
        let tag = self.tag(&[&[u8::from(exists)], &user, hash.as_bytes(), &password]);
        if let Some(verdict) = tag.and_then(|tag| self.remembered(&tag)) {
            return verdict;
        }
        let waiting = match Arc::clone(&self.waiting).try_acquire_owned() {
            Ok(waiting) => waiting,
            Err(TryAcquireError::NoPermits | TryAcquireError::Closed) => return Verdict::Busy,
        };
        let Ok(turn) = Arc::clone(&self.turn).acquire_owned().await else { return Verdict::Busy };
        // It came while this one waited.
        if let Some(verdict) = tag.and_then(|tag| self.remembered(&tag)) {
            return verdict;
        }
        let (known, unknown) = (Arc::clone(&self.known), Arc::clone(&self.unknown));
        // It ends even where whoever asked has gone, so it keeps its turn and its result.
        let verified = tokio::task::spawn_blocking(move || {
            let _held = (waiting, turn);
            let good = bcrypt::verify(&password, &hash).unwrap_or(false) && exists;
            if let Some(tag) = tag {
                remember(if good { &known } else { &unknown }, tag);
            }
            good
        });
        match verified.await {
            Ok(true) => Verdict::Known,
            Ok(false) => Verdict::Unknown,
            Err(_) => Verdict::Busy,
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

    fn remembered(&self, tag: &Tag) -> Option<Verdict> {
        let has = |cache: &Mutex<HashSet<Tag>>| {
            cache.lock().unwrap_or_else(PoisonError::into_inner).contains(tag)
        };
        if has(&self.known) {
            return Some(Verdict::Known);
        }
        has(&self.unknown).then_some(Verdict::Unknown)
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
                ("alice:right", Verdict::Known),
                ("alice:wrong", Verdict::Unknown),
                ("alice:", Verdict::Unknown),
                ("bob:right", Verdict::Unknown),
                ("bob:fakepassword", Verdict::Unknown),
                ("alice", Verdict::Unknown),
            ] {
                assert_eq!(logins.verdict(Some(&basic(text)), &users).await, verdict, "{text}");
            }
        }
        assert_eq!(logins.verdict(None, &users).await, Verdict::Unknown);
        let other = HeaderValue::from_static("Bearer abc");
        assert_eq!(logins.verdict(Some(&other), &users).await, Verdict::Unknown);
        assert_eq!(logins.known.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_password_that_was_changed_is_not_remembered() {
        let (logins, mut users) = (Logins::new(), users());
        let alice = basic("alice:right");
        assert_eq!(logins.verdict(Some(&alice), &users).await, Verdict::Known);
        users.insert("alice".into(), bcrypt::hash("other", 4).unwrap().into());
        assert_eq!(logins.verdict(Some(&alice), &users).await, Verdict::Unknown);
        // Nor where it had the hash that stands for nobody's.
        let fake = basic("bob:fakepassword");
        let hash = nobody(&BTreeMap::new());
        let mut users = BTreeMap::from([("bob".into(), hash.clone()), ("carol".into(), hash)]);
        assert_eq!(logins.verdict(Some(&fake), &users).await, Verdict::Known);
        users.remove("bob");
        assert_eq!(logins.verdict(Some(&fake), &users).await, Verdict::Unknown);
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
    async fn beyond_those_who_wait_nobody_waits() {
        let (logins, users) = (Logins::new(), users());
        let _held = Arc::clone(&logins.waiting).acquire_many_owned(64).await.unwrap();
        let alice = basic("alice:right");
        assert_eq!(logins.verdict(Some(&alice), &users).await, Verdict::Busy);
    }

    #[test]
    fn an_unknown_user_costs_what_a_known_one_does() {
        let users = BTreeMap::from([("a".into(), format!("$2b$12${}", "a".repeat(53)).into())]);
        assert!(nobody(&users).starts_with("$2y$12$"));
        assert!(nobody(&BTreeMap::new()).starts_with("$2y$10$"));
        assert!(bcrypt::verify("x", &nobody(&self::users())).is_ok(), "it is a real hash");
    }
}

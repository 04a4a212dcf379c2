-- Version 3. Times are microseconds since the Unix epoch; digests and fingerprints are 32 bytes. What no
-- chain of hashes covers carries a digest over its own row, so that a flipped bit is noticed.

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL,
    digest BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- The journal. `kind` and `authority` repeat what the payload says, so that it can be searched.
CREATE TABLE events (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    trust_domain TEXT NOT NULL,
    kind TEXT NOT NULL,
    authority BLOB,
    hash BLOB NOT NULL,
    payload TEXT NOT NULL
) STRICT;

CREATE INDEX events_of_trust_domain ON events (trust_domain, number);
CREATE INDEX events_of_kind ON events (kind, number);
CREATE INDEX events_of_authority ON events (authority, number) WHERE authority IS NOT NULL;
CREATE INDEX events_at ON events (at);

CREATE TRIGGER events_are_not_edited BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

-- Documents as they were served, redacted, by the SHA-256 of what is stored here.
CREATE TABLE bodies (
    digest BLOB PRIMARY KEY,
    stored_at INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;

CREATE INDEX bodies_stored_at ON bodies (stored_at);

-- Every authority that was ever published: derived from the events, and brought forward with them.
-- `source` is the event whose payload holds the key as it was last published.
CREATE TABLE authorities (
    trust_domain TEXT NOT NULL,
    svid_type TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    public_key BLOB,
    source INTEGER NOT NULL,
    published_after INTEGER,
    published_until INTEGER NOT NULL,
    removed_after INTEGER,
    removed_until INTEGER,
    returned_after INTEGER,
    returned_until INTEGER,
    signed_seen_at INTEGER,
    signed_not_before INTEGER,
    signed_not_after INTEGER,
    PRIMARY KEY (trust_domain, svid_type, fingerprint)
) STRICT;

CREATE INDEX authorities_by_fingerprint ON authorities (fingerprint);
CREATE INDEX authorities_by_public_key ON authorities (public_key) WHERE public_key IS NOT NULL;

-- The facts of a trust domain after its event `number`: the fold of all its events until then. `head` is
-- that event's hash, which binds the checkpoint to the journal.
CREATE TABLE checkpoints (
    trust_domain TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    form INTEGER NOT NULL,
    head BLOB NOT NULL,
    facts TEXT NOT NULL,
    digest BLOB NOT NULL
) STRICT;

-- What polls renew and no event speaks of.
CREATE TABLE poll_states (
    trust_domain TEXT PRIMARY KEY,
    poll_state TEXT NOT NULL,
    digest BLOB NOT NULL
) STRICT;

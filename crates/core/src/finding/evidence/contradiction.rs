//! How an authority contradicts what is known of its trust domain.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bundle::KeyType;
use crate::untrusted::UntrustedText;

/// How an authority contradicts what is known.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "contradiction")]
pub enum Contradiction {
    /// Its certificate was issued long before it was published.
    Backdated {
        /// How long before the last good poll without it.
        by: Duration,
    },
    /// Its key is of another type than those of the other authorities of its use.
    KeyType {
        /// The type of its own key.
        own: KeyType,
        /// The type of one of theirs.
        siblings: KeyType,
    },
    /// Its certificate or key ID has another form than those of the other authorities of its use.
    Profile {
        /// What differs, at least one part.
        differences: Vec<FormDifference>,
    },
    /// Its certificate names another trust domain.
    ForeignName {
        /// The name, cut to 128 bytes.
        name: UntrustedText,
    },
    /// Its lifetime is over four times the longest of the others.
    Lifetime {
        /// Its own lifetime.
        own: Duration,
        /// The longest lifetime of the others.
        siblings: Duration,
    },
    /// The key set changed and the sequence number did not.
    SequenceStood {
        /// The sequence number before and after.
        sequence: u64,
    },
}

/// One part of an authority's form that differs from the usual one of its use.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "part")]
pub enum FormDifference {
    /// Whether the certificate is self-signed.
    SelfSigned {
        /// Its own value.
        own: bool,
    },
    /// The subject, in which `SERIAL` stands for the serial number.
    Subject {
        /// Its own subject, cut to 128 bytes.
        own: UntrustedText,
        /// The usual subject, cut to 128 bytes.
        usual: UntrustedText,
    },
    /// The number of URI names.
    UriNames {
        /// Its own number.
        own: u64,
        /// The usual number.
        usual: u64,
    },
    /// Whether the certificate is a CA's.
    Ca {
        /// Its own value.
        own: bool,
    },
    /// The path length constraint.
    PathLength {
        /// Its own constraint.
        own: Option<u32>,
        /// The usual constraint.
        usual: Option<u32>,
    },
    /// Whether the certificate has a key usage.
    KeyUsage {
        /// Its own value.
        own: bool,
    },
    /// The length and the characters of the key ID.
    KeyId {
        /// The form of its own.
        own: KeyIdForm,
        /// The usual form.
        usual: KeyIdForm,
    },
}

/// The form of a key ID.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct KeyIdForm {
    /// The number of characters.
    pub length: u64,
    /// The class of the characters.
    pub characters: KeyIdCharacters,
}

/// The smallest class that all characters of a key ID are in.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyIdCharacters {
    /// Letters and digits of ASCII.
    Alphanumeric,
    /// Those of base64url.
    UrlSafe,
    /// Any other character, too.
    Others,
}

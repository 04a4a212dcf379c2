//! What authorities look like: the form that a new one shares with its siblings, or departs from.

use std::collections::HashSet;
use std::time::Duration;

use crate::bundle::{Authority, KeyType, SvidType};
use crate::untrusted::{UntrustedText, cut, shown};
use crate::watch::AuthorityRecord;
use crate::watch::spire;

/// How long a certificate is valid, without SPIRE's cushion.
pub(in crate::watch) fn lifetime(authority: &Authority) -> Option<Duration> {
    let validity = authority.certificate.as_ref()?.validity;
    let whole = validity.not_after.since(validity.not_before)?;
    Some(whole.saturating_sub(spire::NOT_BEFORE_CUSHION))
}

/// The longest subject that is compared, and shown as evidence, in bytes.
const NAME: usize = 128;

/// What the explained authorities of a trust domain look like. It is made once for all publications that
/// are compared with them: both can be thousands, and an endpoint decides how many.
#[derive(Clone, Debug, Default)]
pub(in crate::watch) struct Forms {
    x509: FormsOfUse,
    jwt: FormsOfUse,
    wit: FormsOfUse,
    /// The longest lifetime of any, whatever its use.
    pub(super) longest_life: Option<Duration>,
}

/// What the explained authorities of one use look like.
#[derive(Clone, Debug, Default)]
pub(super) struct FormsOfUse {
    /// The key type and form of the first of them: evidence names them as the usual ones.
    pub(super) usual: Option<(KeyType, Form)>,
    pub(super) key_types: HashSet<KeyType>,
    pub(super) forms: HashSet<Form>,
    kid_letters: HashSet<Letters>,
    kid_lengths: HashSet<usize>,
}

impl Forms {
    pub(in crate::watch) fn of<'a>(
        siblings: impl IntoIterator<Item = &'a AuthorityRecord>,
    ) -> Self {
        let mut forms = Self::default();
        for AuthorityRecord { authority, .. } in siblings {
            forms.longest_life = forms.longest_life.max(lifetime(authority));
            forms.of_use_mut(authority.id.svid_type).add(authority);
        }
        forms
    }

    pub(super) fn of_use(&self, svid_type: SvidType) -> &FormsOfUse {
        match svid_type {
            SvidType::X509 => &self.x509,
            SvidType::Jwt => &self.jwt,
            SvidType::Wit => &self.wit,
        }
    }

    fn of_use_mut(&mut self, svid_type: SvidType) -> &mut FormsOfUse {
        match svid_type {
            SvidType::X509 => &mut self.x509,
            SvidType::Jwt => &mut self.jwt,
            SvidType::Wit => &mut self.wit,
        }
    }
}

impl FormsOfUse {
    fn add(&mut self, authority: &Authority) {
        let form = Form::of(authority);
        if let Form::Kid(form) = &form {
            self.kid_letters.insert(form.letters);
            self.kid_lengths.insert(form.length);
        }
        if !self.key_types.contains(&authority.key_type) {
            self.key_types.insert(authority.key_type.clone());
        }
        self.usual.get_or_insert_with(|| (authority.key_type.clone(), form.clone()));
        self.forms.insert(form);
    }

    /// How a form departs from all of these, in words; `None` where it does not.
    pub(super) fn departure(&self, own: &Form) -> Option<String> {
        let (_, usual) = self.usual.as_ref()?;
        if self.forms.contains(own) {
            return None;
        }
        match (own, usual) {
            (Form::Certificate(own), Form::Certificate(usual)) => Some(own.differences(usual)),
            (Form::Kid(own), Form::Kid(usual)) => {
                // Key IDs of several lengths are no form that one could depart from.
                let any_length = 1 < self.kid_lengths.len();
                let alike = any_length && self.kid_letters.contains(&own.letters);
                (!alike).then(|| own.difference(*usual))
            }
            // Authorities of one use have forms of one kind.
            (Form::Certificate(_), Form::Kid(_)) | (Form::Kid(_), Form::Certificate(_)) => None,
        }
    }
}

/// What an authority looks like.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum Form {
    Certificate(Shape),
    Kid(KidForm),
}

impl Form {
    pub(super) fn of(authority: &Authority) -> Self {
        #[cfg(test)]
        crate::watch::work::FORMS.add();
        match authority.id.svid_type {
            SvidType::X509 => Self::Certificate(Shape::of(authority)),
            SvidType::Jwt | SvidType::Wit => Self::Kid(KidForm::of(authority)),
        }
    }
}

/// The form of a certificate. It is compared as it was received, and escaped only in evidence.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Shape {
    self_signed: bool,
    subject: Box<str>,
    uri_names: usize,
    is_ca: bool,
    path_length: Option<u32>,
    has_key_usage: bool,
}

impl Shape {
    fn of(authority: &Authority) -> Self {
        let Some(certificate) = authority.certificate.as_ref() else {
            return Self::default();
        };
        // SPIRE writes each authority's serial number into its subject.
        let subject = certificate.subject.as_received().replace(&*certificate.serial, "SERIAL");
        Self {
            self_signed: certificate.self_issued,
            subject: cut(&subject, NAME).into(),
            uri_names: certificate.uri_sans.len(),
            is_ca: certificate.is_ca,
            path_length: certificate.path_length,
            has_key_usage: certificate.has_key_usage,
        }
    }

    /// Each part in words, with its name.
    fn parts(&self) -> [(&'static str, String); 6] {
        let word = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
        let path = self.path_length.map_or_else(|| "none".to_owned(), |path| path.to_string());
        [
            ("self-signed", word(self.self_signed)),
            ("subject", shown(&self.subject, NAME)),
            ("URI names", self.uri_names.to_string()),
            ("CA", word(self.is_ca)),
            ("path length", path),
            ("key usage", word(self.has_key_usage)),
        ]
    }

    /// How it differs from the usual shape, in words.
    fn differences(&self, usual: &Self) -> String {
        let (own, usual) = (self.parts(), usual.parts());
        let differing = own.iter().zip(&usual).filter(|(own, usual)| own != usual);
        let words: Vec<String> = differing
            .map(|((name, own), (_, usual))| format!("{name} {own}, and theirs {usual}"))
            .collect();
        words.join("; ")
    }
}

/// The form of a key ID.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct KidForm {
    /// How many characters it has.
    length: usize,
    /// What they are.
    letters: Letters,
}

/// What characters a key ID is made of.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Letters {
    Alphanumeric,
    /// Those of base64url, too.
    UrlSafe,
    Others,
}

impl Letters {
    /// As evidence words it.
    fn words(self) -> &'static str {
        match self {
            Self::Alphanumeric => "letters and digits",
            Self::UrlSafe => "letters, digits, - and _",
            Self::Others => "other characters too",
        }
    }
}

impl KidForm {
    fn of(authority: &Authority) -> Self {
        let kid = authority.kid.as_ref().map_or("", UntrustedText::as_received);
        let letters = if kid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            Letters::Alphanumeric
        } else if kid.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
            Letters::UrlSafe
        } else {
            Letters::Others
        };
        Self { length: kid.chars().count(), letters }
    }
    /// How it differs from the usual form, in words.
    fn difference(self, usual: Self) -> String {
        format!(
            "its key ID has {} characters ({}), and theirs have {} ({})",
            self.length,
            self.letters.words(),
            usual.length,
            usual.letters.words()
        )
    }
}

//! What authorities look like: the form that a new one shares with its siblings, or departs from.

use std::collections::HashSet;
use std::time::Duration;

use crate::bundle::{Authority, KeyType, SvidType};
use crate::finding::evidence::{FormDifference, KeyIdCharacters, KeyIdForm};
use crate::untrusted::{UntrustedText, cut};
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
    kid_letters: HashSet<KeyIdCharacters>,
    kid_lengths: HashSet<u64>,
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
            self.kid_letters.insert(form.characters);
            self.kid_lengths.insert(form.length);
        }
        if !self.key_types.contains(&authority.key_type) {
            self.key_types.insert(authority.key_type.clone());
        }
        self.usual.get_or_insert_with(|| (authority.key_type.clone(), form.clone()));
        self.forms.insert(form);
    }

    /// How a form departs from all of these; `None` where it does not.
    pub(super) fn departure(&self, own: &Form) -> Option<Vec<FormDifference>> {
        let (_, usual) = self.usual.as_ref()?;
        if self.forms.contains(own) {
            return None;
        }
        match (own, usual) {
            (Form::Certificate(own), Form::Certificate(usual)) => Some(own.differences(usual)),
            (Form::Kid(own), Form::Kid(usual)) => {
                // Key IDs of several lengths are no form that one could depart from.
                let any_length = 1 < self.kid_lengths.len();
                let alike = any_length && self.kid_letters.contains(&own.characters);
                (!alike).then(|| vec![FormDifference::KeyId { own: *own, usual: *usual }])
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
    Kid(KeyIdForm),
}

impl Form {
    pub(super) fn of(authority: &Authority) -> Self {
        #[cfg(test)]
        crate::watch::work::FORMS.add();
        match authority.id.svid_type {
            SvidType::X509 => Self::Certificate(Shape::of(authority)),
            SvidType::Jwt | SvidType::Wit => Self::Kid(key_id_form(authority)),
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

    /// How it differs from the usual shape.
    fn differences(&self, usual: &Self) -> Vec<FormDifference> {
        let text = |text: &str| UntrustedText::new(text, NAME);
        let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let parts = [
            (self.self_signed != usual.self_signed)
                .then_some(FormDifference::SelfSigned { own: self.self_signed }),
            (self.subject != usual.subject).then(|| FormDifference::Subject {
                own: text(&self.subject),
                usual: text(&usual.subject),
            }),
            (self.uri_names != usual.uri_names).then(|| FormDifference::UriNames {
                own: number(self.uri_names),
                usual: number(usual.uri_names),
            }),
            (self.is_ca != usual.is_ca).then_some(FormDifference::Ca { own: self.is_ca }),
            (self.path_length != usual.path_length).then_some(FormDifference::PathLength {
                own: self.path_length,
                usual: usual.path_length,
            }),
            (self.has_key_usage != usual.has_key_usage)
                .then_some(FormDifference::KeyUsage { own: self.has_key_usage }),
        ];
        parts.into_iter().flatten().collect()
    }
}

/// The form of an authority's key ID.
fn key_id_form(authority: &Authority) -> KeyIdForm {
    let kid = authority.kid.as_ref().map_or("", UntrustedText::as_received);
    let characters = if kid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        KeyIdCharacters::Alphanumeric
    } else if kid.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        KeyIdCharacters::UrlSafe
    } else {
        KeyIdCharacters::Others
    };
    KeyIdForm { length: u64::try_from(kid.chars().count()).unwrap_or(u64::MAX), characters }
}

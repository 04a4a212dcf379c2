//! One family: its name, its meaning, its labels and what renders it.

use std::io;

use super::encoder::Encoder;
use super::kind::FamilyKind;
use super::scrape::Scrape;

/// What a family is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Group {
    /// What someone should look at.
    Findings,
    /// The keys.
    Authorities,
    /// What is expected when, and how hand-overs went.
    Rotation,
    /// The documents.
    Bundles,
    /// The endpoints.
    Sources,
    /// The daemon itself.
    Daemon,
}

/// A label and what it means.
pub type Label = (&'static str, &'static str);

/// One family.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// The name in text 0.0.4.
    pub name: &'static str,
    /// What it counts or shows.
    pub kind: FamilyKind,
    /// What it means, in a sentence.
    pub help: &'static str,
    /// Its labels, in order.
    pub labels: &'static [Label],
    /// What it is about.
    pub group: Group,
    /// Whether it has a series for each authority.
    pub per_authority: bool,
    pub(super) render: Render,
}

/// What writes a family's series.
pub(super) type Render = fn(&Scrape<'_>, &mut Encoder) -> io::Result<()>;

impl Family {
    /// Writes its help, its type and its unit.
    pub(super) fn begin(&self, out: &mut Encoder) -> io::Result<()> {
        let unit = self.unit().filter(|_| self.kind != FamilyKind::Info);
        out.begin(self.name, self.kind, self.help, unit)
    }

    /// The unit that the name ends in, where it ends in one.
    pub fn unit(&self) -> Option<&'static str> {
        let bare = self.name.strip_suffix("_total").unwrap_or(self.name);
        ["seconds", "bytes"].into_iter().find(|unit| bare.ends_with(&format!("_{unit}")))
    }
}

pub(super) const TRUST_DOMAIN: Label = ("trust_domain", "the trust domain that is watched");
pub(super) const USE: Label = ("use", "`x509-svid`, `jwt-svid` or `wit-svid`");
pub(super) const AUTHORITY: Label = ("authority", "the first 16 hex digits of the fingerprint");
pub(super) const SOURCE: Label = ("source", "host and port of the endpoint");
pub(super) const PROFILE: Label = ("profile", "`https_spiffe` or `https_web`");

//! How many keys the daily budget left unrecorded (docs/decisions/0005-daily-budget.md).

use serde::{Deserialize, Serialize};

use crate::bundle::SvidType;

/// New keys of a bundle that the daily budget keeps from being recorded one by one.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct UnrecordedKeys {
    /// X.509 authorities.
    pub x509: Unrecorded,
    /// JWT keys.
    pub jwt: Unrecorded,
    /// WIT keys.
    pub wit: Unrecorded,
}

/// How many keys of one use are not recorded one by one.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Unrecorded {
    /// How many of them the bundle lists.
    pub listed: u32,
    /// How many of them came since the last change that was recorded, some of which may be gone.
    pub came: u32,
}

impl UnrecordedKeys {
    /// Those of a use.
    pub fn of(&self, svid_type: SvidType) -> Unrecorded {
        match svid_type {
            SvidType::X509 => self.x509,
            SvidType::Jwt => self.jwt,
            SvidType::Wit => self.wit,
        }
    }

    pub(super) fn of_mut(&mut self, svid_type: SvidType) -> &mut Unrecorded {
        match svid_type {
            SvidType::X509 => &mut self.x509,
            SvidType::Jwt => &mut self.jwt,
            SvidType::Wit => &mut self.wit,
        }
    }

    /// The same, none of which came just now.
    pub(super) fn without_news(mut self) -> Self {
        for svid_type in SvidType::ALL {
            self.of_mut(svid_type).came = 0;
        }
        self
    }

    /// How many the bundle lists.
    pub fn listed(&self) -> u32 {
        let all = [self.x509, self.jwt, self.wit].map(|one| one.listed);
        all.into_iter().fold(0, u32::saturating_add)
    }

    /// How many came.
    pub fn came(&self) -> u32 {
        let all = [self.x509, self.jwt, self.wit].map(|one| one.came);
        all.into_iter().fold(0, u32::saturating_add)
    }
}

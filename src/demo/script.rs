//! What the three trust domains do, and at which scale.

use std::sync::Arc;
use std::time::Duration;

use anchorwatch_core::bundle::{SvidType, Validity};
use anchorwatch_core::time::Timestamp;
use anchorwatch_lab::issuer::{
    Intervention, Issuer, IssuerAction, IssuerEvent, IssuerSettings, KeyStore, ReplicaNumber,
};

/// L. A key is published each 45 s and signs from 30 s on.
pub(super) const CA_TTL: Duration = Duration::from_secs(90);
/// How long the SVIDs and tokens of the three domains live: L/6, the most that SPIRE lets every
/// key sign.
pub(super) const SVID_TTL: Duration = Duration::from_secs(15);
/// What the documents state, in seconds.
pub(super) const REFRESH_HINT: u64 = 5;
/// How long the issuers had run when the scene begins: by then they prune as much as they publish.
const HISTORY: Duration = Duration::from_secs(6 * 45);
/// When the attacker comes, after the scene began: a few seconds after a scheduled publication, and far
/// from the next.
const ATTACK: Duration = Duration::from_secs(34);
/// How long after a new JWT key the careless operator has it sign.
const HASTE: Duration = Duration::from_secs(1);
/// How long after a new JWT key the careless operator deletes the old one.
const NEGLIGENCE: Duration = Duration::from_secs(3);

/// The one server of each domain.
pub(super) const SERVER: ReplicaNumber = ReplicaNumber(0);

/// What goes on in a trust domain.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Character {
    /// It rotates as SPIRE does, and nothing else happens.
    Healthy,
    /// Its operator activates each new JWT key at once and deletes the old one, while tokens that
    /// it signed are still alive.
    Careless,
    /// Someone puts a JWT key into its bundle that none of its servers made.
    Attacked,
}

impl Character {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Healthy, Self::Careless, Self::Attacked];

    /// The name of the trust domain.
    pub fn trust_domain(self) -> &'static str {
        match self {
            Self::Healthy => "healthy.demo.example",
            Self::Careless => "careless.demo.example",
            Self::Attacked => "attacked.demo.example",
        }
    }

    /// When its first rotation within the scene is, after the scene began. They are spread, so
    /// that something happens every few seconds.
    fn first_publication(self) -> Duration {
        Duration::from_secs(match self {
            Self::Healthy => 16,
            Self::Careless => 6,
            Self::Attacked => 26,
        })
    }

    /// The domain's issuer in a scene that begins at `began`, with all that is certain to happen
    /// to it.
    pub(super) fn issuer(self, began: Timestamp) -> Issuer {
        let mut issuer = Issuer::new(settings());
        // Off a whole second: on one, the X.509 chain would slip like the JWT chain.
        let started = Timestamp::from_unix(began.as_unix())
            .saturating_add(self.first_publication())
            .saturating_sub(HISTORY)
            .saturating_add(Duration::from_millis(400));
        issuer.plan(started, Intervention::Start { replica: SERVER, keys: KeyStore::Kept });
        if self == Self::Attacked {
            let at = began.saturating_add(ATTACK);
            let validity = Validity { not_before: at, not_after: at.saturating_add(CA_TTL) };
            issuer.plan(at, Intervention::Append { svid_type: SvidType::Jwt, validity });
        }
        issuer
    }

    /// What someone does because of what the issuer did.
    pub(super) fn react(self, issuer: &mut Issuer, event: &IssuerEvent) {
        let IssuerAction::Published { key } = event.action else {
            return;
        };
        if self == Self::Careless
            && key.svid_type == SvidType::Jwt
            && let Some(old) = issuer.signing(SERVER, SvidType::Jwt).map(|old| old.number)
            && old != key.number
        {
            let (replica, svid_type) = (SERVER, SvidType::Jwt);
            let activate = Intervention::Activate { replica, svid_type };
            issuer.plan(event.at.saturating_add(HASTE), activate);
            let withdraw = Intervention::Withdraw { key: old };
            issuer.plan(event.at.saturating_add(NEGLIGENCE), withdraw);
        }
    }
}

/// SPIRE's rules with its ticks scaled like the lifetime.
fn settings() -> IssuerSettings {
    let delays = [3, 11, 5, 2, 8, 1, 6].map(Duration::from_millis);
    IssuerSettings {
        rotator_tick: Duration::from_millis(500),
        prune_tick: Duration::from_secs(5),
        prune_safety: Duration::from_secs(15),
        append: Duration::from_millis(50),
        delays: Arc::from(delays),
        ..IssuerSettings::spire(CA_TTL)
    }
}

//! Which addresses of an endpoint's name a poll asks.

/// Which addresses of an endpoint's name a poll asks.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Probe {
    /// The first that takes the connection.
    #[default]
    OneAddress,
    /// Each of them, so that replicas that disagree are seen.
    AllAddresses,
}

impl Probe {
    /// All of them.
    pub const ALL: &[Self] = &[Self::OneAddress, Self::AllAddresses];
    /// The words in the configuration, in the order of [`Probe::ALL`].
    pub const WORDS: &'static [&'static str] =
        &[Self::OneAddress.label(), Self::AllAddresses.label()];

    /// The word in the configuration.
    pub const fn label(self) -> &'static str {
        match self {
            Self::OneAddress => "one_address",
            Self::AllAddresses => "all_addresses",
        }
    }
}

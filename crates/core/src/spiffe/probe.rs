//! Which addresses of an endpoint's name a poll asks.

closed_set! {
    /// Which addresses of an endpoint's name a poll asks.
    #[derive(Default)]
    pub enum Probe {
        /// The first that takes the connection.
        #[default]
        OneAddress => "one_address",
        /// Each of them, so that replicas that disagree are seen.
        AllAddresses => "all_addresses",
    }
}

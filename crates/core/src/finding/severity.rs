//! How urgent a finding is.

use std::fmt;

closed_set! {
    /// How urgent a finding is.
    pub enum Severity {
        /// Worth knowing.
        Info => "info",
        /// Someone should look in working hours.
        Warning => "warning",
        /// Someone must act now.
        Critical => "critical",
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

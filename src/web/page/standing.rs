//! How a trust domain fares, in a word.

use anchorwatch_core::finding::Severity;
use anchorwatch_core::view::DomainView;

/// How a trust domain fares. The order is that of urgency.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Condition {
    Watched,
    NotPolled,
    Failed,
    Warning,
    NeverRead,
    NotWatched,
    Critical,
}

impl Condition {
    /// How this trust domain fares.
    pub(super) fn of(domain: &DomainView) -> Self {
        let poll_state = &domain.state.poll_state;
        let up = poll_state.failures == 0 && poll_state.last_success.is_some();
        match worst(domain) {
            Some(Severity::Critical) => Self::Critical,
            _ if domain.stopped.is_some() => Self::NotWatched,
            _ if poll_state.last_poll.is_some() && poll_state.last_success.is_none() => {
                Self::NeverRead
            }
            Some(Severity::Warning) => Self::Warning,
            Some(Severity::Info) | None if up => Self::Watched,
            Some(Severity::Info) | None if poll_state.last_success.is_some() => Self::Failed,
            Some(Severity::Info) | None => Self::NotPolled,
        }
    }

    /// The word for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Watched => "watched",
            Self::NotPolled => "not polled yet",
            Self::Failed => "last poll failed",
            Self::Warning => "warning",
            Self::NeverRead => "never read",
            Self::NotWatched => "not watched",
            Self::Critical => "critical",
        }
    }

    /// The class that has its colour.
    pub(super) fn tone(self) -> &'static str {
        match self {
            Self::Watched => "good",
            Self::NotPolled => "info",
            Self::Failed | Self::Warning => "warning",
            Self::NeverRead | Self::NotWatched | Self::Critical => "critical",
        }
    }
}

/// The most urgent severity of what is to be said of it.
pub(super) fn worst(domain: &DomainView) -> Option<Severity> {
    domain.findings.iter().map(|finding| finding.severity).max()
}

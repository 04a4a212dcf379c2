//! What an exit code says.

use std::process::ExitCode;

use anchorwatch_core::finding::Severity;

/// How a command ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// All is well.
    Ok,
    /// A warning, or a fault that was looked for and found.
    Warning,
    /// Something critical.
    Critical,
    /// It could not look.
    CannotLook,
    /// The command line is wrong (`EX_USAGE`).
    Usage,
    /// The host cannot run it: an address in use, no permission (`EX_OSERR`).
    Host,
    /// A decision could not be written to the journal, and has no effect (`EX_IOERR`).
    NotRecorded,
    /// The configuration is wrong (`EX_CONFIG`).
    Config,
}

impl Exit {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::CannotLook => 3,
            Self::Usage => 64,
            Self::Host => 71,
            Self::NotRecorded => 74,
            Self::Config => 78,
        }
    }
}

impl From<Option<Severity>> for Exit {
    /// The exit code of the most urgent finding.
    fn from(worst: Option<Severity>) -> Self {
        match worst {
            None | Some(Severity::Info) => Self::Ok,
            Some(Severity::Warning) => Self::Warning,
            Some(Severity::Critical) => Self::Critical,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

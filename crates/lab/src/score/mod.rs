//! The judgement, scored against simulated worlds whose truth is known.
//!
//! Each row plays worlds on seeds of its own and counts what was said of them. The judge sees
//! polls and nothing else; the truth stands beside it, and is read here alone.

mod clean;
mod expected;
mod first;
mod restarts;
mod stalls;
mod told_verdicts;
mod verdicts;
mod world_run;

pub use clean::{Clean, CleanRow, clean_rows};
pub use expected::{ExpectedFinding, IncidentRow, Latest, Promise, ROWS};
pub use first::{FirstPeriod, PlantedRow, QuietRow, first_periods};
pub use restarts::{RestartRow, restart_row};
pub use stalls::{StallMask, StallRow, stall_row};
pub use told_verdicts::{Disturbance, ToldVerdicts, told_verdicts};
pub use verdicts::{VerdictScore, verdicts};
pub use world_run::{Raised, WorldRun, play};

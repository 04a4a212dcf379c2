//! The judgement, scored against simulated worlds whose truth is known.
//!
//! Each row plays worlds on seeds of its own and counts what was said of them. The judge sees
//! polls and nothing else; the truth stands beside it, and is read here alone.

mod clean;
mod disturbed;
mod expected;
mod first;
mod restarts;
mod stalls;
mod verdicts;
mod world_run;

pub use clean::{Clean, CleanRow, clean_rows};
pub use disturbed::{Disturbance, DisturbedRow, disturbed_row};
pub use expected::{ExpectedFinding, IncidentRow, Latest, Promise, ROWS};
pub use first::{FirstPeriod, PlantedRow, QuietRow, first_periods};
pub use restarts::{RestartRow, restart_row};
pub use stalls::{StallMask, StallRow, stall_row};
pub use verdicts::{VerdictScore, verdicts};
pub use world_run::{Raised, WorldRun, play};

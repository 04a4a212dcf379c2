//! The `anchorwatch` command: parses its arguments, runs, and ends with an exit code that says
//! what was found.

use std::process::ExitCode;

fn main() -> ExitCode {
    anchorwatch::cli::main()
}

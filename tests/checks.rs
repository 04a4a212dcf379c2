//! What a machine cannot run is counted as not run, and is no success.

#![cfg(test)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// What the scripts themselves call.
const TOOLS: [&str; 8] = ["bash", "cat", "dirname", "env", "mktemp", "rm", "sed", "sh"];

/// A path with these tools and no others.
fn bare_machine() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for tool in TOOLS {
        let from = ["/usr/bin", "/bin"].map(|place| Path::new(place).join(tool));
        let from = from.iter().find(|path| path.exists()).unwrap();
        symlink(from, folder.path().join(tool)).unwrap();
    }
    folder
}

fn run(machine: &TempDir, command: &[&str], set: &[(&str, &str)]) -> Output {
    Command::new(machine.path().join(command[0]))
        .args(&command[1..])
        .env_clear()
        .env("PATH", machine.path())
        .envs(set.iter().copied())
        .output()
        .unwrap()
}

#[test]
fn a_check_without_its_tools_says_that_it_was_not_run() {
    let machine = bare_machine();
    for check in [&["sh", "tests/interop/lint.sh"], &["bash", "tests/interop/spire.sh"]] {
        let output = run(&machine, check, &[]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(77), "{said}");
        assert!(said.starts_with(&format!("not run: {}: no ", check[1])), "{said}");
        let required = run(&machine, check, &[("REQUIRE", "1")]);
        assert_eq!(required.status.code(), Some(1));
    }
}

#[test]
fn what_was_not_run_is_listed_at_the_end() {
    let machine = bare_machine();
    let checks = ["sh", "tests/checks.sh", "sh tests/interop/lint.sh", "echo next", "exit 0"];
    let output = run(&machine, &checks, &[]);
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.starts_with("next\nNOT RUN on this machine"), "{said}");
    assert!(said.ends_with("\n  tests/interop/lint.sh: no Go to check tests/interop with\n"));

    let list = machine.path().join("list");
    let of_caller = run(&machine, &checks, &[("NOT_RUN", list.to_str().unwrap())]);
    assert_eq!(String::from_utf8_lossy(&of_caller.stdout), "next\n");
    assert_eq!(fs::read_to_string(&list).unwrap().lines().count(), 1);

    assert_eq!(run(&machine, &checks, &[("REQUIRE", "1")]).status.code(), Some(1));
    let failing = ["sh", "tests/checks.sh", "exit 3", "echo next"];
    let output = run(&machine, &failing, &[]);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(3), &b""[..]));
}

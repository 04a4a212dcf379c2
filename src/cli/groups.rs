//! The commands of `anchorwatch help`, grouped by task.

use std::fmt::Write as _;

use clap::Subcommand;

/// The tasks, and the commands of each in the order in which they are shown.
const GROUPS: &[(&str, &[&str])] = &[
    ("Watch", &["run", "check", "healthy", "demo"]),
    ("Inspect", &["findings", "authorities", "show", "events", "export"]),
    (
        "Decide",
        &["announce", "approve", "deny", "ack", "baseline", "retire-lineage", "rebootstrap"],
    ),
    ("Examine files", &["config", "lint", "store"]),
    ("Test the judgement", &["replay", "simulate"]),
];

/// The commands of `C` by task, each with the first line of its help.
pub(super) fn text<C: Subcommand>() -> String {
    let all = C::augment_subcommands(clap::Command::new("anchorwatch"));
    let mut text = String::new();
    for (task, names) in GROUPS {
        let _ = writeln!(text, "\n{task}:");
        for name in *names {
            // `demo` is built in only with the feature of that name.
            if let Some(command) = all.find_subcommand(name) {
                let about = command.get_about().map(ToString::to_string).unwrap_or_default();
                let _ = writeln!(text, "  {name:<14}  {about}");
            }
        }
    }
    text.push_str("\n`anchorwatch help COMMAND` says more about a command.\n");
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn every_command_has_one_task() {
        let command = crate::cli::Cli::command();
        let commands: BTreeSet<&str> =
            command.get_subcommands().map(clap::Command::get_name).collect();
        let grouped: Vec<&str> =
            GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        assert_eq!(grouped.len(), grouped.iter().collect::<BTreeSet<_>>().len());
        assert_eq!(commands, grouped.into_iter().collect());
    }

    /// Every argument of every command, with its help.
    fn arguments(command: &clap::Command, found: &mut Vec<(String, String)>) {
        for argument in command.get_arguments() {
            let name = format!("{} {}", command.get_name(), argument.get_id());
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            found.push((name, help));
        }
        for one in command.get_subcommands() {
            arguments(one, found);
        }
    }

    #[test]
    fn the_help_of_every_argument_stands_alone() {
        let mut found = Vec::new();
        arguments(&crate::cli::Cli::command(), &mut found);
        assert!(80 < found.len(), "{}", found.len());
        for (name, help) in found {
            assert!(
                4 <= help.split_whitespace().count(),
                "{name}: {help:?} has fewer than four words"
            );
            let first = help.split_whitespace().next().unwrap();
            let vague =
                ["Whose", "Which", "How", "What", "Who", "Where", "Only", "Its", "Their", "It"];
            assert!(
                !vague.contains(&first),
                "{name}: {help:?} needs the name of the command to be understood"
            );
        }
    }

    #[test]
    fn the_help_of_every_command_says_what_the_user_gets() {
        for command in crate::cli::Cli::command().get_subcommands() {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(4 <= about.split_whitespace().count(), "{}: {about:?}", command.get_name());
            assert!(!about.starts_with("Say ") && !about.starts_with("Tell "), "{about:?}");
        }
    }
}

//! A process that is killed loses nothing that it was told is durable.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anchorwatch::store::{Durability, EventQuery, Store, StoreError};
use anchorwatch_core::watch::Event;

use crate::story::{Story, open, options, verify};

/// Where the process that is to be killed keeps its store.
const DIRECTORY: &str = "ANCHORWATCH_TEST_CRASH_DIRECTORY";
const NAMES: [&str; 3] = ["a.example", "b.example", "c.example"];

/// Not a test but the process that is killed: rotates keys in three trust domains for ever, and
/// tells each poll that is durable. In an ordinary run it has nothing to do.
#[test]
fn rotates_until_it_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (opened, loaded) = open(Path::new(&directory));
    let rotates = |name: &'static str| {
        let mut story = Story::of(name, &opened, &loaded);
        async move {
            for sequence in story.state.facts.bundle.high_water.unwrap_or(0) + 1.. {
                let keys = [format!("x{}", sequence / 3), format!("j{sequence}")];
                let durability = story.publishes(sequence, &[&keys[0], &keys[1]]).await;
                assert_eq!(durability, Durability::Durable);
                println!("durable {name} {sequence}");
            }
        }
    };
    let tasks: Vec<_> = NAMES.map(|name| runtime.spawn(rotates(name))).into();
    for task in tasks {
        runtime.block_on(task).unwrap();
    }
}

fn rotating(directory: &Path) -> Child {
    let test = std::env::current_exe().unwrap();
    Command::new(test)
        .args(["crash::rotates_until_it_is_killed", "--exact", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn a_killed_process_loses_nothing_that_was_durable() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let mut durable: BTreeMap<String, u64> = BTreeMap::new();
    for polls in [1, 2, 3, 5, 8, 13, 40, 90] {
        let mut child = rotating(path);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut told = 0;
        // The pipe still holds what was told before the kill.
        for line in lines {
            let mut words = line.split_whitespace().skip_while(|word| *word != "durable").skip(1);
            let (Some(name), Some(sequence)) = (words.next(), words.next()) else { continue };
            durable.insert(name.to_owned(), sequence.parse().unwrap());
            told += 1;
            if told == polls {
                let refused = Store::open(path, options()).unwrap_err();
                assert!(matches!(refused, StoreError::Locked { .. }), "{refused}");
                assert!(refused.to_string().contains(&child.id().to_string()), "{refused}");
                // SIGKILL.
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        verify(path, None).unwrap();
        let (opened, loaded) = open(path);
        for (name, sequence) in &durable {
            let story = Story::of(name, &opened, &loaded);
            let known = story.state.facts.bundle.high_water.unwrap();
            assert!(*sequence <= known, "{name}: {sequence} was durable, and {known} is known");
            let kind = Some("bundle_changed".into());
            let trust_domain = Some(story.name.clone());
            let query = EventQuery { trust_domain, kind, limit: 10_000, ..EventQuery::default() };
            let changes = opened.events(query).await.unwrap();
            let sequences = changes.iter().filter_map(|recorded| {
                let Event::BundleChanged { sequence, .. } = &recorded.entry.event else {
                    return None;
                };
                sequence.given()
            });
            assert!(sequences.eq(1..=known), "{name}");
        }
        opened.close().await.unwrap();
    }
    assert_eq!(durable.len(), NAMES.len());
}

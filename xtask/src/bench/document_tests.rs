//! docs/performance.md against the program: its command lines, its flags, its parts, its goals.

use super::goal::Goal;
use crate::Cli;
use clap::{CommandFactory as _, Parser as _};
use std::path::Path;

fn page() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::read_to_string(root.join("docs/performance.md")).unwrap()
}

/// Command lines of this program in a text, without what surrounds them.
fn command_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("sudo ").or(Some(line.trim())))
        .filter_map(|line| line.strip_prefix("cargo "))
        .filter(|line| line.starts_with("xtask bench"))
        .map(|line| line.split('#').next().unwrap_or(line).trim())
}

#[test]
fn every_command_line_of_the_page_parses() {
    let page = page();
    let lines: Vec<&str> = command_lines(&page).collect();
    assert!(lines.len() >= 3, "{lines:?}");
    for line in lines {
        if let Err(error) = Cli::try_parse_from(line.split_whitespace()) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn the_page_has_each_flag_and_each_part() {
    let page = page();
    let command = Cli::command();
    let bench = command.find_subcommand("bench").unwrap();
    for argument in bench.get_arguments() {
        if let Some(long) = argument.get_long() {
            assert!(page.contains(&format!("`--{long}")), "--{long}");
        }
        for value in argument.get_possible_values() {
            let name = value.get_name();
            assert!(
                ["true", "false"].contains(&name) || page.contains(&format!("`{name}`")),
                "{name}"
            );
        }
    }
}

#[test]
fn the_page_has_each_goal_with_its_bound() {
    let page = page();
    let rows: Vec<Vec<&str>> = page
        .lines()
        .skip_while(|line| !line.starts_with("| what | target |"))
        .skip(2)
        .map_while(|line| line.strip_prefix('|')?.strip_suffix('|'))
        .map(|line| line.split('|').map(str::trim).take(2).collect())
        .collect();
    let goals: Vec<Vec<String>> =
        Goal::ALL.iter().map(|goal| vec![goal.what().to_owned(), goal.bound().text()]).collect();
    assert_eq!(rows, goals);
}

#[test]
fn a_run_without_a_round_or_a_second_is_refused_in_a_sentence() {
    for (flag, sentence) in [
        ("--rounds", "a median takes a whole number of rounds"),
        ("--seconds", "a slice takes a whole number of seconds"),
    ] {
        for value in ["0", "x", "-1"] {
            let words = ["xtask", "bench", &format!("{flag}={value}")].map(str::to_owned);
            let error = Cli::try_parse_from(words).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(sentence), "{error}");
        }
        assert!(Cli::try_parse_from(["xtask", "bench", flag, "1"]).is_ok());
    }
}

//! The README and `docs/` against the program.

use clap::{CommandFactory as _, Parser as _};
use tracer::cli::Cli;
use tracer::detect::Code;
use tracer::probe::hook::HOOKS;
use tracer::probe::plain::{PLAIN_HOOKS, PLAIN_LACKS};

use crate::ask::{file, printed};
use crate::document::{Document, code};

fn readme() -> Document {
    Document::open("README.md")
}

/// The `tracer ...` command lines of a shell text, without what surrounds them.
fn command_lines(text: &str) -> Vec<String> {
    text.lines()
        .flat_map(|line| line.split("&&"))
        .map(|part| part.split(['#', '|', '>']).next().unwrap_or_default().trim())
        .map(|part| part.strip_prefix("sudo ").unwrap_or(part))
        .map(|part| part.strip_prefix("./target/release/").unwrap_or(part))
        .filter(|part| part.starts_with("tracer "))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_command_line_of_the_documents_parses() {
    let mut lines = Vec::new();
    for name in [
        "README.md",
        "docs/agent.md",
        "docs/findings.md",
        "docs/fleet.md",
        "docs/output.md",
        "tests/fixtures/README.md",
    ] {
        let document = Document::open(name);
        let shell = document.blocks().into_iter().filter(|block| block.language == "sh");
        lines.extend(shell.flat_map(|block| command_lines(&block.text)));
        lines.extend(document.spans().into_iter().flat_map(command_lines));
    }
    // Those of --help, which are aligned with their meaning.
    let help = printed(&["--help"]);
    let examples = help.lines().filter(|line| line.starts_with("  tracer "));
    lines.extend(examples.map(|line| line.trim().split("  ").next().unwrap_or(line).to_owned()));
    assert!(lines.len() >= 20, "{lines:#?}");
    for line in lines {
        let line = line.replace(" PORT", " 80");
        // A verb that is only spoken of.
        let is_verb = |name: &str| Cli::command().find_subcommand(name).is_some();
        if line.strip_prefix("tracer ").is_some_and(is_verb) {
            continue;
        }
        if let Err(error) = Cli::try_parse_from(line.split_whitespace()) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn the_readme_has_each_verb_with_an_example_of_it() {
    let readme = readme();
    let rows = readme.table(&["verb", "does", "example"]);
    let told: Vec<_> = rows.iter().map(|row| code(row[0])).collect();
    let command = Cli::command();
    let verbs: Vec<_> = command
        .get_subcommands()
        .filter(|verb| !verb.is_hide_set())
        .map(clap::Command::get_name)
        .collect();
    assert_eq!(told, verbs);
    for row in rows {
        let (verb, example) = (code(row[0]), code(row[2]));
        let is_default = verb == "diagnose" && example.starts_with("tracer -");
        assert!(is_default || example.starts_with(&format!("tracer {verb}")), "{row:?}");
    }
}

#[test]
fn the_help_lists_the_same_verbs() {
    let help = printed(&["--help"]);
    let (_, commands) = help.split_once("Commands:\n").expect("a list of commands");
    let listed: Vec<_> = commands
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .collect();
    let readme = readme();
    let rows = readme.table(&["verb", "does", "example"]);
    assert_eq!(listed, rows.iter().map(|row| code(row[0])).collect::<Vec<_>>());
}

#[test]
fn the_readme_has_each_finding_code_and_the_page_explains_it() {
    let names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
    let readme = readme();
    let rows = readme.table(&["code", "meaning"]);
    let (codes, exits): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row[0].starts_with('['));
    assert!(!exits.is_empty());
    assert_eq!(codes.iter().map(|row| code(row[0])).collect::<Vec<_>>(), names);
    let page = Document::open("docs/findings.md");
    assert_eq!(page.sections(), names);
    for (row, name) in codes.iter().zip(names) {
        assert!(row[0].ends_with(&format!("(docs/findings.md#{name})")), "{row:?}");
    }
}

#[test]
fn the_readme_has_each_exit_code_of_the_help() {
    let help = printed(&["--help"]);
    let (_, list) = help.split_once("Exit codes:\n").expect("exit codes");
    let told: Vec<Vec<&str>> =
        list.lines().map(|line| line.trim().splitn(2, "  ").collect()).collect();
    let readme = readme();
    let rows = readme.table(&["code", "meaning"]);
    let rows: Vec<_> = rows.into_iter().filter(|row| row[0].parse::<u8>().is_ok()).collect();
    assert_eq!(rows, told);
}

#[test]
fn the_readme_has_each_hook_as_the_program_does() {
    let wanted: Vec<Vec<String>> = HOOKS
        .iter()
        .chain(PLAIN_HOOKS)
        .map(|hook| {
            let mut kinds: Vec<_> = hook.candidates.iter().map(|(kind, _)| kind.name()).collect();
            kinds.dedup();
            let need = hook.need.name();
            let name = format!("`{}`", hook.name);
            vec![name, kinds.join(" or "), need.to_owned(), hook.gives.to_owned()]
        })
        .collect();
    assert_eq!(readme().table(&["hook", "attached by", "need", "gives"]), wanted);
}

#[test]
fn the_readme_has_what_records_of_the_plain_tier_lack() {
    let text = std::fs::read_to_string(file("README.md")).expect("the README");
    let (_, list) = text.split_once("Records lack:\n\n").expect("a list");
    let told: Vec<_> = list.lines().map_while(|line| line.strip_prefix("- ")).collect();
    assert_eq!(told, PLAIN_LACKS);
}

#[test]
fn the_page_of_findings_has_each_threshold_as_it_is_listed() {
    let list = printed(&["--threshold", "list"]);
    let mut listed: Vec<Vec<&str>> = list
        .lines()
        .map(|line| {
            let (name, rest) = line.split_once(' ').expect("a name");
            let (default, reason) = rest.trim_start().split_once("  ").expect("a default");
            vec![name, default, reason]
        })
        .collect();
    let page = Document::open("docs/findings.md");
    let rows = page.table(&["threshold", "default", "why"]);
    let mut told: Vec<Vec<&str>> =
        rows.into_iter().map(|row| vec![code(row[0]), row[1], row[2]]).collect();
    // The page has them under their codes.
    told.sort_unstable();
    listed.sort_unstable();
    assert_eq!(told, listed);
}

#[test]
fn links_within_the_project_lead_somewhere() {
    for (folder, name) in [
        ("", "README.md"),
        ("docs/", "docs/findings.md"),
        ("docs/", "docs/fleet.md"),
        ("docs/", "docs/architecture.md"),
        ("docs/", "docs/output.md"),
        ("docs/", "docs/advice.md"),
        ("docs/", "docs/performance.md"),
    ] {
        for link in Document::open(name).links() {
            let target = link.split('#').next().unwrap_or_default();
            let path = file(&format!("{folder}{target}"));
            assert!(target.is_empty() || path.exists(), "{name}: {link}");
        }
    }
}

//! The demo as the README shows it.

use crate::ask::{command, tracer};
use crate::document::Document;
use crate::support::tracer::run;
use tracer::probe::hook::{HOOKS, Need};

/// The words of a text, where each number is `#` and each name of a host is left out.
fn shape(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.starts_with("Not attached: "));
    lines
        .map(|line| match line.strip_prefix("tracer ").and_then(|rest| rest.split_once(" on ")) {
            Some((_, place)) if place.contains(", Linux ") => "tracer on a host".to_owned(),
            _ => line.to_owned(),
        })
        .flat_map(|line| line.split_whitespace().map(word).collect::<Vec<_>>())
        .collect()
}

fn word(word: &str) -> String {
    if let Some(cookie) = word.strip_prefix("sk:") {
        return format!("sk:{}", cookie.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
    }
    let mut shape = String::new();
    let mut rest = word;
    while let Some(c) = rest.chars().next() {
        let number = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        if number.len() == rest.len() {
            shape.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            shape.push('#');
            rest = number;
        }
    }
    // 20 per s and 20.7 per s, 0 and 0.5 are the same shape.
    shape.replace("#.#", "#")
}

#[test]
fn numbers_do_not_count_and_words_do() {
    assert_eq!(shape("a 12.5 ms\nb  sk:1e3a,"), ["a", "#", "ms", "b", "sk:,"]);
    assert_eq!(shape("127.0.0.1:80"), shape("127.0.0.1:46817"));
    assert_eq!(shape("tracer 0.1.0 on a, Linux 6.1, hooks: btf"), ["tracer", "on", "a", "host"]);
    assert_ne!(shape("80 local_close"), shape("80 peer_close"));
}

#[test]
#[ignore = "needs root"]
fn the_readme_shows_what_the_demo_prints() {
    let readme = Document::open("README.md");
    let shown = readme.blocks().into_iter().find(|block| block.language == "text").expect("a run");
    // A host that is busy with something else may lose records, of which the report tells, or be so slow
    // that a time has another unit.
    let mut said = String::new();
    let is_shown = (0..5).any(|_| {
        let demo = tracer(&["demo"]);
        assert_eq!(demo.code, Some(0), "{}", demo.stderr);
        said = format!("{}{}", demo.stderr, demo.stdout);
        shape(&shown.text) == shape(&said)
    });
    assert!(is_shown, "{:#?}\nis not\n{:#?}", shape(&shown.text), shape(&said));
}

#[test]
#[ignore = "needs root"]
fn check_prints_the_hooks_that_the_readme_lists() {
    let output = run(&mut command(&["check"], &[]));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(0), "{text}");
    // The README's table is compared with these. Substitutes for helpers that this kernel has are not
    // tried.
    for hook in HOOKS.iter().filter(|hook| hook.need != Need::Substitute) {
        let line = text.lines().find(|line| line.split_whitespace().next() == Some(hook.name));
        let line = line.unwrap_or_else(|| panic!("{} is not in: {text}", hook.name));
        assert!(line.contains(hook.need.name()) && line.ends_with(hook.gives), "{line}");
    }
    let is_listed = |(hook, _): &(&str, &str)| text.contains(&format!("({hook})"));
    let refused = [("tcp_connect", "refused"), ("inet_csk_accept", "refused")];
    for hook in refused.iter().filter(|(hook, why)| text.contains(&format!("{hook:<26}{why}"))) {
        assert!(is_listed(hook), "what records lack without {}: {text}", hook.0);
    }
}

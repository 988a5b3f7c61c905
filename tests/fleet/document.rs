//! The sample answers of `docs/fleet.md` are what the engine answers on the fleet of these tests.

use std::{env, fs};

use jiff::SignedDuration;

use crate::engine::{Engine, Window, file, read};
use crate::live::open;
use crate::scene::{is, lines, time, window};

const PAGE: &str = "docs/fleet.md";

/// First row of an answer, as a client prints it with `--format Vertical`; of hosts the lossy one is
/// next. Without what it says for the eye behind a large number.
fn first_row(query: &str) -> String {
    let printed = match query {
        "findings" => {
            let (told, window) = open();
            Engine::with(&told).print(query, window)
        }
        "ports" => {
            let findings = lines().iter().filter(|line| is(line, "tracer.finding"));
            let has_ports = |line: &&serde_json::Value| {
                line["tracer.finding.consequences"][0]["code"] == "port-pressure"
            };
            let at = findings.filter(has_ports).map(time).next().expect("a verdict");
            let to = at + SignedDuration::from_secs(1);
            let window = Window { from: to - SignedDuration::from_mins(10), to };
            Engine::of_the_scene().print(query, window)
        }
        _ => Engine::of_the_scene().print(query, window()),
    };
    let end = if query == "hosts" { "\nRow 3:" } else { "\nRow 2:" };
    let row = printed.split(end).next().unwrap_or_default();
    row.lines()
        .map(|line| line.split(" -- ").next().unwrap_or_default().trim_end())
        .collect::<Vec<_>>()
        .join("\n")
        .trim()
        .to_owned()
}

#[test]
#[ignore = "needs the engine of ClickHouse: cargo xtask setup --tests"]
fn sample_answers_of_the_page_are_those_of_the_engine() {
    for query in ["findings", "hosts", "ports", "redials", "resets"] {
        let page = read(PAGE);
        let marker = format!("fleet/clickhouse/queries/{query}.sql");
        let after = page.find(&marker).unwrap_or_else(|| panic!("{PAGE} has no {query}"));
        let begin = after + page[after..].find("```text\n").expect("a sample") + "```text\n".len();
        let end = begin + page[begin..].find("\n```").expect("its end");
        let answer = first_row(query);
        if env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(file(PAGE), format!("{}{answer}{}", &page[..begin], &page[end..]))
                .expect("the page can be written");
        } else {
            assert_eq!(&page[begin..end], answer, "{query}; UPDATE_EXPECTED=1 accepts it");
        }
    }
}

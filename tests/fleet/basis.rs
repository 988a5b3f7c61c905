//! Every answer says what it rests on: hosts that lost records, hosts that told nothing.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::answers::assert_rows;
use crate::engine::{Engine, Window, read};
use crate::figures::{ended, rounded};
use crate::scene::{LOSSY, LOST, LOST_WHOLE, SILENT, lines, window};

/// Queries that sum over hosts.
const SUMS: [&str; 4] = ["findings", "ports", "redials", "resets"];

/// Ended connections that a host told of.
fn connections(host: &str) -> u64 {
    ended(lines(), &window()).filter(|line| line["host.name"] == host).count() as u64
}

fn lossy_share() -> f64 {
    let seen = connections(LOSSY);
    rounded(seen as f64 / (seen + LOST_WHOLE) as f64)
}

#[test]
#[ignore = "needs the engine of ClickHouse: cargo xtask setup --tests"]
fn every_sum_shows_who_lost_records_and_who_was_silent() {
    let engine = Engine::of_the_scene();
    for query in SUMS {
        for row in engine.ask(query, window()) {
            assert_eq!(row["hosts_told"], 3, "{query}");
            assert_eq!(row["hosts_lossy"], json!({ LOSSY: lossy_share() }), "{query}");
            assert_eq!(row["hosts_silent"], json!([SILENT]), "{query}");
        }
    }
}

#[test]
#[ignore = "needs the engine of ClickHouse: cargo xtask setup --tests"]
fn an_answer_without_rows_still_shows_its_basis() {
    let nothing = Window { from: window().to, to: window().to + SignedDuration::from_mins(5) };
    let engine = Engine::of_the_scene();
    for query in SUMS {
        let answer = engine.ask(query, nothing);
        let [row] = answer.as_slice() else { panic!("{query}: {answer:?}") };
        assert_eq!((&row["hosts_told"], &row["hosts_lossy"]), (&json!(0), &json!({})), "{query}");
        assert_eq!(row["hosts_silent"], json!(["db-1", "web-1", "web-2", SILENT]), "{query}");
        let columns = row.as_object().expect("a row").iter();
        let known: Vec<_> = columns
            .filter(|(name, value)| !name.starts_with("hosts_") && !is_nothing(value))
            .collect();
        assert!(known.is_empty(), "{query}: no number where there is no row: {known:?}");
    }
}

/// An object cannot be absent in the engine; it is empty.
fn is_nothing(value: &Value) -> bool {
    value.is_null() || *value == json!({})
}

#[test]
#[ignore = "needs the engine of ClickHouse: cargo xtask setup --tests"]
fn hosts_are_told_with_what_they_lost_over_a_restart() {
    let answer = Engine::of_the_scene().ask("hosts", window());
    let lost: Value =
        LOST.iter().map(|(reason, count)| ((*reason).to_owned(), json!(count))).collect();
    let fine = |host: &str| {
        json!({
            "host": host, "verdict": "fine", "connections": connections(host), "seen_share": 1,
            "lost_whole": 0, "lost": {}, "tier": "btf",
        })
    };
    let silent = json!({
        "host": SILENT, "verdict": "silent", "connections": 0, "seen_share": null, "lost_whole": 0,
        "lost": {}, "tier": "btf",
    });
    let lossy = json!({
        "host": LOSSY, "verdict": "lossy", "connections": connections(LOSSY),
        "seen_share": lossy_share(), "lost_whole": LOST_WHOLE, "lost": lost, "tier": "btf",
    });
    assert_rows(&answer, &[silent, lossy, fine("web-1"), fine("web-2")]);
    let missing = &answer[2]["hooks_missing"];
    assert_eq!(missing[0], "inet_csk_accept", "as the recording tells: {missing}");
}

#[test]
#[ignore = "needs the engine of ClickHouse: cargo xtask setup --tests"]
fn every_query_says_what_its_columns_are_and_what_it_rests_on() {
    let engine = Engine::of_the_scene();
    for query in SUMS.iter().chain(&["hosts"]) {
        let sql = read(&format!("fleet/clickhouse/queries/{query}.sql"));
        let header: Vec<_> = sql.lines().take_while(|line| line.starts_with("--")).collect();
        assert!(header[0].starts_with("-- Question: ") && header[0].ends_with('?'), "{query}");
        let text = header.join(" ");
        let words: Vec<_> = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
        let rows = engine.ask(query, window());
        for column in rows[0].as_object().expect("a row").keys() {
            assert!(words.contains(&column.as_str()), "{query}: {column} is not explained");
        }
        assert!(["rests on", "Rests on"].iter().any(|basis| text.contains(basis)), "{query}");
    }
}

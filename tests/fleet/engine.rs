//! The embedded `ClickHouse`: the project's table filled with lines, and the project's queries asked of it.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, OnceLock, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::scene;
use crate::support::tracer;
use crate::support::wait::PATIENCE;

/// A file of the repository.
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

/// Its text.
pub(crate) fn read(name: &str) -> String {
    fs::read_to_string(file(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The interpreter that has the engine.
fn python() -> PathBuf {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../fleet/python/bin/python");
    let what = "the embedded ClickHouse is not installed: run `cargo xtask setup --tests`";
    assert!(python.is_file(), "{what}");
    python
}

/// From when until when is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// First moment that counts.
    pub(crate) from: Timestamp,
    /// First one that does not.
    pub(crate) to: Timestamp,
}

impl Window {
    /// Whether a line is of it.
    pub(crate) fn has(&self, at: Timestamp) -> bool {
        (self.from..self.to).contains(&at)
    }

    fn params(&self) -> Value {
        // As documented: without a zone.
        let text = |at: Timestamp| format!("{at:.9}").replace('T', " ").replace('Z', "");
        json!({ "from": text(self.from), "to": text(self.to) })
    }
}

/// A table with lines in it, in a process of its own. Ended on drop.
pub(crate) struct Engine {
    child: Child,
    /// Where questions go and answers come from, one at a time.
    talk: Mutex<(ChildStdin, Receiver<String>)>,
}

/// What a shipper has to set, as docs/fleet.md says.
const SETTINGS: &str =
    "input_format_skip_unknown_fields = 1, date_time_input_format = 'best_effort'";

impl Engine {
    /// The one with the lines of the [`scene`](crate::scene), made once.
    pub(crate) fn of_the_scene() -> &'static Self {
        static ENGINE: OnceLock<Engine> = OnceLock::new();
        ENGINE.get_or_init(|| Self::with(scene::lines()))
    }

    /// The project's table with these lines, each delivered twice, as shippers do.
    pub(crate) fn with<'a>(lines: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut child = Command::new(python())
            .arg("-B")
            .arg(file("tests/fleet/engine.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the interpreter starts");
        let questions = child.stdin.take().expect("stdin is piped");
        let answers = tracer::lines(child.stdout.take().expect("stdout is piped"));
        let engine = Self { child, talk: Mutex::new((questions, answers)) };
        let lines: Vec<_> = lines.into_iter().map(Value::to_string).collect();
        let data = lines.join("\n");
        let insert =
            format!("INSERT INTO tracer.lines SETTINGS {SETTINGS} FORMAT JSONEachRow\n{data}");
        let table = statements(&read("fleet/clickhouse/table.sql"));
        // Lines of tests are of fixed days, which are older than the table keeps them one day.
        let keep = "ALTER TABLE tracer.lines REMOVE TTL".to_owned();
        for statement in table.iter().chain([&keep, &insert, &insert]) {
            engine.answer(statement, "Null", &json!({}));
        }
        engine
    }

    /// Rows that a query of `fleet/clickhouse/queries` answers with.
    pub(crate) fn ask(&self, query: &str, window: Window) -> Vec<Value> {
        let sql = read(&format!("fleet/clickhouse/queries/{query}.sql"));
        rows(&self.answer(&sql, "JSONEachRow", &window.params()))
    }

    /// The same as a client prints it, a line per column.
    pub(crate) fn print(&self, query: &str, window: Window) -> String {
        let sql = read(&format!("fleet/clickhouse/queries/{query}.sql"));
        self.answer(&sql, "Vertical", &window.params())
    }

    /// Rows of any other query.
    pub(crate) fn select(&self, sql: &str) -> Vec<Value> {
        rows(&self.answer(sql, "JSONEachRow", &json!({})))
    }

    fn answer(&self, sql: &str, format: &str, params: &Value) -> String {
        let sql = sql.trim_end().trim_end_matches(';');
        let request = json!({ "sql": sql, "format": format, "params": params });
        // A test that failed while it asked leaves nothing half said: a line is written whole.
        let mut talk = self.talk.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(talk.0, "{request}").expect("the engine lives");
        let said = talk.1.recv_timeout(PATIENCE).expect("an answer of the engine");
        let said: Value = serde_json::from_str(&said).expect("JSON");
        said["answer"].as_str().unwrap_or_else(|| panic!("{}: {sql}", said["error"])).to_owned()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Already gone is fine; it holds nothing that is needed any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The statements of a file; none of them has a semicolon inside at the end of a line.
fn statements(sql: &str) -> Vec<String> {
    let statements = sql.split(";\n").map(str::trim).filter(|statement| !statement.is_empty());
    statements.map(str::to_owned).collect()
}

fn rows(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a row")).collect()
}

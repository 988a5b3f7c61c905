//! The recorded cases, what each must lead to, and how one is replayed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tracer::detect::Code;

use crate::support::tracer::{binary, run};

/// How the process of a finding is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// By its PID.
    OneProcess,
    /// As a number of processes of one executable.
    Many,
}

/// One recording.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// Name of its files.
    pub(crate) name: &'static str,
    /// The one finding it must lead to; `None` if it must stay silent.
    pub(crate) finding: Option<Code>,
    /// Who the client is.
    pub(crate) whose: Whose,
    /// Whether the client had ended when the recording did, so that its own counts are exact.
    pub(crate) is_whole: bool,
}

const fn case(name: &'static str, finding: Option<Code>) -> Case {
    Case { name, finding, whose: Whose::OneProcess, is_whole: true }
}

const fn goes_on(name: &'static str, finding: Code) -> Case {
    Case { is_whole: false, ..case(name, Some(finding)) }
}

/// Every recording.
pub(crate) const CASES: [Case; 9] = [
    case("python-new", Some(Code::OneShot)),
    case("python-reuse", None),
    Case { whose: Whose::Many, ..case("curl-loop", Some(Code::ShortLivedProcess)) },
    case("go-unread", Some(Code::UnreadClose)),
    case("go-drained", None),
    goes_on("go-hoard", Code::Hoard),
    goes_on("close-wait", Code::CloseWaitLeak),
    case("refused", Some(Code::ConnectRefused)),
    case("server-closes-each", Some(Code::PeerClosesEach)),
];

/// What the recorder wrote beside a recording: counted by the client, not by the tracer.
#[derive(Debug)]
pub(crate) struct Note {
    /// Port of the server.
    pub(crate) port: u16,
    /// PID of the client, or of the first of many.
    pub(crate) client: u64,
    /// Number of client processes.
    pub(crate) clients: u64,
    /// Dials the client counted.
    pub(crate) dials: u64,
    /// Answers the client counted.
    pub(crate) requests: u64,
    /// Code of the finding, or `none`.
    pub(crate) finding: String,
}

impl Note {
    /// As `key = value` lines.
    pub(crate) fn to_text(&self) -> String {
        format!(
            "port = {}\nclient = {}\nclients = {}\ndials = {}\nrequests = {}\nfinding = {}\n",
            self.port, self.client, self.clients, self.dials, self.requests, self.finding
        )
    }

    fn from_text(text: &str) -> Self {
        let values: BTreeMap<&str, &str> =
            text.lines().filter_map(|line| line.split_once(" = ")).collect();
        let number = |key: &str| values[key].parse::<u64>().expect("a number");
        Self {
            port: number("port").try_into().expect("a port"),
            client: number("client"),
            clients: number("clients"),
            dials: number("dials"),
            requests: number("requests"),
            finding: values["finding"].to_owned(),
        }
    }
}

/// A file of the fixtures.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name)
}

impl Case {
    /// Its committed file with this extension.
    pub(crate) fn file(&self, extension: &str) -> PathBuf {
        fixture(&format!("{}.{extension}", self.name))
    }

    /// Name of the finding, or `none`.
    pub(crate) fn finding_name(&self) -> &'static str {
        self.finding.map_or("none", Code::name)
    }

    /// What the recorder noted.
    pub(crate) fn note(&self) -> Note {
        let text = fs::read_to_string(self.file("case")).expect("NAME.case beside NAME.trace");
        Note::from_text(&text)
    }
}

/// `tracer replay FILE -P PORT` with further arguments and environment.
pub(crate) fn replay(file: &Path, port: u16, args: &[&str], env: &[(&str, &str)]) -> Output {
    run(Command::new(binary())
        .arg("replay")
        .arg(file)
        .args(["-P", &port.to_string()])
        .args(args)
        .envs(env.iter().copied()))
}

/// Stdout of a run that must succeed and say nothing on stderr.
#[track_caller]
pub(crate) fn quiet_stdout(output: Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*stderr), (Some(0), ""));
    String::from_utf8(output.stdout).expect("UTF-8")
}

//! What is in force, and what is refused and how.

use std::io::Write as _;

use tempfile::NamedTempFile;

use super::super::{Agent, Listen, Verb};
use super::*;

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn parsed(
    text: &str,
    flags: &[&str],
    variables: &[(&str, &str)],
) -> Result<(Agent, Vec<Setting>), String> {
    let file = file(text);
    let config = format!("--config={}", file.path().display());
    let line: Vec<_> = ["tracer", VERB, &config].iter().chain(flags).map(OsString::from).collect();
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
    match parse(&line, variables) {
        Ok((Cli { verb: Some(Verb::Agent(agent)), .. }, settings)) => Ok((agent, settings)),
        Ok(other) => panic!("{other:?}"),
        Err(error) => {
            Err(error.to_string().replace(&file.path().display().to_string(), "agent.toml"))
        }
    }
}

#[test]
fn a_flag_goes_before_a_variable_and_that_before_the_file() {
    let text = "interval = \"10s\"\nwindow = \"20s\"\nrotate-keep = 3\nport = [80, 443]\n";
    let variables = [("TRACER_ARG_INTERVAL", "30s"), ("TRACER_ARG_WINDOW", "40s")];
    let (agent, settings) = parsed(text, &["--window=50s"], &variables).unwrap();
    let seconds = [agent.interval, agent.window].map(|time| time.as_secs());
    assert_eq!((seconds, agent.rotate_keep), ([30, 50], 3));
    assert_eq!(agent.filter.ports, [80, 443]);
    let origin =
        |name: &str| settings.iter().find(|setting| setting.name == name).unwrap().origin.told();
    assert_eq!(origin("window"), "flag");
    assert_eq!(origin("interval"), "TRACER_ARG_INTERVAL");
    assert!(origin("rotate-keep").starts_with('/'));
    assert_eq!(origin("rotate-mib"), "default");
}

#[test]
fn what_is_given_takes_the_place_of_a_whole_list() {
    let text = "output = [\"stdout\", \"journald\"]\nport = [80]\n";
    let (agent, _) = parsed(text, &["--output=/var/log/t"], &[("TRACER_ARG_PORT", "1,2")]).unwrap();
    assert_eq!((agent.outputs.len(), agent.filter.ports), (1, vec![1, 2]));
}

#[test]
fn switches_are_true_or_false() {
    let (agent, _) = parsed("connections = true\nredact-addresses = false\n", &[], &[]).unwrap();
    assert!(agent.connections && !agent.redact_addresses);
    let error = parsed("connections = \"yes\"\n", &[], &[]).unwrap_err();
    assert_eq!(error, "agent.toml: `connections`: it is true or false");
}

#[test]
fn a_mistake_is_told_with_its_place_and_what_was_meant() {
    for (text, told) in [
        (
            "metrics_listen = \"off\"",
            "there is no setting `metrics_listen`: did you mean `metrics-listen`?",
        ),
        ("rotate-mb = 3", "there is no setting `rotate-mb`: did you mean `rotate-mib`?"),
        ("config = \"x\"", "`config` is a flag only: give --config where tracer is started"),
        ("qqq = 1", "there is no setting `qqq`: `tracer agent --help` lists them"),
        ("interval = 1\ninterval = 2", "line 2: duplicate key"),
        ("interval = ", "line 1: string values must be quoted"),
        (
            "interval = 1979-05-27",
            "`interval`: it is a text, a number, true, false, or a list of texts or numbers",
        ),
        ("[agent]\ninterval = 1", "`agent`: it is a text, a number"),
        (
            "interval = \"soon\"",
            "`interval`: invalid value 'soon' for '--interval <TIME>': write it like 15s",
        ),
        (
            "interval = [1, 2]",
            "`interval`: the argument '--interval <TIME>' cannot be used multiple times",
        ),
        ("rotate-mib = -1", "`rotate-mib`: invalid value '-1'"),
    ] {
        let error = parsed(text, &[], &[]).unwrap_err();
        assert!(error.starts_with(&format!("agent.toml: {told}")), "{text}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn a_mistake_in_a_variable_names_it() {
    let error = |name, value| parsed("", &[], &[(name, value)]).unwrap_err();
    assert_eq!(
        error("TRACER_ARG_INTERVALS", "3s"),
        "TRACER_ARG_INTERVALS: there is no option `intervals`: did you mean `interval`?"
    );
    let told = error("TRACER_ARG_INTERVAL", "soon");
    assert!(told.starts_with("TRACER_ARG_INTERVAL: invalid value 'soon'"), "{told}");
}

#[test]
fn variables_of_kubernetes_are_no_options() {
    let (agent, _) = parsed("", &[], &[("TRACER_PORT", "tcp://10.0.0.1:9464")]).unwrap();
    assert!(agent.filter.ports.is_empty());
}

#[test]
fn a_file_that_is_not_there_is_told_of() {
    let line = ["tracer", VERB, "--config=/nowhere/at.all"].map(OsString::from);
    let error = parse(&line, []).unwrap_err().to_string();
    assert!(error.starts_with("/nowhere/at.all: the settings cannot be read"), "{error}");
}

#[test]
fn other_verbs_have_no_settings() {
    let line = ["tracer", "-d", "3s"].map(OsString::from);
    let variables = [("TRACER_ARG_NOTHING", "1")].map(|(name, value)| (name.into(), value.into()));
    let (cli, settings) = parse(&line, variables).unwrap();
    assert!(cli.verb.is_none() && settings.is_empty());
}

#[test]
fn what_is_printed_can_be_read_and_says_the_same() {
    let text =
        "output = [\"stdout\", \"/var/log/a b\"]\nconnections = true\nmetrics-listen = \"off\"\n";
    let (_, settings) = parsed(text, &["--max-connections=5000", "--pid=7"], &[]).unwrap();
    let (agent, again) = parsed(&as_file(&settings), &[], &[]).unwrap();
    assert_eq!(agent.outputs.len(), 2);
    assert!(agent.connections);
    assert_eq!(agent.metrics_listen, Listen(None));
    assert_eq!((agent.tracing.max_connections, agent.filter.pids), (Some(5000), vec![7]));
    let values = |all: &[Setting]| {
        all.iter().map(|one| (one.name.clone(), one.values.clone())).collect::<Vec<_>>()
    };
    assert_eq!(values(&again), values(&settings));
}

//! The file of settings that the package installs: every setting of the agent, as its flag tells of it.
//!
//! `UPDATE_EXPECTED=1` writes it anew.

use std::path::Path;
use std::{env, fs};

use clap::{Arg, ArgAction, CommandFactory as _};
use tracer::cli::Cli;

const FILE: &str = "packaging/agent.toml";
/// Flags that are none without a command line.
const NO_SETTINGS: [&str; 4] = ["config", "check-config", "help", "version"];
const HEADER: &str = "\
# Settings of `tracer agent`. Names, values and defaults are those of its flags: take away the # in front
# of one to change it, in CAPITALS is what has no default. `tracer agent --config FILE --check-config`
# checks a file, `systemctl reload tracer` has it read anew; /usr/share/doc/tracer/agent.md tells more.
";

fn expected() -> String {
    let mut cli = Cli::command();
    cli.build();
    let agent = cli.find_subcommand("agent").expect("the verb");
    let entries = agent.get_arguments().filter(|argument| !argument.is_hide_set());
    let entries = entries.filter_map(entry);
    [HEADER.to_owned()].into_iter().chain(entries).collect::<Vec<_>>().join("\n")
}

fn entry(argument: &Arg) -> Option<String> {
    let name = argument.get_long().filter(|name| !NO_SETTINGS.contains(name))?;
    let help = argument.get_help().expect("each flag has a help").to_string();
    Some(format!("# {help}\n#{name} = {}\n", value(argument)))
}

fn value(argument: &Arg) -> String {
    if matches!(argument.get_action(), ArgAction::SetTrue) {
        return "false".to_owned();
    }
    let defaults = argument.get_default_values().iter().map(|value| value.to_string_lossy());
    let mut values: Vec<_> = defaults.map(std::borrow::Cow::into_owned).collect();
    if values.is_empty() {
        let names = argument.get_value_names().expect("a flag with a value names it");
        values.extend(names.iter().map(|name| name.to_uppercase()));
    }
    let written = |value: &String| {
        if value.parse::<u64>().is_ok() { value.clone() } else { format!("\"{value}\"") }
    };
    let written: Vec<_> = values.iter().map(written).collect();
    let is_list = matches!(argument.get_action(), ArgAction::Append);
    if is_list { format!("[{}]", written.join(", ")) } else { written.join(", ") }
}

#[test]
fn the_file_that_the_package_installs_has_every_setting_commented_out() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(FILE);
    let expected = expected();
    if env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&path, &expected).expect("the file is written");
    }
    let text = fs::read_to_string(&path).expect("the file");
    assert_eq!(text, expected, "UPDATE_EXPECTED=1 writes {FILE} anew");
    assert!(text.lines().all(|line| line.is_empty() || line.starts_with('#')));
}

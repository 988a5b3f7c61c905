//! Where the agent's options come from, if not from the command line: environment variables, then one
//! file. Both have the names and the values of the flags, and become flags, so that there is one parser
//! and one message for each mistake. A flag that is given takes the place of all other values of its own.

mod file;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Command, CommandFactory as _, FromArgMatches as _};

use super::Cli;

/// The verb that has settings.
const VERB: &str = "agent";
/// Environment variables: this and the flag in capitals. Nothing shorter: Kubernetes gives each container
/// variables that begin with the names of services, as `TRACER_PORT`.
const PREFIX: &str = "TRACER_ARG_";
/// Flags that are none without a command line.
const NOT_SETTINGS: [&str; 4] = ["config", "check-config", "help", "version"];

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag.
    Flag,
    /// This environment variable.
    Variable(String),
    /// The file.
    File(PathBuf),
    /// Nobody gave one.
    Default,
}

/// One setting in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The flag, without dashes in front.
    pub name: String,
    /// Its values, as they would be given; none for a flag that is not given and has no default.
    pub values: Vec<String>,
    /// Whether it is given without a value.
    pub is_switch: bool,
    /// Where they came from.
    pub origin: Origin,
}

/// Why there are no settings: one sentence.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// As clap tells it, help and version among them.
    #[error(transparent)]
    Usage(#[from] clap::Error),
    /// The file cannot be used.
    #[error("{}: {why}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why, and what to do.
        why: String,
    },
    /// A variable cannot be used.
    #[error("{name}: {why}")]
    Variable {
        /// Which.
        name: String,
        /// Why, and what to do.
        why: String,
    },
}

/// The command line with all settings in it, and what the agent's are.
///
/// # Errors
/// [`Error`].
pub fn parse(
    line: &[OsString],
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<(Cli, Vec<Setting>), Error> {
    let matches = Cli::command().try_get_matches_from(line)?;
    let Some((VERB, given)) = matches.subcommand() else {
        return Ok((Cli::from_arg_matches(&matches)?, Vec::new()));
    };
    let command = Cli::command();
    let Some(command) = command.find_subcommand(VERB) else {
        return Ok((Cli::from_arg_matches(&matches)?, Vec::new()));
    };
    let mut found = of_variables(command, variables)?;
    let at = given.get_one::<PathBuf>("config");
    if let Some(path) = at {
        let pairs = file::read(path).map_err(|why| Error::File { path: path.clone(), why })?;
        for (name, values) in pairs {
            let refused = |why| Error::File { path: path.clone(), why };
            known(command, &name, "setting").map_err(refused)?;
            if !found.iter().any(|setting| setting.name == name) {
                let origin = Origin::File(path.clone());
                found.push(Setting { name, values, is_switch: false, origin });
            }
        }
    }
    found.retain(|setting| !is_given(command, given, &setting.name));
    let matches = with(line, command, &found)?;
    let cli = Cli::from_arg_matches(&matches)?;
    let settings = matches.subcommand_matches(VERB).map(|all| in_force(command, all, &found));
    Ok((cli, settings.unwrap_or_default()))
}

/// Parses the line with what was found in it, one setting after the other: a mistake is told with where
/// it is.
fn with(line: &[OsString], command: &Command, found: &[Setting]) -> Result<ArgMatches, Error> {
    let verb_at = line.iter().position(|part| part == VERB).map_or(line.len(), |at| at + 1);
    let (before, after) = line.split_at(verb_at);
    let mut flags: Vec<OsString> = Vec::new();
    for setting in found {
        let own = flags_of(command, setting).map_err(|why| refusal(setting, &why))?;
        let alone = before.iter().cloned().chain(own.iter().cloned());
        if let Err(error) = Cli::command().try_get_matches_from(alone) {
            return Err(refusal(setting, &first_sentence(&error)));
        }
        flags.extend(own);
    }
    let whole = before.iter().chain(&flags).chain(after);
    Ok(Cli::command().try_get_matches_from(whole)?)
}

fn refusal(setting: &Setting, why: &str) -> Error {
    match &setting.origin {
        Origin::File(path) => {
            Error::File { path: path.clone(), why: format!("`{}`: {why}", setting.name) }
        }
        Origin::Variable(name) => Error::Variable { name: name.clone(), why: why.to_owned() },
        Origin::Flag | Origin::Default => {
            Error::Variable { name: setting.name.clone(), why: why.to_owned() }
        }
    }
}

/// What clap says, without its colours, its word `error` and its hints.
fn first_sentence(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

/// The flags of a setting.
fn flags_of(command: &Command, setting: &Setting) -> Result<Vec<OsString>, String> {
    let name = &setting.name;
    let flag = |value: &String| OsString::from(format!("--{name}={value}"));
    if !is_switch(command, name) {
        return Ok(setting.values.iter().map(flag).collect());
    }
    match setting.values.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["true"] => Ok(vec![format!("--{name}").into()]),
        ["false"] => Ok(Vec::new()),
        _ => Err("it is true or false".to_owned()),
    }
}

fn is_switch(command: &Command, name: &str) -> bool {
    let argument = command.get_arguments().find(|argument| argument.get_long() == Some(name));
    argument.is_some_and(|argument| matches!(argument.get_action(), ArgAction::SetTrue))
}

/// Names of all settings.
fn names(command: &Command) -> impl Iterator<Item = &str> {
    let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
    let long = shown.filter_map(clap::Arg::get_long);
    long.filter(|name| !NOT_SETTINGS.contains(name))
}

/// Refuses a name that no setting has, and tells which one is like it.
fn known(command: &Command, name: &str, what: &str) -> Result<(), String> {
    if names(command).any(|known| known == name) {
        return Ok(());
    }
    if NOT_SETTINGS.contains(&name) {
        return Err(format!("`{name}` is a flag only: give --{name} where tracer is started"));
    }
    let likeness = |candidate: &str| strsim::jaro_winkler(name, candidate);
    let like = names(command)
        .map(|candidate| (likeness(candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|left, right| left.0.total_cmp(&right.0));
    let hint = like.map_or_else(
        || "`tracer agent --help` lists them".to_owned(),
        |(_, like)| format!("did you mean `{like}`?"),
    );
    Err(format!("there is no {what} `{name}`: {hint}"))
}

fn of_variables(
    command: &Command,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Vec<Setting>, Error> {
    let mut found = Vec::new();
    for (variable, value) in variables {
        let Some(name) = variable.to_str().and_then(|name| name.strip_prefix(PREFIX)) else {
            continue;
        };
        let variable = format!("{PREFIX}{name}");
        let refused = |why| Error::Variable { name: variable.clone(), why };
        let name = name.to_ascii_lowercase().replace('_', "-");
        known(command, &name, "option").map_err(refused)?;
        let value = value.to_str().ok_or_else(|| refused("it is no text".to_owned()))?;
        let values = value.split(',').map(str::to_owned).collect();
        let origin = Origin::Variable(variable);
        found.push(Setting { name, values, is_switch: false, origin });
    }
    found.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(found)
}

fn id_of<'a>(command: &'a Command, name: &str) -> Option<&'a str> {
    let mut arguments = command.get_arguments();
    let argument = arguments.find(|argument| argument.get_long() == Some(name))?;
    Some(argument.get_id().as_str())
}

fn is_given(command: &Command, given: &ArgMatches, name: &str) -> bool {
    id_of(command, name).and_then(|id| given.value_source(id)) == Some(ValueSource::CommandLine)
}

/// All settings, as they are.
fn in_force(command: &Command, all: &ArgMatches, found: &[Setting]) -> Vec<Setting> {
    let setting = |name: &str| {
        let id = id_of(command, name)?;
        let raw = all.get_raw(id).into_iter().flatten();
        let values = raw.map(OsStr::to_string_lossy).map(std::borrow::Cow::into_owned);
        let found = found.iter().find(|setting| setting.name == name);
        let origin = match (found, all.value_source(id)) {
            (Some(setting), _) => setting.origin.clone(),
            (None, Some(ValueSource::CommandLine)) => Origin::Flag,
            (None, _) => Origin::Default,
        };
        let is_switch = is_switch(command, name);
        Some(Setting { name: name.to_owned(), values: values.collect(), is_switch, origin })
    };
    names(command).filter_map(setting).collect()
}

/// The file as it may be written: what is in force, each with where it came from.
#[must_use]
pub fn as_file(settings: &[Setting]) -> String {
    settings.iter().map(|setting| file::line(setting) + "\n").collect()
}

impl Origin {
    /// Where that is, for people.
    #[must_use]
    pub fn told(&self) -> String {
        let shown = |path: &Path| path.display().to_string();
        match self {
            Self::Flag => "flag".to_owned(),
            Self::Variable(name) => name.clone(),
            Self::File(path) => shown(path),
            Self::Default => "default".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;

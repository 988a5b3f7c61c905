//! Settings read again at SIGHUP: which of them take effect at once, and which do at the next start.

use super::super::terminal;
use super::hangup::Hangups;
use crate::cli::settings::{self, Setting};
use crate::cli::{Agent, Cli, Verb};

/// What takes effect at once.
const AT_ONCE: [&str; 2] = ["connections", "interval"];

/// The settings in force, and when they are read again.
pub(super) struct Reload {
    hangups: Hangups,
    seen: u64,
    settings: Vec<Setting>,
}

impl Reload {
    /// With these settings so far.
    pub(super) fn new(hangups: Hangups, settings: Vec<Setting>) -> Self {
        Self { seen: hangups.count(), hangups, settings }
    }

    /// The new arguments, if SIGHUP has come since the last time and there are any. Tells what came of it.
    pub(super) fn due(&mut self) -> Option<Agent> {
        let count = self.hangups.count();
        if std::mem::replace(&mut self.seen, count) == count {
            return None;
        }
        match settings::parse(&std::env::args_os().collect::<Vec<_>>(), std::env::vars_os()) {
            Ok((Cli { verb: Some(Verb::Agent(args)), .. }, read)) => {
                terminal::say(&told(&self.settings, &read));
                // Of the others those of the start stay in force.
                for (own, new) in self.settings.iter_mut().zip(read) {
                    if AT_ONCE.contains(&new.name.as_str()) {
                        *own = new;
                    }
                }
                Some(args)
            }
            Ok(_) => None,
            Err(error) => {
                let error = error.to_string();
                terminal::say(&format!("settings stay as they were: {}", error.trim_end()));
                None
            }
        }
    }
}

/// What a reader of the log wants to know.
fn told(before: &[Setting], now: &[Setting]) -> String {
    let changed = now.iter().zip(before).filter(|(now, before)| now.values != before.values);
    let changed = changed.map(|(now, _)| now.name.as_str());
    let (at_once, later): (Vec<_>, Vec<_>) = changed.partition(|name| AT_ONCE.contains(name));
    let mut text = match &at_once[..] {
        [] => "files are opened anew, settings were read again".to_owned(),
        names => {
            let names = names.join(", ");
            format!("files are opened anew, settings were read again: {names} changed")
        }
    };
    if !later.is_empty() {
        text = format!("{text}; restart tracer to change {}", later.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::settings::Origin;

    fn setting(name: &str, value: &str) -> Setting {
        let values = vec![value.to_owned()];
        Setting { name: name.to_owned(), values, is_switch: false, origin: Origin::Default }
    }

    #[test]
    fn what_needs_a_restart_is_told_apart_from_what_has_changed() {
        let settings =
            |interval, output| [setting("interval", interval), setting("output", output)];
        let before = settings("60s", "stdout");
        let told = |now: &[Setting]| told(&before, now);
        assert_eq!(told(&before), "files are opened anew, settings were read again");
        assert_eq!(
            told(&settings("1s", "stdout")),
            "files are opened anew, settings were read again: interval changed"
        );
        assert_eq!(
            told(&settings("1s", "journald")),
            "files are opened anew, settings were read again: interval changed; restart tracer to change output"
        );
    }

    #[test]
    fn what_changes_at_once_is_a_setting() {
        use clap::CommandFactory as _;
        let command = Cli::command();
        let agent = command.find_subcommand("agent").unwrap();
        let known: Vec<_> = agent.get_arguments().filter_map(clap::Arg::get_long).collect();
        assert!(AT_ONCE.iter().all(|name| known.contains(name)), "{known:?}");
    }
}

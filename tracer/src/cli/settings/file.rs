//! The file of settings: TOML, flat, whose keys are flags. Knows no flag.

use std::path::Path;

use toml::{Table, Value};

use super::{Origin, Setting};

/// Its keys and values, in its order.
///
/// # Errors
/// One sentence.
pub(super) fn read(path: &Path) -> Result<Vec<(String, Vec<String>)>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        format!("the settings cannot be read ({error}): give --config a file that is there")
    })?;
    of(&text)
}

fn of(text: &str) -> Result<Vec<(String, Vec<String>)>, String> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let at = error.span().map(|span| text[..span.start].matches('\n').count() + 1);
        let line = at.map(|line| format!("line {line}: ")).unwrap_or_default();
        format!("{line}{}", error.message())
    })?;
    table
        .into_iter()
        .map(|(name, value)| {
            let values = match value {
                Value::Array(all) => all.iter().map(single).collect::<Option<Vec<_>>>(),
                other => single(&other).map(|value| vec![value]),
            };
            let wrong = || {
                format!(
                    "`{name}`: it is a text, a number, true, false, or a list of texts or numbers"
                )
            };
            let values = values.ok_or_else(wrong)?;
            Ok((name, values))
        })
        .collect()
}

fn single(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(is_set) => Some(is_set.to_string()),
        _ => None,
    }
}

/// A setting as a line of the file; as a comment if it has no value.
pub(super) fn line(setting: &Setting) -> String {
    let Setting { name, values, is_switch, origin } = setting;
    let text = |value: &String| {
        let is_bare = *is_switch || value.parse::<u64>().is_ok();
        if is_bare { value.clone() } else { Value::String(value.clone()).to_string() }
    };
    let value = match &values[..] {
        [] if *is_switch => "false".to_owned(),
        [] => return format!("# {name} is not set"),
        [one] => text(one),
        many => format!("[{}]", many.iter().map(text).collect::<Vec<_>>().join(", ")),
    };
    let origin =
        if *origin == Origin::Default { String::new() } else { format!("  # {}", origin.told()) };
    format!("{name} = {value}{origin}")
}

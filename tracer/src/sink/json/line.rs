//! Builds one flat JSON object. Owns the rule "absent when unknown"; knows no key's meaning.

use serde_json::{Map, Number, Value};

/// Keys in the order they were put.
#[derive(Debug, Default)]
pub(super) struct Line(Map<String, Value>);

impl Line {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn put(&mut self, key: &str, value: impl Into<Value>) {
        let twice = self.0.insert(key.to_owned(), value.into());
        debug_assert!(twice.is_none(), "{key} is put twice");
    }

    /// Nothing, if the value is not known.
    pub(super) fn known(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    /// Nothing, if it is not known or not a finite number: JSON has no others, and `null` is not
    /// in the contract.
    pub(super) fn number(&mut self, key: &str, value: Option<f64>) {
        self.known(key, value.and_then(Number::from_f64));
    }

    /// An object of counts or words by name.
    pub(super) fn object<K, V>(&mut self, key: &str, entries: impl IntoIterator<Item = (K, V)>)
    where
        K: Into<String>,
        V: Into<Value>,
    {
        let entries = entries.into_iter().map(|(name, value)| (name.into(), value.into()));
        self.put(key, Value::Object(entries.collect()));
    }

    pub(super) fn into_value(self) -> Value {
        Value::Object(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_or_no_number_leaves_no_key() {
        let mut line = Line::new();
        line.known("a", None::<u32>);
        line.number("b", Some(f64::NAN));
        line.number("c", Some(f64::INFINITY));
        line.number("d", Some(0.5));
        assert_eq!(line.into_value().to_string(), r#"{"d":0.5}"#);
    }
}

//! Writes one flat JSON object, key by key. Owns the rule "absent when unknown"; knows no key's
//! meaning.
//!
//! There is a line for each connection, so that a tree of values is not built first: each value goes
//! into the text at once.

use serde::Serialize;

/// Keys in the order they are put.
#[derive(Debug)]
pub(super) struct Line {
    text: Vec<u8>,
    /// Nothing follows a brace yet.
    is_empty: bool,
    result: serde_json::Result<()>,
    /// Keys put so far, where it is checked that none is put twice.
    keys: Vec<&'static str>,
}

impl Line {
    /// An object without keys, in place of what `text` held.
    pub(super) fn on(mut text: Vec<u8>) -> Self {
        text.clear();
        text.push(b'{');
        Self { text, is_empty: true, result: Ok(()), keys: Vec::new() }
    }

    /// `key` is one of ours: it holds nothing that JSON would escape.
    pub(super) fn put(&mut self, key: &'static str, value: impl Serialize) {
        self.key(key);
        self.value(value);
    }

    /// Nothing, if the value is not known.
    pub(super) fn known(&mut self, key: &'static str, value: Option<impl Serialize>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    /// Nothing, if it is not known or not a finite number: JSON has no others, and `null` is not
    /// in the contract.
    pub(super) fn number(&mut self, key: &'static str, value: Option<f64>) {
        self.known(key, value.filter(|value| value.is_finite()));
    }

    /// An object of counts or words by name.
    pub(super) fn object<K: Serialize, V: Serialize>(
        &mut self,
        key: &'static str,
        entries: impl IntoIterator<Item = (K, V)>,
    ) {
        self.key(key);
        self.text.push(b'{');
        for (nth, (name, value)) in entries.into_iter().enumerate() {
            if nth > 0 {
                self.text.push(b',');
            }
            self.value(name);
            self.text.push(b':');
            self.value(value);
        }
        self.text.push(b'}');
    }

    /// An array of objects, each as `put` fills it.
    pub(super) fn objects<T>(
        &mut self,
        key: &'static str,
        items: impl IntoIterator<Item = T>,
        put: impl Fn(&mut Self, T),
    ) {
        self.key(key);
        self.text.push(b'[');
        let keys = std::mem::take(&mut self.keys);
        for (nth, item) in items.into_iter().enumerate() {
            if nth > 0 {
                self.text.push(b',');
            }
            self.text.push(b'{');
            self.is_empty = true;
            self.keys.clear();
            put(self, item);
            self.text.push(b'}');
        }
        self.is_empty = false;
        self.keys = keys;
        self.text.push(b']');
    }

    /// The whole object, and the end of its line.
    ///
    /// # Errors
    /// If a value was none that JSON has.
    pub(super) fn finish(mut self) -> serde_json::Result<Vec<u8>> {
        self.text.extend_from_slice(b"}\n");
        self.result.map(|()| self.text)
    }

    fn key(&mut self, key: &'static str) {
        if cfg!(debug_assertions) {
            debug_assert!(!self.keys.contains(&key), "{key} is put twice");
            self.keys.push(key);
        }
        self.text.extend_from_slice(if self.is_empty { b"\"" } else { b",\"" });
        self.text.extend_from_slice(key.as_bytes());
        self.text.extend_from_slice(b"\":");
        self.is_empty = false;
    }

    fn value(&mut self, value: impl Serialize) {
        let result = serde_json::to_writer(&mut self.text, &value);
        if result.is_err() {
            self.result = result;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(put: impl FnOnce(&mut Line)) -> String {
        let mut line = Line::on(b"before".to_vec());
        put(&mut line);
        String::from_utf8(line.finish().unwrap()).unwrap()
    }

    #[test]
    fn what_is_unknown_or_no_number_leaves_no_key() {
        let text = text(|line| {
            line.known("a", None::<u32>);
            line.number("b", Some(f64::NAN));
            line.number("c", Some(f64::INFINITY));
            line.number("d", Some(0.5));
        });
        assert_eq!(text, "{\"d\":0.5}\n");
    }

    #[test]
    fn objects_within_begin_anew() {
        let text = text(|line| {
            line.object("a", [("x\n", 1), ("y", 2)]);
            line.object("b", [("", 0); 0]);
            line.objects("c", [1, 2], |line, number| {
                line.put("a", number);
                line.put("b", "\"");
            });
            line.put("d", true);
        });
        let expected =
            r#"{"a":{"x\n":1,"y":2},"b":{},"c":[{"a":1,"b":"\""},{"a":2,"b":"\""}],"d":true}"#;
        assert_eq!(text.trim_end(), expected);
    }

    #[test]
    fn what_json_does_not_have_fails_the_line() {
        let mut line = Line::on(Vec::new());
        line.put("a", std::collections::BTreeMap::from([((), 1)]));
        line.put("b", 1);
        assert!(line.finish().is_err());
    }
}

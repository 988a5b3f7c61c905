//! Writes one flat JSON object, key by key. Owns the rule "absent when unknown"; knows no key's
//! meaning.
//!
//! There is a line for each connection, so that a tree of values is not built first: each value goes
//! into the text at once.

use std::net::IpAddr;

use serde::Serialize;

use crate::clock::Stamps;

/// A key as it stands behind another one, for what is put for each connection. Made by [`key`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Key(pub(super) &'static str);

impl Key {
    /// Without what stands around it.
    fn name(self) -> &'static str {
        self.0.trim_start_matches(",\"").trim_end_matches("\":")
    }
}

/// A [`Key`] of its name.
macro_rules! key {
    ($name:literal) => {
        $crate::sink::json::line::Key(concat!(",\"", $name, "\":"))
    };
}
pub(super) use key;

/// Whether JSON has it in a string as it is.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\')
}

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

    /// A part of an object, to be put with [`Self::part`] behind the first key of another.
    pub(super) const fn of_part() -> Self {
        Self { text: Vec::new(), is_empty: false, result: Ok(()), keys: Vec::new() }
    }

    /// That part.
    ///
    /// # Errors
    /// As [`Self::finish`].
    pub(super) fn into_part(self) -> serde_json::Result<Vec<u8>> {
        self.result.map(|()| self.text)
    }

    /// A time.
    pub(super) fn stamp(&mut self, key: &'static str, stamps: &mut Stamps, at_ns: u64) {
        self.key(key);
        self.text.push(b'"');
        stamps.put(&mut self.text, at_ns);
        self.text.push(b'"');
    }

    /// Keys and values that were put before, behind the first key.
    pub(super) fn part(&mut self, part: &[u8]) {
        self.text.extend_from_slice(part);
    }

    /// Behind the first key: a word of a closed vocabulary, which holds nothing that JSON would escape.
    pub(super) fn word(&mut self, key: Key, word: &'static str) {
        debug_assert!(is_plain(word), "{word}");
        self.later(key);
        self.text.push(b'"');
        self.text.extend_from_slice(word.as_bytes());
        self.text.push(b'"');
    }

    /// Behind the first key: any text.
    pub(super) fn string(&mut self, key: Key, text: &str) {
        self.later(key);
        if is_plain(text) {
            self.text.push(b'"');
            self.text.extend_from_slice(text.as_bytes());
            self.text.push(b'"');
        } else {
            self.value(text);
        }
    }

    /// Behind the first key: a whole number.
    pub(super) fn count(&mut self, key: Key, number: impl itoa::Integer) {
        self.later(key);
        self.digits(number);
    }

    /// The same; nothing if it is not known.
    pub(super) fn known_count(&mut self, key: Key, number: Option<impl itoa::Integer>) {
        if let Some(number) = number {
            self.count(key, number);
        }
    }

    /// Behind the first key: whether something is so.
    pub(super) fn truth(&mut self, key: Key, is_so: bool) {
        self.later(key);
        self.text.extend_from_slice(if is_so { b"true" } else { b"false" });
    }

    /// Behind the first key: as [`Self::number`].
    pub(super) fn real(&mut self, key: Key, value: Option<f64>) {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            self.later(key);
            self.value(value);
        }
    }

    /// Behind the first key: an address.
    pub(super) fn address(&mut self, key: Key, address: IpAddr) {
        self.later(key);
        match address {
            IpAddr::V4(address) => {
                self.text.push(b'"');
                for (nth, octet) in address.octets().into_iter().enumerate() {
                    if nth > 0 {
                        self.text.push(b'.');
                    }
                    self.digits(octet);
                }
                self.text.push(b'"');
            }
            IpAddr::V6(_) => self.value(address),
        }
    }

    fn digits(&mut self, number: impl itoa::Integer) {
        self.text.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    fn later(&mut self, key: Key) {
        debug_assert!(!self.is_empty, "{key:?} is not the first");
        if cfg!(debug_assertions) {
            self.only_once(key.name());
        }
        self.text.extend_from_slice(key.0.as_bytes());
    }

    fn only_once(&mut self, key: &'static str) {
        debug_assert!(!self.keys.contains(&key), "{key} is put twice");
        self.keys.push(key);
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
            self.only_once(key);
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
    fn what_is_put_quickly_is_put_as_the_same_value_is_slowly() {
        let quick = text(|line| {
            line.put("0", 0);
            line.word(key!("a"), "local_close");
            line.string(key!("b"), "recv\u{e4}");
            line.string(key!("c"), "\"\\\n\u{1f}\u{7f}");
            line.count(key!("d"), u64::MAX);
            line.known_count(key!("e"), Some(7_u8));
            line.known_count(key!("-"), None::<u32>);
            line.truth(key!("f"), true);
            line.truth(key!("g"), false);
            line.real(key!("h"), Some(1e-7));
            line.real(key!("-"), Some(f64::NAN));
            line.address(key!("i"), "10.0.255.1".parse().unwrap());
            line.address(key!("j"), "fe80::1:a".parse().unwrap());
        });
        let slow = text(|line| {
            line.put("0", 0);
            line.put("a", "local_close");
            line.put("b", "recv\u{e4}");
            line.put("c", "\"\\\n\u{1f}\u{7f}");
            line.put("d", u64::MAX);
            line.put("e", 7);
            line.put("f", true);
            line.put("g", false);
            line.put("h", 1e-7);
            line.put("i", "10.0.255.1".parse::<IpAddr>().unwrap());
            line.put("j", "fe80::1:a".parse::<IpAddr>().unwrap());
        });
        assert_eq!(quick, slow);
    }

    #[test]
    #[should_panic(expected = "a is put twice")]
    fn no_key_is_put_twice_in_whichever_way() {
        text(|line| {
            line.put("a", 0);
            line.count(key!("a"), 1);
        });
    }

    #[test]
    fn what_json_does_not_have_fails_the_line() {
        let mut line = Line::on(Vec::new());
        line.put("a", std::collections::BTreeMap::from([((), 1)]));
        line.put("b", 1);
        assert!(line.finish().is_err());
    }
}

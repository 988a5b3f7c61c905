//! Nested objects that are made field by field, of values that are JSON already.

use std::borrow::Cow;

/// An object: its values, then the objects in it, each in the order in which they were put.
#[derive(Default)]
pub(super) struct Object<'a> {
    values: Vec<(&'a str, Cow<'a, str>)>,
    nested: Vec<(&'a str, Self)>,
}

impl<'a> Object<'a> {
    /// Sets a field whose name is one, dots and all.
    pub(super) fn put_flat(&mut self, name: &'a str, json: impl Into<Cow<'a, str>>) {
        self.values.push((name, json.into()));
    }

    /// Sets a field by its dotted name. None is set twice, and none is both a value and an object.
    pub(super) fn put(&mut self, name: &'a str, json: impl Into<Cow<'a, str>>) {
        let (mut object, mut rest) = (self, name);
        while let Some((outer, inner)) = rest.split_once('.') {
            object = object.nested(outer);
            rest = inner;
        }
        object.put_flat(rest, json);
    }

    /// The same below an object.
    pub(super) fn put_below(
        &mut self,
        outer: &'a str,
        name: &'a str,
        json: impl Into<Cow<'a, str>>,
    ) {
        self.nested(outer).put(name, json);
    }

    fn nested(&mut self, name: &'a str) -> &mut Self {
        // The last one as a rule: keys of one object follow each other.
        let at = self.nested.iter().rposition(|(known, _)| *known == name).unwrap_or_else(|| {
            self.nested.push((name, Self { values: Vec::with_capacity(8), nested: Vec::new() }));
            self.nested.len() - 1
        });
        &mut self.nested[at].1
    }

    /// Appends it as JSON.
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        // Names are keys of ours, or of the schema: they have nothing to escape.
        let mut before = "{\"";
        for (name, json) in &self.values {
            for part in [before, name, "\":", json] {
                to.extend_from_slice(part.as_bytes());
            }
            before = ",\"";
        }
        for (name, object) in &self.nested {
            for part in [before, name, "\":"] {
                to.extend_from_slice(part.as_bytes());
            }
            object.write(to);
            before = ",\"";
        }
        to.extend_from_slice(if before == ",\"" { b"}" } else { b"{}" });
    }
}

/// A word of ours as JSON.
macro_rules! word {
    ($word:literal) => {
        concat!("\"", $word, "\"")
    };
}
pub(super) use word;

/// Text without anything to escape as JSON.
pub(super) fn quoted(word: &str) -> String {
    ["\"", word, "\""].concat()
}

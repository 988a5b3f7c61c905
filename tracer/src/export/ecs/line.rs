//! A line as it is read for a document: its keys, and the text of their values. Values are handed on as
//! they are written; only the few that something follows from are interpreted.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::export::message::Fields;

/// Keys and values in their order.
pub(super) struct Line<'a> {
    keys: Vec<(&'a str, &'a str)>,
    /// Where one is looked for first: they are mostly asked for in their order.
    next: Cell<usize>,
}

impl<'a> Line<'a> {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.keys.iter().copied()
    }

    /// The value of a key, as JSON.
    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        let (before, after) = self.keys.split_at(self.next.get());
        let is_it = |(known, _): &(&str, &str)| *known == key;
        let at = match after.iter().position(is_it) {
            Some(at) => before.len() + at,
            None => before.iter().position(is_it)?,
        };
        self.next.set(at + 1);
        Some(self.keys[at].1)
    }

    /// The same of one that is text.
    pub(super) fn text(&self, key: &str) -> Option<Cow<'a, str>> {
        let value = self.get(key)?;
        match value.strip_prefix('"')?.strip_suffix('"')? {
            plain if !plain.contains('\\') => Some(plain.into()),
            _ => serde_json::from_str::<String>(value).ok().map(Cow::from),
        }
    }

    /// The same of a number.
    pub(super) fn number<T: std::str::FromStr>(&self, key: &str) -> Option<T> {
        self.get(key)?.parse().ok()
    }

    /// These keys, interpreted.
    pub(super) fn fields(&self, keys: &[&str]) -> Fields {
        let known = keys.iter().filter_map(|key| {
            let value = serde_json::from_str(self.get(key)?).ok()?;
            Some(((*key).to_owned(), value))
        });
        known.collect()
    }

    /// All of them.
    pub(super) fn all_fields(&self) -> Fields {
        self.fields(&self.iter().map(|(key, _)| key).collect::<Vec<_>>())
    }
}

impl<'de> Deserialize<'de> for Line<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Keys)
    }
}

struct Keys;

impl<'de> Visitor<'de> for Keys {
    type Value = Line<'de>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a line")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Line<'de>, A::Error> {
        let mut keys = Vec::with_capacity(64);
        while let Some((key, value)) = map.next_entry::<&str, &RawValue>()? {
            keys.push((key, value.get()));
        }
        Ok(Line { keys, next: Cell::new(0) })
    }
}

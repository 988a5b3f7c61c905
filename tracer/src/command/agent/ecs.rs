//! Lines as documents of the Elastic Common Schema, on their way to another destination. What they say is
//! `export/ecs`'s; here is only that each line is taken as a whole.

use std::io;

use super::super::outbox::Destination;
use super::file::whole;
use crate::export::ecs;

/// Makes documents of lines for a destination.
#[derive(Debug)]
pub(super) struct Ecs<D> {
    to: D,
    /// Of lines that are not taken yet.
    documents: Vec<u8>,
    /// How much of them the destination has taken.
    at: usize,
    /// How long these lines are.
    lines: usize,
}

impl<D> Ecs<D> {
    /// For `to`.
    pub(super) const fn new(to: D) -> Self {
        Self { to, documents: Vec::new(), at: 0, lines: 0 }
    }

    fn convert(&mut self, lines: &[u8]) -> io::Result<()> {
        (self.at, self.lines) = (0, 0);
        self.documents.clear();
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let line = str::from_utf8(line).map_err(io::Error::other)?;
            ecs::document(line, &mut self.documents)?;
            self.documents.push(b'\n');
        }
        self.lines = lines.len();
        Ok(())
    }
}

impl<D: Destination> Destination for Ecs<D> {
    /// Lines whose documents are taken, all of them: what is left of them after an error goes first.
    fn take(&mut self, lines: &[u8], at_once: usize) -> io::Result<usize> {
        if self.at == self.documents.len() {
            self.convert(&lines[..whole(lines, at_once)])?;
        }
        while let Some(rest) = self.documents.get(self.at..).filter(|rest| !rest.is_empty()) {
            match self.to.take(rest, at_once)? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                taken => self.at += taken,
            }
        }
        Ok(self.lines)
    }

    /// No line of ours is taken in part; a document may be.
    fn take_back(&mut self, _len: usize) {
        let taken = &self.documents[..self.at];
        let whole = memchr::memrchr(b'\n', taken).map_or(0, |end| end + 1);
        self.to.take_back(self.at - whole);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::io::{ErrorKind, Write as _};

    use serde_json::Value;

    use super::super::super::outbox::Outbox;
    use super::*;
    use crate::export::testing::{fields, items};

    /// Takes a few bytes each second time, and fails in between.
    struct Reluctant {
        got: Vec<u8>,
        refuses: bool,
        back: usize,
    }

    impl Destination for Reluctant {
        fn take(&mut self, lines: &[u8], _: usize) -> io::Result<usize> {
            self.refuses = !self.refuses;
            if self.refuses {
                return Err(ErrorKind::WouldBlock.into());
            }
            let len = lines.len().min(100);
            self.got.extend_from_slice(&lines[..len]);
            Ok(len)
        }

        fn take_back(&mut self, len: usize) {
            self.back = len;
        }
    }

    fn lines() -> Vec<u8> {
        let lines = items(|item| serde_json::to_string(&fields(item)).unwrap() + "\n");
        lines.concat().into_bytes()
    }

    fn expected() -> Vec<Value> {
        let mut documents = Vec::new();
        for line in lines().split_inclusive(|byte| *byte == b'\n') {
            ecs::document(str::from_utf8(line).unwrap(), &mut documents).unwrap();
            documents.push(b'\n');
        }
        read(&documents)
    }

    fn read(documents: &[u8]) -> Vec<Value> {
        let lines = documents.split_inclusive(|byte| *byte == b'\n');
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    }

    #[test]
    fn documents_are_handed_on_whole_however_little_is_taken_at_a_time() {
        let (lines, mut at) = (lines(), 0);
        let mut out = Ecs::new(Reluctant { got: Vec::new(), refuses: false, back: 0 });
        while at < lines.len() {
            match out.take(&lines[at..], 2_000) {
                Ok(taken) => {
                    assert_eq!(lines[at + taken - 1], b'\n', "whole lines");
                    at += taken;
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        assert_eq!(read(&out.to.got), expected());
    }

    #[test]
    fn the_begin_of_a_document_is_taken_back_and_no_whole_one_is() {
        let lines = lines();
        let mut out = Ecs::new(Reluctant { got: Vec::new(), refuses: true, back: 0 });
        while !out.to.got.contains(&b'\n') {
            let _refused = out.take(&lines, lines.len()).unwrap_err();
        }
        out.take_back(0);
        let first = out.to.got.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        assert_eq!(first + out.to.back, out.to.got.len());
    }

    #[test]
    fn documents_reach_a_file_by_the_queue() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let target = OpenOptions::new().append(true).open(file.path()).unwrap();
        let mut out = Outbox::to("the file", Ecs::new(target)).unwrap();
        out.write_all(&lines()).unwrap();
        out.outlook().be_patient();
        out.flush().unwrap();
        assert_eq!(read(&fs::read(file.path()).unwrap()), expected());
    }
}

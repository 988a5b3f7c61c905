//! Reads Markdown as far as these tests need: code blocks, code spans, rows of tables.

use std::fs;

use crate::ask::file;

/// One of the project's documents.
pub(crate) struct Document(String);

/// One fenced block.
pub(crate) struct Block {
    /// Its language.
    pub(crate) language: String,
    /// Its text.
    pub(crate) text: String,
}

impl Document {
    /// Opens `name`, relative to the repository.
    pub(crate) fn open(name: &str) -> Self {
        Self(fs::read_to_string(file(name)).unwrap_or_else(|error| panic!("{name}: {error}")))
    }

    /// Every fenced block.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        let parts: Vec<&str> = self.0.split("```").collect();
        assert_eq!(parts.len() % 2, 1, "an open block");
        let inside = parts.iter().skip(1).step_by(2);
        inside
            .map(|part| {
                let (language, text) = part.split_once('\n').expect("a block of lines");
                Block { language: language.to_owned(), text: text.to_owned() }
            })
            .collect()
    }

    /// Every code span outside of blocks.
    pub(crate) fn spans(&self) -> Vec<&str> {
        let prose = self.0.split("```").step_by(2);
        prose.flat_map(|text| text.split('`').skip(1).step_by(2)).collect()
    }

    /// Rows of the table below the header that begins with these columns, each trimmed, as cells.
    pub(crate) fn table(&self, columns: &[&str]) -> Vec<Vec<&str>> {
        let lines: Vec<&str> = self.0.lines().collect();
        let starts = |line: &&str| cells(line).starts_with(columns);
        let mut rows = Vec::new();
        for (at, _) in lines.iter().enumerate().filter(|(_, line)| starts(line)) {
            let below = lines[at + 1..].iter().take_while(|line| line.starts_with('|'));
            rows.extend(below.skip(1).map(|line| cells(line)));
        }
        assert!(!rows.is_empty(), "no table {columns:?}");
        rows
    }

    /// Headings of the second level.
    pub(crate) fn sections(&self) -> Vec<&str> {
        self.0.lines().filter_map(|line| line.strip_prefix("## ")).collect()
    }

    /// Targets of links that stay within the project.
    pub(crate) fn links(&self) -> Vec<&str> {
        let targets = self.0.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
        targets.filter(|target| !target.contains("://")).collect()
    }
}

fn cells(line: &str) -> Vec<&str> {
    let inner = line.strip_prefix('|').and_then(|line| line.strip_suffix('|'));
    inner.map_or(Vec::new(), |inner| inner.split('|').map(str::trim).collect())
}

/// A cell that is one code span, without its marks and its link.
pub(crate) fn code(cell: &str) -> &str {
    cell.split('`').nth(1).unwrap_or_else(|| panic!("no code span in {cell}"))
}

//! Columns, indents and colour. Knows widths, not meanings; widths are terminal cells.

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

/// Colours, or none of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    /// Whether to colour at all.
    pub(super) on: bool,
}

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const RED: Style = AnsiColor::Red.on_default().bold();
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
pub(super) const CYAN: Style = AnsiColor::Cyan.on_default().bold();

impl Paint {
    pub(super) fn paint(self, style: Style, text: &str) -> String {
        if self.on && !text.is_empty() {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }
}

/// Text wrapped to `width`, the first line after `lead`, the others below its end.
pub(super) fn hang(lead: &str, text: &str, width: usize) -> String {
    let indent = " ".repeat(lead.width());
    // A terminal narrower than this wraps by itself better than we could.
    let options = textwrap::Options::new(width.max(lead.width() + 20))
        .initial_indent(&indent)
        .subsequent_indent(&indent)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    let filled = textwrap::fill(text, options);
    format!("{lead}{}\n", filled.strip_prefix(&indent).unwrap_or(&filled))
}

/// On which side of its column a cell stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// `text` in a column of `width` cells; longer text is not cut.
pub(super) fn pad(text: &str, width: usize, side: Side) -> String {
    let fill = " ".repeat(width.saturating_sub(text.width()));
    match side {
        Side::Left => format!("{text}{fill}"),
        Side::Right => format!("{fill}{text}"),
    }
}

/// Rows under headings, each column as wide as its widest cell.
#[derive(Debug)]
pub(super) struct Grid<const N: usize> {
    columns: [(&'static str, Side); N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Grid<N> {
    pub(super) const fn new(columns: [(&'static str, Side); N]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    pub(super) fn push(&mut self, row: [String; N]) {
        self.rows.push(row);
    }

    fn widths(&self) -> [usize; N] {
        std::array::from_fn(|column| {
            let cells = self.rows.iter().map(|row| row[column].width());
            cells.max().unwrap_or(0).max(self.columns[column].0.width())
        })
    }

    /// Cells of the longest line.
    pub(super) fn width(&self) -> usize {
        self.widths().iter().sum::<usize>() + 2 * N.saturating_sub(1)
    }

    /// The heading, then each row; no line ends in blanks or in a line feed.
    pub(super) fn lines(&self) -> (String, Vec<String>) {
        let widths = self.widths();
        let line = |cells: [&str; N]| {
            let cells = cells.iter().zip(widths).zip(self.columns);
            let cells = cells.map(|((cell, width), (_, side))| pad(cell, width, side));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let heading = line(self.columns.map(|(name, _)| name));
        let rows = self.rows.iter();
        (heading, rows.map(|row| line(row.each_ref().map(String::as_str))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_their_cells_hold() {
        let mut grid = Grid::new([("NAME", Side::Left), ("N", Side::Right), ("WHERE", Side::Left)]);
        grid.push(["計算".into(), "7".into(), "[2001:db8:1:2:3:4:5:6]:443".into()]);
        grid.push(["checkout".into(), "1,204".into(), "10.0.0.1:80".into()]);
        let (heading, rows) = grid.lines();
        assert_eq!(heading, "NAME          N  WHERE");
        assert_eq!(rows[0], "計算          7  [2001:db8:1:2:3:4:5:6]:443");
        assert_eq!(rows[1], "checkout  1,204  10.0.0.1:80");
        assert_eq!(grid.width(), rows[0].width());
    }

    #[test]
    fn wrapped_lines_hang_below_the_first() {
        let text = hang("  change:  ", "keep one client and share it among threads", 40);
        assert_eq!(text, "  change:  keep one client and share it\n           among threads\n");
    }

    #[test]
    fn long_words_such_as_addresses_are_not_broken() {
        let text = hang("to ", "[2001:db8:1111:2222:3333:4444:5555:6666]:443", 30);
        assert_eq!(text, "to [2001:db8:1111:2222:3333:4444:5555:6666]:443\n");
    }

    #[test]
    fn without_colour_there_is_no_escape_sequence() {
        assert_eq!(Paint { on: false }.paint(RED, "LOST"), "LOST");
        assert_eq!(Paint { on: true }.paint(RED, "LOST"), "\u{1b}[1m\u{1b}[31mLOST\u{1b}[0m");
    }
}

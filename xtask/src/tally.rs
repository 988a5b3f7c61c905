//! Counts of tests, read from the summary lines of libtest.

/// Tests that ran, by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    pub(crate) ignored: u32,
}

impl Tally {
    /// Adds what `line` counts, if it is a `test result:` line; others are passed over.
    pub(crate) fn line(&mut self, line: &str) {
        let Some(rest) = line.trim().strip_prefix("test result:") else { return };
        let rest = rest.trim_start_matches([' ', 'o', 'k']).trim_start_matches("FAILED");
        for part in rest.trim_start_matches(['.', ' ']).split(';') {
            let Some((count, word)) = part.trim().split_once(' ') else { continue };
            let Ok(count) = count.parse::<u32>() else { continue };
            match word {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn summary_lines_add_up() {
        let mut tally = Tally::default();
        tally.line("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out");
        tally
            .line("test result: FAILED. 2 passed; 4 failed; 0 ignored; 0 measured; 7 filtered out");
        tally.line("test some::test ... ok");
        assert_eq!(tally, Tally { passed: 5, failed: 4, ignored: 1 });
    }
}

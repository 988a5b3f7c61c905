//! Counts of tests, read from the summary lines of libtest.

/// Tests that ran, by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    pub(crate) ignored: u32,
    /// In one of two plays only; libtest counts none.
    pub(crate) again: u32,
}

impl Tally {
    /// Adds what `line` counts, if it is a `test result:` line; others are passed over. Whether it
    /// was one that counts tests.
    pub(crate) fn line(&mut self, line: &str) -> bool {
        let Some(rest) = line.trim().strip_prefix("test result:") else { return false };
        let mut counted = false;
        // The first part has the verdict before its count: `ok. 3 passed`.
        for part in rest.split(';') {
            let mut words = part.split_whitespace().rev();
            let (Some(word), Some(Ok(count))) = (words.next(), words.next().map(str::parse::<u32>))
            else {
                continue;
            };
            match word {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => continue,
            }
            counted = true;
        }
        counted
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn summary_lines_add_up() {
        let mut tally = Tally::default();
        assert!(
            tally
                .line("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out")
        );
        tally
            .line("test result: FAILED. 2 passed; 4 failed; 0 ignored; 0 measured; 7 filtered out");
        assert!(!tally.line("test some::test ... ok"));
        assert!(!tally.line("test result:"));
        assert_eq!(tally, Tally { passed: 5, failed: 4, ignored: 1, again: 0 });
    }
}

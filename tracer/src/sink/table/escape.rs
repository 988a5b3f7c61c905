//! Keeps what traced processes chose (`comm`, paths) from acting on the terminal.

/// Control characters and those that reorder or hide text, as `\u{1b}`; all else as it is.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_deceptive(c) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Line separators, bidirectional controls and zero-width characters.
const fn is_deceptive(c: char) -> bool {
    matches!(c,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_cannot_move_the_cursor_or_turn_text_around() {
        assert_eq!(escape("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(escape("two\nlines\t"), "two\\u{a}lines\\u{9}");
        assert_eq!(escape("\u{9b}31m"), "\\u{9b}31m");
        assert_eq!(escape("exe\u{202e}gpj"), "exe\\u{202e}gpj");
    }

    #[test]
    fn ordinary_names_stay_as_they_are() {
        for name in ["nginx: worker", "計算", "naïve", "\u{fffd}"] {
            assert_eq!(escape(name), name);
        }
    }
}

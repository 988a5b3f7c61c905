//! What the terminal can show.

use std::io::IsTerminal as _;

use crate::sink::table::Look;

/// Width and colours for stdout. `NO_COLOR` and `CLICOLOR` are honoured; a pipe gets plain text.
pub(super) fn look() -> Look {
    let stdout = std::io::stdout();
    let colour = anstream::AutoStream::choice(&stdout) != anstream::ColorChoice::Never;
    let mut look = Look { colour, ..Look::default() };
    if stdout.is_terminal()
        && let Ok(size) = rustix::termios::tcgetwinsize(&stdout)
        && size.ws_col > 0
    {
        look.width = usize::from(size.ws_col);
    }
    look
}

//! What the terminal can show.

use std::io::{self, Write as _};
use std::os::fd::AsFd;

use anstream::stream::RawStream;

use crate::sink::table::Look;

/// Width and colours for stdout. `NO_COLOR` and `CLICOLOR` are honoured; a pipe gets plain text.
pub(super) fn look() -> Look {
    look_of(&io::stdout())
}

/// The same for another stream.
pub(super) fn look_of(stream: &(impl RawStream + AsFd)) -> Look {
    let colour = anstream::AutoStream::choice(stream) != anstream::ColorChoice::Never;
    let mut look = Look { colour, ..Look::default() };
    if stream.is_terminal()
        && let Ok(size) = rustix::termios::tcgetwinsize(stream)
        && size.ws_col > 0
    {
        look.width = usize::from(size.ws_col);
    }
    look
}

/// Says something to the person at the terminal, on stderr: stdout belongs to the data.
pub fn say(sentence: &str) {
    // Nobody is left to be told that stderr is gone.
    let _unheard = writeln!(io::stderr(), "tracer: {sentence}");
}

/// Whether diagnostics on stderr may be coloured.
#[must_use]
pub fn stderr_has_colour() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}

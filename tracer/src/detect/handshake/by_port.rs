//! Which protocol a port means, looked up at once. Owns no protocol.

use super::PROTOCOLS;

/// One more than the place in [`PROTOCOLS`] of what a port means, 0 for nothing: asked several times
/// for each connection.
pub(super) static BY_PORT: [u8; 1 << 16] = by_port();

#[expect(clippy::large_stack_arrays, reason = "it runs when this is compiled, never later")]
const fn by_port() -> [u8; 1 << 16] {
    let mut by_port = [0; 1 << 16];
    let mut number = PROTOCOLS.len();
    // The first that names a port counts.
    while number > 0 {
        let ports = PROTOCOLS[number - 1].ports;
        let mut at = 0;
        while at < ports.len() {
            #[expect(clippy::cast_possible_truncation, reason = "there are a few dozen protocols")]
            let place = number as u8;
            by_port[ports[at] as usize] = place;
            at += 1;
        }
        number -= 1;
    }
    by_port
}

//! `inflate IN OUT RECORDS`: makes a long recording of a short one, by repeating it with other cookies
//! and later times, so that each repetition is made of connections of its own. Ports and processes
//! stay: they come again on a real host, too. Connections that are open at a tick are left out, for
//! they would be the same ones in each repetition.

use std::fs::File;
use std::io::{BufReader, Write as _};
use std::mem::offset_of;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tracer::source::{Chunk, Input, Reader, Writer};
use tracer_ebpf::{Conn, KIND_CONN, KIND_LATE, Late};

/// More cookies than one recording has.
const COOKIES: u64 = 1 << 40;
/// From the last tick of a repetition to the first of the next.
const BETWEEN_NS: u64 = 1_000_000_000;
/// Every time in a record of a connection.
const TIMES: [usize; 5] = [
    offset_of!(Conn, open_ns),
    offset_of!(Conn, established_ns),
    offset_of!(Conn, first_close_ns),
    offset_of!(Conn, end_ns),
    offset_of!(Conn, polled_ns),
];

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("inflate: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let [from, to, records] = arguments else {
        anyhow::bail!("three arguments are needed: a recording, a new file, how many records");
    };
    let wanted: u64 = records.parse().with_context(|| format!("{records} is no number"))?;
    let file = File::open(from).with_context(|| format!("cannot open {from}"))?;
    let mut reader = Reader::new(BufReader::new(file))?;
    let meta = reader.meta().to_owned();
    let (mut inputs, mut ticks, mut have) = (Chunk::default(), Vec::new(), 0_u64);
    while let Some(input) = reader.next()? {
        match input {
            Input::Live(_) => continue,
            Input::Record(_) => have += 1,
            Input::Tick { now_ns, .. } => ticks.push(now_ns),
            Input::Lost(_) | Input::LostOf(_) | Input::Dropped(_) | Input::Identity(_) => {}
        }
        inputs.push(input);
    }
    ensure!(have > 0, "{from} has no record");
    let (first, last) = (ticks.first().context("no tick")?, ticks.last().context("no tick")?);
    let repetition = last - first + BETWEEN_NS;
    let times = wanted.div_ceil(have);
    let out = File::create(to).with_context(|| format!("cannot create {to}"))?;
    let mut writer = Writer::new(out, &meta)?;
    for nth in 0..times {
        for input in inputs.inputs() {
            write(&mut writer, input, nth, nth + 1 == times, repetition)?;
        }
    }
    let told = json!({ "records": have * times, "repetitions": times, "seconds": repetition as f64 / 1e9 });
    writeln!(std::io::stdout(), "{told}")?;
    Ok(())
}

fn write(
    writer: &mut Writer<File>,
    input: Input<'_>,
    nth: u64,
    is_final: bool,
    repetition: u64,
) -> Result<()> {
    let later = nth * repetition;
    match input {
        Input::Record(bytes) => {
            writer.write(Input::Record(&moved(bytes, nth * COOKIES, later)?))?;
        }
        Input::Tick { now_ns, is_last } => {
            let tick = Input::Tick { now_ns: now_ns + later, is_last: is_last && is_final };
            writer.write(tick)?;
        }
        // Each process is met once, and all that was lost is told by then.
        Input::Identity(_) | Input::Lost(_) | Input::Dropped(_) if nth > 0 => {}
        other => writer.write(other)?,
    }
    Ok(())
}

/// The record of another connection, that much later.
fn moved(bytes: &[u8], cookies: u64, later: u64) -> Result<Vec<u8>> {
    let mut bytes = bytes.to_vec();
    match bytes.first_chunk().map(|kind| u16::from_ne_bytes(*kind)) {
        Some(KIND_CONN) => {
            add(&mut bytes, offset_of!(Conn, cookie), cookies)?;
            TIMES.iter().try_for_each(|at| add(&mut bytes, *at, later))?;
        }
        Some(KIND_LATE) => {
            add(&mut bytes, offset_of!(Late, cookie), cookies)?;
            add(&mut bytes, offset_of!(Late, at_ns), later)?;
        }
        kind => anyhow::bail!("a record of kind {kind:?}"),
    }
    Ok(bytes)
}

/// Adds to the number there, unless it is 0: that is one which is not known.
fn add(bytes: &mut [u8], at: usize, more: u64) -> Result<()> {
    let place = bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<8>);
    let place = place.context("a record is too short")?;
    let value = u64::from_ne_bytes(*place);
    if value != 0 {
        *place = (value + more).to_ne_bytes();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_record_has_another_cookie_and_later_times_and_is_else_the_same() {
        let mut bytes = vec![0; Conn::SIZE];
        bytes[..2].copy_from_slice(&KIND_CONN.to_ne_bytes());
        let put = |bytes: &mut Vec<u8>, at: usize, value: u64| {
            bytes[at..at + 8].copy_from_slice(&value.to_ne_bytes());
        };
        put(&mut bytes, offset_of!(Conn, cookie), 7);
        put(&mut bytes, offset_of!(Conn, end_ns), 100);
        put(&mut bytes, offset_of!(Conn, bytes_acked), 5);
        let mut wanted = bytes.clone();
        put(&mut wanted, offset_of!(Conn, cookie), 7 + COOKIES);
        put(&mut wanted, offset_of!(Conn, end_ns), 150);
        assert_eq!(moved(&bytes, COOKIES, 50).unwrap(), wanted);
    }

    #[test]
    fn a_record_that_is_cut_off_is_refused() {
        assert!(moved(&KIND_CONN.to_ne_bytes(), 1, 1).is_err());
        assert!(moved(&[], 1, 1).is_err());
    }
}

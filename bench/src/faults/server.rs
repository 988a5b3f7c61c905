//! The accepting side, a process of its own: does what the first byte of a request says. A thread
//! per connection, because some wait for long.

use super::{ANSWER_AT_END, CLOSE, SIZE};
use crate::answer::{ask, take, take_end};
use crate::loopback::{listen, nth};
use crate::part;
use crate::report::{Errors, print_line};
use anyhow::{Context as _, Result, bail};
use serde_json::json;
use std::io;
use std::net::{Ipv6Addr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Of one of them; it calls nothing deep.
const STACK: usize = 64 * 1024;

#[derive(Default)]
struct Count {
    accepted: u64,
    open: u64,
    /// Resets, mostly, which are part of the play.
    ends: Errors,
}

#[derive(Default)]
struct Shared {
    count: Mutex<Count>,
    /// Nothing is open any more.
    all_ended: Condvar,
}

impl Shared {
    fn count(&self) -> MutexGuard<'_, Count> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn serve(port: u16) -> Result<()> {
    let listener = listen(port)?;
    let listener6 =
        TcpListener::bind((Ipv6Addr::LOCALHOST, nth(port, 1))).context("cannot listen on [::1]")?;
    let ports = [listener.local_addr()?.port(), listener6.local_addr()?.port()];
    let shared = Arc::new(Shared::default());
    for listener in [listener, listener6] {
        let shared = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &shared));
    }
    part::ready(&ports)?;
    part::wait_for_end()?;
    let (count, timeout) = shared
        .all_ended
        .wait_timeout_while(shared.count(), Duration::from_secs(10), |count| count.open > 0)
        .unwrap_or_else(PoisonError::into_inner);
    if timeout.timed_out() {
        bail!("{} connections are still open after their client has ended", count.open);
    }
    let line = json!({ "connections": count.accepted, "ends": count.ends.json() });
    print_line(&line.to_string())
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) => {
                shared.count().ends.add(&error);
                continue;
            }
        };
        let mut count = shared.count();
        count.accepted += 1;
        count.open += 1;
        drop(count);
        let theirs = Arc::clone(shared);
        let thread = thread::Builder::new().stack_size(STACK).spawn(move || {
            let end = play(&stream);
            drop(stream);
            let mut count = theirs.count();
            end.unwrap_or_else(|error| count.ends.add(&error));
            count.open -= 1;
            if count.open == 0 {
                theirs.all_ended.notify_all();
            }
        });
        if let Err(error) = thread {
            let mut count = shared.count();
            count.ends.add(&error);
            count.open -= 1;
        }
    }
}

fn play(stream: &TcpStream) -> io::Result<()> {
    let mut buffer = [0; SIZE];
    loop {
        match take(stream, &mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            other => other?,
        }
        match buffer[0] {
            ANSWER_AT_END => {
                take_end(stream)?;
                return ask(stream, &buffer);
            }
            CLOSE => return ask(stream, &buffer),
            _ => ask(stream, &buffer)?,
        }
    }
}

//! Looks up what was there before the observation: which connections, and whose. With very many open
//! files that takes seconds, so a thread of its own does it, and signals are heard meanwhile.

use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::oneshot::{Receiver, channel};
use tokio::time::sleep;

use super::signals::Signals;
use super::terminal;
use crate::probe::{self, Seeding};
use crate::process::{self, Scan};
use crate::source::Kernel;

/// A look-up that takes longer is told of.
const SLOW: Duration = Duration::from_secs(1);

/// Looks them up, for `most` and no longer, but for that long at least which nobody notices. What was not
/// reached by then, or when a signal came, stays unknown.
pub(super) fn look_up(
    runtime: &Runtime,
    signals: &mut Signals,
    kernel: &mut Kernel,
    sees_pids: bool,
    most: Option<Duration>,
) -> Scan {
    let walk = kernel.seeding().unwrap_or_else(|error| {
        tracing::warn!(%error, "connections that were open before are not known");
        None
    });
    let is_over = Arc::new(AtomicBool::new(false));
    let of_thread = Arc::clone(&is_over);
    let (tell, told) = channel();
    let work = move || {
        // Nobody waits for it any more.
        let _late = tell.send(walked(walk, sees_pids, &|| of_thread.load(Ordering::Relaxed)));
    };
    if let Err(error) = thread::Builder::new().name("tracer-before".into()).spawn(work) {
        tracing::warn!(%error, "connections that were open before are not known");
        return Scan::default();
    }
    let stop = async {
        signals.next().await;
    };
    let say = |text: &str| terminal::say(text);
    let scan = runtime.block_on(wait(told, stop, most.map(|most| most.max(SLOW)), &say));
    is_over.store(true, Ordering::Relaxed);
    scan.unwrap_or_default()
}

fn walked(walk: Option<Seeding>, sees_pids: bool, is_over: &dyn Fn() -> bool) -> Scan {
    let Some(walk) = walk else { return process::scan(sees_pids, is_over) };
    let listeners = walk.run(is_over).unwrap_or_else(|error| {
        tracing::warn!(%error, "connections that were open before are not all known");
        Vec::new()
    });
    Scan { listeners, ..Scan::default() }
}

/// What was found; `None` if `stop` is done, or `most` over, before that.
async fn wait(
    told: Receiver<Scan>,
    stop: impl Future<Output = ()>,
    most: Option<Duration>,
    say: &dyn Fn(&str),
) -> Option<Scan> {
    let slow = async {
        sleep(SLOW).await;
        let sockets = probe::tcp_sockets();
        let of = sockets.map_or_else(|| "all".to_owned(), |count| count.to_string());
        say(&format!("looking up the owners of {of} open TCP sockets; Ctrl-C ends it"));
        pending::<()>().await;
    };
    let limit = async {
        match most {
            Some(most) => sleep(most).await,
            None => pending().await,
        }
    };
    tokio::select! {
        biased;
        scan = told => scan.ok(),
        () = stop => None,
        () = limit => {
            say("the owners of open connections were looked up for as long as -d says, and are not all \
                 known: a longer -d gives it more time");
            None
        }
        () = slow => None,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::time::Instant;

    use tokio::runtime::Builder;

    use super::*;

    /// Waits for a look-up that never ends; what was said.
    fn endless(stop_after: Duration, most: Option<Duration>) -> Vec<String> {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let said = RefCell::new(Vec::new());
        let (_never, told) = channel();
        let say = |text: &str| said.borrow_mut().push(text.to_owned());
        let began = Instant::now();
        let stop = async { sleep(stop_after).await };
        assert!(runtime.block_on(async { wait(told, stop, most, &say).await }).is_none());
        assert!(began.elapsed() < Duration::from_secs(30));
        said.into_inner()
    }

    #[test]
    fn a_signal_ends_a_look_up_that_goes_on() {
        assert!(endless(Duration::from_millis(10), None).is_empty());
    }

    #[test]
    fn a_look_up_takes_no_longer_than_the_observation() {
        let said = endless(Duration::from_mins(1), Some(Duration::from_millis(10)));
        assert!(said[0].contains("not all known"), "{said:?}");
    }

    #[test]
    fn one_that_takes_long_is_told_of_with_how_many_there_are() {
        let said = endless(SLOW + Duration::from_secs(5), None);
        assert_eq!(said.len(), 1);
        let of = said[0].strip_prefix("looking up the owners of ").unwrap();
        assert!(of.split(' ').next().unwrap().parse::<u64>().is_ok(), "{said:?}");
    }

    #[test]
    fn what_was_found_in_time_is_told_whatever_else_is_due() {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let (tell, told) = channel();
        tell.send(Scan { beyond: 7, ..Scan::default() }).unwrap();
        let scan = runtime.block_on(async {
            wait(told, std::future::ready(()), Some(Duration::ZERO), &|_| {}).await
        });
        assert_eq!(scan.unwrap().beyond, 7);
    }
}

//! In which order columns run, and how many at a time.

use super::column::{Column, Machine};
use super::matrix::Done;
use super::runner::Runner;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Runs all `columns`: guests, `jobs` at a time, then this host alone, so that nothing else loads
/// it. What comes back is in the order of `columns`.
pub(crate) fn run_all(runner: &Runner<'_>, columns: &[Column], jobs: usize) -> Vec<Done> {
    let is_guest = |place: &usize| columns[*place].machine != Machine::Host;
    let (guests, host): (Vec<_>, Vec<_>) = (0..columns.len()).partition(is_guest);
    let run = |place: usize| (place, runner.run(columns[place]));
    let mut done = pool(&guests, jobs, run);
    done.extend(host.into_iter().map(run));
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, done)| done).collect()
}

/// What `run` makes of each of `places`, in any order, by `jobs` threads.
fn pool<T: Send>(places: &[usize], jobs: usize, run: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        while let Some(place) = places.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push(run(*place));
        }
        done
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(worker)).collect();
        let ended = workers.into_iter().map(|worker| {
            worker.join().unwrap_or_else(|panic| {
                // As it would have been without threads.
                resume_unwind(panic)
            })
        });
        ended.flatten().collect()
    })
}

#[cfg(test)]
mod tests {
    use super::pool;
    use std::sync::Barrier;

    #[test]
    fn each_place_is_run_once() {
        let mut done = pool(&[4, 2, 7], 2, |place| place * 10);
        done.sort_unstable();
        assert_eq!(done, [20, 40, 70]);
        assert_eq!(pool(&[1, 2], 0, |place| place), [1, 2], "at least one at a time");
    }

    /// Ends only if two run at one time.
    #[test]
    fn two_jobs_are_two_at_a_time() {
        let both = Barrier::new(2);
        pool(&[0, 1], 2, |_| {
            both.wait();
        });
    }
}

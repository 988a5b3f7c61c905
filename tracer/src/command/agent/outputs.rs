//! Everything the agent writes lines to. Each line is made once, and is the same for all; each output has
//! its own bounded queue and its own thread, so that one that is slow, blocked or gone takes nothing
//! from the others. What does not take lines as they are makes them into what it takes.

use std::io::{self, Write as _};
use std::thread;

use super::super::news::News;
use super::super::outbox::{Outbox, Outlook};
use super::super::{Error, terminal};
use crate::clock::Clock;
use crate::detect::Finding;
use crate::pipeline::Pipeline;
use crate::sink::json::Json;
use crate::sink::{Item, Origin, Sink};

/// One of them.
struct Output {
    name: &'static str,
    queue: Outbox,
    /// None while it is told.
    news: Option<News>,
    has_ended: bool,
}

/// All of them.
pub(super) struct Outputs {
    line: Json<Vec<u8>>,
    origin: Origin,
    all: Vec<Output>,
    /// Whom lines are for now, if not for all.
    only: Option<usize>,
}

impl Outputs {
    /// Lines of what is observed at `origin`, for nobody yet.
    pub(super) fn new(origin: Origin) -> Self {
        let line = Json::new(Vec::new(), origin.clone());
        Self { line, origin, all: Vec::new(), only: None }
    }

    /// One more; `name` is the subject of a sentence.
    pub(super) fn add(&mut self, name: &'static str, queue: Outbox) {
        let news = Some(News::new(queue.outlook()));
        self.all.push(Output { name, queue, news, has_ended: false });
    }

    /// Times are by this clock from now on.
    pub(super) fn set_clock(&mut self, clock: Clock) {
        self.origin.clock = clock;
        self.line.set_clock(clock);
    }

    /// How each of them does.
    pub(super) fn outlooks(&self) -> Vec<Outlook> {
        self.all.iter().map(|output| output.queue.outlook()).collect()
    }

    /// Tells each of them the findings with news since it took them the last time.
    pub(super) fn tell_news(
        &mut self,
        pipeline: &Pipeline,
        findings: &[Finding],
        at_ns: u64,
    ) -> Result<(), Error> {
        self.each(|news, sink| news.tell(sink, pipeline, findings, at_ns))
    }

    /// The last lines, once the observation is over and lines wait for room: findings that were not told,
    /// and what `close` writes. Each output has a thread for it, for whoever takes nothing would keep
    /// the others from their end.
    pub(super) fn end(
        &mut self,
        pipeline: &Pipeline,
        at_ns: u64,
        close: impl FnOnce(&mut dyn Sink) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut last = Json::new(Vec::new(), self.origin.clone());
        close(&mut last)?;
        let (origin, last) = (&self.origin, &*last.out());
        let findings = &pipeline.judge().findings();
        let end = |output: &mut Output| {
            let mut sink = Json::new(&mut output.queue, origin.clone());
            if let Some(news) = &mut output.news {
                news.catch_up(&mut sink, pipeline, findings, at_ns)?;
            }
            let out = sink.out();
            out.write_all(last).and_then(|()| out.flush()).map_err(Error::Output)
        };
        let mut ends = Vec::new();
        thread::scope(|scope| {
            let open = self.all.iter_mut().filter(|output| !output.has_ended);
            let threads: Vec<_> =
                open.map(|output| (output.name, scope.spawn(move || end(output)))).collect();
            for (name, thread) in threads {
                // One that panicked has said so.
                ends.push((name, thread.join().unwrap_or(Ok(()))));
            }
        });
        let is_alone = ends.len() == 1;
        let mut outcome = if ends.is_empty() { Ok(()) } else { Err(None) };
        for (name, end) in ends {
            match end {
                Ok(()) => outcome = Ok(()),
                Err(Error::Output(error)) if !is_alone => {
                    terminal::say(&format!("{name} did not take its last lines: {error}"));
                    if outcome.is_err() {
                        outcome = Err(Some(Error::Output(error)));
                    }
                }
                Err(error) => return Err(error),
            }
        }
        outcome.map_err(|error| error.unwrap_or(Error::Output(io::ErrorKind::BrokenPipe.into())))
    }

    fn each(
        &mut self,
        mut tell: impl FnMut(&mut News, &mut dyn Sink) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for number in 0..self.all.len() {
            let output = &mut self.all[number];
            // It writes by way of us.
            let Some(mut news) = output.news.take().filter(|_| !output.has_ended) else { continue };
            self.only = Some(number);
            let told = tell(&mut news, self);
            self.only = None;
            self.all[number].news = Some(news);
            told?;
        }
        Ok(())
    }

    /// Has lines or their end taken by those whom they are for. One that fails is told of and left out
    /// from then on, and what it would have had is counted as dropped: the others go on.
    ///
    /// # Errors
    /// That of the last one.
    fn give(&mut self, take: impl Fn(&mut Outbox, &[u8]) -> io::Result<()>) -> io::Result<()> {
        let (lines, mut last) = (self.line.out(), Ok(()));
        for (number, output) in self.all.iter_mut().enumerate() {
            if self.only.is_some_and(|only| only != number) {
                continue;
            }
            if output.has_ended {
                output.queue.outlook().drop_lines(lines);
                continue;
            }
            if let Err(error) = take(&mut output.queue, lines) {
                output.has_ended = true;
                output.queue.drop_queued();
                terminal::say(&format!("{} takes no more lines: {error}", output.name));
                last = Err(error);
            }
        }
        if self.all.iter().all(|output| output.has_ended) { last } else { Ok(()) }
    }
}

impl Sink for Outputs {
    fn write(&mut self, item: &Item<'_>) -> io::Result<()> {
        self.line.out().clear();
        self.line.write(item)?;
        self.give(io::Write::write_all)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.line.out().clear();
        self.give(|queue, _| io::Write::flush(queue))
    }
}

//! From when until when an event was, and how long that is.

use jiff::{SignedDuration, Timestamp};

use super::line::Line;
use super::object::{Object, quoted};

/// Begin, end, length.
type Span = (Option<Timestamp>, Option<Timestamp>, Option<SignedDuration>);

/// `event.start`, `event.end` and `event.duration` (nanoseconds), as far as they are known.
pub(super) fn put<'a>(document: &mut Object<'a>, line: &Line<'a>, event: &str) {
    let time = |key: &str| line.text(key).and_then(|time| time.parse::<Timestamp>().ok());
    let (start, end, length) = match event {
        "tracer.finding" => {
            let (start, end) =
                (time("tracer.finding.first_seen"), time("tracer.finding.last_seen"));
            (start, end, start.zip(end).map(|(start, end)| end.duration_since(start)))
        }
        super::CLOSED => before(line, time("timestamp"), "tracer.duration_s"),
        "tracer.summary" | "tracer.peer" => before(line, time("timestamp"), "tracer.window_s"),
        _ => return,
    };
    for (name, time) in [("event.start", start), ("event.end", end)] {
        if let Some(time) = time {
            document.put(name, quoted(&format!("{time:.9}")));
        }
    }
    if let Some(length) = length {
        document.put("event.duration", length.as_nanos().to_string());
    }
}

/// What ended then, and lasted as long as a key says.
fn before(line: &Line<'_>, end: Option<Timestamp>, key: &str) -> Span {
    let seconds = line.number::<f64>(key);
    let length = seconds.and_then(|seconds| SignedDuration::try_from_secs_f64(seconds).ok());
    (end.zip(length).and_then(|(end, length)| end.checked_sub(length).ok()), end, length)
}

//! From when until when an event was, and how long that is.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Document, Fields, text};

/// Begin, end, length.
type Span = (Option<Timestamp>, Option<Timestamp>, Option<SignedDuration>);

/// `event.start`, `event.end` and `event.duration` (nanoseconds), as far as they are known.
pub(super) fn put(document: &mut Document, line: &Fields) {
    let time = |key: &str| text(line, key).and_then(|time| time.parse::<Timestamp>().ok());
    let (start, end, length) = match text(line, "event.name").unwrap_or_default() {
        "tracer.finding" => {
            let (start, end) =
                (time("tracer.finding.first_seen"), time("tracer.finding.last_seen"));
            (start, end, start.zip(end).map(|(start, end)| end.duration_since(start)))
        }
        "tracer.connection.closed" => before(line, time("timestamp"), "tracer.duration_s"),
        "tracer.summary" | "tracer.peer" => before(line, time("timestamp"), "tracer.window_s"),
        _ => return,
    };
    for (name, time) in [("event.start", start), ("event.end", end)] {
        if let Some(time) = time {
            document.put(name, format!("{time:.9}").into());
        }
    }
    if let Some(length) = length.and_then(|length| i64::try_from(length.as_nanos()).ok()) {
        document.put("event.duration", length.into());
    }
}

/// What ended then, and lasted as long as a key says.
fn before(line: &Fields, end: Option<Timestamp>, key: &str) -> Span {
    let seconds = line.get(key).and_then(Value::as_f64);
    let length = seconds.and_then(|seconds| SignedDuration::try_from_secs_f64(seconds).ok());
    (end.zip(length).and_then(|(end, length)| end.checked_sub(length).ok()), end, length)
}

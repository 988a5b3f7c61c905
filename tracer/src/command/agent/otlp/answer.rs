//! What a collector made of what it was sent, as the specification of OTLP reads it: taken, refused for
//! good, or to be sent again.

use std::error::Error as _;
use std::time::{Duration, SystemTime};

use hyper::header::{HeaderMap, RETRY_AFTER};
use hyper::{Response, StatusCode};
use jiff::fmt::rfc2822;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// Longest that a collector may keep us off: one that asks for more is asked again sooner.
const LONGEST: Duration = Duration::from_mins(10);
/// Most characters of what a collector says.
const MOST: usize = 200;

/// One of the three.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    /// It has it, but for so many records or points, for a reason.
    Taken { refused: u64, why: String },
    /// It will never take it.
    Refused(String),
    /// It may take it later, if it says so after this time at the earliest.
    Later { after: Option<Duration>, why: String },
}

impl Answer {
    /// It could not be asked.
    pub(super) fn unreachable(why: impl Into<String>) -> Self {
        Self::Later { after: None, why: why.into() }
    }

    /// It has it; `refused` and `why` are those of a partial success.
    pub(super) fn taken(refused: i64, why: &str) -> Self {
        Self::Taken { refused: u64::try_from(refused).unwrap_or_default(), why: short(why) }
    }

    /// Of a status of gRPC that is not OK.
    pub(super) fn of_status(status: &Status) -> Self {
        // What the transport met and no collector said has a source.
        if let Some(met) = status.source() {
            return Self::unreachable(chain(met));
        }
        let after = status.get_details_retry_info().and_then(|info| info.retry_delay);
        let after = after.map(|after| after.min(LONGEST));
        let why = format!("{:?}: {}", status.code(), short(status.message()));
        match status.code() {
            Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss => Self::Later { after, why },
            // Only who says when has room again later.
            Code::ResourceExhausted if after.is_some() => Self::Later { after, why },
            _ => Self::Refused(why),
        }
    }

    /// Of a response of HTTP that is no success.
    pub(super) fn of_response<B>(response: &Response<B>, now: SystemTime) -> Self {
        let status = response.status();
        match status {
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => {
                Self::Later { after: retry_after(response.headers(), now), why: status.to_string() }
            }
            _ => Self::Refused(status.to_string()),
        }
    }
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let after = if let Ok(seconds) = text.parse() {
        Duration::from_secs(seconds)
    } else {
        let date = rfc2822::parse(text).ok()?.timestamp();
        SystemTime::from(date).duration_since(now).unwrap_or_default()
    };
    Some(after.min(LONGEST))
}

/// An error with all that led to it.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        // Some say what their source says.
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    short(&text)
}

/// The beginning of what others say, which goes to stderr.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use tonic_types::ErrorDetails;

    use super::*;

    fn response(status: u16, retry_after: Option<&str>) -> Answer {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        if let Some(value) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, value.parse().unwrap());
        }
        Answer::of_response(&response, UNIX_EPOCH + Duration::from_secs(946_684_790))
    }

    fn after(answer: &Answer) -> Option<Duration> {
        let Answer::Later { after, .. } = answer else { unreachable!("{answer:?}") };
        *after
    }

    #[test]
    fn http_says_when_to_come_again_in_seconds_or_by_a_date() {
        assert_eq!(after(&response(503, None)), None);
        assert_eq!(after(&response(429, Some("7"))), Some(Duration::from_secs(7)));
        let date = "Fri, 31 Dec 1999 23:59:59 GMT";
        assert_eq!(after(&response(503, Some(date))), Some(Duration::from_secs(9)));
        assert_eq!(after(&response(503, Some("soon"))), None);
        assert_eq!(after(&response(503, Some("99999"))), Some(LONGEST));
        for status in [502, 504] {
            assert_eq!(after(&response(status, None)), None);
        }
        for status in [301, 400, 401, 404, 413, 500] {
            assert!(matches!(response(status, None), Answer::Refused(_)), "{status}");
        }
    }

    #[test]
    fn grpc_codes_are_those_of_the_specification() {
        let later = [Code::Unavailable, Code::Aborted, Code::DeadlineExceeded, Code::DataLoss];
        for code in later {
            assert_eq!(after(&Answer::of_status(&Status::new(code, "x"))), None);
        }
        for code in [Code::InvalidArgument, Code::Unauthenticated, Code::Internal, Code::Unknown] {
            let answer = Answer::of_status(&Status::new(code, "no\n"));
            assert_eq!(answer, Answer::Refused(format!("{code:?}: no")));
        }
        let full = Status::new(Code::ResourceExhausted, "full");
        assert!(matches!(Answer::of_status(&full), Answer::Refused(_)), "it does not say when");
        let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(3)));
        let full = Status::with_error_details(Code::ResourceExhausted, "full", details);
        assert_eq!(after(&Answer::of_status(&full)), Some(Duration::from_secs(3)));
    }

    #[test]
    fn what_the_transport_met_is_no_refusal() {
        let error = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let answer = Answer::of_status(&Status::from_error(Box::new(error)));
        assert_eq!(answer, Answer::unreachable("connection refused"));
    }
}

//! Numbers as people read them. Pure; each keeps two or three telling digits and its unit.

/// `340 µs`, `1.2 ms`, `15.0 s`, `2 m 05 s`, `1 h 02 m`, `3 d 04 h`; `?` if it is not a time.
pub(crate) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "?".to_owned();
    }
    // Each bound is where rounding in the smaller unit would reach the larger one.
    if seconds == 0.0 {
        "0 s".to_owned()
    } else if seconds < 0.5e-6 {
        "< 1 µs".to_owned()
    } else if seconds < 999.5e-6 {
        format!("{:.0} µs", seconds * 1e6)
    } else if seconds < 99.95e-3 {
        format!("{:.1} ms", seconds * 1e3)
    } else if seconds < 999.5e-3 {
        format!("{:.0} ms", seconds * 1e3)
    } else if seconds < 59.95 {
        format!("{seconds:.1} s")
    } else {
        long(seconds)
    }
}

fn long(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let seconds = seconds.round() as u64;
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match (minutes, hours) {
        (..60, _) => format!("{minutes} m {:02} s", seconds % 60),
        (_, ..24) => format!("{hours} h {:02} m", minutes % 60),
        _ => format!("{} d {:02} h", hours / 24, hours % 24),
    }
}

/// `512 B`, `1.2 MiB`, `248 MiB`.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut units = UNITS.iter();
    let mut unit = units.next();
    while value >= 1023.5 {
        value /= 1024.0;
        unit = units.next();
    }
    let digits = usize::from(value < 99.95);
    format!("{value:.digits$} {}", unit.unwrap_or(&"EiB"))
}

/// `1,204`.
pub(crate) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 connection`, `1,204 connections`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let plural = match (number, noun.strip_suffix("ss")) {
        (1, _) => "",
        (_, Some(_)) => "es",
        (_, None) => "s",
    };
    format!("{} {noun}{plural}", count(number))
}

/// `99 %`, `0.5 %`; never a rounded 0 % or 100 %.
pub(super) fn share(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.05 {
        "< 0.1 %".to_owned()
    } else if percent > 99.95 && percent < 100.0 {
        "> 99.9 %".to_owned()
    } else {
        format!("{} %", short(percent, 1))
    }
}

/// Two digits after the point, cut and not rounded: 1.00 would claim what no real ratio reaches.
pub(super) fn ratio(ratio: f64) -> String {
    let cut = (ratio * 100.0 + 1e-9).floor() / 100.0;
    format!("{cut:.2}")
}

type Form = fn(f64) -> String;

/// One measure of a finding by its name's unit, and the name without it, in words.
pub(super) fn measure(name: &str, value: f64) -> (String, String) {
    let forms: [(&str, Form); 5] = [
        ("_per_s", |value| format!("{} per s", number(value))),
        ("_s", duration),
        ("_bytes", |value| bytes(whole(value))),
        ("_share", share),
        ("_ratio", |value| short(value, 2)),
    ];
    for (suffix, form) in forms {
        if let Some(stem) = name.strip_suffix(suffix) {
            let name = stem.replace('_', " ");
            return match suffix {
                // Beside the count of the same things.
                "_per_s" => (format!("{name}, rate"), form(value)),
                "_share" => (format!("{name}, share"), form(value)),
                // The kernel keeps the time of the last data in ticks.
                "_s" if value == 0.0 && name.contains("idle") => {
                    (name, "under a clock tick".into())
                }
                _ => (name, form(value)),
            };
        }
    }
    (name.replace('_', " "), number(value))
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 && value >= 0.0 { count(whole(value)) } else { short(value, 2) }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn whole(value: f64) -> u64 {
    value.round() as u64
}

/// So many digits after the point at most, without trailing zeros.
fn short(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_the_unit_that_reads_best() {
        for (seconds, text) in [
            (0.0, "0 s"),
            (0.000_000_2, "< 1 µs"),
            (0.000_34, "340 µs"),
            (0.001_2, "1.2 ms"),
            (0.123, "123 ms"),
            (1.0, "1.0 s"),
            (15.0, "15.0 s"),
            (125.0, "2 m 05 s"),
            (3725.0, "1 h 02 m"),
            (273_600.0, "3 d 04 h"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn durations_carry_over_when_they_round_up() {
        for (seconds, text) in [
            (0.000_999_6, "1.0 ms"),
            (0.099_96, "100 ms"),
            (0.999_6, "1.0 s"),
            (59.96, "1 m 00 s"),
            (3599.6, "1 h 00 m"),
            (86_399.9, "1 d 00 h"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn what_is_no_time_is_not_dressed_up_as_one() {
        for seconds in [f64::NAN, f64::INFINITY, -1.0] {
            assert_eq!(duration(seconds), "?");
        }
    }

    #[test]
    fn bytes_are_in_powers_of_1024() {
        for (size, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_300_000, "1.2 MiB"),
            (260_000_000, "248 MiB"),
            (1_048_575, "1.0 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(bytes(size), text);
        }
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1204, "1,204"),
            (123_456, "123,456"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(count(number), text);
        }
        assert_eq!(counted(1, "process"), "1 process");
        assert_eq!(counted(0, "process"), "0 processes");
        assert_eq!(counted(1204, "connection"), "1,204 connections");
    }

    #[test]
    fn shares_and_ratios_never_round_to_all_or_nothing() {
        for (value, text) in
            [(0.0, "0 %"), (0.005, "0.5 %"), (0.99, "99 %"), (0.9999, "> 99.9 %"), (1.0, "100 %")]
        {
            assert_eq!(share(value), text);
        }
        assert_eq!(share(0.000_1), "< 0.1 %");
        assert_eq!(ratio(0.999_9), "0.99");
        assert_eq!(ratio(0.98), "0.98");
        assert_eq!(ratio(1.0 - 4.0 / 200.0), "0.98");
    }

    #[test]
    fn measures_are_read_by_the_suffix_of_their_name() {
        for (name, value, label, text) in [
            ("connections", 1204.0, "connections", "1,204"),
            ("exchanges_per_connection", 1.02, "exchanges per connection", "1.02"),
            ("median_idle_before_close_s", 0.000_34, "median idle before close", "340 µs"),
            ("dials_per_s", 13.3, "dials, rate", "13.3 per s"),
            ("median_idle_before_close_s", 0.0, "median idle before close", "under a clock tick"),
            ("unread_bytes", 2048.0, "unread", "2.0 KiB"),
            ("closed_by_us_share", 0.99, "closed by us, share", "99 %"),
            ("reuse_ratio", 0.5, "reuse", "0.5"),
        ] {
            assert_eq!(measure(name, value), (label.to_owned(), text.to_owned()));
        }
    }
}

//! Values of options as people write them. Owns no option.

use std::time::Duration;

/// Whoever asks for longer means for ever, or has mistaken the unit.
const LONGEST: Duration = Duration::from_hours(366 * 24);

/// A duration such as `15s`, `2m`, `1h`, `500ms`, or seconds as a bare number.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let advice = "write it like 15s, 2m, 1h or 500ms";
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| advice.to_owned())?;
    let seconds = number
        * match unit {
            "ms" => 0.001,
            "" | "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(advice.to_owned()),
        };
    if seconds > LONGEST.as_secs_f64() {
        return Err("it must be at most a year, 8784h".to_owned());
    }
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|time| !time.is_zero())
        .ok_or_else(|| "it must be longer than nothing".to_owned())
}

/// Mebibytes of a ring buffer, which the kernel takes in powers of two only.
pub(super) fn ring_mib(text: &str) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|mib: &u32| mib.is_power_of_two() && *mib <= 1024)
        .ok_or_else(|| "it must be a power of two from 1 to 1024".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(duration("15s"), Ok(Duration::from_secs(15)));
        assert_eq!(duration("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("20"), Ok(Duration::from_secs(20)));
        assert_eq!(duration("8784h"), Ok(LONGEST));
        for bad in ["", "s", "0s", "-1s", "5y", "1e400", "8785h", "99999999999999999999"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}

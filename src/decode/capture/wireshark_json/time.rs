//! The ways in which exports write a packet's time.

use jiff::civil;

use crate::time::Timestamp;

/// `frame.time_epoch`: decimal seconds (Wireshark up to 4.4) or RFC 3339 (from 4.6).
pub(super) fn epoch(text: &[u8]) -> Option<Timestamp> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The `timestamp` of `-T ek`: whole milliseconds.
pub(super) fn milliseconds(text: &[u8]) -> Option<Timestamp> {
    let millis: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    Timestamp::from_wide_nanos(i128::from(millis) * 1_000_000)
}

/// `frame.time` in words, `Nov 22, 2026 15:15:17.623283000 UTC`, or RFC 3339. A zone other than UTC or an
/// offset in digits (`+07`) is ambiguous (CST, IST) and gives `None`.
pub(super) fn words(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?;
    if let Ok(time) = Timestamp::parse_rfc3339(text) {
        return Some(time);
    }
    let mut words = text.split_ascii_whitespace();
    let (month, day, year, clock, zone) = (words.next()?, words.next()?, words.next()?, words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let (hour_minute, second) = clock.rsplit_once(':')?;
    let (hour, minute) = hour_minute.split_once(':')?;
    let (second, fraction) = second.split_once('.').unwrap_or((second, ""));
    let date = civil::Date::new(year.parse().ok()?, i8::try_from(month).ok()?, day.strip_suffix(',')?.parse().ok()?);
    let time = civil::Time::new(hour.parse().ok()?, minute.parse().ok()?, second.parse().ok()?, 0);
    let local = date.ok()?.to_datetime(time.ok()?).to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
    let nanos = i64::from(Timestamp::parse_epoch(&format!("0.{fraction}")).ok()?.subsec_nanos());
    Timestamp::from_parts(local.checked_sub(offset_seconds(zone)?)?, nanos)
}

fn offset_seconds(zone: &str) -> Option<i64> {
    if matches!(zone, "UTC" | "GMT" | "Z") {
        return Some(0);
    }
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = digits.split_at_checked(2)?;
    let minutes = minutes.trim_start_matches(':');
    let minutes: i64 = if minutes.is_empty() { 0 } else { minutes.parse().ok()? };
    let hours: i64 = hours.parse().ok()?;
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_one_moment_is_the_same_moment() {
        // date -u -d @1795360517.623283 agrees.
        let moment = Some(Timestamp::from_nanos(1_795_360_517_623_283_000));
        assert_eq!(epoch(b"1795360517.623283000"), moment);
        assert_eq!(epoch(b"2026-11-22T15:15:17.623283000Z"), moment);
        assert_eq!(words(b"2026-11-22T15:15:17.623283000Z"), moment);
        assert_eq!(words(b"Nov 22, 2026 15:15:17.623283000 UTC"), moment);
        assert_eq!(words(b"Nov 22, 2026 22:15:17.623283000 +07"), moment);
        assert_eq!(words(b"Nov 22, 2026 09:45:17.623283 -0530"), moment);
        assert_eq!(milliseconds(b"1795360517623"), Some(Timestamp::from_nanos(1_795_360_517_623_000_000)));
    }

    #[test]
    fn a_day_of_one_digit_is_padded_with_a_space() {
        assert_eq!(words(b"Dec  5, 2004 19:16:24.317453000 UTC"), epoch(b"1102274184.317453000"));
    }

    #[test]
    fn a_zone_name_that_may_mean_two_places_is_not_guessed() {
        for text in ["Nov 12, 2024 15:51:49.835107000 Paris, Madrid", "Nov  5, 2018 12:58:39.837938000 CET", "", "x"] {
            assert_eq!(words(text.as_bytes()), None, "{text}");
        }
        assert_eq!(words(b"Nov 99, 2024 15:51:49 UTC"), None);
        assert_eq!(milliseconds(b"99999999999999999999"), None);
    }
}

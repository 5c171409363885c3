//! The Time column as people read it: tshark's `-t` forms.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;

use super::number::{write_fraction, write_integer, write_moment, write_seconds};
use crate::time::Timestamp;

/// What a time is told against: the letters of tshark's `-t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeReference {
    /// `a`: time of day in the chosen zone.
    TimeOfDay,
    /// `ad`: date and time of day in the chosen zone.
    Date,
    /// `adoy`: year, day of the year and time of day in the chosen zone.
    DayOfYear,
    /// `d`: seconds since the previous packet, shown or not.
    Delta,
    /// `dd`: seconds since the previous row shown.
    DeltaDisplayed,
    /// `e`: seconds since the Unix epoch.
    Epoch,
    /// `r`: seconds since the first packet.
    Relative,
    /// `u`: time of day in UTC.
    UtcTimeOfDay,
    /// `ud`: date and time of day in UTC.
    UtcDate,
    /// `udoy`: year, day of the year and time of day in UTC.
    UtcDayOfYear,
}

impl TimeReference {
    /// Every reference with the letters that choose it, in tshark's order.
    pub const ALL: [(&'static str, Self); 10] = [
        ("a", Self::TimeOfDay),
        ("ad", Self::Date),
        ("adoy", Self::DayOfYear),
        ("d", Self::Delta),
        ("dd", Self::DeltaDisplayed),
        ("e", Self::Epoch),
        ("r", Self::Relative),
        ("u", Self::UtcTimeOfDay),
        ("ud", Self::UtcDate),
        ("udoy", Self::UtcDayOfYear),
    ];
}

/// How times are shown to people; machine forms always hold epoch seconds with nine digits.
///
/// Reads from tshark's letters, `r`, `ad`, with a number of decimals after a point if wanted: `e.3`. Without
/// one, times have six decimals until the first that needs nine; what is beyond the decimals is cut.
///
/// ```
/// use arqscope::decode::print::{TimeFormat, TimeReference};
/// let format: TimeFormat = "ad.9".parse()?;
/// assert_eq!(format, TimeFormat::new(TimeReference::Date).with_digits(9));
/// assert!("zz".parse::<TimeFormat>().is_err());
/// # Ok::<(), arqscope::decode::print::TimeFormatError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeFormat {
    reference: TimeReference,
    digits: Option<u8>,
    zone: TimeZone,
}

impl TimeFormat {
    /// Times against `reference`; zone UTC.
    #[must_use]
    pub const fn new(reference: TimeReference) -> Self {
        Self { reference, digits: None, zone: TimeZone::UTC }
    }

    /// With `digits` decimals, at most nine.
    #[must_use]
    pub fn with_digits(mut self, digits: u8) -> Self {
        self.digits = Some(digits.min(9));
        self
    }

    /// With `a`, `ad` and `adoy` in `zone`.
    #[must_use]
    pub fn with_zone(mut self, zone: TimeZone) -> Self {
        self.zone = zone;
        self
    }

    /// What times are told against.
    #[must_use]
    pub const fn reference(&self) -> TimeReference {
        self.reference
    }

    /// Decimals until a time needs more.
    const fn first_digits(&self) -> u8 {
        match self.digits {
            Some(digits) => digits,
            None => 6,
        }
    }
}

impl Default for TimeFormat {
    /// `r`, as in tshark.
    fn default() -> Self {
        Self::new(TimeReference::Relative)
    }
}

impl FromStr for TimeFormat {
    type Err = TimeFormatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || TimeFormatError { found: text.to_owned() };
        let (letters, digits) = match text.split_once('.') {
            Some((letters, digits)) => (letters, Some(digits)),
            None => (text, None),
        };
        let format = TimeReference::ALL
            .iter()
            .find(|(name, _)| *name == letters)
            .map(|(_, reference)| Self::new(*reference))
            .ok_or_else(error)?;
        match digits.map(str::as_bytes) {
            None => Ok(format),
            Some([digit @ b'0'..=b'9']) => Ok(format.with_digits(digit - b'0')),
            Some(_) => Err(error()),
        }
    }
}

/// A `-t` that names no time format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeFormatError {
    found: String,
}

impl fmt::Display for TimeFormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no time format: use one of", self.found.escape_debug())?;
        for (i, (name, _)) in TimeReference::ALL.iter().enumerate() {
            write!(f, "{} {name}", if i == 0 { "" } else { "," })?;
        }
        f.write_str(", with .0 to .9 behind it for the number of decimals")
    }
}

impl std::error::Error for TimeFormatError {}

/// Packets before the latest whose times are kept for `d`: rows may wait that long for their turn.
const REMEMBERED: usize = 4096;

/// Writes the times of successive rows, and remembers what the next are told against.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Clock {
    format: TimeFormat,
    digits: u8,
    first: Option<Timestamp>,
    /// For `d`, the latest packets by number, ascending.
    recent: VecDeque<(u64, Timestamp)>,
    /// The time of the packet before those.
    before_recent: Option<Timestamp>,
    /// For `dd`.
    previous_shown: Option<Timestamp>,
}

impl Clock {
    pub(super) const fn new(format: TimeFormat) -> Self {
        let digits = format.first_digits();
        Self { format, digits, first: None, recent: VecDeque::new(), before_recent: None, previous_shown: None }
    }

    /// Decimals of the times written from now on.
    pub(super) const fn digits(&self) -> u8 {
        self.digits
    }

    /// True when times that were written before have fewer decimals.
    pub(super) const fn has_widened(&self) -> bool {
        self.digits != self.format.first_digits()
    }

    /// A packet that is not shown, or not yet.
    pub(super) fn observe(&mut self, packet: u64, time: Timestamp) {
        self.first.get_or_insert(time);
        if self.format.reference != TimeReference::Delta {
            return;
        }
        match self.recent.back() {
            Some(&(last, _)) if last == packet => return,
            // Another file begins.
            Some(&(last, before)) if last > packet => {
                self.before_recent = Some(before);
                self.recent.clear();
            }
            _ if self.recent.len() == REMEMBERED => self.before_recent = self.recent.pop_front().map(|(_, time)| time),
            _ => {}
        }
        self.recent.push_back((packet, time));
    }

    /// The time of the packet before this one; a row may be printed long after its packet was told of.
    fn before(&self, packet: u64) -> Option<Timestamp> {
        let at = self.recent.partition_point(|(number, _)| *number < packet);
        let before = at.checked_sub(1).and_then(|at| self.recent.get(at));
        before.map(|(_, time)| *time).or(self.before_recent)
    }

    /// The time of the next row, whose packet is `packet`.
    pub(super) fn write(&mut self, out: &mut Vec<u8>, packet: u64, time: Timestamp) {
        if self.format.digits.is_none() && !time.subsec_nanos().is_multiple_of(1000) {
            self.digits = 9;
        }
        let first = *self.first.get_or_insert(time);
        let zone = &self.format.zone;
        match self.format.reference {
            TimeReference::Relative => write_seconds(out, time.since(first), self.digits),
            TimeReference::Delta => write_seconds(out, time.since(self.before(packet).unwrap_or(time)), self.digits),
            TimeReference::DeltaDisplayed => {
                write_seconds(out, time.since(self.previous_shown.unwrap_or(time)), self.digits);
            }
            TimeReference::Epoch => write_moment(out, time, self.digits),
            TimeReference::TimeOfDay => write_civil(out, time, zone, Date::None, self.digits),
            TimeReference::Date => write_civil(out, time, zone, Date::Calendar, self.digits),
            TimeReference::DayOfYear => write_civil(out, time, zone, Date::DayOfYear, self.digits),
            TimeReference::UtcTimeOfDay => write_civil(out, time, &TimeZone::UTC, Date::None, self.digits),
            TimeReference::UtcDate => write_civil(out, time, &TimeZone::UTC, Date::Calendar, self.digits),
            TimeReference::UtcDayOfYear => write_civil(out, time, &TimeZone::UTC, Date::DayOfYear, self.digits),
        }
        if self.recent.back().is_none_or(|(last, _)| *last < packet) {
            self.observe(packet, time);
        }
        if self.format.reference == TimeReference::DeltaDisplayed {
            self.previous_shown = Some(time);
        }
    }

    /// False while each packet or row changes what the next is told against.
    pub(super) fn can_be_foreseen(&self) -> bool {
        let told_against_the_last =
            matches!(self.format.reference, TimeReference::Delta | TimeReference::DeltaDisplayed);
        self.first.is_some() && !told_against_the_last
    }
}

/// `time` as date and time of day in UTC with `digits` decimals.
pub(super) fn write_utc(out: &mut Vec<u8>, time: Timestamp, digits: u8) {
    write_civil(out, time, &TimeZone::UTC, Date::Calendar, digits);
}

#[derive(Clone, Copy)]
enum Date {
    None,
    Calendar,
    DayOfYear,
}

fn write_civil(out: &mut Vec<u8>, time: Timestamp, zone: &TimeZone, date: Date, digits: u8) {
    // A capture's clock may be beyond every calendar: then the seconds have to do.
    let Ok(moment) = jiff::Timestamp::from_nanosecond(time.nanos()) else {
        write_moment(out, time, digits);
        return;
    };
    let civil = zone.to_datetime(moment);
    let two = |out: &mut Vec<u8>, n: i8| {
        let n = n.unsigned_abs();
        out.extend_from_slice(&[b'0' + n / 10 % 10, b'0' + n % 10]);
    };
    match date {
        Date::None => {}
        Date::Calendar => {
            write_integer(out, civil.year());
            out.push(b'-');
            two(out, civil.month());
            out.push(b'-');
            two(out, civil.day());
            out.push(b' ');
        }
        Date::DayOfYear => {
            write_integer(out, civil.year());
            let day = civil.day_of_year().unsigned_abs();
            let digit = |n: u16| b'0' + (n % 10) as u8;
            out.extend_from_slice(&[b'/', digit(day / 100), digit(day / 10), digit(day), b' ']);
        }
    }
    two(out, civil.hour());
    out.push(b':');
    two(out, civil.minute());
    out.push(b':');
    two(out, civil.second());
    write_fraction(out, civil.subsec_nanosecond().unsigned_abs().into(), digits);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(format: &str, times: &[i64]) -> Vec<String> {
        let mut clock = Clock::new(format.parse().unwrap());
        let one = |(packet, nanos): (u64, &i64)| {
            let mut out = Vec::new();
            clock.write(&mut out, packet, Timestamp::from_nanos(*nanos));
            String::from_utf8(out).unwrap()
        };
        (1..).zip(times).map(one).collect()
    }

    /// Capture times with a repeated moment, a step backwards and a new day.
    const MICROS: [i64; 5] = [
        1_736_219_082_582_655_000,
        1_736_219_082_582_655_000,
        1_736_219_083_161_900_000,
        1_736_219_083_100_000_000,
        1_736_305_500_000_005_000,
    ];

    /// A pcap with one empty UDP packet at each of `times`; nanosecond magic when any needs it.
    fn pcap(times: &[i64]) -> Vec<u8> {
        let nanos = times.iter().any(|t| t % 1000 != 0);
        let mut file = Vec::new();
        file.extend(if nanos { 0xa1b2_3c4d_u32 } else { 0xa1b2_c3d4 }.to_le_bytes());
        file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0, 101, 0, 0, 0]);
        let packet = b"\x45\0\0\x1c\0\0\0\0\x40\x11\0\0\x7f\0\0\x01\x7f\0\0\x01\x01\0\x01\0\0\x08\0\0";
        for time in times {
            let fraction = time % 1_000_000_000 / if nanos { 1 } else { 1000 };
            for word in [time / 1_000_000_000, fraction, packet.len() as i64, packet.len() as i64] {
                file.extend((word as u32).to_le_bytes());
            }
            file.extend(packet);
        }
        file
    }

    #[test]
    #[ignore = "runs tshark"]
    fn each_format_is_what_tshark_prints_for_a_capture_with_these_times() {
        let nanos: Vec<i64> = MICROS.iter().zip(1..).map(|(t, i)| t + 7 * i).collect();
        for times in [&MICROS[..], &nanos] {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), pcap(times)).unwrap();
            for (name, _) in TimeReference::ALL {
                let output = std::process::Command::new("tshark")
                    .env("TZ", "UTC")
                    .args(["-t", name, "-T", "fields", "-e", "_ws.col.Time", "-r"])
                    .arg(file.path())
                    .output()
                    .unwrap();
                let expected = String::from_utf8(output.stdout).unwrap();
                assert_eq!(column(name, times), expected.lines().collect::<Vec<_>>(), "-t {name}");
            }
        }
    }

    #[test]
    fn the_forms_of_one_moment_are_those_of_tshark_4_0() {
        let last = |format: &str| column(format, &MICROS)[4].clone();
        assert_eq!(last("a"), "03:05:00.000005");
        assert_eq!(last("ad"), "2025-01-08 03:05:00.000005");
        assert_eq!(last("udoy"), "2025/008 03:05:00.000005");
        assert_eq!(last("e"), "1736305500.000005");
        assert_eq!(last("r"), "86417.417350");
        assert_eq!(column("d", &MICROS)[3], "-0.061900");
    }

    #[test]
    fn packets_that_are_not_shown_count_for_d_and_r_and_not_for_dd() {
        let after_a_hidden_packet = |format: &str| {
            let mut clock = Clock::new(format.parse().unwrap());
            let mut out = Vec::new();
            clock.observe(1, Timestamp::from_nanos(1_000_000_000));
            clock.write(&mut out, 2, Timestamp::from_nanos(3_000_000_000));
            clock.observe(3, Timestamp::from_nanos(7_000_000_000));
            out.clear();
            clock.write(&mut out, 4, Timestamp::from_nanos(8_000_000_000));
            String::from_utf8(out).unwrap()
        };
        assert_eq!(after_a_hidden_packet("r.0"), "7");
        assert_eq!(after_a_hidden_packet("d.0"), "1");
        assert_eq!(after_a_hidden_packet("dd.0"), "5");
    }

    #[test]
    fn d_counts_from_the_packet_before_also_for_a_row_that_waited_and_for_several_rows_of_a_packet() {
        let mut clock = Clock::new("d.0".parse().unwrap());
        let second = |s: i64| Timestamp::from_nanos(s * 1_000_000_000);
        (1..=5).for_each(|packet: u64| clock.observe(packet, second(packet as i64 * packet as i64)));
        let mut told = |packet: u64, s: i64| {
            let mut out = Vec::new();
            clock.write(&mut out, packet, second(s));
            String::from_utf8(out).unwrap()
        };
        assert_eq!([told(2, 4), told(2, 4), told(5, 25), told(1, 1), told(6, 36)], ["3", "3", "9", "0", "11"]);
        assert_eq!(told(4, 16), "7");
    }

    #[test]
    fn nanoseconds_are_shown_from_the_first_time_that_has_them() {
        assert_eq!(column("e", &[1_000, 1_001, 2_000]), ["0.000001", "0.000001001", "0.000002000"]);
        assert_eq!(column("e.3", &[1_999_999]), ["0.001"]);
    }

    #[test]
    fn a_zone_moves_local_forms_and_leaves_utc_ones() {
        let zone = TimeZone::fixed(jiff::tz::offset(-5));
        let written = |name: &str| {
            let mut out = Vec::new();
            let format = name.parse::<TimeFormat>().unwrap().with_zone(zone.clone());
            Clock::new(format).write(&mut out, 1, Timestamp::from_nanos(MICROS[0]));
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written("ad"), "2025-01-06 22:04:42.582655");
        assert_eq!(written("ud"), "2025-01-07 03:04:42.582655");
    }

    #[test]
    fn every_moment_has_a_text() {
        for (name, _) in TimeReference::ALL {
            for times in column(name, &[i64::MIN, -1, 0, i64::MAX, i64::MIN]) {
                assert!(!times.is_empty());
            }
        }
    }

    #[test]
    fn what_is_no_format_is_refused_with_the_list() {
        for text in ["", "zz", "r.", "r.10", "r.x", ".3", "R"] {
            let error = text.parse::<TimeFormat>().unwrap_err().to_string();
            assert!(error.ends_with(
                "a, ad, adoy, d, dd, e, r, u, ud, udoy, with .0 to .9 behind it for the number of decimals"
            ));
        }
    }
}

//! Which columns a table shows, how wide they are, and rows written in that arrangement.

use unicode_width::UnicodeWidthStr;

use super::super::Width;
use super::cells::{
    ACK, Align, COLUMNS, CONNECTION, Cells, HEADER, IN_FLIGHT, INFO, PAYLOAD, PREV_SEQ, SENT_TIME, SEQ, display_width,
};

/// Columns left out of a narrow table, the one that says least first: seq and prev_seq repeat pos.
const LEAVE_OUT: [usize; 5] = [PREV_SEQ, ACK, SEQ, SENT_TIME, IN_FLIGHT];

/// Width that Payload and Info are given before a column is left out for them, unless they need less.
const PAYLOAD_ROOM: usize = 16;
const INFO_ROOM: usize = 42;

/// Least width of Payload and of Info, however narrow the terminal.
const LEAST: usize = 7;

/// Blanks around each cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spacing {
    /// One on either side.
    Roomy,
    /// One behind it: a terminal too narrow for more.
    Tight,
}

impl Spacing {
    /// Blanks before and behind.
    const fn padding(self) -> (u16, u16) {
        match self {
            Self::Roomy => (1, 1),
            Self::Tight => (0, 1),
        }
    }

    fn total(self) -> usize {
        let (before, behind) = self.padding();
        usize::from(before + behind)
    }
}

/// Whether the rows at hand are all there will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    MoreMayCome,
}

/// The columns of a table with their widths.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Arrangement {
    columns: Vec<(usize, usize)>,
    width: Width,
    spacing: Spacing,
    /// With all blanks.
    total_width: usize,
}

impl Arrangement {
    /// The arrangement that suits `rows`.
    pub(super) fn new(rows: &[Cells], width: Width, extent: Extent) -> Self {
        let mut columns: Vec<(usize, usize)> =
            COLUMNS.iter().enumerate().map(|(i, column)| (i, natural_width(rows, i, column.title, extent))).collect();
        let spacing = match width {
            Width::Full => Spacing::Roomy,
            Width::Columns(available) => fit(&mut columns, usize::from(available), rows, extent),
        };
        let total_width = Self::add_up(&columns, spacing);
        Self { columns, width, spacing, total_width }
    }

    /// Each column shown: its index and its width.
    pub(super) fn columns(&self) -> &[(usize, usize)] {
        &self.columns
    }

    /// The width of the whole table.
    pub(super) const fn total_width(&self) -> usize {
        self.total_width
    }

    /// Blanks before and behind each cell.
    pub(super) const fn padding(&self) -> (u16, u16) {
        self.spacing.padding()
    }

    /// `text` as it may stand in `column`: cut where the terminal's width asks for it.
    pub(super) fn write_text(&self, out: &mut Vec<u8>, column: usize, text: &str) {
        let limit = self.columns.iter().find(|(i, _)| *i == column).map_or(0, |(_, width)| *width);
        if self.width != Width::Full && matches!(column, HEADER | PAYLOAD | INFO) {
            write_cut(out, text, limit);
        } else {
            out.extend_from_slice(text.as_bytes());
        }
    }

    /// One row, without a line end. A number wider than its column widens it.
    pub(super) fn write_row(&mut self, out: &mut Vec<u8>, cells: &Cells) {
        let start = out.len();
        if cells.is_ascii() && self.write_fitting(out, cells) {
            return;
        }
        out.truncate(start);
        self.make_room(cells);
        self.write_any(out, cells);
        let used = out[start..].iter().rposition(|b| *b != b' ').map_or(0, |last| last + 1);
        out.truncate(start + used);
    }

    /// The short way for rows whose cells fit: blanks first, then each text in its place. False when one does not;
    /// what was written is then to be dropped.
    fn write_fitting(&self, out: &mut Vec<u8>, cells: &Cells) -> bool {
        let (before, behind) = self.padding();
        let start = out.len();
        out.resize(start + self.total_width, b' ');
        let line = &mut out[start..];
        let (mut at, mut used) = (0, 0);
        for (column, width) in &self.columns {
            at += usize::from(before);
            let text = cells.bytes(*column);
            let Some(missing) = width.checked_sub(text.len()) else {
                // Nothing stands behind the last column that it could push.
                let pushes = *column != INFO || self.width != Width::Full;
                if !pushes {
                    out.truncate(start + at);
                    out.extend_from_slice(text);
                    self.trim(out, start, out.len());
                }
                return !pushes;
            };
            let from = if COLUMNS[*column].align == Align::Right { at + missing } else { at };
            if let Some(place) = line.get_mut(from..from + text.len())
                && !text.is_empty()
            {
                place.copy_from_slice(text);
                used = from + text.len();
            }
            at += width + usize::from(behind);
        }
        self.trim(out, start, start + used);
        true
    }

    /// Cuts the line that begins at `start` behind its last character, which stands before `end`.
    fn trim(&self, out: &mut Vec<u8>, start: usize, end: usize) {
        let used = out[start..end].iter().rposition(|b| *b != b' ').map_or(0, |last| last + 1);
        out.truncate(start + used);
    }

    /// The way for every row.
    fn write_any(&self, out: &mut Vec<u8>, cells: &Cells) {
        for (column, width) in &self.columns {
            let text = cells.text(*column);
            let missing = width.saturating_sub(display_width(text));
            if self.spacing == Spacing::Roomy {
                out.push(b' ');
            }
            match COLUMNS[*column].align {
                Align::Left => {
                    let before = out.len();
                    self.write_text(out, *column, text);
                    let written = std::str::from_utf8(&out[before..]).map_or(0, display_width);
                    out.resize(out.len() + width.saturating_sub(written), b' ');
                }
                Align::Right => {
                    out.resize(out.len() + missing, b' ');
                    out.extend_from_slice(text.as_bytes());
                }
            }
            out.push(b' ');
        }
    }

    fn add_up(columns: &[(usize, usize)], spacing: Spacing) -> usize {
        columns.iter().map(|(_, width)| width + spacing.total()).sum()
    }

    /// A border of `line`s as wide as the table.
    pub(super) fn write_border(&self, out: &mut Vec<u8>, line: char) {
        for _ in 0..self.total_width {
            out.extend_from_slice(line.encode_utf8(&mut [0; 4]).as_bytes());
        }
        out.push(b'\n');
    }

    fn make_room(&mut self, cells: &Cells) {
        let mut grown = 0;
        for (column, width) in &mut self.columns {
            if matches!(*column, HEADER | PAYLOAD | INFO) {
                continue;
            }
            let needed = cells.width(*column);
            if needed > *width {
                grown += needed - *width;
                *width = needed;
            }
        }
        if grown > 0
            && self.width != Width::Full
            && let Some((_, info)) = self.columns.last_mut()
        {
            *info = info.saturating_sub(grown).max(LEAST);
        }
        self.total_width = Self::add_up(&self.columns, self.spacing);
    }
}

fn natural_width(rows: &[Cells], column: usize, title: &str, extent: Extent) -> usize {
    let widest = rows.iter().map(|row| row.width(column)).max().unwrap_or(0);
    let room = match extent {
        Extent::Whole => 0,
        Extent::MoreMayCome => COLUMNS[column].room,
    };
    widest.max(display_width(title)).max(room)
}

/// Leaves columns out, and blanks if need be, and divides what is left between Payload and Info.
fn fit(columns: &mut Vec<(usize, usize)>, available: usize, rows: &[Cells], extent: Extent) -> Spacing {
    let natural = |column: usize| columns.iter().find(|(i, _)| *i == column).map_or(0, |(_, width)| *width);
    // While more rows may come, an Info of the usual length may.
    let (payload, info) = (natural(PAYLOAD), natural(INFO).max(if extent == Extent::Whole { 0 } else { INFO_ROOM }));
    if let Some((_, header)) = columns.iter_mut().find(|(i, _)| *i == HEADER) {
        *header = (*header).min(COLUMNS[HEADER].room);
    }
    let left_over = |columns: &[(usize, usize)], spacing: Spacing| {
        let taken = columns.iter().map(|(i, width)| if matches!(*i, PAYLOAD | INFO) { 0 } else { *width });
        available.saturating_sub(taken.map(|width| width + spacing.total()).sum())
    };
    let wanted = payload.min(PAYLOAD_ROOM) + info.min(INFO_ROOM);
    let one_connection = rows.windows(2).all(|pair| pair[0].connection() == pair[1].connection());
    let may_go = LEAVE_OUT.into_iter().chain((extent == Extent::Whole && one_connection).then_some(CONNECTION));
    for column in may_go {
        if left_over(columns, Spacing::Roomy) >= wanted {
            break;
        }
        columns.retain(|(i, _)| *i != column);
    }
    let spacing = if left_over(columns, Spacing::Roomy) >= wanted { Spacing::Roomy } else { Spacing::Tight };
    let rest = left_over(columns, spacing);
    let payload = payload.min(rest.saturating_sub(info).max(PAYLOAD_ROOM.min(rest / 3))).max(LEAST);
    let least = LEAST.min(info);
    let info = match extent {
        Extent::Whole => info.min(rest.saturating_sub(payload)),
        Extent::MoreMayCome => rest.saturating_sub(payload),
    };
    for (column, width) in columns {
        match *column {
            PAYLOAD => *width = payload,
            INFO => *width = info.max(least),
            _ => {}
        }
    }
    spacing
}

/// `text`, or as much of it as leaves room for `…` within `width` columns.
fn write_cut(out: &mut Vec<u8>, text: &str, width: usize) {
    if display_width(text) <= width {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let room = width.saturating_sub(1);
    let mut end = 0;
    for (at, c) in text.char_indices() {
        let next = at + c.len_utf8();
        if text[..next].width() > room {
            break;
        }
        end = next;
    }
    out.extend_from_slice(&text.as_bytes()[..end]);
    out.extend_from_slice("…".as_bytes());
}

#[cfg(test)]
mod tests {
    use super::super::super::time_format::Clock;
    use super::*;
    use crate::decode::{CapturedFrame, Row};
    use crate::wire::{Frame, FrameLayout, FrameView, MaxMsgSize, Name, Pos, Side};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_row_that_fits_is_written_the_same_either_way(
            payload in "[ -~]{0,14}", pos: i32, columns in prop_oneof![Just(None), (20..160_u16).prop_map(Some)],
        ) {
            let (mut bytes, layout) = (Vec::new(), FrameLayout::new(MaxMsgSize::new(14).unwrap()));
            Frame::from_client(Name::Msg, payload.as_bytes(), Pos(pos), 1.5).emit(layout, &mut bytes).unwrap();
            let row = Row {
                packet: 7,
                first_packet: 7,
                time: None,
                connection: 0,
                from: Side::Client,
                offset: 0,
                frame: CapturedFrame::whole(FrameView::new(&bytes, layout).unwrap()),
                in_flight: None,
                info: Default::default(),
            };
            let mut cells = Cells::default();
            cells.fill(&row, &mut Clock::new(Default::default()));
            let width = columns.map_or(Width::Full, Width::Columns);
            let mut arrangement = Arrangement::new(&[], width, Extent::MoreMayCome);
            let (mut short, mut long) = (Vec::new(), Vec::new());
            arrangement.make_room(&cells);
            arrangement.write_any(&mut long, &cells);
            arrangement.write_row(&mut short, &cells);
            let text = |line: &[u8]| String::from_utf8_lossy(line).trim_end().to_owned();
            prop_assert_eq!(text(&short), text(&long));
        }

        #[test]
        fn a_cut_text_is_a_beginning_of_it_that_fits(text in "[ -~äé日本🎉e\u{301}]{0,40}", width in 1_usize..30) {
            let mut out = Vec::new();
            write_cut(&mut out, &text, width);
            let cut = String::from_utf8(out).unwrap();
            prop_assert!(cut.width() <= width);
            match cut.strip_suffix('…') {
                Some(beginning) => prop_assert!(text.starts_with(beginning) && text.width() > width),
                None => prop_assert_eq!(cut, text),
            }
        }
    }
}

//! Is this connection ours? Keeps a connection's first bytes until they answer.

use super::delivery::Owed;
use super::evidence::{Grid, Shape, find_grid, handshake_frame, header_offsets};
use super::lane::Lane;
use super::{Capacity, CapacityBasis};
use crate::decode::reassembly::{Chunk, ConnectionInfo, Hole, Start, Way};
use crate::time::Timestamp;
use crate::wire::{HANDSHAKE, HEADER_LEN, MaxMsgSize, Name, Side};

/// Bytes of a direction looked at before it counts as foreign when its beginning was captured: its first frame stands
/// at offset 0, unless its name is unknown, and then another follows.
const SEARCH_FROM_START: u64 = 4 << 10;
/// The same when the capture begins in mid-stream: the longest frame is 10,036 bytes, and the first may be cut.
const SEARCH_MID_STREAM: u64 = 64 << 10;
/// What it takes to keep a piece besides its bytes, so that many small ones are not kept for nothing.
const PIECE_OVERHEAD: usize = 64;

/// A piece of a direction, kept to be replayed once the answer is known.
#[derive(Debug)]
pub(super) enum Kept {
    Chunk {
        way: Way,
        offset: u64,
        bytes: Vec<u8>,
        packet: u64,
        time: Option<Timestamp>,
        /// What [`Owed::now`] was of the other direction; `None` where it came later than its packet.
        after: Option<u64>,
    },
    Hole {
        way: Way,
        hole: Hole,
    },
}

/// Contiguous bytes of a direction.
#[derive(Debug)]
struct Run {
    offset: u64,
    bytes: Vec<u8>,
}

#[derive(Debug, Default)]
struct Direction {
    runs: Vec<Run>,
    seen: u64,
    /// A header of the protocol stands somewhere in `runs`.
    candidate: bool,
    /// Enough was seen without a trace of a frame; nothing is kept any more.
    exhausted: bool,
}

/// What was found out.
pub(super) enum Answer {
    /// More bytes are needed.
    NotYet,
    /// Not this protocol.
    Foreign,
    /// This protocol.
    Ours(Box<Recognised>),
}

/// A recognised connection, ready for the kept bytes to be replayed.
pub(super) struct Recognised {
    pub(super) client: Way,
    pub(super) capacity: Capacity,
    /// By [`Way::index`]; `None` for a direction whose first border is where its next chunk begins.
    pub(super) lanes: [Option<Lane>; 2],
}

/// The first bytes of a connection that is not decided yet.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) kept: Vec<Kept>,
    /// Bytes kept and [`PIECE_OVERHEAD`] for each piece.
    pub(super) kept_bytes: usize,
    max_kept: usize,
    pub(super) owed: Owed,
    /// Kept bytes from which on asking is worth it again.
    next_ask: usize,
    directions: [Direction; 2],
}

impl Probe {
    /// A probe that keeps so many bytes.
    pub(super) fn within(max_kept: usize) -> Self {
        Self {
            kept: Vec::new(),
            kept_bytes: 0,
            max_kept,
            owed: Owed::default(),
            next_ask: 0,
            directions: Default::default(),
        }
    }

    /// Takes more bytes; true when they are worth asking [`Probe::answer`] again.
    pub(super) fn chunk(&mut self, info: &ConnectionInfo, way: Way, chunk: &Chunk<'_>) -> bool {
        let direction = &mut self.directions[way.index()];
        direction.seen += chunk.bytes.len() as u64;
        if direction.exhausted {
            return false;
        }
        let follows = direction.runs.last().is_some_and(|run| run.offset + run.bytes.len() as u64 == chunk.offset);
        if !follows {
            direction.runs.push(Run { offset: chunk.offset, bytes: Vec::new() });
        }
        if let Some(run) = direction.runs.last_mut() {
            let from = run.bytes.len().saturating_sub(HEADER_LEN - 1);
            run.bytes.extend_from_slice(chunk.bytes);
            direction.candidate = direction.candidate || header_offsets(&run.bytes[from..]).next().is_some();
        }
        let limit = if info.start[way.index()] == Start::Syn { SEARCH_FROM_START } else { SEARCH_MID_STREAM };
        if !direction.candidate && direction.seen > limit {
            direction.exhausted = true;
            direction.runs = Vec::new();
            self.kept
                .retain(|kept| !matches!(kept, Kept::Chunk { way: w, .. } | Kept::Hole { way: w, .. } if *w == way));
            self.count_kept();
            return true;
        }
        let &Chunk { offset, bytes, packet, time } = chunk;
        let known = packet == info.last_packet && info.start[way.other().index()] != Start::Unknown;
        let after = known.then_some(self.owed.now[way.other().index()]);
        self.kept.push(Kept::Chunk { way, offset, bytes: bytes.to_vec(), packet, time, after });
        self.kept_bytes += bytes.len() + PIECE_OVERHEAD;
        // An answer looks at all that is kept: asked at each of many small segments, it would cost their square.
        let ask = direction.candidate && self.kept_bytes >= self.next_ask;
        if ask {
            self.next_ask = self.kept_bytes + self.kept_bytes / 16;
        }
        ask || self.kept_bytes > self.max_kept
    }

    /// Takes a hole; true when no more can be kept.
    pub(super) fn hole(&mut self, way: Way, hole: Hole) -> bool {
        if !self.directions[way.index()].exhausted {
            self.kept.push(Kept::Hole { way, hole });
            self.kept_bytes += PIECE_OVERHEAD;
        }
        self.kept_bytes > self.max_kept
    }

    fn count_kept(&mut self) {
        let len = |kept: &Kept| if let Kept::Chunk { bytes, .. } = kept { bytes.len() } else { 0 };
        self.kept_bytes = self.kept.iter().map(|kept| len(kept) + PIECE_OVERHEAD).sum();
    }

    /// What the bytes so far say. `last`: there will be no more, so the best answer counts.
    pub(super) fn answer(&self, info: &ConnectionInfo, declared: Option<MaxMsgSize>, last: bool) -> Answer {
        let last = last || self.kept_bytes > self.max_kept;
        let asked = Way::BOTH.into_iter().find(|way| self.opening(*way, Name::GetMax).is_some());
        let answered = Way::BOTH.into_iter().find_map(|way| Some((way, self.opening(way, Name::ReturnMax)?)));
        let announced = answered.and_then(|(_, payload)| MaxMsgSize::from_decimal(payload));
        let handshake_client = asked.or(answered.map(|(way, _)| way.other()));

        let known = declared
            .map(|p| Capacity::exact(p, CapacityBasis::Declared))
            .or(announced.map(|p| Capacity::exact(p, CapacityBasis::Handshake)));
        let adrift = Way::BOTH.map(|way| self.is_adrift(info, way));
        // With the handshake nothing has to be searched but what is adrift.
        let read = handshake_client.zip(known);
        let grids =
            Way::BOTH.map(|way| if read.is_none() || adrift[way.index()] { self.grid(way, declared) } else { None });
        if !last && adrift.iter().zip(&grids).any(|(adrift, grid)| *adrift && grid.is_none()) {
            return Answer::NotYet;
        }
        if let Some((client, capacity)) = read {
            return Answer::Ours(Box::new(self.recognised(info, client, capacity, grids)));
        }
        let best = Way::BOTH
            .into_iter()
            .filter_map(|way| Some((way, grids[way.index()]?.1)))
            .max_by_key(|(_, grid)| (grid.shape.is_pinned(), grid.fitting));
        if let Some((way, grid)) = best {
            let by_name = if grid.first.sender() == Side::Client { way } else { way.other() };
            let client = handshake_client.or(info.opener).unwrap_or(by_name);
            let capacity = known.unwrap_or_else(|| Capacity::of_shape(grid.shape));
            return Answer::Ours(Box::new(self.recognised(info, client, capacity, grids)));
        }
        if let Some(client) = handshake_client.filter(|_| last) {
            return Answer::Ours(Box::new(self.recognised(info, client, Capacity::unknown(), [None; 2])));
        }
        let hopeless = self.directions.iter().all(|direction| direction.exhausted);
        if last || hopeless { Answer::Foreign } else { Answer::NotYet }
    }

    /// True when bytes of a direction are here whose beginning is not: its first frame may be cut, so that the others tell
    /// where frames stand, if they come soon.
    fn is_adrift(&self, info: &ConnectionInfo, way: Way) -> bool {
        let direction = &self.directions[way.index()];
        let begins = info.start[way.index()] == Start::Syn
            || [Name::GetMax, Name::ReturnMax].iter().any(|name| self.opening(way, *name).is_some());
        !begins && !direction.exhausted && (1..=SEARCH_MID_STREAM).contains(&direction.seen)
    }

    /// The payload of a handshake frame at the very start of a direction.
    fn opening(&self, way: Way, name: Name) -> Option<&[u8]> {
        let runs = &self.directions[way.index()].runs;
        let run = runs.first().filter(|run| run.offset == 0)?;
        if run.bytes.len() >= HANDSHAKE.len() || runs.len() == 1 {
            return handshake_frame(&run.bytes, name).map(|view| view.payload());
        }
        // More of the stream came behind a hole: a snap length cut the frame, and what it left must do.
        let mut whole = [0; HANDSHAKE.len()];
        whole.get_mut(..run.bytes.len())?.copy_from_slice(&run.bytes);
        let digits = handshake_frame(&whole, name)?.payload().len();
        // A number is only worth something with all its places.
        let field = run.bytes.get(HEADER_LEN..HEADER_LEN + usize::from(MaxMsgSize::MIN.get()));
        Some(field.and_then(|field| field.get(..digits)).unwrap_or_default())
    }

    /// The grid of a direction, with the stream offset of a frame border; handshake frames are not part of it.
    fn grid(&self, way: Way, declared: Option<MaxMsgSize>) -> Option<(u64, Grid)> {
        let direction = &self.directions[way.index()];
        if !direction.candidate {
            return None;
        }
        direction.runs.iter().find_map(|run| {
            let opening =
                run.offset == 0 && [Name::GetMax, Name::ReturnMax].iter().any(|n| self.opening(way, *n).is_some());
            let skip = if opening { HANDSHAKE.len() } else { 0 };
            let grid = find_grid(run.bytes.get(skip..)?, declared.map(Shape::of))?;
            Some((run.offset + (skip + grid.anchor) as u64, grid))
        })
    }

    fn recognised(
        &self,
        info: &ConnectionInfo,
        client: Way,
        capacity: Capacity,
        grids: [Option<(u64, Grid)>; 2],
    ) -> Recognised {
        let fixed = capacity.basis() == CapacityBasis::Declared;
        let lanes = Way::BOTH.map(|way| {
            let direction = &self.directions[way.index()];
            let first = direction.runs.first();
            let opens = [Name::GetMax, Name::ReturnMax].iter().any(|name| self.opening(way, *name).is_some());
            let from_start = info.start[way.index()] == Start::Syn;
            match grids[way.index()] {
                _ if direction.exhausted => None,
                _ if opens => Some(Lane::new(capacity.layout(), 0, true, fixed)),
                Some((border, grid)) => {
                    let layout = if capacity.layout().len() == grid.shape.len() {
                        capacity.layout()
                    } else {
                        grid.shape.layout()
                    };
                    let len = layout.len() as i64;
                    let begin = first.map_or(0, |run| run.offset) as i64;
                    // The last border at or before the first byte: what stands before `border` is on its grid.
                    let back = (border as i64 - begin + len - 1).div_euclid(len);
                    Some(Lane::new(layout, border as i64 - back * len, false, fixed))
                }
                None if from_start => Some(Lane::new(capacity.layout(), 0, true, fixed)),
                None => first.map(|run| Lane::adrift(capacity.layout(), run.offset as i64, fixed)),
            }
        });
        Recognised { client, capacity, lanes }
    }
}

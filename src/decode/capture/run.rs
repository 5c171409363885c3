//! Records of the plain kind, straight out of the buffer: what the [express way](crate::decode::express) is fed.
//!
//! A record is plain when the readers of its format would hand it out without a note, a read or an error: all there, as
//! long as it was on the wire, not empty, with a sound time. A [`Run`] ends before the first record that is not; the
//! reader deals with that one, and the next run begins behind it.

use super::block;
use super::clock::Clock;
use super::facts::ByteOrder;
use super::window::Window;
use crate::decode::LinkType;
use crate::time::Timestamp;

/// One plain record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decode) struct Plain<'a> {
    /// Number in the file, from 1.
    pub(in crate::decode) number: u64,
    /// Capture time.
    pub(in crate::decode) time: Timestamp,
    /// What the first byte means.
    pub(in crate::decode) link_type: LinkType,
    /// The packet, whole.
    pub(in crate::decode) bytes: &'a [u8],
}

/// Plain records at hand, in file order.
#[derive(Debug, Clone)]
pub(in crate::decode) struct Run<'a> {
    bytes: &'a [u8],
    /// Where the bytes begin in the input.
    offset: u64,
    /// Bytes of the records handed out.
    at: usize,
    /// Number of the last record handed out.
    number: u64,
    form: Form<'a>,
    order: ByteOrder,
    /// Longest record to be taken.
    max_record: u32,
    ends: Ends,
}

/// Where a run ends at the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// With the last whole record at hand.
    WithLast,
    /// Before it: after that one somebody may have to wait, which the reader is asked about.
    BeforeLast,
}

#[derive(Debug, Clone, Copy)]
enum Form<'a> {
    Pcap { link_type: LinkType, nanos_per_tick: u32 },
    Pcapng { interfaces: &'a [Described] },
}

/// What a pcapng packet needs of its interface.
#[derive(Debug, Clone, Copy)]
pub(super) struct Described {
    pub(super) clock: Clock,
    pub(super) link_type: LinkType,
    pub(super) snap_len: u32,
    /// Counted from 0 over all sections.
    pub(super) ordinal: u64,
}

/// How far a run went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decode) struct Taken {
    pub(super) bytes: usize,
    /// Number of the last packet.
    pub(super) number: u64,
}

/// Length of a pcap record header.
const PCAP_HEADER: usize = 16;
/// Bytes of an enhanced packet block before the packet's own.
const BLOCK_HEADER: usize = 28;

impl<'a> Run<'a> {
    /// Records of a standard pcap file; `number` is that of the packet before.
    pub(super) fn of_pcap(
        window: &'a Window,
        number: u64,
        order: ByteOrder,
        nanos_per_tick: u32,
        link_type: LinkType,
        max_record: u32,
    ) -> Self {
        Self::new(window, number, order, Form::Pcap { link_type, nanos_per_tick }, max_record)
    }

    /// Enhanced packet blocks of one pcapng section.
    pub(super) fn of_pcapng(
        window: &'a Window,
        number: u64,
        order: ByteOrder,
        interfaces: &'a [Described],
        max_record: u32,
    ) -> Self {
        Self::new(window, number, order, Form::Pcapng { interfaces }, max_record)
    }

    fn new(window: &'a Window, number: u64, order: ByteOrder, form: Form<'a>, max_record: u32) -> Self {
        let (bytes, offset) = (window.at_hand(), window.offset());
        Self { bytes, offset, at: 0, number, form, order, max_record, ends: Ends::WithLast }
    }

    pub(super) const fn ending(self, ends: Ends) -> Self {
        Self { ends, ..self }
    }

    /// The next record; it counts as taken once the run is asked for another one or for [`taken`](Self::taken).
    #[inline(always)] // the loop over records is the hottest of the program
    pub(in crate::decode) fn next(&mut self) -> Option<Plain<'a>> {
        let rest = self.bytes.get(self.at..)?;
        let (link_type, time, bytes, len) = match self.form {
            Form::Pcap { link_type, nanos_per_tick } => {
                let (time, bytes) = self.pcap(rest, nanos_per_tick)?;
                (link_type, time, bytes, PCAP_HEADER + bytes.len())
            }
            Form::Pcapng { interfaces } => self.pcapng(rest, interfaces)?,
        };
        if self.ends == Ends::BeforeLast && !self.is_whole(rest.get(len..)?) {
            return None;
        }
        self.at += len;
        self.number += 1;
        Some(Plain { number: self.number, time, link_type, bytes })
    }

    /// The next record with no more known of it than where its packet begins, for a look at what is to come: it need not
    /// be plain, nor a packet at all.
    #[inline(always)] // as above
    pub(in crate::decode) fn glance(&mut self) -> Option<(LinkType, &'a [u8])> {
        let rest = self.bytes.get(self.at..)?;
        let word = |at: usize| rest.get(at..)?.first_chunk().map(|word| self.order.u32(*word) as usize);
        let (link_type, header, len) = match self.form {
            Form::Pcap { link_type, .. } => (link_type, PCAP_HEADER, PCAP_HEADER.checked_add(word(8)?)?),
            Form::Pcapng { interfaces } => {
                // A block of another kind has something else there.
                let link_type = interfaces.get(word(8)?).map_or(LinkType(u16::MAX), |interface| interface.link_type);
                (link_type, BLOCK_HEADER, word(4)?)
            }
        };
        let bytes = rest.get(..len)?.get(header..).unwrap_or_default();
        self.number += match self.form {
            Form::Pcapng { .. } if word(0)? != block::ENHANCED_PACKET as usize => 0,
            _ => 1,
        };
        self.at += len;
        Some((link_type, bytes))
    }

    /// Number of the last record handed out.
    pub(in crate::decode) const fn number(&self) -> u64 {
        self.number
    }

    /// Where the next record begins in the input.
    pub(in crate::decode) const fn position(&self) -> u64 {
        self.offset + self.at as u64
    }

    /// The same run from that position on, behind that number; `None` where its bytes are not at hand.
    pub(in crate::decode) fn from(&self, position: u64, number: u64) -> Option<Self> {
        let at = usize::try_from(position.checked_sub(self.offset)?).ok()?;
        (at <= self.bytes.len()).then_some(Self { at, number, ..self.clone() })
    }

    /// How far it went, when everything it handed out was taken.
    pub(in crate::decode) const fn taken(&self) -> Taken {
        Taken { bytes: self.at, number: self.number }
    }

    #[inline(always)] // as above
    fn pcap(&self, rest: &'a [u8], nanos_per_tick: u32) -> Option<(Timestamp, &'a [u8])> {
        let (header, data) = rest.split_first_chunk::<PCAP_HEADER>()?;
        let ([seconds, fraction, captured, original], _) = header.as_chunks::<4>() else { return None };
        let captured = self.order.u32(*captured);
        if captured != self.order.u32(*original) || captured == 0 || captured > self.max_record {
            return None;
        }
        let bytes = data.get(..captured as usize)?;
        let nanos = u64::from(self.order.u32(*fraction)) * u64::from(nanos_per_tick);
        let time = Timestamp::within_second(i64::from(self.order.u32(*seconds)), nanos)?;
        Some((time, bytes))
    }

    #[inline(always)] // as above
    fn pcapng(&self, rest: &'a [u8], interfaces: &[Described]) -> Option<(LinkType, Timestamp, &'a [u8], usize)> {
        let (header, data) = rest.split_first_chunk::<BLOCK_HEADER>()?;
        let ([kind, len, interface, high, low, captured, original], _) = header.as_chunks::<4>() else { return None };
        let (len, captured) = (self.order.u32(*len), self.order.u32(*captured));
        if self.order.u32(*kind) != block::ENHANCED_PACKET
            || captured != self.order.u32(*original)
            || captured == 0
            || len > self.max_record
            || !len.is_multiple_of(4)
        {
            return None;
        }
        let len = len as usize;
        let body = data.get(..len.checked_sub(BLOCK_HEADER)?)?;
        let (content, trailer) = body.split_last_chunk::<4>()?;
        let bytes = content.get(..captured as usize)?;
        let interface = interfaces.get(self.order.u32(*interface) as usize)?;
        if self.order.u32(*trailer) as usize != len {
            return None;
        }
        let ticks = u64::from(self.order.u32(*high)) << 32 | u64::from(self.order.u32(*low));
        Some((interface.link_type, interface.clock.time(ticks)?, bytes, len))
    }

    /// True when `rest` begins with a whole record or block, plain or not.
    fn is_whole(&self, rest: &[u8]) -> bool {
        let (place, more) = match self.form {
            Form::Pcap { .. } => (8, PCAP_HEADER),
            Form::Pcapng { .. } => (4, 0),
        };
        let len = rest.get(place..).and_then(<[u8]>::first_chunk::<4>).map(|len| self.order.u32(*len) as usize);
        len.is_some_and(|len| rest.len() >= more + len)
    }
}

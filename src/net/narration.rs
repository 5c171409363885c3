//! An endpoint's news in words, one line each, as the reference's own client and server announce them.

use std::fmt;

use crate::endpoint::{Event, FrameCopy, IgnoredAck, IgnoredFrame, Moment, Outgoing};
use crate::wire::Name;

/// One event as a line without its end: the time since the connection began in seconds, and what happened.
#[derive(Debug, Clone, Copy)]
pub struct Narration<'a> {
    /// What happened.
    pub event: &'a Event,
    /// When, since the connection began.
    pub at: Moment,
}

impl fmt::Display for Narration<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>10.6}  ", seconds(self.at))?;
        match *self.event {
            Event::Agreed { max_msg_size, packages } => {
                write!(f, "maximum_msg_size is {max_msg_size}")?;
                match packages {
                    Some(n) => write!(f, ", the message makes {n} packages"),
                    None => Ok(()),
                }
            }
            Event::Sent(frame) => sent(f, &frame),
            Event::SentInOrder { name: Name::Ack, positions } => write!(f, "ACKs {positions} sent"),
            Event::SentInOrder { positions, .. } => write!(f, "packages {positions} sent"),
            Event::WillBeLost { name: Name::Ack, pos, left } => write!(f, "ACK {pos} lost, {left} still to lose"),
            Event::WillBeLost { name, pos, left } => {
                write!(f, "{name} {pos} will be lost: counted, not written ({left} still to lose)")
            }
            Event::WillBeIgnored { name, pos, left } => write!(f, "{name} {pos} skipped, {left} still to skip"),
            Event::TimePassed { oldest, end, now } => write!(
                f,
                "threshold passed (time): package {oldest} was due at {:.6}, it is {:.6}",
                seconds(end),
                seconds(now)
            ),
            Event::SequencePassed { next, edge } => {
                write!(f, "threshold passed (sequence): package {next} is next, the window ends at {edge}")
            }
            Event::Resending { pos, triggers, after } => {
                write!(f, "resending {pos} after {:.3} s ({triggers})", after.as_secs_f64())
            }
            Event::WaitingForAck { pos, left } => {
                write!(f, "waiting for ACK {pos}, {:.3} s left", left.as_secs_f64())
            }
            Event::AckReceived(pos) => write!(f, "ACK {pos} received"),
            Event::AcksReceived(positions) => write!(f, "ACKs {positions} received"),
            Event::AckOutOfOrder { ack, covers } => {
                write!(f, "ACK {ack} received out of order: it covers {covers}")
            }
            Event::AckIgnored { ack, why } => {
                match ack {
                    Some(pos) => write!(f, "ACK {pos} changes nothing: ")?,
                    None => write!(f, "an ACK changes nothing: ")?,
                }
                f.write_str(match why {
                    IgnoredAck::Malformed => "its payload is no number",
                    IgnoredAck::Unsent => "that position was not sent yet",
                    IgnoredAck::Old => "it is acknowledged already",
                    IgnoredAck::OutOfPhase => "nothing was outstanding",
                })
            }
            Event::WindowMoved { from, to, by } => {
                write!(f, "sequence window updated: {from} → {to} by ACK {by}")
            }
            Event::TimerMoved { from, to, by } => {
                f.write_str("time window updated: ")?;
                moment(f, from)?;
                f.write_str(" → ")?;
                moment(f, to)?;
                write!(f, " by package {by}")
            }
            Event::DeliveredInOrder(positions) => write!(f, "packages {positions} received"),
            Event::Delivered { pos, through } => write!(f, "package {pos} received, last position {through}"),
            Event::Held { pos, through } => {
                write!(f, "package {pos} received early and held, last position {through}")
            }
            Event::Duplicate { pos, through } => {
                write!(f, "package {pos} received again, last position {through}: ACK {pos} sent again")
            }
            Event::Ignored { name, pos, why } => write!(f, "{name} {pos} changes nothing: {}", ignored(why)),
            Event::Done { packages } => write!(f, "done: all {packages} packages"),
            Event::Disconnected => f.write_str("disconnected"),
            Event::Stopped(why) => write!(f, "stopped: {why}"),
            Event::Missed(n) => write!(f, "({n} events were not kept)"),
        }
    }
}

fn sent(f: &mut fmt::Formatter<'_>, frame: &Outgoing) -> fmt::Result {
    let Outgoing { name, pos, copy, .. } = *frame;
    match (name, copy) {
        (Name::Msg, FrameCopy::Resend(_)) => write!(f, "package {pos} sent again"),
        (Name::Msg, _) => write!(f, "package {pos} sent"),
        (Name::Ack, FrameCopy::OfDone) => write!(f, "ACK {pos} sent (DONE)"),
        (Name::Ack, FrameCopy::Repeat) => write!(f, "ACK {pos} sent again"),
        (Name::Done | Name::Close | Name::Ack, FrameCopy::First) => write!(f, "{name} {pos} sent"),
        (_, FrameCopy::First | FrameCopy::OfDone) => write!(f, "{name} sent"),
        (_, FrameCopy::Resend(_) | FrameCopy::Repeat) => write!(f, "{name} {pos} sent again"),
    }
}

const fn ignored(why: IgnoredFrame) -> &'static str {
    match why {
        IgnoredFrame::HeldTwice => "it is held already",
        IgnoredFrame::NoRoom => "it is too far ahead to be held",
        IgnoredFrame::NotAPosition => "no package can have that position",
        IgnoredFrame::DoneTooEarly => "packages before it are missing",
        IgnoredFrame::AfterDone => "the message was done already",
        IgnoredFrame::TooManyRepeats => "too many ACKs wait to be read already",
        IgnoredFrame::SecondAnswer => "maximum_msg_size is agreed already",
    }
}

fn moment(f: &mut fmt::Formatter<'_>, moment: Option<Moment>) -> fmt::Result {
    match moment {
        Some(moment) => write!(f, "{:.6}", seconds(moment)),
        None => f.write_str("none"),
    }
}

fn seconds(moment: Moment) -> f64 {
    moment.since(Moment::ZERO).as_secs_f64()
}

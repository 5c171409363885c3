//! arqscope reads captures of a sliding-window (ARQ) protocol with frames of fixed size over TCP, and says what was on
//! the wire: every frame, where it came from, what the window rules know of it, and what happened and why. It also speaks the protocol, records
//! what it speaks, and simulates it.
//!
//! ```text
//! pcap ────┐
//! pcapng ──┼─► Packet ─► headers, fragments ─┐
//!          │                                 ├─► Segment ─► reassembly ─► framing ─► Row ─► table csv tsv json ndjson text
//! JSON ────┴─────────────────────────────────┘   (waist)    (+ holes)    (+ P)      (+ verdict)
//! ```
//!
//! | you want to | go to |
//! | --- | --- |
//! | lay out, read or emit one frame | [`wire`] |
//! | cut a byte stream into frames | [`wire::Deframer`] |
//! | judge positions and ACKs by the window rules | [`window`] |
//! | open any capture and walk its packets | [`decode::capture::Capture`] |
//! | get from packets to TCP segments | [`decode::intake::Intake`] |
//! | get from segments to streams with holes | [`decode::Connections`], [`decode::reassembly::StreamSink`] |
//! | find the connections that speak the protocol, and their frames | [`decode::framing::Framing`] |
//! | have a row for each frame, with what is known of it | [`decode::rows::Rows`] |
//! | choose rows | [`decode::filter::Filter`] |
//! | print rows | [`decode::print::printer`] |
//! | put a connection's message together | [`decode::message`] |
//! | do what the `decode` command does | [`decode::command`] |
//! | judge an exchange by the protocol's rules | [`analyze::Analysis`], [`analyze::rules`] |
//! | compare declared facts with a capture | [`analyze::expect`] |
//! | write what was found, in any form | [`analyze::report`] |
//! | do what the `analyze` command does | [`analyze::command`] |
//! | speak the protocol over any transport, without a socket or a clock | [`endpoint`] |
//! | leave frames unwritten on purpose | [`fault`] |
//! | send or receive messages over TCP | [`net::transfer`], [`net::Listener`] |
//! | have message, window and timeout from options, a file or a person | [`params`] |
//! | record an exchange at its socket | [`record::Recorder`] |
//! | write packets that every tool reads | [`conversation`], [`capture_writer`] |
//! | simulate exchanges, with a capture and its ground truth | [`simulate`] |
//! | read a command's options; keep its outputs off its inputs | [`command_line`], [`outputs`] |
//!
//! Every stage of decoding streams and keeps bounded state. The whole way, from a file to rows:
//!
//! ```
//! use std::ops::ControlFlow;
//!
//! use arqscope::decode::capture::{Capture, CaptureLimits, Input};
//! use arqscope::decode::framing::{FramedConnection, Framing, FramingOptions};
//! use arqscope::decode::reading::read;
//! use arqscope::decode::reassembly::StreamLimits;
//! use arqscope::decode::rows::{RowSink, Rows};
//! use arqscope::decode::Row;
//!
//! #[derive(Default)]
//! struct Resends(u32);
//!
//! impl RowSink for Resends {
//!     fn row(&mut self, _: &FramedConnection<'_>, row: &Row<'_>) -> ControlFlow<()> {
//!         self.0 += u32::from(row.info.verdict() == Some("resend"));
//!         ControlFlow::Continue(())
//!     }
//! }
//!
//! # fn main() -> Result<(), arqscope::decode::capture::CaptureError> {
//! let mut capture = Capture::open(&Input::from("captures/run4.pcapng"), &CaptureLimits::default())?;
//! let mut framing = Framing::new(FramingOptions::default(), Rows::new(Resends::default()));
//! let go_on = |_, _: &mut _| ControlFlow::Continue(());
//! let reading = read(&mut capture, 0, StreamLimits::prompt(), &mut framing, go_on);
//! assert!(reading.error.is_none());
//! assert_eq!(framing.sink.into_sink().0, 3); // positions 6, 8 and 10 are written twice
//! # Ok(())
//! # }
//! ```
//!
//! The protocol's rules are in `docs/protocol.md`; `PROTOCOL §3.2` in these pages names a section of it. How the parts
//! fit and why is in `docs/architecture.md`.

pub mod analyze;
pub mod bounded;
pub mod capture_writer;
pub mod command_line;
pub mod conversation;
pub mod decode;
pub mod endpoint;
pub mod fault;
pub mod net;
pub mod outputs;
pub mod params;
pub mod record;
pub mod simulate;
pub mod time;
pub mod window;
pub mod wire;

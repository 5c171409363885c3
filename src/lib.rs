//! arqscope: a capture decoder and analyser for a fixed-frame sliding-window (ARQ) protocol over TCP.

pub mod capture_writer;
pub mod conversation;
pub mod decode;
pub mod endpoint;
pub mod fault;
pub mod net;
pub mod params;
pub mod record;
pub mod time;
pub mod window;
pub mod wire;

//! arqscope: a capture decoder and analyser for a fixed-frame sliding-window (ARQ) protocol over TCP.

pub mod decode;
pub mod endpoint;
pub mod fault;
pub mod time;
pub mod window;
pub mod wire;

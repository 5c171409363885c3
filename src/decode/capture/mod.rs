//! Opening a capture: what it is, decompressed, record by record.

mod error;

pub use error::CaptureError;

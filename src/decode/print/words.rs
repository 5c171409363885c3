//! Words of fixed length, whose copies need no call.

use crate::wire::{Name, Side};

/// A frame's name.
#[inline]
pub(super) fn write_name(out: &mut Vec<u8>, name: Name) {
    match name {
        // Nearly every frame.
        Name::Msg => out.extend_from_slice(Name::Msg.as_str().as_bytes()),
        Name::Ack => out.extend_from_slice(Name::Ack.as_str().as_bytes()),
        _ => out.extend_from_slice(name.as_str().as_bytes()),
    }
}

/// Who sent it.
#[inline]
pub(super) fn write_side(out: &mut Vec<u8>, side: Side) {
    // Both words have six letters.
    match side {
        Side::Client => out.extend_from_slice(Side::Client.as_str().as_bytes()),
        Side::Server => out.extend_from_slice(Side::Server.as_str().as_bytes()),
    }
}

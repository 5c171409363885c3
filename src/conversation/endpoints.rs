//! Client addresses for any number of connections to one server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::decode::Endpoint;

/// The ephemeral ports of Linux.
const FIRST_PORT: u16 = 32_768;
const PORTS: u32 = 28_232;

/// The n-th client of a server, counted from 0: different for every `n`, and never the server itself. IPv4 clients are
/// at 127.0.0.1, 127.0.0.2 … and IPv6 clients at ::1, then fd00::1, fd00::2 …, with the ports 32,768 to 60,999.
#[must_use]
pub const fn client_endpoint(n: u32, server: Endpoint) -> Endpoint {
    // A server among these ports takes one of them away, on every address.
    let taken = server.port.wrapping_sub(FIRST_PORT) as u32;
    let ports = if taken < PORTS { PORTS - 1 } else { PORTS };
    let host = n / ports;
    let mut port = n % ports;
    if port >= taken {
        port += 1;
    }
    let addr = match server.addr {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from_bits(0x7F00_0001 + host)),
        IpAddr::V6(_) if host == 0 => IpAddr::V6(Ipv6Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from_bits((0xFD00 << 112) + host as u128)),
    };
    Endpoint { addr, port: FIRST_PORT + port as u16 }
}

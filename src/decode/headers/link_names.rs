//! What link types are called.

use std::fmt;

use super::link;
use crate::decode::LinkType;

impl LinkType {
    /// The usual name, `Ethernet`, `802.11 plus radiotap header`; `None` for a number without a common one.
    ///
    /// Numbers and names: the registry of draft-ietf-opsawg-pcaplinktype.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        NAMES.binary_search_by_key(&self.0, |&(number, _)| number).ok().and_then(|at| NAMES.get(at)).map(|n| n.1)
    }

    /// True when packets of this type are taken apart; of others not one byte is looked at.
    #[must_use]
    pub fn is_supported(self) -> bool {
        link::is_supported(self)
    }
}

/// The name with the number, `Ethernet (1)`; a number without a name is `link type 4711`.
impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "link type {}", self.0),
        }
    }
}

/// Ascending.
const NAMES: &[(u16, &str)] = &[
    (0, "BSD loopback"),
    (1, "Ethernet"),
    (2, "Experimental Ethernet"),
    (3, "AX.25"),
    (6, "Token Ring"),
    (7, "BSD ARCNET"),
    (8, "SLIP"),
    (9, "PPP"),
    (10, "FDDI"),
    (11, "LLC-encapsulated ATM"),
    (12, "Raw IP"),
    (14, "Raw IP"),
    (50, "PPP over serial"),
    (51, "PPPoE"),
    (99, "Symantec Firewall"),
    (100, "LLC-encapsulated ATM"),
    (101, "Raw IP"),
    (102, "BSD/OS SLIP"),
    (103, "BSD/OS PPP"),
    (104, "Cisco HDLC"),
    (105, "802.11"),
    (106, "Classical IP over ATM"),
    (107, "Frame Relay"),
    (108, "OpenBSD loopback"),
    (109, "OpenBSD encapsulated IP"),
    (113, "Linux cooked v1"),
    (114, "LocalTalk"),
    (117, "OpenBSD pflog"),
    (119, "802.11 plus Prism header"),
    (122, "IP over Fibre Channel"),
    (123, "Sun raw ATM"),
    (127, "802.11 plus radiotap header"),
    (129, "Linux ARCNET"),
    (138, "Apple IP over IEEE 1394"),
    (139, "SS7 MTP2 with pseudo-header"),
    (140, "SS7 MTP2"),
    (141, "SS7 MTP3"),
    (142, "SS7 SCCP"),
    (143, "DOCSIS"),
    (144, "Linux IrDA"),
    (147, "private use 0"),
    (148, "private use 1"),
    (149, "private use 2"),
    (150, "private use 3"),
    (151, "private use 4"),
    (152, "private use 5"),
    (153, "private use 6"),
    (154, "private use 7"),
    (155, "private use 8"),
    (156, "private use 9"),
    (157, "private use 10"),
    (158, "private use 11"),
    (159, "private use 12"),
    (160, "private use 13"),
    (161, "private use 14"),
    (162, "private use 15"),
    (163, "802.11 plus AVS header"),
    (165, "BACnet MS/TP"),
    (166, "PPP for pppd, with direction"),
    (169, "GPRS LLC"),
    (177, "Linux vISDN LAPD"),
    (182, "FRF.16 Frame Relay"),
    (187, "Bluetooth HCI UART"),
    (189, "USB with Linux header"),
    (190, "CAN 2.0B"),
    (191, "802.15.4 with Linux padding"),
    (192, "Per-Packet Information"),
    (195, "802.15.4 with FCS"),
    (197, "Endace ERF"),
    (201, "Bluetooth HCI UART plus pseudo-header"),
    (202, "AX.25 with KISS header"),
    (203, "LAPD"),
    (204, "PPP plus direction"),
    (205, "Cisco HDLC plus direction"),
    (206, "Frame Relay plus direction"),
    (209, "IPMB with Linux pseudo-header"),
    (215, "802.15.4 with non-ASK PHY data"),
    (216, "Linux evdev"),
    (219, "MPLS"),
    (220, "USB with padded Linux header"),
    (221, "DECT"),
    (224, "Fibre Channel FC-2"),
    (225, "Fibre Channel FC-2 with frame delimiters"),
    (226, "Solaris ipnet"),
    (227, "CAN with SocketCAN header"),
    (228, "Raw IPv4"),
    (229, "Raw IPv6"),
    (230, "802.15.4 without FCS"),
    (231, "D-Bus"),
    (235, "DVB-CI"),
    (239, "Linux netfilter log"),
    (240, "Ethernet with netANALYZER header"),
    (241, "Ethernet with netANALYZER header and preamble"),
    (242, "IP over InfiniBand"),
    (243, "MPEG-2 transport stream"),
    (247, "InfiniBand"),
    (248, "SCTP"),
    (249, "USB with USBPcap header"),
    (251, "Bluetooth Low Energy"),
    (252, "Wireshark upper PDU"),
    (253, "Linux netlink"),
    (254, "Bluetooth Linux monitor"),
    (255, "Bluetooth BR/EDR baseband"),
    (256, "Bluetooth Low Energy with pseudo-header"),
    (257, "PROFIBUS"),
    (258, "Apple PKTAP"),
    (259, "Ethernet with EPON preamble"),
    (264, "ISO 14443"),
    (265, "Radio Data System"),
    (266, "USB with Darwin header"),
    (271, "Linux vsock"),
    (272, "Nordic Bluetooth LE sniffer"),
    (274, "802.3br mPackets"),
    (275, "DisplayPort AUX"),
    (276, "Linux cooked v2"),
    (280, "VPP graph dispatch trace"),
    (281, "Ethernet with Broadcom tag"),
    (282, "Ethernet with Broadcom tag in front"),
    (283, "802.15.4 with pseudo-header"),
    (284, "Ethernet with Marvell DSA tag"),
    (285, "Ethernet with Marvell EDSA tag"),
    (287, "Z-Wave serial"),
    (288, "USB 2.0"),
    (289, "ATSC link layer"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_ascends_so_that_every_entry_is_found() {
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0));
        for &(number, name) in NAMES {
            assert_eq!(LinkType(number).name(), Some(name));
        }
    }

    #[test]
    fn a_type_that_is_taken_apart_has_a_name() {
        for number in 0..=u16::MAX {
            let link_type = LinkType(number);
            assert!(!link_type.is_supported() || link_type.name().is_some(), "{number}");
        }
    }

    #[test]
    fn a_number_without_a_name_is_still_shown() {
        assert_eq!(LinkType(1).to_string(), "Ethernet (1)");
        assert_eq!(LinkType(60_000).to_string(), "link type 60000");
        assert_eq!(LinkType(195).name(), Some("802.15.4 with FCS"));
    }
}

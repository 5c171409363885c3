//! Wireshark's own numbers for link layers (`frame.encap_type`), as the numbers that capture files use.

use crate::decode::segment::LinkType;

/// The link type of one `frame.encap_type` (`WTAP_ENCAP_*`); `None` for those that can carry no IP or whose
/// number says nothing.
///
/// PPP with a direction flag loses that flag on the way into `frame_raw`, so it is plain PPP here.
pub(super) const fn link_type(encap_type: u64) -> Option<LinkType> {
    Some(LinkType(match encap_type {
        1 => 1,
        2 => 6,
        3 => 8,
        4 | 19 => 9,
        5 => 10,
        7 => 101,
        10 => 100,
        15 => 0,
        18 => 122,
        20 => 105,
        21 => 119,
        23 => 127,
        24 => 163,
        25 => 113,
        26 => 107,
        28 => 104,
        38 => 109,
        39 => 117,
        // USER0 to USER15
        45..=60 => 147 + (encap_type - 45) as u16,
        62 => 138,
        124 => 226,
        129 => 228,
        130 => 229,
        139 => 51,
        141 => 239,
        155 => 252,
        174 => 108,
        180 => 242,
        210 => 276,
        _ => return None,
    }))
}

/// The link type that fits the outermost layer's name, for exports that do not give `frame.encap_type`.
/// `header_len` is the length of that layer where raw bytes tell it: cooked captures of both versions share a name.
pub(super) fn guess(layer: &[u8], header_len: Option<u64>) -> Option<LinkType> {
    Some(LinkType(match layer {
        b"eth" => 1,
        b"tr" => 6,
        b"ppp" => 9,
        b"ip" | b"ipv6" | b"raw" => 101,
        b"null" => 0,
        b"sll" if header_len == Some(20) => 276,
        b"sll" => 113,
        b"wlan" => 105,
        b"radiotap" => 127,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encapsulation_numbers_are_those_that_tshark_prints_for_each_link_type() {
        // tshark 4.0.17 -T fields -e frame.encap_type on a one-packet pcap of each link type.
        let seen = [
            (1, 1),
            (0, 15),
            (108, 174),
            (9, 4),
            (101, 7),
            (228, 129),
            (229, 130),
            (113, 25),
            (276, 210),
            (104, 28),
            (105, 20),
            (127, 23),
            (51, 139),
            (109, 38),
            (117, 39),
            (147, 45),
            (162, 60),
            (252, 155),
        ];
        for (link, encap) in seen {
            assert_eq!(link_type(encap), Some(LinkType(link)), "{encap}");
        }
    }

    #[test]
    fn unknown_numbers_and_names_have_no_link_type() {
        assert_eq!(link_type(0), None);
        assert_eq!(link_type(u64::MAX), None);
        assert_eq!(guess(b"can", None), None);
    }
}

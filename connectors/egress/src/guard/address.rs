//! Which addresses are closed: everything that is not plainly a public host.
//!
//! IPv4 is a list of what is closed (IANA's special-purpose registry, RFC 6890). IPv6 is the reverse: only global unicast
//! space is open, less what is special in it. An address that carries an IPv4 address inside is as closed as that one.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// This host.
    Loopback,
    /// RFC 1918, RFC 4193.
    Private,
    /// RFC 6598: behind a carrier's translator.
    Shared,
    /// This link, and the platform's metadata service on it.
    LinkLocal,
    /// Many hosts.
    Multicast,
    /// All hosts of the link.
    Broadcast,
    /// No host; systems take it for this one.
    Unspecified,
    /// For examples in texts.
    Documentation,
    /// For test networks.
    Benchmarking,
    /// A cloud platform's own service under a public address.
    Platform,
    /// Everything else that is no public host.
    Reserved,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::Shared => "carrier-internal",
            Self::LinkLocal => "link-local",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::Unspecified => "unspecified",
            Self::Documentation => "documentation",
            Self::Benchmarking => "test network",
            Self::Platform => "cloud platform",
            Self::Reserved => "reserved",
        })
    }
}

/// The class of an address that is closed; `None` for a public one.
pub(super) fn closed(address: IpAddr) -> Option<Class> {
    match address {
        IpAddr::V4(v4) => closed_v4(v4),
        IpAddr::V6(v6) => closed_v6(v6),
    }
}

fn closed_v4(address: Ipv4Addr) -> Option<Class> {
    Some(match address.octets() {
        [0, 0, 0, 0] => Class::Unspecified,
        [127, ..] => Class::Loopback,
        [10, ..] | [192, 168, ..] | [172, 16..=31, ..] => Class::Private,
        [100, 64..=127, ..] => Class::Shared,
        [169, 254, ..] => Class::LinkLocal,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Class::Documentation,
        [198, 18..=19, ..] => Class::Benchmarking,
        [168, 63, 129, 16] => Class::Platform, // Azure's host agent
        [255, 255, 255, 255] => Class::Broadcast,
        [224..=239, ..] => Class::Multicast,
        // "this network", IETF protocol assignments, the former 6to4 relays, the former class E.
        [0, ..] | [192, 0, 0, _] | [192, 88, 99, _] | [240..=255, ..] => Class::Reserved,
        _ => return None,
    })
}

fn closed_v6(address: Ipv6Addr) -> Option<Class> {
    if address == Ipv6Addr::UNSPECIFIED {
        return Some(Class::Unspecified);
    }
    if address == Ipv6Addr::LOCALHOST {
        return Some(Class::Loopback);
    }
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] => closed_v4(v4(high, low)), // mapped (RFC 4291)
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => closed_v4(v4(high, low)), // NAT64 (RFC 6052)
        [0x2002, high, low, ..] => closed_v4(v4(high, low)),            // 6to4 (RFC 3056)
        // IPv4-compatible (RFC 4291, deprecated) and -translated (RFC 2765): nothing answers there on a sane network.
        [0, 0, 0, 0, 0, 0, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => {
            Some(closed_v4(v4(high, low)).unwrap_or(Class::Reserved))
        }
        [0xfc00..=0xfdff, ..] => Some(Class::Private),
        [0xfe80..=0xfebf, ..] => Some(Class::LinkLocal),
        [0xff00..=0xffff, ..] => Some(Class::Multicast),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some(Class::Documentation),
        [0x2001, 2, 0, ..] => Some(Class::Benchmarking),
        [0x2001, 0..=0x1ff, ..] => Some(Class::Reserved), // IETF protocol assignments, Teredo among them
        [0x2000..=0x3fff, ..] => None,
        _ => Some(Class::Reserved),
    }
}

fn v4(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_open() {
        use Class::*;
        #[rustfmt::skip]
        let table: &[(Option<Class>, &[&str])] = &[
            (None, &["1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
                     "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255",
                     "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "168.63.129.15",
                     "2606:4700::1111", "2a00:1450:4001::200e", "2001:200::1", "2003::1", "3ffe::1", "3fff:1000::1",
                     "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]),
            (Some(Loopback), &["127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
                     "::127.0.0.1", "::ffff:0:127.0.0.1"]),
            (Some(Private), &["10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255",
                     "fc00::", "fdff:ffff::1", "fd00:ec2::254", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:c0a8:101::1"]),
            (Some(Shared), &["100.64.0.0", "100.127.255.255", "100.100.100.200", "::ffff:100.64.0.1"]),
            (Some(LinkLocal), &["169.254.0.0", "169.254.169.254", "fe80::1", "febf::1", "::ffff:169.254.169.254",
                     "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "::169.254.169.254"]),
            (Some(Multicast), &["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"]),
            (Some(Broadcast), &["255.255.255.255", "::ffff:255.255.255.255"]),
            (Some(Unspecified), &["0.0.0.0", "::", "::ffff:0.0.0.0", "64:ff9b::"]),
            (Some(Documentation), &["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1", "3fff:fff::1"]),
            (Some(Benchmarking), &["198.18.0.0", "198.19.255.255", "2001:2::1"]),
            (Some(Platform), &["168.63.129.16", "::ffff:168.63.129.16"]),
            (Some(Reserved), &["0.0.0.1", "192.0.0.192", "192.88.99.1", "240.0.0.1", "255.255.255.254", "2001::1",
                     "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:10::1", "2001:20::1", "::8.8.8.8", "::ffff:0:8.8.8.8",
                     "64:ff9b:1::1", "100::1", "5f00::1", "fec0::1", "4000::1", "200::1", "::2"]),
        ];
        for (class, addresses) in table {
            for address in *addresses {
                let found = closed(address.parse().unwrap());
                assert_eq!(found, *class, "{address}");
            }
        }
    }
}

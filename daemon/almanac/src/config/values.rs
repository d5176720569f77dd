//! The value types of the configuration: lengths of time, sizes, addresses. All are text with a unit.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

/// A length of time such as `"10s"` or `"300ms"`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Period(pub(crate) Duration);

/// A number of bytes such as `"64MiB"`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Size(pub(crate) usize);

/// Where a listener waits: `"127.0.0.1:8008"`, `"[::]:8443"`, `"unix:/run/almanac/http.sock"`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum ListenAddress {
    /// An IP address and a port; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

/// Whose forwarded headers are believed: an address, a network (`"10.0.0.0/8"`) or `"unix"`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum TrustedProxy {
    /// All addresses with this prefix.
    Network(IpAddr, u8),
    /// Whoever connects through a unix socket.
    Unix,
}

/// The origin under which clients reach the server: `"https://cal.example.org"`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PublicUrl(pub(crate) String);

const PERIOD_UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZE_UNITS: [(&str, usize); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)];

/// Splits `"10s"` into its number and its unit.
fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, unit))
}

impl FromStr for Period {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = "a length of time is a whole number above zero and a unit: 300ms, 10s, 5m, 2h, 1d";
        let (number, unit) = number_and_unit(text).ok_or(wanted)?;
        let (_, millis) = PERIOD_UNITS.iter().find(|(name, _)| *name == unit).ok_or(wanted)?;
        match number.checked_mul(*millis) {
            Some(total) if total > 0 && total <= 366 * 86_400_000 => Ok(Self(Duration::from_millis(total))),
            _ => Err(wanted),
        }
    }
}

impl FromStr for Size {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = "a size is a whole number above zero and a unit: 512B, 32KiB, 10MiB, 1GiB";
        let (number, unit) = number_and_unit(text).ok_or(wanted)?;
        let (_, factor) = SIZE_UNITS.iter().find(|(name, _)| *name == unit).ok_or(wanted)?;
        let number = usize::try_from(number).map_err(|_| wanted)?;
        number.checked_mul(*factor).filter(|total| *total > 0).map(Self).ok_or(wanted)
    }
}

impl FromStr for ListenAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return if path.is_absolute() {
                Ok(Self::Unix(path))
            } else {
                Err("a unix socket needs a full path: unix:/run/almanac/http.sock")
            };
        }
        text.parse().map(Self::Tcp).map_err(|_| {
            "an address is an IP address with a port, such as 127.0.0.1:8008 or [::]:8443, or unix:/full/path"
        })
    }
}

impl FromStr for TrustedProxy {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = "a proxy is an IP address, a network such as 10.0.0.0/8, or the word unix";
        if text == "unix" {
            return Ok(Self::Unix);
        }
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| wanted)?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(all), str::parse).map_err(|_| wanted)?;
        if bits <= all { Ok(Self::Network(address, bits)) } else { Err(wanted) }
    }
}

impl FromStr for PublicUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = "the public URL is a scheme and a host, without a path: https://cal.example.org";
        let uri: http::Uri = text.parse().map_err(|_| wanted)?;
        let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https")).ok_or(wanted)?;
        let authority = uri.authority().map(http::uri::Authority::as_str).ok_or(wanted)?;
        if authority.contains('@') || !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(wanted);
        }
        Ok(Self(format!("{scheme}://{authority}")))
    }
}

impl TrustedProxy {
    /// Whether `peer` (`None`: a unix socket) is this proxy.
    pub(crate) fn covers(&self, peer: Option<IpAddr>) -> bool {
        match (self, peer) {
            (Self::Unix, None) => true,
            (Self::Network(network, bits), Some(peer)) => match (network, peer.to_canonical()) {
                (IpAddr::V4(a), IpAddr::V4(b)) => same_prefix(&a.octets(), &b.octets(), *bits),
                (IpAddr::V6(a), IpAddr::V6(b)) => same_prefix(&a.octets(), &b.octets(), *bits),
                _ => false,
            },
            _ => false,
        }
    }
}

/// Whether two addresses agree in their first `bits` bits.
fn same_prefix(a: &[u8], b: &[u8], bits: u8) -> bool {
    a.iter().zip(b).zip(0u8..).all(|((a, b), index)| {
        let wanted = bits.saturating_sub(index.saturating_mul(8)).min(8);
        let mask = u8::MAX.checked_shl(8 - u32::from(wanted)).unwrap_or(0);
        a & mask == b & mask
    })
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        let (name, unit) =
            PERIOD_UNITS.iter().rev().find(|(_, unit)| millis % unit == 0).unwrap_or(&("ms", 1));
        write!(f, "{}{name}", millis / unit)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        let (name, unit) = units.iter().find(|(_, unit)| self.0.is_multiple_of(*unit)).unwrap_or(&("B", 1));
        write!(f, "{}{name}", self.0 / unit)
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl fmt::Display for TrustedProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(address, bits) => write!(f, "{address}/{bits}"),
            Self::Unix => f.write_str("unix"),
        }
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Gives a type that is written as text its `Debug` and its place in the configuration file.
macro_rules! written_as_text {
    ($($name:ident: $wanted:literal),+ $(,)?) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                struct Text;
                impl Visitor<'_> for Text {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($wanted)
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                from.deserialize_str(Text)
            }
        }
    )+};
}

written_as_text! {
    Period: "a length of time in quotes, such as \"10s\"",
    Size: "a size in quotes, such as \"64MiB\"",
    ListenAddress: "an address in quotes, such as \"127.0.0.1:8008\"",
    TrustedProxy: "an address in quotes, such as \"10.0.0.0/8\"",
    PublicUrl: "a URL in quotes, such as \"https://cal.example.org\"",
}

/// Reads one text or a list of texts as a list.
pub(crate) fn one_or_many<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + FromStr<Err = &'static str>,
{
    struct OneOrMany<T>(std::marker::PhantomData<T>);
    impl<'de, T: Deserialize<'de> + FromStr<Err = &'static str>> Visitor<'de> for OneOrMany<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text or a list of texts")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<T>, E> {
            text.parse().map(|value| vec![value]).map_err(E::custom)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut values = Vec::new();
            while let Some(value) = list.next_element()? {
                values.push(value);
            }
            Ok(values)
        }
    }
    from.deserialize_any(OneOrMany(std::marker::PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_and_sizes_are_read_and_written_with_their_unit() {
        for text in ["1ms", "300ms", "10s", "5m", "2h", "90s", "1d"] {
            assert_eq!(text.parse::<Period>().unwrap().to_string(), text);
        }
        for text in ["1B", "1500B", "32KiB", "10MiB", "1GiB"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
        for bad in ["", "10", "s", "-1s", "1.5s", "0s", "10 s", "10 parsecs", "99999999999999999999s", "367d"]
        {
            assert!(bad.parse::<Period>().is_err(), "{bad}");
        }
        for bad in ["", "10", "0B", "1KB", "99999999999999999GiB", "MiB"] {
            assert!(bad.parse::<Size>().is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_of_all_three_kinds_are_read_and_others_refused() {
        for text in ["127.0.0.1:0", "[::]:8443", "unix:/run/a.sock"] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), text);
        }
        for bad in
            ["", "8008", ":8008", "localhost:8008", "127.0.0.1", "unix:", "unix:relative", "1.2.3.4:99999"]
        {
            assert!(bad.parse::<ListenAddress>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_proxy_covers_exactly_its_network() {
        let rows: [(&str, Option<&str>, bool); 10] = [
            ("10.0.0.0/8", Some("10.200.3.4"), true),
            ("10.0.0.0/8", Some("11.0.0.1"), false),
            ("10.1.2.3", Some("10.1.2.3"), true),
            ("10.1.2.3", Some("10.1.2.2"), false),
            ("192.168.128.0/17", Some("192.168.127.1"), false),
            ("0.0.0.0/0", Some("203.0.113.9"), true),
            ("10.0.0.0/8", Some("::ffff:10.0.0.1"), true),
            ("2001:db8::/32", Some("2001:db8:1::1"), true),
            ("unix", None, true),
            ("unix", Some("127.0.0.1"), false),
        ];
        for (proxy, peer, expected) in rows {
            let peer = peer.map(|peer| peer.parse().unwrap());
            assert_eq!(proxy.parse::<TrustedProxy>().unwrap().covers(peer), expected, "{proxy} {peer:?}");
        }
        assert!("10.0.0.0/33".parse::<TrustedProxy>().is_err());
    }

    #[test]
    fn a_public_url_has_no_path() {
        assert_eq!("https://a.example/".parse::<PublicUrl>().unwrap().0, "https://a.example");
        assert_eq!("http://a.example:8080".parse::<PublicUrl>().unwrap().0, "http://a.example:8080");
        for bad in [
            "a.example",
            "ftp://a.example",
            "https://a.example/x",
            "https://u@a.example",
            "https://a.example?q",
        ] {
            assert!(bad.parse::<PublicUrl>().is_err(), "{bad}");
        }
    }
}

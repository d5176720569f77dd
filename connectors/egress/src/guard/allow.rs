//! One entry of the administrator's allow-list.

use std::net::IpAddr;

use url::Host;

/// Why an allow-list cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AllowError {
    /// The entry is none of the forms.
    #[error("read `{0}` in [egress] allow: it is no host name, address or block, with an optional port")]
    Form(String),
    /// The address of the block is not its first one.
    #[error("read `{entry}` in [egress] allow: the block begins at {first}; write that")]
    HostBits {
        /// The entry.
        entry: String,
        /// What its author may have meant.
        first: IpAddr,
    },
    /// More entries than anybody can oversee.
    #[error("read [egress] allow: it has too many entries; use blocks of addresses")]
    TooMany,
}

#[derive(Clone)]
pub(super) struct Entry {
    what: What,
    port: Option<u16>,
}

#[derive(Clone)]
enum What {
    /// In the form that the URL parser gives: lower case, IDNA, no dot at the end.
    Name(String),
    Block {
        first: IpAddr,
        bits: u8,
    },
}

impl Entry {
    pub(super) fn parse(text: &str) -> Result<Self, AllowError> {
        let form = || AllowError::Form(text.to_owned());
        let (what, port) = split(text).ok_or_else(form)?;
        let port = match port {
            None => None,
            Some(digits) => Some(digits.parse().ok().filter(|port| *port != 0).ok_or_else(form)?),
        };
        Ok(Self { what: What::parse(what, text)?, port })
    }

    /// Whether a request for `host` at `address` and `port` is named by this entry.
    pub(super) fn covers(&self, host: &str, address: IpAddr, port: u16) -> bool {
        self.port.is_none_or(|own| own == port)
            && match &self.what {
                What::Name(name) => name == host,
                What::Block { first, bits } => {
                    let address = address.to_canonical(); // an IPv4 address mapped into IPv6 is that address
                    address.is_ipv4() == first.is_ipv4() && head(address, *bits) == head(*first, *bits)
                }
            }
    }
}

impl What {
    fn parse(what: &str, entry: &str) -> Result<Self, AllowError> {
        let form = || AllowError::Form(entry.to_owned());
        if let Some((address, bits)) = what.split_once('/') {
            let address: IpAddr = address.parse().map_err(|_| form())?;
            let bits = bits.parse().ok().filter(|bits| *bits <= width(address)).ok_or_else(form)?;
            let first = head(address, bits);
            return if first == address {
                Ok(Self::Block { first, bits })
            } else {
                Err(AllowError::HostBits { entry: entry.to_owned(), first })
            };
        }
        if let Ok(address) = what.parse::<IpAddr>() {
            return Ok(Self::Block { first: address, bits: width(address) });
        }
        match Host::parse(what) {
            Ok(Host::Domain(name)) if !name.is_empty() && !name.contains('*') => {
                Ok(Self::Name(name.strip_suffix('.').unwrap_or(&name).to_owned()))
            }
            Ok(Host::Ipv4(address)) => Ok(Self::Block { first: address.into(), bits: 32 }),
            _ => Err(form()),
        }
    }
}

/// What is named, and the digits of the port.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (what, rest) = rest.split_once(']')?;
        let is_v6 = what.contains(':');
        let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) };
        return is_v6.then_some((what, port));
    }
    match text.split_once(':') {
        Some((what, port)) if !port.contains(':') => Some((what, Some(port))),
        _ => Some((text, None)), // no colon, or an IPv6 address without brackets, which has no port
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// `address` with all but its first `bits` bits set to zero.
fn head(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => IpAddr::V4(
            (u32::from(v4) & u32::MAX.checked_shl(32_u32.saturating_sub(bits.into())).unwrap_or(0)).into(),
        ),
        IpAddr::V6(v6) => IpAddr::V6(
            (u128::from(v6) & u128::MAX.checked_shl(128_u32.saturating_sub(bits.into())).unwrap_or(0)).into(),
        ),
    }
}

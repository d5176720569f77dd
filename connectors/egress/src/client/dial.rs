//! From a host to an open connection: resolve once, check, connect to what was checked.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::error::{EgressError, Kind, Sent};
use super::line::Line;
use super::wire::Stream;
use super::{Client, Resolver};
use crate::guard::{Refusal, Target};
use crate::limits::ADDRESSES_MAX;

/// The addresses that the operating system knows of a host.
pub(super) async fn system(host: String) -> io::Result<Vec<IpAddr>> {
    Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
}

impl Client {
    /// A connection to one of the addresses of `target` that the guard lets through.
    pub(super) async fn dial(&self, target: &Target, by: Instant) -> Result<Line, EgressError> {
        let timed_out = || EgressError::new(Kind::Timeout(Sent::No), target);
        let addresses = match target.literal() {
            Some(address) => vec![address],
            None => timeout_at(by, resolve(&self.resolver, target)).await.map_err(|_| timed_out())??,
        };
        let mut refusal = None;
        let open: Vec<IpAddr> = addresses
            .into_iter()
            .take(ADDRESSES_MAX)
            .filter(|address| {
                let answer = self.guard.check(target, *address);
                refusal = refusal.or(answer.err());
                answer.is_ok()
            })
            .collect();
        if let Some(refusal) = refusal.filter(|_| open.is_empty()) {
            return Err(EgressError::new(Kind::Refused(refusal), target));
        }
        let tcp = connect(&open, target, by).await?;
        let _ = tcp.set_nodelay(true); // a matter of speed only
        let stream = if target.is_plain() {
            Stream::Plain(tcp)
        } else {
            let no_name = |_| EgressError::new(Kind::Refused(Refusal::NoHost), target);
            let name = ServerName::try_from(bare(target.host()).to_owned()).map_err(no_name)?;
            let handshake = timeout_at(by, self.tls.connect(name, tcp)).await.map_err(|_| timed_out())?;
            Stream::Tls(Box::new(handshake.map_err(|e| EgressError::new(Kind::Tls, target).by(e))?))
        };
        Line::open(stream).await.map_err(|e| EgressError::new(Kind::Connect, target).by(e))
    }
}

async fn resolve(resolver: &Resolver, target: &Target) -> Result<Vec<IpAddr>, EgressError> {
    let failed = || EgressError::new(Kind::Resolve, target);
    let found = Arc::clone(resolver)(target.host().to_owned()).await.map_err(|e| failed().by(e))?;
    if found.is_empty() { Err(failed()) } else { Ok(found) }
}

/// Tries one address after the other, each for its share of the time that is left.
async fn connect(addresses: &[IpAddr], target: &Target, by: Instant) -> Result<TcpStream, EgressError> {
    let mut last = EgressError::new(Kind::Connect, target);
    for (n, address) in addresses.iter().enumerate() {
        let now = Instant::now();
        let rest = u32::try_from(addresses.len() - n).unwrap_or(u32::MAX);
        let share = now + by.saturating_duration_since(now) / rest;
        match timeout_at(share, TcpStream::connect(SocketAddr::new(*address, target.port()))).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = EgressError::new(Kind::Connect, target).by(error),
            Err(_) => last = EgressError::new(Kind::Timeout(Sent::No), target),
        }
    }
    Err(last)
}

/// An IPv6 address without its brackets.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

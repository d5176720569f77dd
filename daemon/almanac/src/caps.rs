//! How many connections there may be, in all and from one client.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::Limits;
use crate::config::values::TrustedProxy;
use crate::metrics::Metrics;

/// Counts connections and refuses those above the limits.
#[derive(Debug)]
pub(crate) struct Caps {
    counts: Mutex<Counts>,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct Counts {
    total_max: usize,
    per_client_max: usize,
    trusted: Vec<TrustedProxy>,
    total: usize,
    clients: HashMap<IpAddr, usize>,
}

/// The right to one connection, given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    caps: Arc<Caps>,
    client: Option<IpAddr>,
}

impl Caps {
    pub(crate) fn new(limits: &Limits, trusted: &[TrustedProxy], metrics: &Arc<Metrics>) -> Arc<Self> {
        let caps = Arc::new(Self { counts: Mutex::default(), metrics: Arc::clone(metrics) });
        caps.change(limits, trusted);
        caps
    }

    /// Other limits from now on. Connections above them stay.
    pub(crate) fn change(&self, limits: &Limits, trusted: &[TrustedProxy]) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.total_max = limits.connections_max;
        counts.per_client_max = limits.connections_per_ip_max;
        counts.trusted = trusted.to_vec();
    }

    /// A slot for a connection from `peer` (`None`: a unix socket), if there is one left.
    pub(crate) fn admit(self: &Arc<Self>, peer: Option<IpAddr>) -> Option<Slot> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let client = counts.counted(peer);
        let refused = if counts.total >= counts.total_max {
            Some("connections-max")
        } else if client
            .is_some_and(|client| counts.clients.get(&client).is_some_and(|n| *n >= counts.per_client_max))
        {
            Some("connections-per-ip-max")
        } else {
            None
        };
        if let Some(reason) = refused {
            drop(counts);
            self.metrics.connection_ended_by_us(reason);
            return None;
        }
        counts.total += 1;
        if let Some(client) = client {
            *counts.clients.entry(client).or_default() += 1;
        }
        drop(counts);
        self.metrics.connection_opened();
        Some(Slot { caps: Arc::clone(self), client })
    }
}

impl Counts {
    /// Whose limit a connection counts against: nobody's for this machine and for the proxies, which speak for many.
    fn counted(&self, peer: Option<IpAddr>) -> Option<IpAddr> {
        let peer = peer?.to_canonical();
        if peer.is_loopback() || self.trusted.iter().any(|proxy| proxy.covers(Some(peer))) {
            return None;
        }
        Some(match peer {
            IpAddr::V4(_) => peer,
            // A household or a host has a whole /64: single addresses of it cost nothing.
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.caps.metrics.connection_closed();
        let mut counts = self.caps.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.total = counts.total.saturating_sub(1);
        if let Some(client) = self.client
            && let Some(count) = counts.clients.get_mut(&client)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.clients.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caps(total: usize, per_client: usize) -> Arc<Caps> {
        let limits =
            Limits { connections_max: total, connections_per_ip_max: per_client, ..Limits::default() };
        Caps::new(&limits, &["10.0.0.9".parse().unwrap()], &Arc::default())
    }

    fn from(caps: &Arc<Caps>, peer: &str) -> Option<Slot> {
        caps.admit(Some(peer.parse().unwrap()))
    }

    #[test]
    fn one_client_cannot_take_more_than_its_share() {
        let caps = caps(100, 2);
        let _first = from(&caps, "192.0.2.1").unwrap();
        let second = from(&caps, "::ffff:192.0.2.1").unwrap();
        assert!(from(&caps, "192.0.2.1").is_none());
        assert!(from(&caps, "192.0.2.2").is_some());
        drop(second);
        assert!(from(&caps, "192.0.2.1").is_some());
        let _v6 = [from(&caps, "2001:db8::1").unwrap(), from(&caps, "2001:db8::ffff:2").unwrap()];
        assert!(from(&caps, "2001:db8::3").is_none());
        assert!(from(&caps, "2001:db8:0:1::1").is_some());
    }

    #[test]
    fn this_machine_and_the_proxies_are_bounded_in_all_only() {
        let caps = caps(4, 1);
        let held: Vec<Slot> = ["127.0.0.1", "127.0.0.1", "10.0.0.9", "10.0.0.9"]
            .into_iter()
            .map(|peer| from(&caps, peer).unwrap())
            .collect();
        assert!(caps.admit(None).is_none(), "the total");
        drop(held);
        assert!(caps.admit(None).is_some());
        assert!(caps.counts.lock().unwrap().clients.is_empty(), "no entry stays behind");
    }
}

//! The addresses: answered by the running daemon, or free for one that starts.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::command::output;
use super::{Finding, Subject};
use crate::config::values::ListenAddress;
use crate::limits::DOCTOR_WAIT;
use crate::listen::connect_unix;

/// What came of trying an address.
#[derive(Debug)]
enum Tried {
    Answers,
    Silent(io::Error),
    Free,
    Taken(io::Error),
    /// systemd has it, for the next start.
    Kept,
}

pub(super) async fn findings(subject: &Subject) -> Vec<Finding> {
    let mut findings = Vec::new();
    let config = &subject.config;
    if subject.runs() {
        let addresses = &subject.status.addresses;
        for url in addresses.http.iter().chain(&addresses.management) {
            findings.push(judge(url, &answers(url).await));
        }
        return findings;
    }
    if subject.status.state == "busy" {
        return findings; // whoever has the store has the addresses too, or is about to take or to leave them
    }
    let kept = output("systemctl", &["is-active", "almanac.socket"]).await.is_some();
    for (addresses, kept) in [(&config.http.listen, kept), (&config.management.listen, false)] {
        for address in addresses {
            findings.push(judge(&address.to_string(), &free(address, kept)));
        }
    }
    findings
}

/// Where `text`, as the daemon shows its addresses, can be reached from this machine.
pub(super) fn reachable(text: &str) -> Option<ListenAddress> {
    let address = text.split_once("://").map_or(text, |(_, rest)| rest);
    let ListenAddress::Tcp(address) = address.parse().ok()? else { return address.parse().ok() };
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Some(ListenAddress::Tcp(SocketAddr::new(ip, address.port())))
}

async fn answers(url: &str) -> Tried {
    let connected = match reachable(url) {
        Some(ListenAddress::Tcp(address)) => {
            timeout(DOCTOR_WAIT, TcpStream::connect(address)).await.map(|tried| tried.map(drop))
        }
        Some(ListenAddress::Unix(path)) => {
            timeout(DOCTOR_WAIT, connect_unix(&path)).await.map(|tried| tried.map(drop))
        }
        None => return Tried::Silent(ErrorKind::InvalidInput.into()),
    };
    match connected.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into())) {
        Ok(()) => Tried::Answers,
        Err(error) => Tried::Silent(error),
    }
}

/// Binds a TCP address for a moment. A unix socket is only looked for: one that is left over is replaced at the start.
fn free(address: &ListenAddress, kept: bool) -> Tried {
    let tried = match address {
        ListenAddress::Tcp(address) => TcpListener::bind(address).map(drop),
        ListenAddress::Unix(path) => match path.parent().map(Path::exists) {
            Some(true) => Ok(()),
            _ => Err(ErrorKind::NotFound.into()),
        },
    };
    match tried {
        Ok(()) => Tried::Free,
        Err(_) if kept => Tried::Kept,
        Err(error) => Tried::Taken(error),
    }
}

fn judge(address: &str, tried: &Tried) -> Finding {
    const NAME: &str = "address";
    match tried {
        Tried::Answers => Finding::ok(NAME, format!("{address} answers")),
        Tried::Free => Finding::ok(NAME, format!("{address} is free")),
        Tried::Kept => Finding::ok(NAME, format!("{address} is kept by almanac.socket")),
        Tried::Silent(error) => Finding::problem(
            NAME,
            format!("the running server does not answer at {address}: {error}"),
            "look at the log and at connections_max in [limits], or restart the server",
        ),
        Tried::Taken(error) if error.kind() == ErrorKind::PermissionDenied => Finding::problem(
            NAME,
            format!("{address} may not be bound by this user"),
            "ports below 1024 need almanac.socket: systemctl enable --now almanac.socket",
        ),
        Tried::Taken(error) if error.kind() == ErrorKind::AddrInUse => Finding::problem(
            NAME,
            format!("another program has {address}"),
            "stop that program, or change listen",
        ),
        Tried::Taken(error) => {
            Finding::problem(NAME, format!("{address} cannot be bound: {error}"), "change listen")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn an_address_is_well_if_it_answers_or_can_be_taken() {
        let error = |kind: ErrorKind| io::Error::from(kind);
        for (tried, level, word) in [
            (Tried::Answers, Level::Ok, "answers"),
            (Tried::Free, Level::Ok, "free"),
            (Tried::Kept, Level::Ok, "almanac.socket"),
            (Tried::Silent(error(ErrorKind::ConnectionRefused)), Level::Problem, "does not answer"),
            (Tried::Taken(error(ErrorKind::PermissionDenied)), Level::Problem, "may not be bound"),
            (Tried::Taken(error(ErrorKind::AddrInUse)), Level::Problem, "another program"),
            (Tried::Taken(error(ErrorKind::AddrNotAvailable)), Level::Problem, "cannot be bound"),
        ] {
            let finding = judge("127.0.0.1:1", &tried);
            assert_eq!(finding.level, level, "{finding:?}");
            assert!(finding.seen.contains(word), "{finding:?}");
        }
    }

    #[test]
    fn an_address_of_all_interfaces_is_reached_on_this_machine() {
        for (shown, reached) in [
            ("http://0.0.0.0:80", "127.0.0.1:80"),
            ("https://[::]:443", "[::1]:443"),
            ("http://127.0.0.1:8008", "127.0.0.1:8008"),
            ("unix:/run/a.sock", "unix:/run/a.sock"),
        ] {
            assert_eq!(reachable(shown).unwrap().to_string(), reached);
        }
        assert!(reachable("http://elsewhere").is_none());
    }

    #[test]
    fn a_port_that_another_program_has_is_taken() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = ListenAddress::Tcp(other.local_addr().unwrap());
        assert!(matches!(free(&address, false), Tried::Taken(error) if error.kind() == ErrorKind::AddrInUse));
        assert!(matches!(free(&address, true), Tried::Kept));
        drop(other);
        assert!(matches!(free(&address, false), Tried::Free));
    }
}

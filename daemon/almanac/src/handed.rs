//! Sockets that the service manager bound and hands over (`sd_listen_fds(3)`). They stay open while the daemon
//! restarts: a client that connects meanwhile waits, and is not refused.
//!
//! Each has the name of what it is for, by `FileDescriptorName=` of its socket unit: `http` or `management`. They take
//! the place of the addresses of `[http]` or `[management]`. The control socket cannot be handed over: whoever can
//! connect to it knows that a daemon has the store.

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use listenfd::ListenFd;

use crate::config::Config;
use crate::config::origin::Mistake;
use crate::config::values::ListenAddress;
use crate::failure::Failure;

/// What was handed over; nothing, as a rule.
#[derive(Debug, Default)]
pub(crate) struct Handed {
    pub(crate) http: Vec<Socket>,
    pub(crate) management: Vec<Socket>,
}

/// A socket that waits for connections already.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Handed {
    /// Takes over what was handed to this process. Call it before the process has a second thread: it clears variables
    /// of the environment.
    ///
    /// # Errors
    /// A socket that is none, or whose purpose is unknown.
    pub(crate) fn take() -> Result<Self, Failure> {
        let names = std::env::var("LISTEN_FDNAMES").ok();
        let mut sockets = ListenFd::from_env();
        let mut handed = Self::default();
        for (index, name) in purposes(names.as_deref(), sockets.len()).into_iter().enumerate() {
            let purpose = match name.as_str() {
                "http" => &mut handed.http,
                "management" => &mut handed.management,
                _ => return Err(unknown(&name)),
            };
            purpose.extend(take(&mut sockets, index).map_err(|error| unusable(&name, &error))?);
        }
        Ok(handed)
    }

    /// Where the sockets wait.
    pub(crate) fn places(&self) -> Places {
        let places = |sockets: &[Socket]| sockets.iter().map(Socket::address).collect();
        Places { http: places(&self.http), management: places(&self.management) }
    }
}

/// Where the sockets wait that were handed over.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    http: Vec<ListenAddress>,
    management: Vec<ListenAddress>,
}

impl Places {
    /// The configuration as if these addresses had been written in it: they are bound by the same rules, at the start
    /// and at each reload.
    ///
    /// # Errors
    /// As [`Config::check`].
    pub(crate) fn check(&self, config: &Config) -> Result<(), Mistake> {
        let mut config = config.clone();
        for (places, listen) in
            [(&self.http, &mut config.http.listen), (&self.management, &mut config.management.listen)]
        {
            if !places.is_empty() {
                listen.clone_from(places);
            }
        }
        config.check()
    }
}

impl Socket {
    /// Where it waits.
    pub(crate) fn address(&self) -> ListenAddress {
        match self {
            Self::Tcp(listener) => listener
                .local_addr()
                .map_or_else(|_| ListenAddress::Unix(PathBuf::from("unknown")), ListenAddress::Tcp),
            Self::Unix(listener) => {
                let address = listener.local_addr().ok();
                let path = address.as_ref().and_then(|address| address.as_pathname());
                ListenAddress::Unix(path.map_or_else(|| PathBuf::from("unnamed"), PathBuf::from))
            }
        }
    }
}

/// What `count` sockets are for. A manager that gives no names means the calendars.
fn purposes(names: Option<&str>, count: usize) -> Vec<String> {
    match names {
        None => vec!["http".to_owned(); count],
        Some(names) => names.split(':').chain(std::iter::repeat("")).take(count).map(str::to_owned).collect(),
    }
}

fn take(sockets: &mut ListenFd, index: usize) -> io::Result<Option<Socket>> {
    match sockets.take_tcp_listener(index) {
        Ok(listener) => Ok(listener.map(Socket::Tcp)),
        Err(_) => Ok(sockets.take_unix_listener(index)?.map(Socket::Unix)),
    }
}

fn unknown(name: &str) -> Failure {
    Failure::configuration(
        format!("the service manager hands over a socket with the name \"{name}\""),
        "set FileDescriptorName= of the socket unit to http or management",
    )
}

fn unusable(name: &str, error: &io::Error) -> Failure {
    Failure::configuration(
        format!("the socket \"{name}\" that the service manager hands over cannot be used: {error}"),
        "give the socket unit ListenStream= with an IP address or a path",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_without_a_name_is_for_calendars_if_none_has_one() {
        assert_eq!(purposes(None, 2), ["http", "http"]);
        assert_eq!(purposes(Some("management:http"), 2), ["management", "http"]);
        assert_eq!(purposes(Some("http"), 2), ["http", ""]);
        assert!(purposes(Some(""), 0).is_empty());
    }

    #[test]
    fn a_socket_is_bound_by_the_rules_for_addresses() {
        let config = Config::default();
        let exposed = || vec![Socket::Tcp(TcpListener::bind("0.0.0.0:0").unwrap())];
        let local = || vec![Socket::Tcp(TcpListener::bind("127.0.0.1:0").unwrap())];
        assert_eq!(Handed { http: local(), management: local() }.places().check(&config), Ok(()));
        for (handed, key) in [
            (Handed { http: exposed(), ..Handed::default() }, "http.listen"),
            (Handed { management: exposed(), ..Handed::default() }, "management.listen"),
        ] {
            let refused = handed.places().check(&config).unwrap_err();
            assert_eq!(refused.keys.first(), Some(&key), "{refused:?}");
        }
    }
}

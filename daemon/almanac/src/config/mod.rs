//! The configuration: one struct a section, every key with its default. `etc/almanac.toml` explains them.

pub(crate) mod load;
pub(crate) mod origin;
pub(crate) mod values;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use almanac_egress::{EgressConfig, Guard};
use jiff::SignedDuration;
use serde::Deserialize;

use origin::Mistake;
use values::{ListenAddress, Period, PublicUrl, Size, TrustedProxy, one_or_many};

/// The whole file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) version: Version,
    pub(crate) http: Http,
    pub(crate) management: Management,
    pub(crate) store: Store,
    pub(crate) log: Log,
    pub(crate) limits: Limits,
    pub(crate) egress: EgressConfig,
    pub(crate) sync: SyncConfig,
}

/// The version of the file's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub(crate) struct Version;

/// `[http]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Http {
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) listen: Vec<ListenAddress>,
    pub(crate) public_url: Option<PublicUrl>,
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) trusted_proxies: Vec<TrustedProxy>,
    pub(crate) behind_proxy: bool,
    pub(crate) tls: Option<Tls>,
}

/// `[http.tls]`: both keys or no section.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    pub(crate) cert_file: PathBuf,
    pub(crate) key_file: PathBuf,
}

/// `[management]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Management {
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) listen: Vec<ListenAddress>,
}

/// `[store]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Store {
    pub(crate) path: PathBuf,
    pub(crate) key: Key,
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) passphrase_file: Option<PathBuf>,
    pub(crate) engine: Engine,
    pub(crate) cache: Size,
    pub(crate) trash_days: u32,
}

/// Where the root key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Key {
    File,
    Credential,
    Passphrase,
}

/// What keeps the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Engine {
    Redb,
    Sled,
    Memory,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    pub(crate) level: Level,
    pub(crate) format: LogFormat,
    pub(crate) target: LogTarget,
}

/// The least severe kind of line that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// Where events go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogTarget {
    /// To the journal if stderr leads there, else to stderr.
    Auto,
    Stderr,
    Journal,
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    pub(crate) handshake_timeout: Period,
    pub(crate) first_byte_timeout: Period,
    pub(crate) header_timeout: Period,
    pub(crate) body_timeout: Period,
    pub(crate) body_rate_min: Size,
    pub(crate) write_timeout: Period,
    pub(crate) idle_timeout: Period,
    pub(crate) drain_timeout: Period,
    pub(crate) connections_max: usize,
    pub(crate) connections_per_ip_max: usize,
    pub(crate) header_bytes_max: Size,
    pub(crate) body_bytes_max: Size,
    pub(crate) xml_bytes_max: Size,
    pub(crate) object_bytes_max: Size,
}

/// `[sync]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SyncConfig {
    pub(crate) poll: Period,
    pub(crate) local_delay: Period,
    pub(crate) retry: Period,
    pub(crate) retry_max: Period,
    pub(crate) hooks_url: Option<PublicUrl>,
}

impl Default for SyncConfig {
    fn default() -> Self {
        let seconds = |n| Period(Duration::from_secs(n));
        Self {
            poll: seconds(300),
            local_delay: seconds(1),
            retry: seconds(2),
            retry_max: seconds(3_600),
            hooks_url: None,
        }
    }
}

impl SyncConfig {
    pub(crate) fn poll(&self) -> SignedDuration {
        exact(self.poll)
    }

    pub(crate) fn retry(&self) -> SignedDuration {
        exact(self.retry)
    }

    pub(crate) fn retry_max(&self) -> SignedDuration {
        exact(self.retry_max)
    }
}

fn exact(period: Period) -> SignedDuration {
    SignedDuration::try_from(period.0).unwrap_or(SignedDuration::MAX)
}

impl TryFrom<i64> for Version {
    type Error = &'static str;

    fn try_from(number: i64) -> Result<Self, Self::Error> {
        if number == 1 { Ok(Self) } else { Err("this program reads version 1 of the configuration") }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            version: Version,
            http: Http::default(),
            management: Management::default(),
            store: Store::default(),
            log: Log::default(),
            limits: Limits::default(),
            egress: EgressConfig::default(),
            sync: SyncConfig::default(),
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: vec![loopback(8008)],
            public_url: None,
            trusted_proxies: Vec::new(),
            behind_proxy: false,
            tls: None,
        }
    }
}

impl Default for Management {
    fn default() -> Self {
        Self { listen: vec![loopback(8009)] }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self {
            path: PathBuf::from("/var/lib/almanac"),
            key: Key::File,
            key_file: None,
            passphrase_file: None,
            engine: Engine::Redb,
            cache: Size(64 << 20),
            trash_days: 30,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: Level::Info, format: LogFormat::Text, target: LogTarget::Auto }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = |n| Period(Duration::from_secs(n));
        Self {
            handshake_timeout: seconds(10),
            first_byte_timeout: seconds(10),
            header_timeout: seconds(10),
            body_timeout: seconds(10),
            body_rate_min: Size(1 << 10),
            write_timeout: seconds(30),
            idle_timeout: seconds(60),
            drain_timeout: seconds(10),
            connections_max: 4096,
            connections_per_ip_max: 256,
            header_bytes_max: Size(32 << 10),
            body_bytes_max: Size(10 << 20),
            xml_bytes_max: Size(1 << 20),
            object_bytes_max: Size(1 << 20),
        }
    }
}

/// What the store takes as one value, less what belongs to an object beside its octets.
const OBJECT_BYTES_CEILING: Size = Size(almanac_store::limits::VALUE_BYTES_MAX - (4 << 20));

/// Ten years.
const TRASH_DAYS_MAX: u32 = 3_650;

fn loopback(port: u16) -> ListenAddress {
    ListenAddress::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

impl Config {
    /// Refuses what each key allows but all together do not.
    pub(crate) fn check(&self) -> Result<(), Mistake> {
        self.check_listeners()?;
        self.check_key()?;
        let limits = &self.limits;
        // hyper's buffers have this floor.
        if limits.header_bytes_max < Size(8 << 10) {
            let keys = &["limits.header_bytes_max"];
            return Err(Mistake::new(keys, "it is below 8KiB", "choose 8KiB or more"));
        }
        if limits.object_bytes_max > limits.body_bytes_max || limits.xml_bytes_max > limits.body_bytes_max {
            return Err(Mistake::new(
                &["limits.body_bytes_max", "limits.object_bytes_max", "limits.xml_bytes_max"],
                "body_bytes_max is below object_bytes_max or xml_bytes_max",
                "raise body_bytes_max: it bounds every request body",
            ));
        }
        if limits.object_bytes_max > OBJECT_BYTES_CEILING {
            return Err(Mistake::new(
                &["limits.object_bytes_max"],
                format!("it is above {OBJECT_BYTES_CEILING}, beyond which the store keeps no object"),
                "choose less",
            ));
        }
        if self.store.trash_days > TRASH_DAYS_MAX {
            let what = format!("it is above {TRASH_DAYS_MAX}");
            return Err(Mistake::new(&["store.trash_days"], what, "choose less; 0 keeps nothing"));
        }
        if let Err(error) = Guard::new(&self.egress.allow) {
            return Err(Mistake::new(
                &["egress.allow"],
                error.to_string(),
                "give host names, addresses or blocks, each with a port if only that one is meant",
            ));
        }
        if self.sync.hooks_url.as_ref().is_some_and(|url| !url.0.starts_with("https://")) {
            let what = "it does not begin with https://, and vendors call over https only";
            return Err(Mistake::new(&["sync.hooks_url"], what, "give the public address, or leave it away"));
        }
        for (keys, limit) in [
            (&["limits.connections_max"], limits.connections_max),
            (&["limits.connections_per_ip_max"], limits.connections_per_ip_max),
        ] {
            if limit == 0 {
                return Err(Mistake::new(keys, "0 lets nobody connect", "choose 1 or more"));
            }
        }
        Ok(())
    }

    /// A file that another kind of key would use is a misunderstanding: whoever names it believes that it is used.
    fn check_key(&self) -> Result<(), Mistake> {
        let store = &self.store;
        if store.key_file.is_some() && store.key != Key::File {
            return Err(Mistake::new(
                &["store.key_file", "store.key"],
                "it is not used, because the root key does not come from a file",
                "remove it, or set key = \"file\" in [store]",
            ));
        }
        if store.passphrase_file.is_some() && store.key != Key::Passphrase {
            return Err(Mistake::new(
                &["store.passphrase_file", "store.key"],
                "it is not used, because no passphrase protects the root key",
                "remove it, or set key = \"passphrase\" in [store]",
            ));
        }
        Ok(())
    }

    fn check_listeners(&self) -> Result<(), Mistake> {
        if self.http.listen.is_empty() {
            return Err(Mistake::new(
                &["http.listen"],
                "it is empty",
                "give at least one address, such as \"127.0.0.1:8008\"",
            ));
        }
        if self.http.behind_proxy {
            return Ok(());
        }
        if let Some(address) = self.management.listen.iter().find(|address| address.is_exposed()) {
            // [http.tls] is no excuse: this listener speaks plain HTTP to whoever comes.
            return Err(Mistake::new(
                &["management.listen"],
                format!("\"{address}\" would tell strangers how the server is"),
                "listen on 127.0.0.1, or set behind_proxy = true in [http] if a proxy decides who gets through",
            ));
        }
        match self.http.listen.iter().find(|address| address.is_exposed()) {
            Some(address) if self.http.tls.is_none() => Err(Mistake::new(
                &["http.listen"],
                format!("\"{address}\" would carry passwords and calendars in clear over a network"),
                "set cert_file and key_file in [http.tls], or behind_proxy = true if a TLS proxy is in front, or listen on 127.0.0.1",
            )),
            _ => Ok(()),
        }
    }
}

impl ListenAddress {
    /// Whether other machines could reach it.
    fn is_exposed(&self) -> bool {
        matches!(self, Self::Tcp(address) if !address.ip().to_canonical().is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listening(address: &str) -> Config {
        let http = Http { listen: vec![address.parse().unwrap()], ..Http::default() };
        Config { http, ..Config::default() }
    }

    #[test]
    fn the_defaults_are_allowed_and_the_port_is_the_one_that_the_documents_name() {
        let config = Config::default();
        assert_eq!(config.check(), Ok(()));
        assert_eq!(config.http.listen, ["127.0.0.1:8008".parse().unwrap()]);
    }

    #[test]
    fn a_listener_in_clear_is_allowed_on_this_machine_or_behind_a_proxy_only() {
        for address in ["127.0.0.1:1", "127.3.4.5:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "unix:/run/a.sock"] {
            assert_eq!(listening(address).check(), Ok(()), "{address}");
        }
        for address in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "[2001:db8::1]:1"] {
            let mut config = listening(address);
            assert_eq!(config.check().unwrap_err().keys, ["http.listen"], "{address}");
            config.http.behind_proxy = true;
            assert_eq!(config.check(), Ok(()), "{address}");
            config.http.behind_proxy = false;
            config.http.tls = Some(Tls { cert_file: "c".into(), key_file: "k".into() });
            assert_eq!(config.check(), Ok(()), "{address}");
        }
    }

    #[test]
    fn a_management_listener_is_allowed_on_this_machine_or_behind_a_proxy_only() {
        for (address, allowed) in [
            ("127.0.0.1:1", true),
            ("[::1]:1", true),
            ("unix:/run/m.sock", true),
            ("0.0.0.0:1", false),
            ("[::]:1", false),
            ("192.0.2.1:1", false),
        ] {
            let mut config = Config::default();
            config.management.listen = vec![address.parse().unwrap()];
            assert_eq!(config.check().is_ok(), allowed, "{address}");
            config.http.tls = Some(Tls { cert_file: "c".into(), key_file: "k".into() });
            assert_eq!(config.check().is_ok(), allowed, "{address}: TLS is for the other listener");
            config.http.behind_proxy = true;
            assert_eq!(config.check(), Ok(()), "{address}");
        }
    }

    #[test]
    fn a_file_for_another_kind_of_key_is_a_mistake() {
        for (key, key_file, passphrase_file, allowed) in [
            (Key::File, true, false, true),
            (Key::File, false, true, false),
            (Key::Credential, false, false, true),
            (Key::Credential, true, false, false),
            (Key::Credential, false, true, false),
            (Key::Passphrase, false, false, true),
            (Key::Passphrase, false, true, true),
            (Key::Passphrase, true, true, false),
        ] {
            let mut config = Config::default();
            config.store.key = key;
            config.store.key_file = key_file.then(|| "k".into());
            config.store.passphrase_file = passphrase_file.then(|| "p".into());
            assert_eq!(config.check().is_ok(), allowed, "{key:?} {key_file} {passphrase_file}");
        }
    }

    #[test]
    fn the_term_of_the_trash_is_bounded() {
        for (trash_days, allowed) in [(0, true), (30, true), (3_650, true), (3_651, false)] {
            let store = Store { trash_days, ..Store::default() };
            let config = Config { store, ..Config::default() };
            assert_eq!(config.check().is_ok(), allowed, "{trash_days}");
        }
    }

    #[test]
    fn limits_that_contradict_each_other_are_refused() {
        let change: [fn(&mut Limits); 5] = [
            |limits| (limits.body_bytes_max, limits.object_bytes_max) = (Size(64 << 20), Size(32 << 20)),
            |limits| limits.header_bytes_max = Size(4096),
            |limits| limits.object_bytes_max = Size(20 << 20),
            |limits| limits.connections_max = 0,
            |limits| limits.connections_per_ip_max = 0,
        ];
        for change in change {
            let mut config = Config::default();
            change(&mut config.limits);
            assert!(config.check().is_err(), "{:?}", config.limits);
        }
    }
}

//! Questions to a resolver that the system's own interface has no answer to: where a domain has a service (RFC 1035, RFC 2782), and
//! the texts of a name, which tell a path there (RFC 6763 section 6, RFC 6764 section 4). Nothing here is authenticated: what
//! an answer leads to is for the caller to judge.

use std::net::{IpAddr, SocketAddr};

use ring::rand::{SecureRandom, SystemRandom};
use tokio::net::UdpSocket;

use crate::limits::DNS_LABELS_MAX;

const TXT: u16 = 16;
const SRV: u16 = 33;
const IN: u16 = 1;
/// The longest answer that comes by UDP without an agreement on more.
const ANSWER_BYTES_MAX: usize = 512;

/// Where a service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The lowest is to be asked first.
    pub priority: u16,
    /// Of those alike in priority, the share of the askers that are to come here.
    pub weight: u16,
    /// Its port.
    pub port: u16,
    /// Its host, in small letters and without the dot at the end. Empty: there is decidedly no such service.
    pub target: String,
}

/// The first resolver of a text like `/etc/resolv.conf`.
#[must_use]
pub fn resolver(resolv_conf: &str) -> Option<SocketAddr> {
    let addresses = resolv_conf.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        if words.next() != Some("nameserver") {
            return None;
        }
        words.next()?.split('%').next()?.parse::<IpAddr>().ok()
    });
    addresses.map(|ip| SocketAddr::new(ip, 53)).next()
}

/// The SRV records of `name`, the first to be asked first; none if the name does not exist. Bound the wait for it.
///
/// # Errors
/// What the resolver said instead.
pub async fn services(resolver: SocketAddr, name: &str) -> Result<Vec<Service>, String> {
    let read = |answer: &[u8], data: Data| {
        let fields = (number(answer, data.at)?, number(answer, data.at + 2)?, number(answer, data.at + 4)?);
        let ((priority, weight, port), (target, _)) = (fields, self::name(answer, data.at + 6)?);
        Some(Service { priority, weight, port, target })
    };
    let mut services = ask(resolver, name, SRV, read).await?;
    services.sort_by_key(|service| (service.priority, u16::MAX - service.weight));
    Ok(services)
}

/// The texts of the TXT records of `name`; none if the name does not exist. Bound the wait for it.
///
/// # Errors
/// What the resolver said instead.
pub async fn texts(resolver: SocketAddr, name: &str) -> Result<Vec<String>, String> {
    Ok(ask(resolver, name, TXT, strings).await?.into_iter().flatten().collect())
}

/// Where the data of a record lie.
#[derive(Debug, Clone, Copy)]
struct Data {
    at: usize,
    end: usize,
}

/// The strings of a TXT record; what is no text is left out.
fn strings(answer: &[u8], data: Data) -> Option<Vec<String>> {
    let mut rest = answer.get(data.at..data.end)?;
    let mut texts = Vec::new();
    while let Some((&length, more)) = rest.split_first() {
        let (text, after) = more.split_at_checked(usize::from(length))?;
        texts.extend(std::str::from_utf8(text).ok().map(str::to_owned));
        rest = after;
    }
    Some(texts)
}

/// Asks for the records of one type and reads each with `read`.
async fn ask<T>(
    resolver: SocketAddr,
    name: &str,
    of: u16,
    read: impl Fn(&[u8], Data) -> Option<T>,
) -> Result<Vec<T>, String> {
    let own: SocketAddr = if resolver.is_ipv4() { ([0; 4], 0).into() } else { ([0; 16], 0).into() };
    let mut id = [0; 2];
    SystemRandom::new().fill(&mut id).map_err(|_| "the system gives no random bytes".to_owned())?;
    let question = question(id, name, of).ok_or_else(|| format!("{name} is no name of the DNS"))?;
    let failed = |error: std::io::Error| format!("the resolver {resolver} cannot be asked: {error}");
    let socket = UdpSocket::bind(own).await.map_err(failed)?;
    socket.connect(resolver).await.map_err(failed)?;
    socket.send(&question).await.map_err(failed)?;
    let mut bytes = [0; ANSWER_BYTES_MAX];
    loop {
        let count = socket.recv(&mut bytes).await.map_err(failed)?;
        let answer = bytes.get(..count).unwrap_or_default();
        // Anything else is an answer to another question, or forged.
        let asked = answer.get(12..question.len()).zip(question.get(12..));
        if answer.starts_with(&id) && asked.is_some_and(|(said, asked)| said.eq_ignore_ascii_case(asked)) {
            return parse(answer, of, read)
                .unwrap_or_else(|| Err("the answer cannot be understood".to_owned()));
        }
    }
}

/// A question for the records of `name` of one type; `None` if that is no name.
fn question(id: [u8; 2], name: &str, of: u16) -> Option<Vec<u8>> {
    let mut bytes = id.to_vec();
    // Recursion is desired; one question.
    bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..64).contains(length))?;
        bytes.push(length);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes.extend(of.to_be_bytes());
    bytes.extend(IN.to_be_bytes());
    (name.len() <= 253).then_some(bytes)
}

/// `None`: it is no answer. `Some(Err(..))`: the resolver refuses, or has more to say than it could.
fn parse<T>(
    answer: &[u8],
    of: u16,
    read: impl Fn(&[u8], Data) -> Option<T>,
) -> Option<Result<Vec<T>, String>> {
    let flags = number(answer, 2)?;
    let (questions, answers) = (number(answer, 4)?, number(answer, 6)?);
    if flags & 0x8000 == 0 {
        return None;
    }
    if flags & 0x0200 != 0 {
        return Some(Err("the resolver's answer is too long for one packet".to_owned()));
    }
    match flags & 0xf {
        0 => {}
        3 => return Some(Ok(Vec::new())), // there is no such name
        code => return Some(Err(format!("the resolver answers with code {code}"))),
    }
    let mut at = 12;
    for _ in 0..questions {
        at = name(answer, at)?.1 + 4;
    }
    let mut records = Vec::new();
    for _ in 0..answers {
        let (_, record) = name(answer, at)?;
        let data = record + 10;
        at = data + usize::from(number(answer, record + 8)?);
        if number(answer, record)? == of && number(answer, record + 2)? == IN {
            records.push(read(answer, Data { at: data, end: at })?);
        }
    }
    Some(Ok(records))
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

/// The name at `at`, in small letters, and where the bytes after it begin.
fn name(bytes: &[u8], mut at: usize) -> Option<(String, usize)> {
    let (mut text, mut end) = (String::new(), None);
    for _ in 0..DNS_LABELS_MAX {
        let length = *bytes.get(at)?;
        match length {
            0 => return Some((text.to_ascii_lowercase(), end.unwrap_or(at + 1))),
            0xc0.. => {
                end = end.or(Some(at + 2));
                at = usize::from(number(bytes, at)? & 0x3fff);
            }
            1..64 => {
                let label = bytes.get(at + 1..)?.get(..usize::from(length))?;
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(std::str::from_utf8(label).ok()?);
                at += 1 + usize::from(length);
            }
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer with one record, whose target is compressed.
    fn answer() -> Vec<u8> {
        let mut bytes = question([7, 9], "_caldavs._tcp.example.org", SRV).unwrap();
        (bytes[2], bytes[3], bytes[7]) = (0x81, 0x80, 1);
        bytes.extend([0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, 12, 0, 0, 0, 1, 0x20, 0xfb]);
        bytes.extend([3, b'C', b'a', b'l', 0xc0, 26]);
        let length = bytes.len();
        bytes[length - 13] = 12;
        bytes
    }

    fn service(answer: &[u8], data: Data) -> Option<(u16, String)> {
        Some((number(answer, data.at + 4)?, name(answer, data.at + 6)?.0))
    }

    #[test]
    fn a_record_is_read_with_its_compressed_name() {
        let expected = (8443, "cal.example.org".to_owned());
        assert_eq!(parse(&answer(), SRV, service), Some(Ok(vec![expected])));
        assert_eq!(parse(&answer(), TXT, strings), Some(Ok(Vec::new())), "another type");
    }

    #[test]
    fn an_answer_cut_anywhere_is_none_and_one_that_points_in_circles_ends() {
        let whole = answer();
        for length in 0..whole.len() {
            assert_eq!(parse(&whole[..length], SRV, service), None, "{length}");
        }
        let mut circle = whole;
        let at = circle.len() - 2;
        circle[at + 1] = u8::try_from(at).unwrap();
        assert_eq!(parse(&circle, SRV, service), None);
    }

    #[test]
    fn no_such_name_is_no_record_and_a_refusal_is_told() {
        for (code, expected) in [(3, Some(true)), (2, Some(false)), (5, Some(false))] {
            let mut bytes = question([0, 0], "a.example", SRV).unwrap();
            (bytes[2], bytes[3]) = (0x81, 0x80 | code);
            assert_eq!(parse(&bytes, SRV, service).map(|answer| answer.is_ok()), expected);
        }
        assert_eq!(
            parse(&question([0, 0], "a.example", SRV).unwrap(), SRV, service),
            None,
            "a question is no answer"
        );
    }

    #[test]
    fn texts_are_read_whole_or_not_at_all() {
        let bytes = b"\x09path=/dav\x00\x02\xff\xfe";
        let whole = Data { at: 0, end: bytes.len() };
        assert_eq!(strings(bytes, whole), Some(vec!["path=/dav".to_owned(), String::new()]));
        for end in [1, 5, 12] {
            assert_eq!(strings(bytes, Data { at: 0, end }), None, "{end}");
        }
        assert_eq!(strings(bytes, Data { at: 0, end: 99 }), None);
    }

    #[test]
    fn an_answer_that_was_too_long_is_told() {
        let mut bytes = answer();
        bytes[2] |= 0x02;
        assert!(matches!(parse(&bytes, SRV, service), Some(Err(_))));
    }

    #[test]
    fn what_is_no_name_is_not_asked_for() {
        for bad in ["", "a..b", &"a".repeat(64), &"a.".repeat(200)] {
            assert_eq!(question([0, 0], bad, SRV), None, "{bad}");
        }
    }

    #[test]
    fn the_first_resolver_of_the_system_is_asked() {
        let text = "# a comment\nsearch example.org\nnameserver 192.0.2.1\nnameserver ::1\n";
        assert_eq!(resolver(text), Some("192.0.2.1:53".parse().unwrap()));
        assert_eq!(resolver("nameserver fe80::1%eth0\n"), Some("[fe80::1]:53".parse().unwrap()));
        assert_eq!(resolver("options rotate\n"), None);
    }
}

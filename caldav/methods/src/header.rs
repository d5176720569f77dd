//! Request headers with a grammar of their own, except the conditional ones (`conditions.rs`).

use almanac_backend::Overwrite;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::error::Failure;

/// How far below the target a request reaches (RFC 4918 section 10.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    Zero,
    One,
    Infinity,
}

/// Which answer to a success the client prefers (RFC 7240 section 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Return {
    Minimal,
    Representation,
}

/// Whether the target itself is part of a listing (RFC 8144 section 4, `depth-noroot`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Root {
    #[default]
    Listed,
    LeftOut,
}

/// The preferences of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Prefer {
    pub(crate) answer: Option<Return>,
    pub(crate) root: Root,
}

impl Prefer {
    /// Whether 404 propstats and the like are to be left out.
    pub(crate) fn minimal(self) -> bool {
        self.answer == Some(Return::Minimal)
    }

    /// Whether the client wants to see what is there after its write.
    pub(crate) fn representation(self) -> bool {
        self.answer == Some(Return::Representation)
    }
}

/// Says in a response that `preference` (such as `return=minimal`) was honoured, and that it mattered.
pub(crate) fn preference_applied(headers: &mut HeaderMap, preference: &'static str) {
    headers.append("preference-applied", HeaderValue::from_static(preference));
    let before = headers.get(header::VARY).and_then(|value| value.to_str().ok());
    let all = before.map_or_else(|| "Brief, Prefer".to_owned(), |before| format!("{before}, Brief, Prefer"));
    if let Ok(all) = HeaderValue::try_from(all) {
        headers.insert(header::VARY, all);
    }
}

/// The `Depth` header.
pub(crate) fn depth(headers: &HeaderMap) -> Result<Option<Depth>, Failure> {
    let Some(value) = single(headers, &HeaderName::from_static("depth"))? else { return Ok(None) };
    let (number, rest) = value.split_once(',').unwrap_or((value, "noroot"));
    match (number.trim().to_ascii_lowercase().as_str(), rest.trim()) {
        ("0", _) if !value.contains(',') => Ok(Some(Depth::Zero)),
        // `1,noroot` is how clients of Exchange ask for what RFC 8144 made a preference.
        ("1", "noroot") => Ok(Some(Depth::One)),
        ("infinity", "noroot") => Ok(Some(Depth::Infinity)),
        _ => Err(Failure::BadRequest("the Depth header is not 0, 1 or infinity")),
    }
}

/// The `Prefer`, `Brief` and `Depth: 1,noroot` headers. What is not understood is ignored, as RFC 7240 says.
pub(crate) fn prefer(headers: &HeaderMap) -> Prefer {
    let mut prefer = Prefer::default();
    for value in headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok()) {
        for preference in split_outside_quotes(value, ',') {
            let word = split_outside_quotes(preference, ';').next().unwrap_or("");
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            let value = value.trim().trim_matches('"').to_ascii_lowercase();
            match (name.trim().to_ascii_lowercase().as_str(), value.as_str()) {
                // The first of repeated preferences counts (RFC 7240 section 2).
                ("return", "minimal") if prefer.answer.is_none() => prefer.answer = Some(Return::Minimal),
                ("return", "representation") if prefer.answer.is_none() => {
                    prefer.answer = Some(Return::Representation);
                }
                // Drafts before RFC 7240, still sent by some clients.
                ("return-minimal", "") if prefer.answer.is_none() => prefer.answer = Some(Return::Minimal),
                ("depth-noroot", "") => prefer.root = Root::LeftOut,
                _ => {}
            }
        }
    }
    let says = |name: &str, what: &str| {
        headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| {
            value.rsplit(',').next().is_some_and(|last| last.trim().eq_ignore_ascii_case(what))
        })
    };
    if prefer.answer.is_none() && says("brief", "t") {
        prefer.answer = Some(Return::Minimal);
    }
    if says("depth", "noroot") {
        prefer.root = Root::LeftOut;
    }
    prefer
}

/// The `Overwrite` header; absent means `T`.
pub(crate) fn overwrite(headers: &HeaderMap) -> Result<Overwrite, Failure> {
    match single(headers, &HeaderName::from_static("overwrite"))? {
        None | Some("T" | "t") => Ok(Overwrite::Replace),
        Some("F" | "f") => Ok(Overwrite::Refuse),
        Some(_) => Err(Failure::BadRequest("the Overwrite header is neither T nor F")),
    }
}

/// A `Content-Type`: essence and the parameters that matter here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MediaType {
    pub(crate) essence: String,
    pub(crate) charset: Option<String>,
    pub(crate) version: Option<String>,
}

impl MediaType {
    /// Whether a body of this type may be XML: what says so, and what programs send that say nothing (`curl -d`).
    pub(crate) fn may_be_xml(&self) -> bool {
        const SILENT: [&str; 2] = ["application/x-www-form-urlencoded", "application/octet-stream"];
        matches!(self.essence.as_str(), "text/xml" | "application/xml")
            || self.essence.ends_with("+xml")
            || SILENT.contains(&self.essence.as_str())
    }
}

/// The `Content-Type` header; `None` if there is none. One that cannot be read has an empty essence.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<MediaType> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().unwrap_or("");
    let mut parts = split_outside_quotes(value, ';');
    let essence = parts.next().unwrap_or("").trim().to_ascii_lowercase();
    let mut media = MediaType { essence, charset: None, version: None };
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        let value = value.trim().trim_matches('"').to_ascii_lowercase();
        match name.trim().to_ascii_lowercase().as_str() {
            "charset" => media.charset = Some(value),
            "version" => media.version = Some(value),
            _ => {}
        }
    }
    Some(media)
}

/// Refuses a compressed body: decompression would undo every limit on size.
pub(crate) fn refuse_content_coding(headers: &HeaderMap) -> Result<(), Failure> {
    let identity = |value: &HeaderValue| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity");
    if headers.get_all(header::CONTENT_ENCODING).iter().all(identity) {
        Ok(())
    } else {
        Err(Failure::ContentCoding)
    }
}

/// The value of a header that may be there once; two are not to be chosen from.
pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Failure> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value
            .to_str()
            .map(|text| Some(text.trim()))
            .map_err(|_| Failure::BadRequest("a header is not text")),
        (Some(_), Some(_)) => Err(Failure::BadRequest("a header is there twice")),
    }
}

/// The parts of `text` between separators that are not inside a quoted string.
fn split_outside_quotes(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c: char| {
        let plain = !std::mem::take(&mut escaped);
        match c {
            '"' if plain => quoted = !quoted,
            '\\' if plain && quoted => escaped = true,
            _ => {}
        }
        !quoted && c == separator
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn depth_is_one_of_three_words() {
        let rows = [
            ("0", Some(Depth::Zero)),
            (" 1 ", Some(Depth::One)),
            ("infinity", Some(Depth::Infinity)),
            ("Infinity", Some(Depth::Infinity)),
            ("1,noroot", Some(Depth::One)),
            ("infinity, noroot", Some(Depth::Infinity)),
            ("0,noroot", None),
            ("1,other", None),
            ("2", None),
            ("", None),
            ("1, 0", None),
        ];
        for (value, expected) in rows {
            let found = depth(&headers(&[("depth", value)]));
            assert_eq!(found.ok().flatten(), expected, "{value}");
        }
        assert!(matches!(depth(&HeaderMap::new()), Ok(None)));
        let mut twice = headers(&[("depth", "0")]);
        twice.append("depth", HeaderValue::from_static("1"));
        assert!(depth(&twice).is_err());
    }

    #[test]
    fn preferences_are_read_by_their_grammar_and_the_first_one_counts() {
        let (minimal, representation) = (Some(Return::Minimal), Some(Return::Representation));
        type Sent<'a> = &'a [(&'static str, &'a str)];
        let rows: [(Sent<'_>, Option<Return>, Root); 14] = [
            (&[], None, Root::Listed),
            (&[("prefer", "return=minimal")], minimal, Root::Listed),
            (&[("prefer", "Return = \"minimal\"; x=y")], minimal, Root::Listed),
            (&[("prefer", "return=representation, return=minimal")], representation, Root::Listed),
            (&[("prefer", "respond-async, return=minimal, depth-noroot")], minimal, Root::LeftOut),
            (&[("prefer", "x=\"a, return=minimal\"")], None, Root::Listed),
            (&[("prefer", "x=\"a\\\", return=minimal\"")], None, Root::Listed),
            (&[("prefer", "return=other")], None, Root::Listed),
            (&[("prefer", "return-minimal")], minimal, Root::Listed),
            (&[("prefer", ";;,,=,")], None, Root::Listed),
            (&[("brief", "t")], minimal, Root::Listed),
            (&[("brief", "f")], None, Root::Listed),
            (&[("brief", "t"), ("prefer", "return=representation")], representation, Root::Listed),
            (&[("depth", "1,noroot")], None, Root::LeftOut),
        ];
        for (sent, answer, root) in rows {
            assert_eq!(prefer(&headers(sent)), Prefer { answer, root }, "{sent:?}");
        }
        let mut lines = headers(&[("prefer", "return=minimal")]);
        lines.append("prefer", HeaderValue::from_static("depth-noroot"));
        assert_eq!(prefer(&lines), Prefer { answer: minimal, root: Root::LeftOut });
    }
}

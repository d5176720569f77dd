//! Reading a `DAV:multistatus` (RFC 4918 section 14.16) as far as the checks need it, whatever prefixes a server uses.

use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::Event;
use quick_xml::reader::Reader;

/// What an answer says.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Multistatus {
    pub(crate) members: Vec<Member>,
    pub(crate) sync_token: Option<String>,
}

/// What it says of one resource.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Member {
    /// The last segment of the path; empty for a collection.
    pub(crate) name: String,
    /// The status of the resource itself, where it has one (a deleted one, RFC 6578).
    pub(crate) status: Option<u16>,
    pub(crate) etag: Option<String>,
    pub(crate) data: Option<String>,
}

impl Multistatus {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader::from_str(text);
        reader.config_mut().check_end_names = true;
        reader.config_mut().expand_empty_elements = true;
        let mut state = State::default();
        loop {
            match reader.read_event().map_err(|e| e.to_string())? {
                Event::Start(start) => state.open(start.local_name().as_ref()),
                Event::End(end) => state.close(end.local_name().as_ref()),
                Event::Text(text) if state.reads_text => state.text.push_str(&text.xml10_content()),
                Event::CData(text) if state.reads_text => state.text.push_str(&text.xml10_content()),
                Event::GeneralRef(name) if state.reads_text => {
                    match name.resolve_char_ref().map_err(|e| e.to_string())? {
                        Some(character) => state.text.push(character),
                        None => state.text.push_str(resolve_xml_entity(&name).ok_or("an unknown entity")?),
                    }
                }
                Event::Eof => break,
                _ => {}
            }
        }
        if state.depth == 0 && state.roots == 1 {
            return Ok(state.result);
        }
        Err("not one whole document".into())
    }
}

#[derive(Default)]
struct State {
    result: Multistatus,
    depth: usize,
    roots: usize,
    /// Within an element whose text is of interest.
    reads_text: bool,
    text: String,
    member: Member,
    propstat: Option<Propstat>,
}

/// Properties that count only if their status turns out to be 200.
#[derive(Default)]
struct Propstat {
    status: u16,
    etag: Option<String>,
    data: Option<String>,
}

impl State {
    fn open(&mut self, name: &str) {
        self.roots += usize::from(self.depth == 0);
        self.depth += 1;
        match name {
            "response" => self.member = Member::default(),
            "propstat" => self.propstat = Some(Propstat::default()),
            "href" | "status" | "getetag" | "calendar-data" | "sync-token" => {
                self.reads_text = true;
                self.text.clear();
            }
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        self.depth -= 1;
        self.reads_text = false;
        let text = || self.text.trim().to_owned();
        match (name, &mut self.propstat) {
            // A property may hold an href of its own.
            ("href", None) => self.member.name = last_segment(self.text.trim()),
            ("status", None) => self.member.status = Some(code(&self.text)),
            ("status", Some(propstat)) => propstat.status = code(&self.text),
            ("getetag", Some(propstat)) => propstat.etag = Some(text()),
            ("calendar-data", Some(propstat)) => propstat.data = Some(std::mem::take(&mut self.text)),
            ("propstat", Some(propstat)) => {
                if propstat.status == 200 {
                    self.member.etag = propstat.etag.take().or(self.member.etag.take());
                    self.member.data = propstat.data.take().or(self.member.data.take());
                }
                self.propstat = None;
            }
            ("sync-token", None) => self.result.sync_token = Some(text()),
            ("response", _) => self.result.members.push(std::mem::take(&mut self.member)),
            _ => {}
        }
    }
}

fn last_segment(href: &str) -> String {
    href.rsplit('/').next().unwrap_or_default().to_owned()
}

fn code(status: &str) -> u16 {
    status.split_whitespace().nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_that_are_not_found_and_removed_members_are_told_apart() {
        let answer = Multistatus::parse(
            "<a:multistatus xmlns:a='DAV:'><a:response><a:href>/c/event-1.ics</a:href>\
             <a:propstat><a:prop><a:getetag>&quot;x&quot;</a:getetag></a:prop><a:status>HTTP/1.1 200 OK</a:status></a:propstat>\
             <a:propstat><a:prop><calendar-data>no</calendar-data></a:prop><a:status>HTTP/1.1 404 Not Found</a:status></a:propstat>\
             </a:response><a:response><a:href>/c/event-2.ics</a:href><a:status>HTTP/1.1 404 Not Found</a:status></a:response>\
             <a:sync-token>urn:t</a:sync-token></a:multistatus>",
        );
        let first = Member { name: "event-1.ics".into(), etag: Some("\"x\"".into()), ..Member::default() };
        let second = Member { name: "event-2.ics".into(), status: Some(404), ..Member::default() };
        assert_eq!(
            answer,
            Ok(Multistatus { members: vec![first, second], sync_token: Some("urn:t".into()) })
        );
    }

    #[test]
    fn an_answer_that_is_cut_is_an_error() {
        assert!(Multistatus::parse("<multistatus><response>").is_err());
    }
}

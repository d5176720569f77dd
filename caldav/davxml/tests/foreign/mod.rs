//! A reader that shares nothing with ours but the tokeniser: quick-xml's own namespaces and line ends.

use almanac_davxml::Name;
use quick_xml::NsReader;
use quick_xml::XmlVersion;
use quick_xml::events::Event;
use quick_xml::name::{Namespace, ResolveResult};

/// The character data of every element of this name.
pub(crate) fn texts(document: &[u8], name: &Name) -> Vec<String> {
    let mut reader = NsReader::from_str(std::str::from_utf8(document).unwrap());
    reader.config_mut().enable_all_checks(true);
    let (mut found, mut inside): (Vec<String>, bool) = (Vec::new(), false);
    loop {
        let (resolved, event) = reader.read_resolved_event().unwrap();
        let bound = match resolved {
            ResolveResult::Bound(Namespace(ns)) => ns == name.ns(),
            ResolveResult::Unbound => name.ns().is_empty(),
            ResolveResult::Unknown(prefix) => panic!("{prefix} is not declared"),
        };
        let mut push = |text: &str| {
            if let Some(last) = found.last_mut().filter(|_| inside) {
                last.push_str(text);
            }
        };
        match event {
            Event::Text(text) => push(&text.xml_content(XmlVersion::Explicit1_0)),
            Event::GeneralRef(reference) => {
                let named = quick_xml::escape::resolve_xml_entity(&reference).map(str::to_owned);
                let text = named.or_else(|| reference.resolve_char_ref().unwrap().map(String::from));
                push(&text.unwrap());
            }
            Event::Start(tag) if bound && tag.local_name().as_ref() == name.local() => {
                found.push(String::new());
                inside = true;
            }
            Event::Empty(tag) if bound && tag.local_name().as_ref() == name.local() => {
                found.push(String::new());
            }
            Event::End(tag) if bound && tag.local_name().as_ref() == name.local() => inside = false,
            Event::Eof => return found,
            _ => {}
        }
    }
}

//! What is XML and what is not, and what it may cost.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use almanac_davxml::{Element, Limits, Node, XmlError, parse};

fn read(body: impl AsRef<[u8]>) -> Result<Element, XmlError> {
    parse(body.as_ref(), &Limits::request()).map(|tree| tree.expect("a body"))
}

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

#[test]
fn no_octet_is_no_body_but_white_space_is_ill_formed() {
    assert_eq!(parse(b"", &Limits::request()), Ok(None));
    assert_eq!(read(" \r\n"), Err(XmlError::Malformed("no root element")));
    assert_eq!(read(b"\xEF\xBB\xBF"), Err(XmlError::Malformed("no root element")));
}

const ILL_FORMED: &[(&str, &str)] = &[
    ("unclosed", "<a><b></b>"),
    ("unclosed tag", "<a"),
    ("unclosed value", "<a b=\"1>"),
    ("two roots", "<a/><b/>"),
    ("two roots with content", "<a></a><a></a>"),
    ("text after the root", "<a/>x"),
    ("text before the root", "x<a/>"),
    ("reference after the root", "<a/>&amp;"),
    ("reference before the root", "&#32;<a/>"),
    ("CDATA after the root", "<a/><![CDATA[]]>"),
    ("CDATA before the root", "<![CDATA[ ]]><a/>"),
    ("comment only", "<!-- -->"),
    ("not XML", "BEGIN:VCALENDAR"),
    ("JSON", "{\"a\": 1}"),
    ("end without start", "</a>"),
    ("second end", "<a/></a>"),
    ("crossed tags", "<a><b></a></b>"),
    ("end of another prefix", "<p:a xmlns:p='u' xmlns:q='u'></q:a>"),
    ("end with attribute", "<a></a b='1'>"),
    ("end after space", "<a></ a>"),
    ("start after space", "< a/>"),
    ("angle in a tag", "<a><</a>"),
    ("no name", "<a><></></a>"),
    ("digit name", "<1/>"),
    ("bad empty tag", "<a/ >"),
    ("slash in a tag", "<a b='1' / c='2'/>"),
    ("unknown prefix", "<x:a/>"),
    ("unknown prefix of an attribute", "<a x:b='1'/>"),
    ("prefix out of scope", "<a><b xmlns:x='u'/><x:c/></a>"),
    ("empty prefix", "<:a/>"),
    ("two colons", "<x:y:a xmlns:x='u'/>"),
    ("no local part", "<x: xmlns:x='u'/>"),
    ("prefix undeclared again", "<x:a xmlns:x=''/>"),
    ("prefix without name", "<a xmlns:='u'/>"),
    ("reserved prefix", "<a xmlns:xmlns='u'/>"),
    ("namespace of xmlns", "<a xmlns:x='http://www.w3.org/2000/xmlns/'/>"),
    ("xml bound to another", "<a xmlns:xml='u'/>"),
    ("other bound to xml", "<a xmlns:x='http://www.w3.org/XML/1998/namespace'/>"),
    ("xml as default", "<a xmlns='http://www.w3.org/XML/1998/namespace'/>"),
    ("element of xmlns", "<xmlns:a/>"),
    ("duplicate attribute", "<a b='1' b='2'/>"),
    ("duplicate expanded name", "<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>"),
    ("duplicate declaration", "<a xmlns:p='u' xmlns:p='v'/>"),
    ("duplicate default", "<a xmlns='u' xmlns='u'/>"),
    ("no quotes", "<a b=1/>"),
    ("no value", "<a b/>"),
    ("no space", "<a b='1'c='2'/>"),
    ("angle in a value", "<a b='<'/>"),
    ("lone ampersand", "<a>&</a>"),
    ("ampersand and space", "<a>a & b</a>"),
    ("open reference", "<a>&amp</a>"),
    ("other entity", "<a>&nbsp;</a>"),
    ("other entity in a value", "<a b='&eacute;'/>"),
    ("undeclared entity", "<a>&xxe;</a>"),
    ("parameter entity", "<a>&%x;</a>"),
    ("NUL reference", "<a>&#0;</a>"),
    ("control reference", "<a>&#x1;</a>"),
    ("control reference in a value", "<a b='&#8;'/>"),
    ("surrogate reference", "<a>&#xD800;</a>"),
    ("reference beyond Unicode", "<a>&#x110000;</a>"),
    ("NUL", "<a>\0</a>"),
    ("control character", "<a>\u{1}</a>"),
    ("control character in a value", "<a b='\u{1F}'/>"),
    ("control character in a comment", "<a><!--\u{8}--></a>"),
    ("non-character", "<a>\u{FFFE}</a>"),
    ("dashes in a comment", "<a><!-- a -- b --></a>"),
    ("dash at the end of a comment", "<a><!-- a ---></a>"),
    ("comment too short", "<a><!--></a>"),
    ("comment too short by one", "<a><!---></a>"),
    ("open comment", "<a><!-- </a>"),
    ("open CDATA", "<a><![CDATA[ </a>"),
    ("lower case CDATA", "<a><![cdata[ ]]></a>"),
    ("end of CDATA in text", "<a>]]></a>"),
    ("unknown markup", "<a><!ELEMENT b></a>"),
    ("declaration after space", " <?xml version='1.0'?><a/>"),
    ("declaration inside", "<a><?xml version='1.0'?></a>"),
    ("declaration twice", "<?xml version='1.0'?><?xml version='1.0'?><a/>"),
    ("declaration without version", "<?xml encoding='UTF-8'?><a/>"),
    ("declaration in disorder", "<?xml encoding='UTF-8' version='1.0'?><a/>"),
    ("version 2", "<?xml version='2.0'?><a/>"),
    ("version without number", "<?xml version='1.'?><a/>"),
    ("standalone perhaps", "<?xml version='1.0' standalone='perhaps'?><a/>"),
    ("declaration with more", "<?xml version='1.0' a='b'?><a/>"),
    ("instruction without target", "<a><? x?></a>"),
    ("empty instruction", "<a><??></a>"),
    ("instruction named XML", "<a><?XML x?></a>"),
    ("open instruction", "<a><?x </a>"),
    ("another encoding", "<?xml version='1.0' encoding='ISO-8859-1'?><a/>"),
    ("false encoding", "<?xml version='1.0' encoding='UTF-16'?><a/>"),
    ("tag in UTF-7", "+ADw-a/>"),
];

#[test]
fn ill_formed_documents_are_refused() {
    for (what, body) in ILL_FORMED {
        assert!(matches!(read(body), Err(XmlError::Malformed(_))), "{what}: {:?}", read(body));
    }
}

#[test]
fn octets_that_are_no_text_are_refused() {
    for (what, body) in [
        ("Latin-1", b"<a>\xE4</a>".to_vec()),
        ("overlong", b"<a>\xC0\xBC</a>".to_vec()),
        ("surrogate", b"<a>\xED\xA0\x80</a>".to_vec()),
        ("truncated", b"<a/>\xE2\x82".to_vec()),
        ("gzip", b"\x1F\x8B\x08\x00\x00".to_vec()),
        ("odd UTF-16", [utf16("\u{FEFF}<a/>", u16::to_le_bytes), vec![0]].concat()),
        ("half a pair", [utf16("\u{FEFF}<a>", u16::to_be_bytes), vec![0xD8, 0]].concat()),
        ("UTF-32", "\u{FEFF}<a/>".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect()),
    ] {
        assert!(matches!(read(&body), Err(XmlError::Malformed(_))), "{what}: {:?}", read(&body));
    }
    let false_label = "\u{FEFF}<?xml version='1.0' encoding='UTF-8'?><a/>";
    assert!(matches!(read(utf16(false_label, u16::to_le_bytes)), Err(XmlError::Malformed(_))));
}

#[test]
fn a_document_type_declaration_is_refused_in_any_encoding_and_before_it_is_read() {
    let bomb = "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY x \"ha\"><!ENTITY y \"&x;&x;\">]><a>&y;</a>";
    let external = "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>";
    let unfinished = "<!DOCTYPE a [<!ENTITY";
    let late = "<a/><!DOCTYPE a>";
    let lower = "<!doctype html><html/>";
    for body in [bomb, external, unfinished, late, lower] {
        assert_eq!(read(body), Err(XmlError::Doctype), "{body}");
        for unit in [u16::to_le_bytes, u16::to_be_bytes] {
            assert_eq!(read(utf16(body, unit)), Err(XmlError::Doctype), "{body}");
            let marked = format!("\u{FEFF}{body}");
            assert_eq!(read(utf16(&marked, unit)), Err(XmlError::Doctype), "{body}");
        }
    }
    let labelled = "<?xml version='1.0' encoding='utf-16'?><!DOCTYPE a><a/>";
    assert_eq!(read(utf16(labelled, u16::to_be_bytes)), Err(XmlError::Doctype));
}

#[test]
fn well_formed_documents_are_read_as_what_they_mean() {
    let dav = Element::new(almanac_davxml::Name::dav("a"));
    for body in [
        "<a xmlns='DAV:'/>",
        "<a xmlns=\"DAV:\"></a >",
        "\u{FEFF}<?xml version=\"1.0\" encoding=\"utf-8\" standalone=\"yes\"?>\r\n<D:a xmlns:D='DAV:'/>\n",
        "<?xml version='1.1'?><x:a xmlns:x='&#68;AV:'/>",
        "<?xml-stylesheet href='x'?><!-- a - b --><a xmlns='DAV:'><!----><?x?></a><!-- -->",
        "<a xmlns='DAV:'><![CDATA[]]></a>",
        "<xml:a xmlns:xml='http://www.w3.org/XML/1998/namespace'/>",
    ] {
        let tree = read(body).unwrap_or_else(|error| panic!("{body}: {error}"));
        if !body.starts_with("<xml") {
            assert_eq!(tree, dav, "{body}");
        }
        for unit in [u16::to_le_bytes, u16::to_be_bytes] {
            let body = body.trim_start_matches('\u{FEFF}').replace("utf-8", "utf-16");
            assert_eq!(read(utf16(&body, unit)), Ok(tree.clone()), "{body}");
        }
    }
}

#[test]
fn references_cdata_and_comments_leave_one_text() {
    let tree = read("<a>1&amp;2<![CDATA[<&]]>]]&gt;<!-- no -->&#x41;\r\nx\ry&#13;</a>").unwrap();
    assert!(tree.children == [Node::Text("1&2<&]]>A\nx\ny\r".to_owned())], "{}", tree.text());
    let trimmed = read("<a> \n\t b c \r\n</a>").unwrap();
    assert_eq!((trimmed.text().as_str(), trimmed.text_trimmed().as_str()), (" \n\t b c \n", "b c"));
}

#[test]
fn namespaces_follow_their_scope() {
    let tree = read(
        "<a xmlns='u' xmlns:p='v' b='1' p:b='2'><p:c/><d xmlns=''/><p:e xmlns:p='w'><p:f/></p:e><p:g/>\
         <h xml:lang='de'/></a>",
    )
    .unwrap();
    assert!(tree.is("u", "a"));
    assert_eq!(tree.attribute("b"), Some("1"));
    assert!(tree.attributes[1].0.is("v", "b"));
    let names: Vec<String> = tree.elements().map(|child| child.name.to_string()).collect();
    assert_eq!(names, ["{v}c", "{}d", "{w}e", "{v}g", "{u}h"]);
    assert!(tree.child("w", "e").unwrap().child("w", "f").is_some());
    assert_eq!(tree.child("u", "h").unwrap().lang(), Some("de"));
}

/// Makes a document with so much of what is limited.
type Maker<'a> = &'a dyn Fn(usize) -> String;

#[test]
fn each_limit_takes_its_value_and_refuses_one_more() {
    let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    let attributes = |count: usize| {
        let list: String = (0..count).map(|n| format!(" a{n}='1'")).collect();
        format!("<a{list}/>")
    };
    let declarations = |count: usize| {
        let list: String = (0..count).map(|n| format!(" xmlns:p{n}='u'")).collect();
        format!("<a{list}/>")
    };
    let spread = |count: usize| {
        let list: String = (1..count).map(|n| format!(" xmlns:p{n}='u'")).collect();
        format!("<a{list}><b xmlns='v'/><b xmlns='v'/></a>")
    };
    let elements = |count: usize| format!("<a>{}</a>", "<b/>".repeat(count - 1));
    let name = |bytes: usize| format!("<{}/>", "n".repeat(bytes));
    let attribute_name = |bytes: usize| format!("<a {}='1'/>", "n".repeat(bytes));
    let namespace = |bytes: usize| format!("<a xmlns='{}'/>", "n".repeat(bytes));
    let lang = |bytes: usize| format!("<a xml:lang='{}'/>", "n".repeat(bytes));
    let cases: [(&str, usize, Maker<'_>); 9] = [
        ("depth", 32, &nested),
        ("attributes", 64, &attributes),
        ("declarations", 32, &declarations),
        ("declarations in scope", 32, &spread),
        ("elements", 20_000, &elements),
        ("element name", 256, &name),
        ("attribute name", 256, &attribute_name),
        ("namespace", 256, &namespace),
        ("language", 256, &lang),
    ];
    for (what, limit, document) in cases {
        assert!(read(document(limit)).is_ok(), "{what}: {:?}", read(document(limit)));
        assert!(matches!(read(document(limit + 1)), Err(XmlError::Limit(_))), "{what}");
    }
    let sized = |bytes: usize| format!("<a>{}</a>", "x".repeat(bytes - 7));
    assert!(read(sized(1024 * 1024)).is_ok());
    assert_eq!(read(sized(1024 * 1024 + 1)), Err(XmlError::TooLarge));
}

#[test]
fn neon_may_declare_the_namespace_of_each_property_on_its_own() {
    let list = "<getetag xmlns=\"DAV:\"/>".repeat(200);
    assert_eq!(read(format!("<prop xmlns=\"DAV:\">{list}</prop>")).unwrap().elements().count(), 200);
}

#[test]
fn debug_shows_no_text_and_no_value() {
    let tree = read("<a b='Erika'>Beispiel<c/></a>").unwrap();
    let shown = format!("{tree:?}");
    assert!(!shown.contains("Erika") && !shown.contains("Beispiel"), "{shown}");
    assert!(shown.contains("{}c"), "{shown}");
}

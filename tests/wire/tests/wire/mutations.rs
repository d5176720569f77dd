//! Valid requests with random damage: any answer but a 5xx, and everything that was stored can be read in every way.
//!
//! `ALMANAC_FUZZ_SEED` repeats a run, `ALMANAC_FUZZ_COUNT` sets the number of requests per test (1,500).

use std::hash::{BuildHasher, Hasher};

use almanac_harness::{Client, NAMESPACES, Wire, ics};

use crate::erika;

/// Bytes that mean something somewhere, or nothing anywhere.
const ODD: &[u8] = b"0123456789-+:;,=\"\\\r\n\0\xff<>&/ ";

/// Repeatable random numbers (splitmix64).
struct Random(u64);

impl Random {
    fn new() -> Self {
        let fresh = || std::collections::hash_map::RandomState::new().build_hasher().finish();
        let seed = std::env::var("ALMANAC_FUZZ_SEED").map_or_else(|_| fresh(), |text| text.parse().unwrap());
        println!("ALMANAC_FUZZ_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound.max(1) as u64).unwrap()
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    /// `text` with one to four small damages; `words` are put in where the random falls.
    fn damage(&mut self, text: &str, words: &[&str]) -> Vec<u8> {
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            let to = (at + self.below(20)).min(bytes.len());
            match self.below(7) {
                0 => bytes[at] ^= 1 << self.below(8),
                1 => drop(bytes.drain(at..to)),
                2 => drop(bytes.splice(at..at, bytes[at..to].to_vec())),
                3 => drop(bytes.splice(at..at, self.pick(words).bytes())),
                4 => drop(bytes.splice(at..to, self.pick(words).bytes())),
                5 => bytes.truncate(at + 1),
                _ => bytes[at] = ODD[self.below(ODD.len())],
            }
            if bytes.is_empty() {
                bytes.push(b'x');
            }
        }
        bytes
    }
}

fn count() -> usize {
    std::env::var("ALMANAC_FUZZ_COUNT").map_or(1_500, |text| text.parse().unwrap())
}

/// Sends on a kept connection, on a new one if the daemon closed it.
fn send(client: &Client, wire: &mut Option<Wire>, bytes: &[u8]) -> almanac_harness::Response {
    for _ in 0..2 {
        let connection = wire.get_or_insert_with(|| client.connect().unwrap());
        let sent = connection.send(bytes);
        if let Ok(answer) = connection.read_response("PUT") {
            if answer.header("connection") == Some("close") {
                *wire = None;
            }
            return answer;
        }
        drop(sent);
        *wire = None;
    }
    panic!("no answer to {}", String::from_utf8_lossy(bytes));
}

const OBJECTS: [&str; 4] = [
    "BEGIN:VEVENT\nUID:u\nDTSTAMP:20261101T080000Z\nDTSTART;TZID=Europe/Berlin:20261020T090000\nDURATION:PT1H\nRRULE:FREQ=MONTHLY;BYDAY=-1MO,2TU;COUNT=9;WKST=SU\nEXDATE;TZID=Europe/Berlin:20261026T090000\nRDATE;VALUE=PERIOD:20261201T090000Z/PT2H\nSUMMARY:Weekly\nBEGIN:VALARM\nACTION:DISPLAY\nTRIGGER;RELATED=END:-P1DT2H\nREPEAT:2\nDURATION:PT5M\nDESCRIPTION:x\nEND:VALARM\nEND:VEVENT\nBEGIN:VEVENT\nUID:u\nDTSTAMP:20261101T080000Z\nRECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Berlin:20261110T090000\nDTSTART;TZID=Europe/Berlin:20261110T110000\nDTEND;TZID=Europe/Berlin:20261110T130000\nEND:VEVENT\n",
    "BEGIN:VEVENT\nUID:u\nDTSTAMP:20261101T080000Z\nDTSTART;VALUE=DATE:20260101\nDTEND;VALUE=DATE:20260103\nRRULE:FREQ=YEARLY;BYWEEKNO=1,53;BYDAY=MO;BYSETPOS=-1;UNTIL=20360101\nCLASS:PRIVATE\nGEO:52.5;13.4\nATTACH;FMTTYPE=text/plain;ENCODING=BASE64;VALUE=BINARY:aGVsbG8=\nEND:VEVENT\n",
    "BEGIN:VJOURNAL\nUID:u\nDTSTAMP:20261101T080000Z\nDTSTART:20261201T090000\nRRULE:FREQ=HOURLY;INTERVAL=7;BYHOUR=1,2,3\nSUMMARY;LANGUAGE=de;ALTREP=\"x:y\":Grüße\\, \\; \\n\nEND:VJOURNAL\n",
    "BEGIN:VFREEBUSY\nUID:u\nDTSTAMP:20261101T080000Z\nDTSTART:20261201T000000Z\nDTEND:20261210T000000Z\nFREEBUSY;FBTYPE=BUSY-TENTATIVE:20261202T090000Z/PT1H,20261203T090000Z/20261203T100000Z\nEND:VFREEBUSY\n",
];

const ICS_WORDS: [&str; 20] = [
    "BEGIN:VEVENT\r\n",
    "END:VEVENT\r\n",
    "DTSTART:",
    "99991231T235959Z",
    "00010101T000000",
    "-9999999999",
    "18446744073709551616",
    ";VALUE=DATE",
    ";TZID=Nowhere",
    "FREQ=SECONDLY",
    "INTERVAL=2147483648",
    "COUNT=4294967295",
    "BYDAY=-53SU",
    "BYSETPOS=366",
    "P9999999W",
    "-PT0S",
    "RECURRENCE-ID:",
    "T240000",
    "\r\n ",
    "20260230T000000Z",
];

#[test]
fn damaged_calendar_data_is_refused_or_usable() {
    let (_daemon, erika, client) = erika();
    let (mut random, mut wire) = (Random::new(), None);
    let zone = ics::berlin("Europe/Berlin");
    let mut stored = 0;
    for n in 0..count() {
        let body = ics::calendar(&format!(
            "{zone}{}",
            random.pick(&OBJECTS).replace("UID:u\n", &format!("UID:{n}\n"))
        ));
        let damaged = random.damage(&body, &ICS_WORDS);
        let path = erika.object(&format!("{n}.ics"));
        let answer = send(&client, &mut wire, &client.put_request(&path, &damaged).to_bytes());
        assert!(answer.status < 500, "{answer}\n{}", String::from_utf8_lossy(&damaged));
        stored += usize::from(answer.status == 201);
    }
    println!("{stored} of {} were stored", count());
    assert_eq!(client.members(&erika.calendar()).len(), stored);
    assert_eq!(client.get(&erika.calendar()).status, 200);
    let _ = client
        .report(
            &erika.calendar(),
            "C:free-busy-query",
            "<C:time-range start=\"20260101T000000Z\" end=\"20280101T000000Z\"/>",
        )
        .expect(200);
    for data in [
        "<C:calendar-data/>",
        "<C:calendar-data><C:expand start=\"20261001T000000Z\" end=\"20270101T000000Z\"/></C:calendar-data>",
        "<C:calendar-data><C:limit-recurrence-set start=\"20261001T000000Z\" end=\"20270101T000000Z\"/></C:calendar-data>",
        "<C:calendar-data><C:comp name=\"VCALENDAR\"><C:allprop/><C:comp name=\"VEVENT\"><C:prop name=\"UID\"/></C:comp></C:comp></C:calendar-data>",
    ] {
        for filter in [
            "",
            "<C:comp-filter name=\"VEVENT\"><C:time-range start=\"20261001T000000Z\" end=\"20270101T000000Z\"/></C:comp-filter>",
            "<C:comp-filter name=\"VEVENT\"><C:comp-filter name=\"VALARM\"><C:time-range start=\"20261001T000000Z\"/></C:comp-filter></C:comp-filter>",
        ] {
            let inside = format!(
                "<D:prop><D:getetag/>{data}</D:prop><C:filter><C:comp-filter name=\"VCALENDAR\">{filter}</C:comp-filter></C:filter>"
            );
            let answer = client.report(&erika.calendar(), "C:calendar-query", &inside);
            assert!(answer.status == 207 || answer.status == 507, "{data} {filter}: {}", answer.status);
            if answer.status == 207 {
                let _ = answer.multistatus(); // well-formed
            }
        }
    }
}

const XML_WORDS: [&str; 16] = [
    "<D:prop>",
    "</D:prop>",
    "<!--",
    "]]>",
    "<![CDATA[",
    "&amp;",
    "&#0;",
    "xmlns:D=\"x\"",
    "<?x y?>",
    "<C:comp-filter name=\"VEVENT\">",
    "<C:time-range start=\"99991231T235959Z\"/>",
    "/>",
    "\"",
    "<D:href>/%</D:href>",
    "<C:expand start=\"00010101T000000Z\" end=\"99991231T235959Z\"/>",
    "\u{1F9B7}",
];

#[test]
fn damaged_bodies_never_break_the_server() {
    let (_daemon, erika, client) = erika();
    let (mut random, mut wire) = (Random::new(), None);
    let _ = client
        .put(&erika.object("a.ics"), ics::event_with("a", "x", "20261201T090000Z", "RRULE:FREQ=DAILY"))
        .expect(201);
    let query = "<D:prop><D:getetag/><C:calendar-data><C:expand start=\"20261201T000000Z\" end=\"20261205T000000Z\"/></C:calendar-data></D:prop><C:filter><C:comp-filter name=\"VCALENDAR\"><C:comp-filter name=\"VEVENT\"><C:time-range start=\"20261201T000000Z\" end=\"20261205T000000Z\"/><C:prop-filter name=\"SUMMARY\"><C:text-match collation=\"i;octet\">x</C:text-match></C:prop-filter></C:comp-filter></C:comp-filter></C:filter>";
    let set = "<D:set><D:prop><D:displayname>x</D:displayname><x:y xmlns:x=\"urn:x\" xml:lang=\"de\">z</x:y></D:prop></D:set>";
    let bodies = [
        (
            "PROPFIND",
            erika.calendar(),
            format!(
                "<D:propfind {NAMESPACES}><D:prop><D:getetag/><C:calendar-data/><D:acl/></D:prop></D:propfind>"
            ),
        ),
        ("REPORT", erika.calendar(), format!("<C:calendar-query {NAMESPACES}>{query}</C:calendar-query>")),
        (
            "REPORT",
            erika.calendar(),
            format!(
                "<C:calendar-multiget {NAMESPACES}><D:prop><C:calendar-data/></D:prop><D:href>{}</D:href></C:calendar-multiget>",
                erika.object("a.ics")
            ),
        ),
        (
            "REPORT",
            erika.calendar(),
            format!(
                "<D:sync-collection {NAMESPACES}><D:sync-token/><D:sync-level>1</D:sync-level><D:limit><D:nresults>5</D:nresults></D:limit><D:prop><D:getetag/></D:prop></D:sync-collection>"
            ),
        ),
        (
            "REPORT",
            erika.calendar(),
            format!(
                "<C:free-busy-query {NAMESPACES}><C:time-range start=\"20261201T000000Z\" end=\"20261205T000000Z\"/></C:free-busy-query>"
            ),
        ),
        (
            "REPORT",
            erika.calendar(),
            format!(
                "<D:expand-property {NAMESPACES}><D:property name=\"owner\"><D:property name=\"displayname\"/></D:property></D:expand-property>"
            ),
        ),
        (
            "REPORT",
            "/dav/principals/".into(),
            format!(
                "<D:principal-property-search {NAMESPACES}><D:property-search><D:prop><D:displayname/></D:prop><D:match>e</D:match></D:property-search><D:prop><D:displayname/></D:prop></D:principal-property-search>"
            ),
        ),
        ("PROPPATCH", erika.calendar(), format!("<D:propertyupdate {NAMESPACES}>{set}</D:propertyupdate>")),
        ("MKCALENDAR", erika.collection("fuzz"), format!("<C:mkcalendar {NAMESPACES}>{set}</C:mkcalendar>")),
    ];
    for _ in 0..count() {
        let (method, path, body) = &bodies[random.below(bodies.len())];
        let damaged = random.damage(body, &XML_WORDS);
        let request =
            client.request(method, path).header("Depth", "1").header("Content-Type", "application/xml");
        let answer = send(&client, &mut wire, &request.body(&damaged).to_bytes());
        assert!(
            answer.status < 500 || answer.status == 507,
            "{answer}\n{}",
            String::from_utf8_lossy(&damaged)
        );
        if answer.status == 207 {
            let _ = answer.multistatus(); // whatever was asked for, the answer is well-formed
        }
    }
    assert_eq!(client.get(&erika.object("a.ics")).status, 200);
}

#[test]
fn damaged_heads_never_break_the_server() {
    let (_daemon, erika, client) = erika();
    let mut random = Random::new();
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    let words = [
        "%00",
        "%2e%2e/",
        "../",
        "\r\n",
        "HTTP/1.0",
        " ",
        ": ",
        "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "\u{e4}",
        "\t",
        "Depth: infinity\r\n",
        "//",
        "#",
        "?",
        "@",
    ];
    for _ in 0..count() / 3 {
        let etag = "\"0123456789abcdef0123456789abcdef\"";
        let request = client
            .request(
                random.pick(&["GET", "PUT", "DELETE", "MOVE", "COPY", "PROPFIND", "OPTIONS", "POST"]),
                &erika.object("b.ics"),
            )
            .header("Destination", erika.object("c.ics"))
            .header("Depth", "0")
            .header("If", format!("({etag}) (Not <DAV:no-lock>)"))
            .header("If-Match", format!("W/{etag}, {etag}"))
            .header("Prefer", "return=minimal; x=\"y\"")
            .header("Overwrite", "T")
            .header("Connection", "close")
            .body("");
        let damaged = random.damage(&String::from_utf8(request.to_bytes()).unwrap(), &words);
        let mut wire = client.connect().unwrap();
        let _ = wire.send(&damaged);
        wire.finish();
        let said = wire.read_to_close();
        let text = String::from_utf8_lossy(&said);
        let status =
            text.strip_prefix("HTTP/1.").and_then(|t| t.get(2..5)).and_then(|t| t.parse::<u16>().ok());
        let fine = status.is_none_or(|s| s < 500 || matches!(s, 501 | 502 | 505));
        assert!(fine, "{text}\n{}", String::from_utf8_lossy(&damaged));
    }
    assert_eq!(client.members(&erika.calendar()), ["a.ics"]);
}

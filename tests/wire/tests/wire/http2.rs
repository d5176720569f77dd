//! HTTP/2 at the level of frames (RFC 9113): floods that a client library would not send. SECURITY.md section 5, row 7.

use almanac_harness::{Client, Wire, ics};

use crate::erika;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header block without Huffman coding and without the dynamic table (RFC 7541 section 6.2.2).
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).expect("a short text")], text.as_bytes()].concat();
    fields.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

fn get(path: &str) -> Vec<u8> {
    block(&[(":method", "GET"), (":scheme", "http"), (":path", path), (":authority", "x")])
}

/// A connection after the preface and the settings.
fn connect(client: &Client) -> Wire {
    let mut wire = client.connect().unwrap();
    wire.send([PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).unwrap();
    wire
}

/// The kinds of the whole frames in `bytes`.
fn kinds(mut bytes: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while bytes.len() >= 9 {
        let length = usize::from(bytes[0]) << 16 | usize::from(bytes[1]) << 8 | usize::from(bytes[2]);
        kinds.push(bytes[3]);
        bytes = bytes.get(9 + length..).unwrap_or_default();
    }
    kinds
}

/// Sends until the daemon has had enough; what it said.
fn flood(client: &Client, frames: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut wire = connect(client);
    for bytes in frames {
        if wire.send(bytes).is_err() {
            break;
        }
    }
    wire.finish();
    kinds(&wire.read_to_close())
}

#[test]
fn requests_that_are_reset_at_once_end_the_connection() {
    let (_daemon, erika, client) = erika();
    let block = get("/dav/");
    let frames = (0..20_000u32).map(|n| {
        let stream = 2 * n + 1;
        let open = frame(HEADERS, END_STREAM | END_HEADERS, stream, &block);
        [open, frame(RST_STREAM, 0, stream, &8u32.to_be_bytes())].concat()
    });
    let kinds = flood(&client, frames);
    assert!(kinds.is_empty() || kinds.contains(&GOAWAY), "{:?}", &kinds[..kinds.len().min(20)]);
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
}

#[test]
fn a_head_without_an_end_ends_the_connection() {
    let (_daemon, erika, client) = erika();
    let first = frame(HEADERS, END_STREAM, 1, &get("/dav/"));
    let more = frame(CONTINUATION, 0, 1, &block(&[("x", &"y".repeat(100))]).repeat(100));
    let kinds = flood(&client, std::iter::once(first).chain((0..2_000).map(|_| more.clone())));
    assert!(kinds.is_empty() || kinds.contains(&GOAWAY) || kinds.contains(&RST_STREAM), "{kinds:?}");
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
}

#[test]
fn floods_of_pings_and_settings_leave_others_unharmed() {
    let (_daemon, erika, client) = erika();
    for flooded in [frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 0, 0, &[])] {
        let mut wire = connect(&client);
        for _ in 0..500 {
            if wire.send(flooded.repeat(20)).is_err() {
                break; // nothing is read, so at last nothing can be sent
            }
        }
        let _ = client.put(&erika.object("a.ics"), ics::simple("a"));
        let _ = client.get(&erika.object("a.ics")).expect(200);
    }
}

#[test]
fn frames_that_the_rfc_forbids_end_the_connection() {
    let (_daemon, erika, client) = erika();
    let huge = [&[0xff, 0xff, 0xff, HEADERS, 0][..], &1u32.to_be_bytes()].concat();
    let forbidden = [
        frame(HEADERS, END_HEADERS | END_STREAM, 2, &get("/")),
        frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0xff; 40]),
        frame(CONTINUATION, END_HEADERS, 1, &get("/")),
        frame(SETTINGS, 0, 0, &[0; 5]),
        frame(PING, 0, 1, &[0; 8]),
        huge,
    ];
    for bytes in forbidden {
        let kinds = flood(&client, std::iter::once(bytes.clone()));
        assert!(kinds.is_empty() || kinds.contains(&GOAWAY), "{bytes:?}: {kinds:?}");
    }
    let _ = client.get(&erika.calendar()).expect(200);
}

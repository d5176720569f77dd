//! HTTP framing: request smuggling, lying lengths, oversized heads (SECURITY.md section 5, rows 4, 8).

use almanac_harness::{Client, Person, ics};

use crate::erika;

/// Sends raw bytes; the status of the first answer, or `None` if the connection was just closed.
fn raw(client: &Client, bytes: impl AsRef<[u8]>) -> (Option<u16>, Vec<u8>) {
    let mut wire = client.connect().unwrap();
    let _ = wire.send(bytes); // the daemon may answer and close before all is sent
    let answer = wire.read_response("GET").ok();
    (answer.map(|a| a.status), wire.read_to_close())
}

fn head(client: &Client, erika: &Person, method: &str, extra: &str) -> String {
    format!(
        "{method} {} HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\nConnection: close\r\n{extra}\r\n",
        erika.object("a.ics"),
        client.address().authority(),
        client.authorization()
    )
}

#[test]
fn ambiguous_messages_are_400_and_the_connection_is_closed() {
    let (_daemon, erika, client) = erika();
    let smuggled = format!("0\r\n\r\nGET {} HTTP/1.1\r\nHost: x\r\n\r\n", erika.calendar());
    for extra in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 99999999999999999999999\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "X: a\r\n folded: b\r\n",
        "X : a\r\n",
        "X\r\n",
        "\u{0}: a\r\n",
    ] {
        let (status, rest) = raw(&client, head(&client, &erika, "PUT", extra) + &smuggled);
        let text = String::from_utf8_lossy(&rest).into_owned();
        assert!(status.is_none_or(|s| (400..=501).contains(&s) && s != 500), "{extra:?}: {status:?}");
        assert!(!text.contains("HTTP/1.1 2"), "{extra:?} smuggled a request: {text}");
    }
    assert!(client.members(&erika.calendar()).is_empty());
}

#[test]
fn content_length_with_chunked_never_yields_two_requests() {
    let (_daemon, erika, client) = erika();
    let body = format!(
        "0\r\n\r\nGET {} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\r\n",
        erika.calendar(),
        client.authorization()
    );
    let extra = format!(
        "Content-Type: text/calendar\r\nContent-Length: {}\r\nTransfer-Encoding: chunked\r\n",
        body.len()
    );
    let request = head(&client, &erika, "PUT", &extra).replace("Connection: close\r\n", "") + &body;
    let mut wire = client.connect().unwrap();
    wire.send(request).unwrap();
    wire.finish();
    let text = String::from_utf8_lossy(&wire.read_to_close()).into_owned();
    assert!(text.matches("HTTP/1.1 ").count() <= 1 || !text.contains("HTTP/1.1 200"), "{text}");
}

#[test]
fn bad_chunks_are_refused() {
    let (_daemon, erika, client) = erika();
    for chunks in [
        "zz\r\n",
        "5\r\nhello",
        "-1\r\nx\r\n0\r\n\r\n",
        "fffffffffffffffff\r\n",
        "5;x=\u{1}\r\nhello\r\n0\r\n\r\n",
    ] {
        let mut wire = client.connect().unwrap();
        wire.send(
            head(&client, &erika, "PUT", "Content-Type: text/calendar\r\nTransfer-Encoding: chunked\r\n")
                + chunks,
        )
        .unwrap();
        wire.finish();
        let text = String::from_utf8_lossy(&wire.read_to_close()).into_owned();
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 4"), "{chunks:?}: {text}");
    }
    assert!(client.members(&erika.calendar()).is_empty());
}

#[test]
fn a_chunked_put_is_as_good_as_any() {
    let (_daemon, erika, client) = erika();
    let body = ics::simple("a");
    let chunks: String = body
        .as_bytes()
        .chunks(7)
        .map(|c| format!("{:x};ext=1\r\n{}\r\n", c.len(), std::str::from_utf8(c).unwrap()))
        .collect();
    let mut wire = client.connect().unwrap();
    wire.send(
        head(&client, &erika, "PUT", "Content-Type: text/calendar\r\nTransfer-Encoding: chunked\r\n")
            + &chunks
            + "0\r\n\r\n",
    )
    .unwrap();
    let _ = wire.read_response("PUT").unwrap().expect(201);
    assert_eq!(client.get(&erika.object("a.ics")).text(), body);
}

#[test]
fn a_truncated_body_stores_nothing() {
    let (_daemon, erika, client) = erika();
    let body = ics::simple("a");
    let extra = format!("Content-Type: text/calendar\r\nContent-Length: {}\r\n", body.len() + 10);
    let mut wire = client.connect().unwrap();
    wire.send(head(&client, &erika, "PUT", &extra) + &body).unwrap();
    wire.finish();
    let text = String::from_utf8_lossy(&wire.read_to_close()).into_owned();
    assert!(text.starts_with("HTTP/1.1 400 ") && text.matches("HTTP/1.1 ").count() == 1, "{text}");
    assert!(client.members(&erika.calendar()).is_empty());
}

#[test]
fn an_oversized_body_is_413_before_it_is_sent() {
    let (_daemon, erika, client) = erika();
    let extra = "Content-Type: text/calendar\r\nContent-Length: 10737418240\r\n";
    let mut wire = client.connect().unwrap();
    wire.send(head(&client, &erika, "PUT", extra)).unwrap();
    let answer = wire.read_response("PUT").unwrap();
    assert_eq!(answer.status, 413, "{answer}");

    let mut wire = client.connect().unwrap();
    let _ = wire.send(head(
        &client,
        &erika,
        "PUT",
        "Content-Type: text/calendar\r\nTransfer-Encoding: chunked\r\n",
    ));
    let megabyte = format!("100000\r\n{}\r\n", "x".repeat(1 << 20));
    for _ in 0..64 {
        if wire.send(&megabyte).is_err() {
            break; // the daemon has stopped listening, as it should
        }
    }
    if let Ok(answer) = wire.read_response("PUT") {
        assert_eq!(answer.status, 413, "{answer}");
    }
    assert!(client.members(&erika.calendar()).is_empty());
}

#[test]
fn expect_continue_is_answered_before_the_body() {
    let (_daemon, erika, client) = erika();
    let body = ics::simple("a");
    let extra =
        format!("Content-Type: text/calendar\r\nContent-Length: {}\r\nExpect: 100-continue\r\n", body.len());
    let mut wire = client.connect().unwrap();
    wire.send(head(&client, &erika, "PUT", &extra)).unwrap();
    wire.fill().unwrap();
    wire.send(&body).unwrap();
    let _ = wire.read_response("PUT").unwrap().expect(201); // the 100 is skipped
    let refused = head(&client, &erika, "PUT", &extra).replace("Expect", "If-Match: \"stale\"\r\nExpect");
    let mut wire = client.connect().unwrap();
    wire.send(refused).unwrap();
    let _ = wire.send(&body);
    let _ = wire.read_response("PUT").unwrap().expect(412);
}

#[test]
fn a_head_beyond_32_kib_is_431() {
    let (_daemon, erika, client) = erika();
    let (status, _) = raw(&client, head(&client, &erika, "GET", &format!("X: {}\r\n", "a".repeat(40_000))));
    assert_eq!(status, Some(431));
    let many: String = (0..5000).map(|n| format!("X-{n}: a\r\n")).collect();
    let (status, _) = raw(&client, head(&client, &erika, "GET", &many));
    assert_eq!(status, Some(431));
    let (status, _) = raw(&client, head(&client, &erika, "GET", &format!("X: {}\r\n", "a".repeat(20_000))));
    assert_eq!(status, Some(404));
}

#[test]
fn the_host_is_needed_once() {
    let (_daemon, erika, client) = erika();
    let request = |hosts: &str| {
        format!(
            "GET {} HTTP/1.1\r\n{hosts}Authorization: {}\r\nConnection: close\r\n\r\n",
            erika.calendar(),
            client.authorization()
        )
    };
    for hosts in ["", "Host: a\r\nHost: b\r\n", "Host: a b\r\n", "Host: a/b\r\n"] {
        let (status, _) = raw(&client, request(hosts));
        assert_eq!(status, Some(400), "{hosts:?}");
    }
    let (status, _) = raw(
        &client,
        format!("GET {} HTTP/1.0\r\nAuthorization: {}\r\n\r\n", erika.calendar(), client.authorization()),
    );
    assert_eq!(status, Some(200), "HTTP/1.0 needs none");
}

#[test]
fn pipelined_and_kept_connections_answer_in_order() {
    let (_daemon, erika, client) = erika();
    let request = |path: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\r\n", client.authorization())
    };
    let mut wire = client.connect().unwrap();
    wire.send(
        [request(&erika.calendar()), request(&erika.object("none.ics")), request(&erika.calendar())].concat(),
    )
    .unwrap();
    let statuses: Vec<_> = (0..3).map(|_| wire.read_response("GET").unwrap().status).collect();
    assert_eq!(statuses, [200, 404, 200]);
}

#[test]
fn garbage_is_answered_or_cut_but_never_hangs() {
    let (_daemon, erika, client) = erika();
    let mut tls_hello = vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    tls_hello.extend([0; 200]);
    for bytes in [
        &tls_hello[..],
        b"\0\0\0\0\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"hello\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
    ] {
        let mut wire = client.connect().unwrap();
        let _ = wire.send(bytes);
        wire.finish();
        let text = String::from_utf8_lossy(&wire.read_to_close()).into_owned();
        assert!(!text.contains("HTTP/1.1 5") || text.contains("505"), "{text}");
    }
    let _ = client.get(&erika.calendar()).expect(200);
}

//! Clients that send nothing, a byte at a time, or never read: SECURITY.md section 5, row 6.
//!
//! The limits are set to 300 ms. No time is asserted: the daemon must end the connection at all, while it serves others.

use std::time::Duration;

use almanac_harness::{Client, Daemon, Options, Person, ics};

fn impatient() -> (Daemon, Person, Client) {
    let options = [
        "handshake_timeout",
        "first_byte_timeout",
        "header_timeout",
        "body_timeout",
        "idle_timeout",
        "write_timeout",
    ]
    .iter()
    .fold(Options::new(), |options, key| options.set(&format!("limits.{key}"), "300ms"));
    let daemon = Daemon::start_with(options);
    let erika = daemon.person("erika");
    let client = daemon.client(&erika);
    (daemon, erika, client)
}

#[test]
fn a_client_that_sends_nothing_is_cut_while_others_are_served() {
    let (_daemon, erika, client) = impatient();
    let silent: Vec<_> = (0..200).map(|_| client.connect().unwrap()).collect();
    for n in 0..20 {
        let _ = client.put(&erika.object(&n.to_string()), ics::simple(&n.to_string())).expect(201);
    }
    for wire in silent {
        assert_eq!(String::from_utf8_lossy(&wire.read_to_close()), "");
    }
}

/// Sends `bytes` one at a time with pauses below the time-outs, until the daemon has had enough or all is sent.
fn drip(client: &Client, at_once: &str, bytes: &str) -> String {
    let mut wire = client.connect().unwrap();
    wire.send(at_once).unwrap();
    for byte in bytes.as_bytes() {
        if wire.send([*byte]).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50)); // the behaviour under test, not a wait for something
    }
    String::from_utf8_lossy(&wire.read_to_close()).into_owned()
}

#[test]
fn a_head_that_comes_a_byte_at_a_time_is_cut() {
    let (_daemon, erika, client) = impatient();
    let said = std::thread::scope(|scope| {
        let slow = scope.spawn(|| drip(&client, "GET / HTTP/1.1\r\nX: ", &"a".repeat(200)));
        for n in 0..10 {
            let _ = client.put(&erika.object(&n.to_string()), ics::simple(&n.to_string())).expect(201);
        }
        slow.join().unwrap()
    });
    assert_eq!(said, "");
}

#[test]
fn a_body_that_stops_or_drips_is_cut_and_nothing_is_stored() {
    let (_daemon, erika, client) = impatient();
    let body = ics::event_with("a", &"long ".repeat(1000), "20261201T090000Z", "");
    let head = format!(
        "PUT {} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nContent-Type: text/calendar\r\nContent-Length: {}\r\n\r\n",
        erika.object("a.ics"),
        client.authorization(),
        body.len()
    );
    let mut stopped = client.connect().unwrap();
    stopped.send(format!("{head}{}", &body[..100])).unwrap();
    let said = String::from_utf8_lossy(&stopped.read_to_close()).into_owned();
    assert!(said.starts_with("HTTP/1.1 408"), "{said}");
    let said = drip(&client, &head, &body[..400]);
    assert!(said.starts_with("HTTP/1.1 408"), "{said}");
    assert!(client.members(&erika.calendar()).is_empty());
}

#[test]
fn a_connection_that_idles_after_an_answer_is_closed() {
    let (_daemon, erika, client) = impatient();
    let mut wire = client.connect().unwrap();
    wire.send(client.request("GET", &erika.calendar()).to_bytes()).unwrap();
    let _ = wire.read_response("GET").unwrap().expect(200);
    assert_eq!(wire.read_to_close(), Vec::<u8>::new());
}

#[test]
fn a_client_that_never_reads_does_not_hold_the_daemon() {
    let (mut daemon, erika, client) = impatient();
    let note = "DESCRIPTION:".to_owned()
        + &"x".repeat(60)
        + &"\n xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx".repeat(8000);
    for n in 0..24 {
        let _ = client
            .put(
                &erika.object(&n.to_string()),
                ics::event_with(&n.to_string(), "x", "20261201T090000Z", &note),
            )
            .expect(201);
    }
    // More than the socket buffers of both sides can hold is asked for and never read.
    let mut deaf: Vec<_> = (0..4).map(|_| client.connect().unwrap()).collect();
    for wire in &mut deaf {
        for _ in 0..4 {
            wire.send(client.request("GET", &erika.calendar()).to_bytes()).unwrap();
        }
    }
    for _ in 0..10 {
        let _ = client.propfind(&erika.calendar(), "0", &["D:getetag"]).expect(207);
    }
    let whole = client.get(&erika.calendar()).body.len();
    for wire in deaf {
        std::thread::sleep(Duration::from_millis(700)); // not reading is the behaviour under test
        let got = wire.read_to_close().len();
        assert!(got < 4 * whole, "the daemon kept {got} bytes for a client that did not read");
    }
    daemon.stop(); // at once: nothing is left to drain
    daemon.boot();
}

#[test]
fn a_slow_but_honest_client_is_served() {
    let (_daemon, erika, client) = impatient();
    let body = ics::simple("a");
    let head = format!(
        "PUT {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {}\r\nContent-Type: text/calendar\r\nContent-Length: {}\r\n\r\n",
        erika.object("a.ics"),
        client.authorization(),
        body.len()
    );
    let mut wire = client.connect().unwrap();
    wire.send(&head[..40]).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    wire.send(&head[40..]).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    wire.send(&body).unwrap();
    let _ = wire.read_response("PUT").unwrap().expect(201);
}

#[test]
fn half_closed_clients_are_answered_or_cut_but_never_kept() {
    let (_daemon, erika, client) = impatient();
    let mut wire = client.connect().unwrap();
    wire.send(client.request("GET", &erika.calendar()).header("Connection", "close").to_bytes()).unwrap();
    wire.finish();
    let said = wire.read_to_close();
    assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn connections_beyond_the_limit_are_closed_and_places_come_free() {
    let daemon = Daemon::start_with(Options::new().set("limits.connections_max", "8"));
    let erika = daemon.person("erika");
    let client = daemon.client(&erika);
    let mut held = Vec::new();
    let mut refused = false;
    for _ in 0..40 {
        let mut wire = client.connect().unwrap();
        let sent = wire.send(client.request("GET", &erika.calendar()).to_bytes());
        match sent.and_then(|()| wire.read_response("GET")) {
            Ok(answer) if answer.status == 200 => held.push(wire),
            Ok(answer) => {
                assert_eq!(answer.status, 503, "{answer}");
                refused = true;
            }
            Err(_) => refused = true,
        }
    }
    assert!(refused && (4..=8).contains(&held.len()), "{} were served", held.len());
    drop(held);
    let served = (0..1000).any(|_| {
        let answer = client.request("GET", &erika.calendar()).try_send();
        std::thread::sleep(Duration::from_millis(5)); // the daemon sees the closed connections in its own time
        answer.is_ok_and(|a| a.status == 200)
    });
    assert!(served);
}

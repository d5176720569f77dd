//! The server that plays vendors, asked over a plain socket.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use almanac_simulator::{Exchange, Fault, Reply, Simulator, Vendor};
use http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Counts what it does.
struct Counter(u32);

impl Vendor for Counter {
    fn answer(&mut self, request: &Exchange) -> Reply {
        self.0 += 1;
        Reply::new(StatusCode::OK, format!("{} {}", request.path, self.0)).with("etag", "\"1\"")
    }
}

/// Asks once and gives all that comes back.
async fn ask(simulator: &Simulator<Counter>) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", simulator.port())).await.unwrap();
    stream.write_all(b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn each_fault_does_what_it_says() {
    let simulator = Simulator::start(Counter(0)).await.unwrap();
    let answer = ask(&simulator).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n/a 1"), "{answer}");

    let busy = Reply::new(StatusCode::SERVICE_UNAVAILABLE, "").with("retry-after", "3");
    let pause = std::time::Duration::from_millis(1);
    // The fault, how the answer begins and ends, and how often the vendor acted.
    let table = [
        (Fault::Answer(busy), "HTTP/1.1 503", "\r\n\r\n", 1),
        (Fault::Lost, "", "", 1),
        (Fault::DoneAndLost, "", "", 2),
        (Fault::Cut(2), "HTTP/1.1 200", "\r\n\r\n/a", 3),
        (Fault::Late(pause), "HTTP/1.1 200", "/a 4", 4),
        (Fault::Slow(1, pause), "HTTP/1.1 200", "/a 5", 5),
    ];
    for (fault, begin, end, acted) in table {
        let planned = fault.clone();
        simulator.plan(move |_| Some(planned.clone()));
        let answer = ask(&simulator).await;
        assert!(answer.starts_with(begin) && answer.ends_with(end), "{fault:?}: {answer}");
        assert_eq!(begin.is_empty(), answer.is_empty(), "{fault:?}: {answer}");
        assert_eq!(simulator.with(|vendor| vendor.0), acted, "{fault:?}");
    }
    simulator.calm();
    assert!(ask(&simulator).await.ends_with("/a 6"));
    let statuses: Vec<_> = simulator.take_seen().iter().map(|seen| seen.status.map(|s| s.as_u16())).collect();
    let ok = Some(200);
    assert_eq!(statuses, [ok, Some(503), None, ok, ok, ok, ok, ok]);
    assert!(simulator.take_seen().is_empty());
}

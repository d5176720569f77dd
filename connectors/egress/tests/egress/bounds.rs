//! Bounds of time and size, and what is known of a request that failed.

use std::io::Write;
use std::sync::{Arc, Mutex};

use almanac_egress::{Kind, Request, Sent};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::interval;

use crate::support::{HERE, SHORT, Server, client, request, resolving, text, with_header};

/// Reads a request up to the end of its head.
async fn read_head(stream: &mut TcpStream) -> usize {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    head.len()
}

/// A server that answers every request with `head`, then goes on as `rest` says.
async fn answering<F: Future<Output = ()> + Send + 'static>(
    head: &'static str,
    rest: impl Fn(TcpStream) -> F + Send + Sync + 'static,
) -> Server {
    let rest = Arc::new(rest);
    Server::raw(HERE, move |mut stream| {
        let rest = Arc::clone(&rest);
        async move {
            read_head(&mut stream).await;
            stream.write_all(head.as_bytes()).await.unwrap();
            rest(stream).await;
        }
    })
    .await
}

async fn body_of(request: Request) -> Result<usize, Kind> {
    let answer = client().send(request).await.map_err(|e| e.kind)?;
    answer.body.whole().await.map(|body| body.len()).map_err(|e| e.kind)
}

#[tokio::test]
async fn a_body_is_read_up_to_its_bound_and_no_further() {
    for (length, fits) in [(0, true), (1_000, true), (1_001, false)] {
        let server = Server::plain(move |_| text(&"x".repeat(length))).await;
        let mut request = server.request("GET", "/");
        request.answer_bytes_max = 1_000;
        let expected = if fits { Ok(length) } else { Err(Kind::TooLarge) };
        assert_eq!(body_of(request).await, expected, "{length}");
    }
}

#[tokio::test]
async fn an_endless_body_is_cut() {
    let server = answering("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", async |mut stream| {
        while stream.write_all(b"5\r\nhello\r\n").await.is_ok() {}
    })
    .await;
    assert_eq!(body_of(server.request("GET", "/")).await, Err(Kind::TooLarge));
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up() {
    let server = answering("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhel", async |_stream| {
        std::future::pending::<()>().await;
    })
    .await;
    let mut request = server.request("GET", "/");
    request.timeouts.idle = SHORT;
    assert_eq!(body_of(request).await, Err(Kind::Timeout(Sent::Maybe)));
}

#[tokio::test]
async fn a_body_that_trickles_ends_with_the_whole_time() {
    let server = answering("HTTP/1.1 200 OK\r\n\r\n", async |mut stream| {
        let mut tick = interval(SHORT / 10);
        while stream.write_all(b"x").await.is_ok() {
            tick.tick().await;
        }
    })
    .await;
    let mut request = server.request("GET", "/");
    request.timeouts.whole = SHORT * 10; // with room for a slow connection
    assert_eq!(body_of(request).await, Err(Kind::Timeout(Sent::Maybe)));
}

#[tokio::test]
async fn a_body_that_is_cut_is_no_whole_body() {
    for head in [
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhel",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ] {
        let server = answering(head, async |_stream| {}).await;
        assert_eq!(body_of(server.request("GET", "/")).await, Err(Kind::Protocol(Sent::Maybe)), "{head}");
    }
}

#[tokio::test]
async fn what_is_not_http_or_compressed_or_has_an_endless_head_is_refused() {
    for head in
        ["SSH-2.0-x\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 0\r\n\r\n"]
    {
        let server = answering(head, async |_stream| std::future::pending().await).await;
        assert_eq!(body_of(server.request("GET", "/")).await, Err(Kind::Protocol(Sent::Maybe)), "{head}");
    }
    let server = answering(
        "HTTP/1.1 200 OK\r\nx: ",
        async |mut stream| {
            while stream.write_all(&[b'x'; 1_000]).await.is_ok() {}
        },
    )
    .await;
    assert_eq!(body_of(server.request("GET", "/")).await, Err(Kind::Protocol(Sent::Maybe)));
}

#[tokio::test]
async fn a_time_out_before_and_one_after_the_request_was_sent_are_told_apart() {
    let silent = Server::raw(HERE, |stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let mut post = silent.request("POST", "/");
    post.timeouts.head = SHORT;
    assert_eq!(client().send(post).await.unwrap_err().kind, Kind::Timeout(Sent::Maybe), "no answer");

    let mut post = silent.request("POST", "/");
    post.timeouts.whole = SHORT * 10; // with room for a slow connection
    assert_eq!(
        client().send(post).await.unwrap_err().kind,
        Kind::Timeout(Sent::Maybe),
        "no answer, whole time"
    );

    let mut post = request("POST", &format!("https://127.0.0.1:{}/", silent.port));
    post.timeouts.connect = SHORT;
    assert_eq!(client().send(post).await.unwrap_err().kind, Kind::Timeout(Sent::No), "no handshake");

    let resolver: almanac_egress::client::Resolver = Arc::new(|_| Box::pin(std::future::pending()));
    let deaf =
        almanac_egress::Client::with_resolver(&almanac_egress::EgressConfig::default(), resolver).unwrap();
    let mut post = request("POST", "https://nobody.test/");
    post.timeouts.whole = SHORT;
    assert_eq!(deaf.send(post).await.unwrap_err().kind, Kind::Timeout(Sent::No), "no addresses");
}

#[tokio::test]
async fn no_name_and_no_listener_are_told_apart() {
    let port = Server::raw(HERE, |_| async {}).await.port; // closed again
    let client = resolving(&["127.0.0.1"], None, |_| Vec::new());
    let error = client.send(request("GET", &format!("http://127.0.0.1:{port}/"))).await.unwrap_err();
    assert_eq!((error.kind, error.sent()), (Kind::Connect, Sent::No));
    let error = client.send(request("GET", "https://nobody.test/")).await.unwrap_err();
    assert_eq!((error.kind, error.sent()), (Kind::Resolve, Sent::No));
}

#[tokio::test]
async fn a_connection_is_used_again_once_its_body_was_read() {
    let server = Server::plain(|_| text("hello")).await;
    let client = client();
    for _ in 0..3 {
        client.send(server.request("GET", "/")).await.unwrap().body.whole().await.unwrap();
    }
    assert_eq!((server.seen().len(), server.connections()), (3, 1));
    drop(client.send(server.request("GET", "/")).await.unwrap());
    client.send(server.request("GET", "/")).await.unwrap().body.whole().await.unwrap();
    assert_eq!(
        (server.seen().len(), server.connections()),
        (5, 2),
        "a body left unread closes its connection"
    );
}

#[tokio::test]
async fn on_a_connection_that_died_meanwhile_a_read_is_sent_again_and_a_write_never() {
    let requests = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&requests);
    // Answers the first request of each connection, and hangs up on the second.
    let server = Server::raw(HERE, move |mut stream| {
        let counted = Arc::clone(&counted);
        async move {
            read_head(&mut stream).await;
            *counted.lock().unwrap() += 1;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            if read_head(&mut stream).await > 0 {
                *counted.lock().unwrap() += 1;
            }
        }
    })
    .await;
    let client = client();
    client.send(server.request("GET", "/")).await.unwrap().body.whole().await.unwrap();
    client.send(server.request("GET", "/")).await.unwrap().body.whole().await.unwrap();
    assert_eq!(*requests.lock().unwrap(), 3, "the second was read, not answered, and sent again");
    let error = client.send(server.request("POST", "/")).await.unwrap_err();
    assert_eq!(error.kind, Kind::Protocol(Sent::Maybe));
    assert_eq!(*requests.lock().unwrap(), 4);
}

#[tokio::test]
async fn a_request_that_is_given_up_leaves_no_connection_behind() {
    let (say, mut hear) = tokio::sync::mpsc::channel(2);
    let server = Server::raw(HERE, move |mut stream| {
        let say = say.clone();
        async move {
            read_head(&mut stream).await;
            say.send("asked").await.unwrap();
            assert!(stream.read_u8().await.is_err());
            say.send("closed").await.unwrap();
        }
    })
    .await;
    let client = client();
    tokio::select! {
        _ = client.send(server.request("GET", "/")) => panic!("nobody answers"),
        word = hear.recv() => assert_eq!(word, Some("asked")),
    }
    assert_eq!(hear.recv().await, Some("closed"));
}

#[tokio::test]
async fn many_requests_at_once_are_all_answered_and_few_connections_stay() {
    let server = Arc::new(Server::plain(|seen| text(&seen.path)).await);
    let client = Arc::new(client());
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..100 {
        let (server, client) = (Arc::clone(&server), Arc::clone(&client));
        tasks.spawn(async move {
            let path = format!("/{n}");
            let answer = client.send(server.request("GET", &path)).await.unwrap();
            assert_eq!(answer.body.whole().await.unwrap(), path);
        });
    }
    tasks.join_all().await;
    let before = server.connections();
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(client.send(server.request("GET", "/")).await.unwrap());
    }
    assert_eq!(server.connections() - before, 1, "four were kept, the fifth is new");
}

/// What the log gets.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_has_method_route_and_status_and_nothing_of_the_request() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = Server::plain(|_| with_header(text("b0dy"), "x-name", "erika")).await;
    let token = almanac_base::Secret::new("t0ken".into());
    let mut request = server.request("POST", "/erika?key=s3cret").basic("erika", &token);
    request.body = "erika".into();
    client().send(request).await.unwrap().body.whole().await.unwrap();
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let ours: Vec<&str> = log.lines().filter(|line| line.contains("almanac_egress")).collect();
    assert_eq!(ours.len(), 1, "{log}");
    for word in ["DEBUG", "method=\"POST\"", "route=\"/route/{of}/the-test\"", "status=200", "elapsed_ms="] {
        assert!(ours[0].contains(word), "{word}: {log}");
    }
    for secret in ["erika", "s3cret", "t0ken", "b0dy"] {
        assert!(!ours[0].contains(secret), "{log}");
    }
}

//! Clients that behave badly, over real sockets, and one that behaves well beside them.

use std::net::SocketAddr;
use std::time::Duration;

use almanac_base::SystemClock;
use almanac_methods::{BodyTimedOut, BoxError};
use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::{Body as HttpBody, Frame};
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::interval;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;
use crate::caps::Caps;
use crate::config::values::{ListenAddress, Period, Size};
use crate::front::Front;
use crate::listen::{self, Listener};
use crate::supervisor::Drained;

const SHORT: Duration = Duration::from_millis(250);
/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(60);

struct Running {
    address: SocketAddr,
    supervisor: Supervisor,
    metrics: Arc<Metrics>,
    /// Says that an endless answer was given up.
    given_up: mpsc::Receiver<()>,
}

/// A body that always has more.
struct Endless(mpsc::Sender<()>);

impl HttpBody for Endless {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 16 << 10])))))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        let _ = self.0.try_send(());
    }
}

/// A write that waits in the middle, of the one test that uses it.
static BEGUN: tokio::sync::Notify = tokio::sync::Notify::const_new();
static RELEASED: tokio::sync::Notify = tokio::sync::Notify::const_new();

async fn respond(request: Request<Body>, edge: Edge, given_up: mpsc::Sender<()>) -> Response<Body> {
    match request.uri().path() {
        "/endless" => Response::new(Endless(given_up).boxed_unsync()),
        "/write" => {
            BEGUN.notify_one();
            RELEASED.notified().await;
            let _ = given_up.try_send(()); // reached: the work went on to its end
            plain(StatusCode::NO_CONTENT)
        }
        "/refuse" => plain(StatusCode::PAYLOAD_TOO_LARGE),
        "/peer" => {
            let host = request.headers()[header::HOST].to_str().unwrap().to_owned();
            let text = format!("{} {} {host}", edge.peer.unwrap(), edge.scheme);
            Response::new(Full::from(text).map_err(|never| match never {}).boxed_unsync())
        }
        _ => match request.into_body().collect().await {
            Ok(body) => {
                let text = format!("read {}", body.to_bytes().len());
                Response::new(Full::from(text).map_err(|never| match never {}).boxed_unsync())
            }
            Err(error) if error.is::<BodyTimedOut>() => plain(StatusCode::REQUEST_TIMEOUT),
            Err(_) => plain(StatusCode::BAD_REQUEST),
        },
    }
}

async fn start(change: impl FnOnce(&mut Limits)) -> Running {
    start_with(None, change).await
}

async fn start_with(tls: Option<TlsAcceptor>, change: impl FnOnce(&mut Limits)) -> Running {
    let long = Period(LONG);
    let mut limits = Limits {
        handshake_timeout: long,
        first_byte_timeout: long,
        header_timeout: long,
        body_timeout: long,
        write_timeout: long,
        idle_timeout: long,
        body_rate_min: Size(1),
        ..Limits::default()
    };
    change(&mut limits);
    let (sender, given_up) = mpsc::channel(16);
    let metrics = Arc::<Metrics>::default();
    let supervisor = Supervisor::default();
    let trusted: Vec<TrustedProxy> = vec!["127.0.0.1".parse().unwrap()];
    let caps = Caps::new(&limits, &trusted, &metrics);
    let handler: Handler = Arc::new(move |request, edge| Box::pin(respond(request, edge, sender.clone())));
    let server = Arc::new(Server {
        handler,
        limits,
        trusted,
        ids: IdGen::new(Arc::new(SystemClock)),
        metrics: Arc::clone(&metrics),
        supervisor: supervisor.clone(),
    });
    let listener = Listener::bind(&"127.0.0.1:0".parse().unwrap(), 0o600).await.unwrap();
    let ListenAddress::Tcp(address) = listener.address() else { panic!("tcp") };
    listen::serve(
        &supervisor,
        listener,
        Front::current(server, tls.map(|tls| Arc::clone(tls.config()))),
        caps,
    );
    Running { address, supervisor, metrics, given_up }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// All that the server says to `bytes` until it closes the connection.
    async fn say(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        rest(&mut stream).await
    }

    async fn a_normal_client_is_served(&self) {
        let reply = self
            .say(b"PUT /x HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\nconnection: close\r\n\r\nabc")
            .await;
        assert!(reply.starts_with("HTTP/1.1 200") && reply.ends_with("read 3"), "{reply}");
    }

    fn assert_counted(&self, reason: &str) {
        let text = self.metrics.render(&[], &[]);
        assert!(
            text.contains(&format!("almanac_rejected_total{{reason=\"{reason}\"}} 1\n")),
            "{reason}\n{text}"
        );
    }
}

/// What is left to read; a reset counts as the end.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8(bytes).unwrap()
}

/// Writes `byte` again and again until the server has closed the connection.
async fn drip(stream: &mut TcpStream, byte: &[u8]) -> String {
    let (mut reader, mut writer) = stream.split();
    let mut pace = interval(Duration::from_millis(10));
    let mut bytes = Vec::new();
    let drops = async {
        loop {
            pace.tick().await;
            if writer.write_all(byte).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        _ = reader.read_to_end(&mut bytes) => {}
        () = drops => {}
    }
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_client_that_says_nothing_is_closed_and_disturbs_nobody() {
    let running = start(|limits| limits.first_byte_timeout = Period(SHORT)).await;
    let mut silent = running.connect().await;
    running.a_normal_client_is_served().await;
    assert_eq!(rest(&mut silent).await, "");
    running.assert_counted("first-byte-timeout");
}

#[tokio::test]
async fn a_head_a_byte_at_a_time_is_cut() {
    let running = start(|limits| limits.header_timeout = Period(SHORT)).await;
    let mut slow = running.connect().await;
    slow.write_all(b"GET / HTTP/1.1\r\nx: ").await.unwrap();
    running.a_normal_client_is_served().await;
    assert_eq!(drip(&mut slow, b"y").await, "");
    running.assert_counted("header-timeout");
}

#[tokio::test]
async fn the_preface_of_http2_a_byte_at_a_time_is_cut() {
    let running = start(|limits| limits.header_timeout = Period(SHORT)).await;
    let mut slow = running.connect().await;
    slow.write_all(b"PRI * HT").await.unwrap();
    assert_eq!(rest(&mut slow).await, "");
    running.assert_counted("header-timeout");
}

#[tokio::test]
async fn a_body_that_stalls_is_answered_with_408() {
    let running = start(|limits| limits.body_timeout = Period(SHORT)).await;
    let reply = running.say(b"PUT /x HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc").await;
    assert!(reply.starts_with("HTTP/1.1 408") && reply.contains("connection: close"), "{reply}");
    running.assert_counted("body-timeout");
}

#[tokio::test]
async fn a_body_that_never_stalls_but_is_too_slow_is_answered_with_408() {
    let running = start(|limits| {
        limits.body_timeout = Period(SHORT);
        limits.body_rate_min = Size(1 << 20);
    })
    .await;
    let mut slow = running.connect().await;
    slow.write_all(b"PUT /x HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n").await.unwrap();
    running.a_normal_client_is_served().await;
    let reply = drip(&mut slow, b"y").await;
    assert!(reply.starts_with("HTTP/1.1 408"), "{reply}");
}

#[tokio::test]
async fn a_client_that_never_reads_is_given_up_and_disturbs_nobody() {
    let mut running = start(|limits| limits.write_timeout = Period(SHORT)).await;
    let mut deaf = running.connect().await;
    deaf.write_all(b"GET /endless HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    running.a_normal_client_is_served().await;
    running.given_up.recv().await.unwrap();
    running.assert_counted("write-timeout");
}

#[tokio::test]
async fn a_stream_of_http2_that_nobody_reads_is_given_up() {
    let mut running = start(|limits| limits.write_timeout = Period(SHORT)).await;
    let (mut requests, _connection) = http2(&running).await;
    // The window of the stream is never opened again: the socket itself is never blocked.
    let reply = requests.send_request(get(&running, "/endless")).await.unwrap();
    running.given_up.recv().await.unwrap();
    running.assert_counted("write-timeout");
    drop(reply);
}

#[tokio::test]
async fn http2_is_served_on_the_same_port_and_closed_when_idle() {
    let running = start(|limits| limits.idle_timeout = Period(SHORT)).await;
    let (mut requests, connection) = http2(&running).await;
    let reply = requests.send_request(get(&running, "/x")).await.unwrap();
    assert_eq!(reply.into_body().collect().await.unwrap().to_bytes(), "read 0");
    connection.await.unwrap();
    running.assert_counted("idle-timeout");
}

#[tokio::test]
async fn a_connection_is_kept_between_requests_and_closed_when_idle() {
    let running = start(|limits| limits.idle_timeout = Period(SHORT)).await;
    let request = "GET /x HTTP/1.1\r\nhost: a\r\n\r\n";
    let replies = running.say(request.repeat(3).as_bytes()).await;
    assert_eq!(replies.matches("HTTP/1.1 200").count(), 3, "{replies}");
    running.assert_counted("idle-timeout");
}

#[tokio::test]
async fn a_head_above_the_limit_is_answered_with_431() {
    let running = start(|limits| limits.header_bytes_max = Size(8 << 10)).await;
    let mut stream = running.connect().await;
    let head = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(100 << 10));
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let reply = rest(&mut stream).await;
    assert!(reply.starts_with("HTTP/1.1 431"), "{reply}");
}

#[tokio::test]
async fn an_answer_before_the_end_of_a_large_body_is_not_lost() {
    let running = start(|_| {}).await;
    let mut stream = running.connect().await;
    let body = vec![b'x'; 8 << 20];
    let head = format!("PUT /refuse HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body).await.unwrap();
    stream.shutdown().await.unwrap();
    let reply = rest(&mut stream).await;
    assert!(reply.starts_with("HTTP/1.1 413"), "{reply}");
}

#[tokio::test]
async fn a_request_for_two_hosts_is_refused_and_ends_the_connection() {
    let running = start(|_| {}).await;
    let reply =
        running.say(b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(reply.starts_with("HTTP/1.1 400"), "{reply}");
    assert_eq!(reply.matches("HTTP/1.1").count(), 1, "{reply}");
}

#[tokio::test]
async fn the_handler_is_told_what_a_trusted_proxy_says() {
    let running = start(|_| {}).await;
    let reply = running
        .say(b"GET /peer HTTP/1.1\r\nhost: in\r\nx-forwarded-for: 203.0.113.7\r\nx-forwarded-proto: https\r\nx-forwarded-host: out.example\r\nconnection: close\r\n\r\n")
        .await;
    assert!(reply.ends_with("203.0.113.7 https out.example"), "{reply}");
}

#[tokio::test]
async fn draining_lets_a_request_end_and_closes_what_is_idle() {
    let running = start(|_| {}).await;
    let mut idle = running.connect().await;
    let mut busy = running.connect().await;
    busy.write_all(b"PUT /x HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n")
        .await
        .unwrap();
    // The interim answer says that the request is in flight.
    let mut interim = [0; 25];
    busy.read_exact(&mut interim).await.unwrap();
    assert!(interim.starts_with(b"HTTP/1.1 100 Continue"));
    let (drained, reply) = tokio::join!(running.supervisor.drain(LONG), async {
        assert_eq!(rest(&mut idle).await, "");
        assert!(TcpStream::connect(running.address).await.is_err(), "nobody listens any more");
        busy.write_all(b"abc").await.unwrap();
        rest(&mut busy).await
    });
    assert!(reply.contains("200 OK") && reply.ends_with("read 3"), "{reply}");
    assert_eq!(drained, Drained::Complete);
    assert_eq!(running.metrics.connections_open(), 0);
}

/// Both ends of TLS with a fresh certificate for 127.0.0.1.
fn tls(protocol: &[u8]) -> (TlsAcceptor, TlsConnector) {
    let pair = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(pair.signing_key.serialize_der().into());
    let server = crate::tls::server_config(vec![pair.cert.der().clone()], key).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(pair.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut client = client.with_root_certificates(roots).with_no_client_auth();
    client.alpn_protocols = vec![protocol.to_vec()];
    (server.into(), Arc::new(client).into())
}

#[tokio::test]
async fn tls_is_served_and_the_handler_knows() {
    let (acceptor, connector) = tls(b"http/1.1");
    let running = start_with(Some(acceptor), |_| {}).await;
    let name = rustls::pki_types::ServerName::try_from("127.0.0.1").unwrap();
    let mut stream = connector.connect(name, running.connect().await).await.unwrap();
    stream.write_all(b"GET /peer HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    assert!(reply.ends_with("127.0.0.1 https a"), "{reply}");
}

#[tokio::test]
async fn http2_is_agreed_on_in_the_handshake() {
    let (acceptor, connector) = tls(b"h2");
    let running = start_with(Some(acceptor), |_| {}).await;
    let name = rustls::pki_types::ServerName::try_from("127.0.0.1").unwrap();
    let stream = connector.connect(name, running.connect().await).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let (mut requests, _connection) = http2_over(TokioIo::new(stream)).await;
    let reply = requests.send_request(get(&running, "/x")).await.unwrap();
    assert_eq!(reply.into_body().collect().await.unwrap().to_bytes(), "read 0");
}

#[tokio::test]
async fn a_handshake_that_does_not_come_and_one_that_is_none_are_cut() {
    let running = start_with(Some(tls(b"h2").0), |limits| limits.handshake_timeout = Period(SHORT)).await;
    assert_eq!(running.say(b"").await, "");
    running.assert_counted("handshake-timeout");
    let mut plain = running.connect().await;
    plain.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut reply = Vec::new();
    let _ = plain.read_to_end(&mut reply).await;
    assert!(!reply.starts_with(b"HTTP"), "nothing is answered in clear");
    running.assert_counted("handshake");
}

#[tokio::test]
async fn connections_above_the_limit_are_closed_and_their_place_comes_back() {
    let running = start(|limits| limits.connections_max = 1).await;
    let mut held = running.connect().await;
    held.write_all(b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    held.read_exact(&mut first).await.unwrap();
    assert_eq!(rest(&mut running.connect().await).await, "");
    running.assert_counted("connections-max");
    held.shutdown().await.unwrap();
    rest(&mut held).await;
    while running.metrics.connections_open() > 0 {
        tokio::task::yield_now().await;
    }
    running.a_normal_client_is_served().await;
}

/// One frame of HTTP/2 (RFC 9113 section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
/// `:method GET`, `:scheme http`, `:path /`, `:authority a`.
const GET_ROOT: [u8; 6] = [0x82, 0x86, 0x84, 0x41, 0x01, b'a'];

/// The error codes of the GOAWAY frames in what a server said.
fn go_away(mut said: &[u8]) -> Vec<u32> {
    let mut codes = Vec::new();
    while let Some((head, rest)) = said.split_at_checked(9) {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let Some((payload, next)) = rest.split_at_checked(length) else { break };
        if head[3] == GOAWAY {
            codes.push(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
        }
        said = next;
    }
    codes
}

async fn say_in_http2(running: &Running, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut stream = running.connect().await;
    let preface = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &[])].concat();
    let (mut reader, mut writer) = stream.split();
    let mut said = Vec::new();
    let write = async {
        writer.write_all(&preface).await.unwrap();
        // The server may have had enough before the end.
        let _ = writer.write_all(&frames.concat()).await;
    };
    let read = async {
        let _ = reader.read_to_end(&mut said).await;
    };
    tokio::join!(write, read);
    said
}

#[tokio::test]
async fn a_flood_of_resets_ends_the_connection() {
    let running = start(|_| {}).await;
    let pair =
        |stream| [frame(HEADERS, 0b101, stream, &GET_ROOT), frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])];
    let frames: Vec<_> = (0..2_000).flat_map(|n| pair(2 * n + 1)).collect();
    let codes = go_away(&say_in_http2(&running, &frames).await);
    assert_eq!(codes, [0xb], "ENHANCE_YOUR_CALM");
    running.a_normal_client_is_served().await;
}

#[tokio::test]
async fn a_head_that_never_ends_ends_the_connection_in_http2() {
    let running = start(|_| {}).await;
    // A literal field without indexing, `x: ` and 100 octets.
    let field = [&[0x00, 1, b'x', 100][..], &[b'y'; 100]].concat();
    let begin = frame(HEADERS, 0b001, 1, &GET_ROOT);
    let frames: Vec<_> =
        [begin].into_iter().chain((0..20_000).map(|_| frame(CONTINUATION, 0, 1, &field))).collect();
    let codes = go_away(&say_in_http2(&running, &frames).await);
    assert_eq!(codes.len(), 1, "{codes:?}");
    running.a_normal_client_is_served().await;
}

#[tokio::test]
async fn a_unix_socket_serves_whom_its_proxy_speaks_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("http.sock");
    let running = start(|_| {}).await;
    let listener = Listener::bind(&ListenAddress::Unix(path.clone()), 0o600).await.unwrap();
    let server = Server {
        handler: Arc::new(|request, edge| Box::pin(respond(request, edge, mpsc::channel(1).0))),
        limits: Limits::default(),
        trusted: vec!["unix".parse().unwrap()],
        ids: IdGen::new(Arc::new(SystemClock)),
        metrics: Arc::clone(&running.metrics),
        supervisor: running.supervisor.clone(),
    };
    let caps = Caps::new(&Limits::default(), &[], &running.metrics);
    listen::serve(&running.supervisor, listener, Front::current(Arc::new(server), None), caps);
    let mut stream = listen::connect_unix(&path).await.unwrap();
    let request = b"GET /peer HTTP/1.1\r\nhost: a\r\nforwarded: for=203.0.113.7;proto=https\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    assert!(reply.ends_with("203.0.113.7 https a"), "{reply}");
}

type Requests = hyper::client::conn::http2::SendRequest<Empty<Bytes>>;

async fn http2(running: &Running) -> (Requests, tokio::task::JoinHandle<()>) {
    http2_over(TokioIo::new(running.connect().await)).await
}

async fn http2_over<S>(stream: S) -> (Requests, tokio::task::JoinHandle<()>)
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (requests, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    let client = tokio::runtime::Handle::current().spawn(async move {
        let _ = connection.await;
    });
    (requests, client)
}

fn get(running: &Running, path: &str) -> Request<Empty<Bytes>> {
    Request::builder().uri(format!("http://{}{path}", running.address)).body(Empty::new()).unwrap()
}

#[tokio::test]
async fn a_write_whose_client_leaves_goes_on_to_its_end() {
    let mut running = start(|_| ()).await;
    let mut stream = running.connect().await;
    stream.write_all(b"DELETE /write HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    BEGUN.notified().await;
    drop(stream);
    while running.metrics.connections_open() > 0 {
        tokio::task::yield_now().await;
    }
    RELEASED.notify_one();
    running.given_up.recv().await.unwrap();
}

#[tokio::test]
async fn after_an_early_answer_the_connection_stays_usable_or_says_that_it_ends() {
    let running = start(|_| ()).await;
    let mut stream = running.connect().await;
    for _ in 0..20 {
        stream.write_all(b"PUT /refuse HTTP/1.1\r\nhost: a\r\ncontent-length: 20000\r\n\r\n").await.unwrap();
        tokio::task::yield_now().await;
        stream.write_all(&[b'x'; 20_000]).await.unwrap();
        let mut head = [0; 4096];
        let count = stream.read(&mut head).await.unwrap();
        let head = String::from_utf8_lossy(&head[..count]).to_lowercase();
        assert!(head.starts_with("http/1.1 413") && !head.contains("connection: close"), "{head}");
    }
    let large = running.say(b"PUT /refuse HTTP/1.1\r\nhost: a\r\ncontent-length: 900000\r\n\r\nabc").await;
    assert!(large.to_lowercase().contains("connection: close"), "{large}");
}

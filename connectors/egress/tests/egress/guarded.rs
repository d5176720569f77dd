//! Where requests go, and what they carry there.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use almanac_base::Secret;
use almanac_egress::guard::Class;
use almanac_egress::{Client, EgressConfig, Kind, Redirects, Refusal, Sent};

use crate::support::{
    CLOSED, HERE, Identity, Seen, Server, client, redirect, request, resolving, status, text, with_header,
};

#[tokio::test]
async fn a_request_carries_what_the_caller_said_and_nothing_that_asks_for_compression() {
    let server = Server::plain(|seen| text(std::str::from_utf8(&seen.body).unwrap())).await;
    let mut request = server.request("PUT", "/a%20b/c.ics?x=1");
    request.body = "BEGIN".into();
    request.headers.insert("if-match", "\"1\"".parse().unwrap());
    let answer = client().send(request).await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body.whole().await.unwrap(), "BEGIN");
    let seen = server.seen().pop().unwrap();
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("PUT", "/a%20b/c.ics?x=1"));
    assert_eq!(seen.header("host"), Some(format!("127.0.0.1:{}", server.port).as_str()));
    assert_eq!(seen.header("accept-encoding"), Some("identity"));
    assert_eq!(seen.header("if-match"), Some("\"1\""));
    assert_eq!(seen.header("content-length"), Some("5"));
    assert!(seen.header("user-agent").unwrap().starts_with("almanac/"));
    assert_eq!(seen.header("cookie").or(seen.header("authorization")), None);
}

#[tokio::test]
async fn a_closed_address_is_refused_before_a_connection_is_made() {
    let server = Server::raw(CLOSED, |_| async {}).await;
    for host in ["127.0.0.2", "2130706434", "0x7f.2", "[::ffff:127.0.0.2]", "inside.test"] {
        let client = resolving(&["127.0.0.1"], None, |_| vec![CLOSED.into()]);
        let error =
            client.send(request("GET", &format!("http://{host}:{}/", server.port))).await.unwrap_err();
        assert_eq!(error.kind, Kind::Refused(Refusal::Address(Class::Loopback)), "{host}");
        assert_eq!(error.sent(), Sent::No);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn of_a_name_with_an_open_and_a_closed_address_only_the_open_one_is_used() {
    let open = Server::plain(|_| text("open")).await;
    let closed = Server::raw(CLOSED, |_| async {}).await;
    for port in [open.port, closed.port] {
        let allow = format!("127.0.0.1:{port}");
        let client = resolving(&[&allow], None, |_| vec![CLOSED.into(), HERE.into()]);
        let outcome = client.send(request("GET", &format!("http://two.test:{port}/"))).await;
        if port == open.port {
            assert_eq!(outcome.unwrap().body.whole().await.unwrap(), "open");
        } else {
            assert_eq!(outcome.unwrap_err().kind, Kind::Connect, "nobody listens at the open address");
        }
    }
    assert_eq!(closed.connections(), 0);
}

#[tokio::test]
async fn a_name_is_resolved_once_so_that_it_cannot_change_after_the_check() {
    let server = Server::plain(|_| with_header(text(""), "connection", "close")).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let flips = move |_: &str| -> Vec<IpAddr> {
        vec![if counted.fetch_add(1, SeqCst) == 0 { HERE.into() } else { CLOSED.into() }]
    };
    let client = resolving(&["127.0.0.1"], None, flips);
    let url = format!("http://rebinds.test:{}/", server.port);
    client.send(request("GET", &url)).await.unwrap().body.whole().await.unwrap();
    assert_eq!(asked.load(SeqCst), 1);
    let error = client.send(request("GET", &url)).await.unwrap_err();
    assert_eq!(
        error.kind,
        Kind::Refused(Refusal::Address(Class::Loopback)),
        "the second time it is checked anew"
    );
}

#[tokio::test]
async fn the_system_is_asked_for_the_addresses_of_a_name() {
    let server = Server::plain(|_| text("here")).await;
    let url = format!("http://localhost:{}/", server.port);
    let allow = vec!["localhost".to_owned()];
    let client = Client::new(&EgressConfig { allow, ca_file: None }).unwrap();
    assert_eq!(client.send(request("GET", &url)).await.unwrap().body.whole().await.unwrap(), "here");
    let error = Client::new(&EgressConfig::default()).unwrap().send(request("GET", &url)).await.unwrap_err();
    assert_eq!(error.kind, Kind::Refused(Refusal::Address(Class::Loopback)));
}

#[tokio::test]
async fn a_redirect_to_a_closed_address_is_refused() {
    let identity = Identity::of(&["localhost"]);
    #[rustfmt::skip]
    let table: &[(&str, Refusal)] = &[
        ("https://10.0.0.1/",                    Refusal::Address(Class::Private)),
        ("https://169.254.169.254/latest/meta",  Refusal::Address(Class::LinkLocal)),
        ("https://[fd00::1]/",                   Refusal::Address(Class::Private)),
        ("https://0/",                           Refusal::Address(Class::Unspecified)),
        ("https://inside.test/",                 Refusal::Address(Class::Private)),
        ("http://localhost/",                    Refusal::Downgrade),
        ("https://u:p@localhost/",               Refusal::UserInfo),
        ("file:///etc/passwd",                   Refusal::Scheme),
    ];
    for (location, refusal) in table {
        let server = Server::tls(&identity, |_| redirect(302, location)).await;
        let client = resolving(&["localhost"], Some(&identity), |name| match name {
            "localhost" => vec![HERE.into()],
            _ => vec![Ipv4Addr::new(192, 168, 1, 1).into()],
        });
        let mut request = request("GET", &format!("https://localhost:{}/", server.port));
        request.redirects = Redirects::Follow;
        let error = client.send(request).await.unwrap_err();
        assert_eq!(error.kind, Kind::Refused(*refusal), "{location}");
    }
}

#[tokio::test]
async fn credentials_go_to_their_own_origin_only() {
    let other = Server::plain(|_| text("other")).await;
    let away = other.url("/there");
    let server = Server::plain(move |seen| match seen.path.as_str() {
        "/one" => redirect(307, "/two"),
        "/two" => redirect(308, &away),
        _ => status(404, ""),
    })
    .await;
    let mut request = server.request("REPORT", "/one").bearer(&Secret::new("t0ken".into()));
    request.body = "<query/>".into();
    request.headers.insert("depth", "1".parse().unwrap());
    request.redirects = Redirects::Follow;
    let answer = client().send(request).await.unwrap();
    assert_eq!(answer.target.port(), other.port);
    assert_eq!(answer.body.whole().await.unwrap(), "other");
    let carried = |seen: &Seen| {
        (seen.header("authorization").map(str::to_owned), seen.method.to_string(), seen.body.clone())
    };
    let token = Some("Bearer t0ken".to_owned());
    let as_sent = |token| (token, "REPORT".to_owned(), "<query/>".into());
    assert_eq!(
        server.seen().iter().map(carried).collect::<Vec<_>>(),
        [as_sent(token.clone()), as_sent(token)]
    );
    assert_eq!(other.seen().iter().map(carried).collect::<Vec<_>>(), [as_sent(None)]);
    assert_eq!(other.seen()[0].header("depth"), Some("1"));
    assert_eq!(other.seen()[0].header("host"), Some(format!("127.0.0.1:{}", other.port).as_str()));
}

#[tokio::test]
async fn redirects_end_after_five_and_a_write_follows_none() {
    let server = Server::plain(|_| redirect(307, "/again")).await;
    let mut get = server.request("GET", "/");
    get.redirects = Redirects::Follow;
    assert_eq!(client().send(get).await.unwrap_err().kind, Kind::Refused(Refusal::TooManyRedirects));
    assert_eq!(server.seen().len(), 6);
    let mut post = server.request("POST", "/");
    post.redirects = Redirects::Follow;
    assert_eq!(client().send(post).await.unwrap().status, 307);
    assert_eq!(server.seen().len(), 7);
}

#[tokio::test]
async fn tls_verifies_the_name_of_the_url() {
    let identity = Identity::of(&["cal.test", "127.0.0.1"]);
    let server = Server::tls(&identity, |_| text("sealed")).await;
    #[rustfmt::skip]
    let table = [
        ("cal.test",   true,  true),
        ("CAL.test.",  true,  true),
        ("127.0.0.1",  true,  true),
        ("other.test", true,  false), // leads to the same server, whose certificate does not name it
        ("cal.test",   false, false), // an authority that nobody trusts
    ];
    for (host, trusted, opens) in table {
        let client = resolving(&["127.0.0.1"], trusted.then_some(&identity), |_| vec![HERE.into()]);
        let outcome = client.send(request("GET", &format!("https://{host}:{}/", server.port))).await;
        if opens {
            assert_eq!(outcome.unwrap().body.whole().await.unwrap(), "sealed", "{host}");
        } else {
            let error = outcome.unwrap_err();
            assert_eq!((error.kind, error.sent()), (Kind::Tls, Sent::No), "{host}");
        }
    }
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn what_fails_shows_the_host_and_neither_path_query_nor_token() {
    let server = Server::raw(HERE, |_| async {}).await;
    let request = server.request("GET", "/erika-beispiel?key=s3cret").bearer(&Secret::new("t0ken".into()));
    let shown = format!("{request:?}");
    let error = client().send(request).await.unwrap_err();
    let mut all = format!("{shown} {error} {error:?}");
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        all = format!("{all} {cause} {cause:?}");
        source = cause.source();
    }
    assert!(all.contains("127.0.0.1"), "{all}");
    for secret in ["erika", "s3cret", "t0ken"] {
        assert!(!all.contains(secret), "{all}");
    }
}

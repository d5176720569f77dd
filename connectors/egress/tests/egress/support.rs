//! Servers that remember what they were asked.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use almanac_egress::client::Resolver;
use almanac_egress::{Client, EgressConfig, Request, Target, Timeouts};
use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

pub(crate) const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// Another address of this host, which no test allows.
pub(crate) const CLOSED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

pub(crate) type Reply = Response<Full<Bytes>>;

pub(crate) struct Server {
    pub(crate) port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Server {
    pub(crate) async fn plain(reply: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(None, reply).await
    }

    pub(crate) async fn tls(
        identity: &Identity,
        reply: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start(Some(identity.acceptor.clone()), reply).await
    }

    async fn start(tls: Option<TlsAcceptor>, reply: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (remembered, reply) = (Arc::clone(&seen), Arc::new(reply));
        let mut server = Self::raw(HERE, move |stream| {
            let (tls, seen, reply) = (tls.clone(), Arc::clone(&remembered), Arc::clone(&reply));
            async move {
                match tls {
                    None => serve(stream, &seen, &*reply).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            serve(stream, &seen, &*reply).await;
                        }
                    }
                }
            }
        })
        .await;
        server.seen = seen;
        server
    }

    /// A server that does with each connection what the test says.
    pub(crate) async fn raw<F: Future<Output = ()> + Send + 'static>(
        address: Ipv4Addr,
        script: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut served = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, SeqCst);
                served.spawn(script(stream));
            }
        });
        Self { port, seen: Arc::default(), connections, _tasks: tasks }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        request(method, &self.url(path))
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    seen: &Mutex<Vec<Seen>>,
    reply: &(impl Fn(&Seen) -> Reply + ?Sized),
) {
    let service = service_fn(|request: http::Request<Incoming>| async move {
        let (head, body) = request.into_parts();
        let path = head.uri.to_string();
        let body = body.collect().await.unwrap().to_bytes();
        let this = Seen { method: head.method, path, headers: head.headers, body };
        seen.lock().unwrap().push(this.clone());
        Ok::<_, Infallible>(reply(&this))
    });
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// A certificate that is its own authority.
pub(crate) struct Identity {
    acceptor: TlsAcceptor,
    pub(crate) pem: String,
}

impl Identity {
    pub(crate) fn of(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let config =
            rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![made.cert.der().clone()], key)
                .unwrap();
        Self { acceptor: Arc::new(config).into(), pem: made.cert.pem() }
    }
}

pub(crate) fn request(method: &str, url: &str) -> Request {
    let mut request =
        Request::new(method.parse().unwrap(), Target::parse(url).unwrap(), "/route/{of}/the-test");
    request.timeouts = patient();
    request
}

/// So long that no test sees them end.
pub(crate) fn patient() -> Timeouts {
    let long = Duration::from_secs(60);
    Timeouts { connect: long, head: long, idle: long, whole: long }
}

pub(crate) const SHORT: Duration = Duration::from_millis(100);

/// A client to which all of 127.0.0.1 is open, and which knows no name.
pub(crate) fn client() -> Client {
    resolving(&["127.0.0.1"], None, |_| Vec::new())
}

/// A client that is told the addresses of names by the test.
pub(crate) fn resolving(
    allow: &[&str],
    authority: Option<&Identity>,
    names: impl Fn(&str) -> Vec<IpAddr> + Send + Sync + 'static,
) -> Client {
    let resolver: Resolver = Arc::new(move |host| {
        let found = names(&host);
        Box::pin(async move { Ok(found) })
    });
    let folder = tempfile::tempdir().unwrap();
    let ca_file = authority.map(|identity| {
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, &identity.pem).unwrap();
        path
    });
    let allow = allow.iter().map(|&text| text.to_owned()).collect();
    Client::with_resolver(&EgressConfig { allow, ca_file }, resolver).unwrap()
}

pub(crate) fn text(body: &str) -> Reply {
    Response::new(Full::new(Bytes::copy_from_slice(body.as_bytes())))
}

pub(crate) fn status(code: u16, body: &str) -> Reply {
    let mut reply = text(body);
    *reply.status_mut() = code.try_into().unwrap();
    reply
}

pub(crate) fn with_header(mut reply: Reply, name: &'static str, value: &str) -> Reply {
    reply.headers_mut().insert(name, value.parse().unwrap());
    reply
}

pub(crate) fn redirect(code: u16, location: &str) -> Reply {
    with_header(status(code, ""), "location", location)
}

//! One client connection: HTTP/1.1 or HTTP/2 over any stream, from its first byte to its end.
//!
//! hyper speaks HTTP; the patience with the client is ours (`watch.rs`), since hyper's header time-out does not
//! run before the version of a new connection is known, and would count the rest between two requests.

mod body;
mod exchange;
mod framing;
mod stream;
pub(crate) mod watch;

#[cfg(test)]
mod tests;

use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use almanac_base::{IdGen, RequestId};
use almanac_methods::{Body, Edge};
use http::uri::Scheme;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until};

use crate::config::Limits;
use crate::config::values::TrustedProxy;
use crate::forwarded;
use crate::limits::{ERROR_RESETS_MAX, PENDING_RESETS_MAX, PING, STREAM_SEND_BYTES_MAX, STREAMS_MAX};
use crate::metrics::Metrics;
use crate::supervisor::Supervisor;
use body::{LentBody, RequestBody, ResponseBody, Rest};
use exchange::Exchange;
use stream::Watched;
use watch::{Cut, Watch};

/// What answers requests.
pub(crate) type Handler =
    Arc<dyn Fn(Request<Body>, Edge) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> + Send + Sync>;

/// What all connections share.
pub(crate) struct Server {
    pub(crate) handler: Handler,
    pub(crate) limits: Limits,
    pub(crate) trusted: Vec<TrustedProxy>,
    pub(crate) ids: IdGen,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) supervisor: Supervisor,
}

/// What the listener knows of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// Who is at the other end; none for a unix socket.
    pub(crate) peer: Option<IpAddr>,
    /// Whether the stream is TLS.
    pub(crate) secure: bool,
    /// The authorities that mean the listener.
    pub(crate) hosts: Arc<[String]>,
}

impl Server {
    /// Serves a connection until either side ends it or the supervisor asks to stop.
    pub(crate) async fn serve<S>(self: Arc<Self>, stream: S, client: Client)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let watch = Watch::new(self.limits.clone());
        let io = TokioIo::new(Watched::new(stream, Arc::clone(&watch)));
        let builder = self.builder();
        let server = Arc::clone(&self);
        let client = Arc::new(client);
        let exchanges = Arc::clone(&watch);
        let service = hyper::service::service_fn(move |request| {
            let (server, client, watch) = (Arc::clone(&server), Arc::clone(&client), Arc::clone(&exchanges));
            async move { Ok::<_, std::convert::Infallible>(server.answer(request, &client, &watch).await) }
        });
        let mut connection = pin!(builder.serve_connection(io, service));
        let stopping = self.supervisor.stopping();
        let mut stop = pin!(stopping.cancelled());
        let mut asked = Asked::No;
        let mut alarm = pin!(sleep_until(Instant::now()));
        let cut = poll_fn(|cx| {
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            if asked == Asked::No && stop.as_mut().poll(cx).is_ready() {
                asked = Asked::Yes;
                connection.as_mut().graceful_shutdown();
                if connection.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(None);
                }
            }
            loop {
                let (now, due) = (Instant::now(), watch.deadline());
                match due {
                    Some((at, Cut::Idle)) if at <= now => {
                        self.metrics.connection_ended_by_us(Cut::Idle.reason());
                        watch.closing();
                        connection.as_mut().graceful_shutdown();
                        if connection.as_mut().poll(cx).is_ready() {
                            return Poll::Ready(None);
                        }
                        continue;
                    }
                    Some((at, cut)) if at <= now => return Poll::Ready(Some(cut)),
                    _ => {}
                }
                // The streams of HTTP/2 run in tasks of their own: look again even if nothing is due.
                let again = now + self.limits.write_timeout.0;
                let wanted = due.map_or(again, |(at, _)| at.min(again));
                if alarm.is_elapsed() || alarm.deadline() > wanted {
                    alarm.as_mut().reset(wanted);
                }
                if alarm.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await;
        if let Some(cut) = cut {
            self.metrics.connection_ended_by_us(cut.reason());
            tracing::debug!(reason = cut.reason(), "connection cut");
        }
    }

    fn builder(&self) -> auto::Builder<Supervisor> {
        let header_bytes_max = self.limits.header_bytes_max.0;
        let mut builder = auto::Builder::new(self.supervisor.clone());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(header_bytes_max);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
            .max_local_error_reset_streams(ERROR_RESETS_MAX)
            .max_header_list_size(u32::try_from(header_bytes_max).unwrap_or(u32::MAX))
            .max_send_buf_size(STREAM_SEND_BYTES_MAX)
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING);
        builder
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        client: &Client,
        watch: &Arc<Watch>,
    ) -> Response<ResponseBody> {
        let id = RequestId::from_bytes(self.ids.fresh());
        let exchange = Exchange::begin(id, &request, watch, &self.metrics);
        let version = request.version();
        let signed = request.headers().contains_key(header::AUTHORIZATION);
        let framed = framing::check(&request);
        let (mut parts, incoming) = request.into_parts();
        let body = LentBody::new(RequestBody::new(incoming, &self.limits, Arc::clone(&exchange)));
        let lent = body.clone().boxed_unsync();
        let waits = parts.headers.contains_key(header::EXPECT);
        let response = if framed.is_ok() {
            let edge = self.edge(id, &mut parts, client);
            let reads = only_reads(&parts.method);
            let answer = (self.handler)(Request::from_parts(parts, lent), edge);
            // hyper drops the answer's work when the client leaves. A write that has begun goes on to its end,
            // so that what the disk has and what the memory knows never part.
            let answer = if reads { Some(answer.await) } else { self.supervisor.finish(answer).await };
            answer.unwrap_or_else(|| plain(StatusCode::INTERNAL_SERVER_ERROR))
        } else {
            plain(StatusCode::BAD_REQUEST)
        };
        if signed && response.status() == StatusCode::UNAUTHORIZED {
            self.metrics.sign_in_failed();
        }
        let mut ends = framed.is_err() || response.status() == StatusCode::REQUEST_TIMEOUT;
        if version < Version::HTTP_2 {
            // Who waits for 100 (Continue) has not sent the body, and need not after this answer.
            ends |= if ends || waits { body.left() } else { body.read_rest().await } == Rest::Left;
        }
        let response = if ends && version < Version::HTTP_2 { closing(response) } else { response };
        exchange.answered(&response);
        response.map(|body| ResponseBody::new(body, exchange))
    }

    /// Resolves who asks, how, and under which name.
    fn edge(&self, request_id: RequestId, parts: &mut http::request::Parts, client: &Client) -> Edge {
        let origin = forwarded::resolve(&mut parts.headers, client.peer, client.secure, &self.trusted);
        let mut listener_hosts = Arc::clone(&client.hosts);
        if let Some(host) = origin.host {
            framing::set_host(&mut parts.uri, &mut parts.headers, &host);
            listener_hosts = listener_hosts.iter().cloned().chain([host]).collect();
        }
        let scheme = if origin.secure { Scheme::HTTPS } else { Scheme::HTTP };
        Edge { request_id, scheme, listener_hosts, peer: origin.peer }
    }
}

/// Whether the connection was asked to finish.
#[derive(PartialEq, Eq)]
enum Asked {
    No,
    Yes,
}

/// Whether a method changes nothing (RFC 9110 section 9.2.1).
fn only_reads(method: &Method) -> bool {
    matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS" | "PROPFIND" | "REPORT")
}

/// An answer of the listener itself.
fn plain(status: StatusCode) -> Response<Body> {
    let text = status.canonical_reason().unwrap_or_default();
    let mut response = Response::new(Full::from(text).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

/// An answer after which the connection ends.
fn closing(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

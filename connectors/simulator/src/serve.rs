//! Requests in, answers out, with what happens on the way.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _};
use http::{Request, Response};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::{Exchange, Fault, Reply, Seen, State, Vendor};

type Body = StreamBody<Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, io::Error>> + Send>>>;

/// Serves connections until the task is dropped.
pub(crate) async fn accept<V: Vendor>(listener: TcpListener, state: Arc<Mutex<State<V>>>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { return };
                let _ = stream.set_nodelay(true); // a matter of speed only
                let state = Arc::clone(&state);
                connections.spawn(async move {
                    let service = service_fn(|request| answer(request, &state));
                    // An error is a client that left, or a fault that was planned.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// An error closes the connection without an answer.
async fn answer<V: Vendor>(
    request: Request<Incoming>,
    state: &Mutex<State<V>>,
) -> Result<Response<Body>, io::Error> {
    let lost = || io::Error::from(io::ErrorKind::ConnectionReset);
    let (head, body) = request.into_parts();
    let request = Exchange {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body: body.collect().await.map_err(io::Error::other)?.to_bytes(),
    };
    let (reply, fault) = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = state.plan.meets(&request);
        let reply = match &fault {
            Some(Fault::Lost) => None,
            Some(Fault::Answer(reply)) => Some(reply.clone()),
            _ => Some(state.vendor.answer(&request)),
        };
        state.seen.push(Seen { request, status: reply.as_ref().map(|reply| reply.status) });
        (reply, fault)
    };
    let reply = reply.ok_or_else(lost)?;
    match fault {
        Some(Fault::DoneAndLost) => Err(lost()),
        Some(Fault::Late(pause)) => {
            tokio::time::sleep(pause).await;
            Ok(response(reply, whole))
        }
        Some(Fault::Cut(octets)) => Ok(response(reply, |body| cut(&body, octets))),
        Some(Fault::Slow(octets, pause)) => Ok(response(reply, |body| slow(&body, octets, pause))),
        None | Some(Fault::Answer(_) | Fault::Lost) => Ok(response(reply, whole)),
    }
}

fn response(reply: Reply, body: impl FnOnce(Bytes) -> Body) -> Response<Body> {
    let length = reply.body.len();
    let mut response = Response::new(body(reply.body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    if reply.status != http::StatusCode::NO_CONTENT {
        response.headers_mut().insert(http::header::CONTENT_LENGTH, length.into());
    }
    response
}

fn whole(body: Bytes) -> Body {
    StreamBody::new(stream::iter([Ok(Frame::data(body))]).boxed())
}

fn cut(body: &Bytes, octets: usize) -> Body {
    let begun = body.slice(..octets.min(body.len()));
    let end = stream::once(async {
        tokio::task::yield_now().await; // hyper sends what it has once there is nothing more to send
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    });
    StreamBody::new(stream::iter([Ok(Frame::data(begun))]).chain(end).boxed())
}

fn slow(body: &Bytes, octets: usize, pause: Duration) -> Body {
    let pieces: Vec<Bytes> = body.chunks(octets.max(1)).map(|piece| body.slice_ref(piece)).collect();
    let pieces = stream::iter(pieces).then(move |piece| async move {
        tokio::time::sleep(pause).await;
        Ok::<_, Infallible>(Frame::data(piece))
    });
    StreamBody::new(pieces.map(|piece| piece.map_err(|never| match never {})).boxed())
}

//! One open connection, which moves only while somebody waits on it.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout_at};

use super::error::{EgressError, Kind, Sent};
use super::wire::{Stream, Wire};
use crate::guard::Target;
use crate::limits::{HEAD_BYTES_MAX, HEADERS_MAX};

type Open = Pin<Box<Connection<TokioIo<Wire>, Full<Bytes>>>>;

/// A connection and its sending end.
pub(super) struct Line {
    sender: SendRequest<Full<Bytes>>,
    /// Gone once it has ended.
    connection: Option<Open>,
    written: Arc<AtomicBool>,
}

/// Why a line gave no answer.
pub(super) enum Failure {
    /// The connection ended before the answer began.
    Closed(hyper::Error),
    /// What came is not HTTP.
    Broken(hyper::Error),
    /// Time is over.
    TimedOut,
}

impl Failure {
    pub(super) fn told(self, target: &Target, sent: Sent) -> EgressError {
        match self {
            Self::Closed(source) | Self::Broken(source) => {
                EgressError::new(Kind::Protocol(sent), target).by(source)
            }
            Self::TimedOut => EgressError::new(Kind::Timeout(sent), target),
        }
    }
}

impl Line {
    /// Takes over a connection. Nothing is written yet.
    pub(super) async fn open(stream: Stream) -> Result<Self, hyper::Error> {
        let written = Arc::new(AtomicBool::new(false));
        let io = TokioIo::new(Wire::new(stream, Arc::clone(&written)));
        let (sender, connection) =
            Builder::new().max_buf_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX).handshake(io).await?;
        Ok(Self { sender, connection: Some(Box::pin(connection)), written })
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn exchange(
        &mut self,
        request: http::Request<Full<Bytes>>,
        by: Instant,
    ) -> Result<http::Response<Incoming>, Failure> {
        self.written.store(false, Relaxed);
        let mut answer = Box::pin(self.sender.send_request(request));
        let connection = &mut self.connection;
        let waiting = poll_fn(|cx| {
            drive(connection, cx);
            answer.as_mut().poll(cx)
        });
        match timeout_at(by, waiting).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if error.is_parse() => Err(Failure::Broken(error)),
            Ok(Err(error)) => Err(Failure::Closed(error)),
            Err(_) => Err(Failure::TimedOut),
        }
    }

    /// Whether an octet of the last request was handed to the network.
    pub(super) fn has_written(&self) -> bool {
        self.written.load(Relaxed)
    }

    pub(super) fn sent(&self) -> Sent {
        if self.has_written() { Sent::Maybe } else { Sent::No }
    }

    /// Moves octets both ways as far as it goes now.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        drive(&mut self.connection, cx);
    }

    /// Whether the line can carry another request, as far as is known now.
    pub(super) fn is_open(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.connection.is_some() && self.sender.is_ready()
    }
}

fn drive(connection: &mut Option<Open>, cx: &mut Context<'_>) {
    if let Some(open) = connection
        && let Poll::Ready(_outcome) = open.as_mut().poll(cx)
    {
        *connection = None; // what went wrong is told to whoever waits for the answer or its body
    }
}

//! `/feeds/SECRET.ics`: a calendar for whoever has its secret URL. No login, no cookies, one answer for all that is not
//! there; the secret is in no log, since the log of requests has the route only.

use std::sync::Arc;

use almanac_app::{App, FeedExport};
use almanac_methods::{Body, BoxError};
use bytes::Bytes;
use futures_util::stream;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Frame;

use crate::failure::chain;
use crate::limits::FEED_PIECE_BYTES;

const FOLDER: &str = "/feeds/";
const ENDING: &str = ".ics";

/// Whether a path is a feed's, be there one or not.
pub(crate) fn is(path: &str) -> bool {
    path.starts_with(FOLDER)
}

/// The path of the feed with this secret.
pub(crate) fn path(secret: &str) -> String {
    format!("{FOLDER}{secret}{ENDING}")
}

/// Answers a request for a feed.
pub(crate) async fn answer(app: &Arc<App>, request: &Parts) -> Response<Body> {
    let mut response = if matches!(request.method, Method::GET | Method::HEAD) {
        match shown(app, request).await {
            Ok(Some(response)) => response,
            Ok(None) => text(StatusCode::NOT_FOUND, "not found\n"),
            Err(error) => {
                tracing::error!(error = chain(&error), "a feed could not be read");
                let mut response = text(StatusCode::SERVICE_UNAVAILABLE, "try again later\n");
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
                response
            }
        }
    } else {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        response
    };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if request.method == Method::HEAD { response.map(|_| nothing()) } else { response }
}

async fn shown(app: &Arc<App>, request: &Parts) -> Result<Option<Response<Body>>, almanac_app::AppError> {
    let name = request.uri.path().strip_prefix(FOLDER);
    let Some(secret) = name.and_then(|name| name.strip_suffix(ENDING)) else { return Ok(None) };
    let Some(export) = app.open_feed(secret).await? else { return Ok(None) };
    let etag = format!("\"{}\"", export.tag());
    let known = has(&request.headers, &etag);
    let mut response = if known {
        let mut response = Response::new(nothing());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        let body = if request.method == Method::HEAD { nothing() } else { streamed(export) };
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/calendar; charset=utf-8"));
        headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
        response
    };
    let headers = response.headers_mut();
    if let Ok(etag) = HeaderValue::try_from(etag) {
        headers.insert(header::ETAG, etag);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(Some(response))
}

/// Whether the client has what this tag is of (RFC 9110 section 13.1.2, weak comparison).
fn has(headers: &HeaderMap, etag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

/// A calendar that is made while it is read: what is held is a batch of objects.
fn streamed(export: FeedExport) -> Body {
    let pieces = stream::try_unfold((export, Bytes::new()), |(mut export, mut rest)| async move {
        // hyper asks on until the buffers of the system are full: others would wait for all of that.
        tokio::task::yield_now().await;
        while rest.is_empty() {
            match export.piece().await.map_err(told)? {
                Some(piece) => rest = piece,
                None => return Ok(None),
            }
        }
        // In parts that even a slow reader takes in time.
        let part = rest.split_to(rest.len().min(FEED_PIECE_BYTES));
        Ok::<_, BoxError>(Some((Frame::data(part), (export, rest))))
    });
    StreamBody::new(pieces).boxed_unsync()
}

/// The status is long sent: the connection breaks off, and the reason is for the log.
fn told(error: almanac_app::AppError) -> BoxError {
    tracing::error!(error = chain(&error), "a feed broke off");
    error.into()
}

fn nothing() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

fn text(status: StatusCode, sentence: &'static str) -> Response<Body> {
    let mut response = Response::new(Full::from(sentence).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_of_the_tags_that_a_client_has_is_enough() {
        for (value, expected) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", W/\"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_str(value).unwrap());
            assert_eq!(has(&headers, "\"a\""), expected, "{value}");
        }
        assert!(!has(&HeaderMap::new(), "\"a\""));
    }
}

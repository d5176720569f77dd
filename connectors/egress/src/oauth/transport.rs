//! The way of `oauth2`'s requests through our client, and of what comes back.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Method};
use jiff::Timestamp;
use oauth2::basic::{BasicErrorResponse, BasicErrorResponseType};
use oauth2::{HttpRequest, HttpResponse, RequestTokenError};

use super::OauthError;
use super::tokens::TokenAnswer;
use crate::client::{Client, Request};
use crate::guard::Target;
use crate::limits::TOKEN_BYTES_MAX;
use crate::throttle::asked_wait;

/// What `oauth2` sends its requests with.
pub(super) fn transport(
    client: &Arc<Client>,
    now: Timestamp,
) -> impl Fn(HttpRequest) -> BoxFuture<'static, Result<HttpResponse, OauthError>> + Send + Sync + 'static {
    let client = Arc::clone(client);
    move |request| {
        let client = Arc::clone(&client);
        async move { send(&client, request, now).await }.boxed()
    }
}

/// Sends a request to a token endpoint. An answer that says nothing about tokens is an error at once.
async fn send(client: &Client, request: HttpRequest, now: Timestamp) -> Result<HttpResponse, OauthError> {
    let (head, body) = request.into_parts();
    let target = Target::parse(&head.uri.to_string()).map_err(OauthError::Address)?;
    let mut ours = Request::new(Method::POST, target, "oauth token");
    ours.headers = head.headers;
    ours.body = body.into();
    ours.answer_bytes_max = TOKEN_BYTES_MAX;
    let answer = client.send(ours).await.map_err(OauthError::Egress)?;
    let status = answer.status;
    if status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429) {
        return Err(OauthError::Temporary { retry_after: asked_wait(&answer.headers, now) });
    }
    let json = HeaderValue::from_static("application/json");
    let body = answer.body.whole().await.map_err(OauthError::Egress)?;
    let mut response = HttpResponse::new(body.into());
    *response.status_mut() = status;
    // Some servers name another type for the same JSON; the library would refuse it.
    response.headers_mut().insert(http::header::CONTENT_TYPE, json);
    Ok(response)
}

/// What the answer to a form says, for the grants that `oauth2` does not know.
pub(super) fn read(response: &HttpResponse) -> Result<TokenAnswer, OauthError> {
    if response.status().is_success() {
        return serde_json::from_slice(response.body()).map_err(|_| OauthError::Answer);
    }
    let error: BasicErrorResponse =
        serde_json::from_slice(response.body()).map_err(|_| OauthError::Answer)?;
    Err(refused(&error))
}

/// What a failed exchange of `oauth2` means.
pub(super) fn told(error: RequestTokenError<OauthError, BasicErrorResponse>) -> OauthError {
    match error {
        RequestTokenError::Request(error) => error,
        RequestTokenError::ServerResponse(error) => refused(&error),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => OauthError::Answer,
    }
}

/// The server's own text is not kept: it may name the person.
fn refused(error: &BasicErrorResponse) -> OauthError {
    OauthError::Refused(match error.error() {
        BasicErrorResponseType::InvalidGrant => return OauthError::NeedsSignIn,
        BasicErrorResponseType::InvalidClient => "invalid_client",
        BasicErrorResponseType::InvalidRequest => "invalid_request",
        BasicErrorResponseType::InvalidScope => "invalid_scope",
        BasicErrorResponseType::UnauthorizedClient => "unauthorized_client",
        BasicErrorResponseType::UnsupportedGrantType => "unsupported_grant_type",
        BasicErrorResponseType::Extension(code)
            if code == "temporarily_unavailable" || code == "server_error" =>
        {
            return OauthError::Temporary { retry_after: None };
        }
        BasicErrorResponseType::Extension(_) => "other",
    })
}

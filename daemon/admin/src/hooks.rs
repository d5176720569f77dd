//! `/hooks/VENDOR`: a vendor says that something changed. Nothing of a request is logged, believed or repeated but the
//! text of a handshake, which is the receiver's to give.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use tokio::time::timeout;

use crate::limits::{
    HANDSHAKE_BYTES_MAX, HOOK_BODY_BYTES_MAX, HOOK_BODY_TIME_MAX, HOOK_HEADER_BYTES_MAX, HOOK_HEADERS_MAX,
    HOOK_PARAMETERS_MAX, HOOK_QUERY_BYTES_MAX,
};

const FOLDER: &str = "/hooks/";

/// The vendors that call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Vendor {
    /// Google Calendar.
    Google,
    /// Microsoft Graph.
    Graph,
}

impl Vendor {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Google, Self::Graph];

    /// The name in the path.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Google => "google",
            Self::Graph => "graph",
        }
    }

    /// The path that the vendor is told to call.
    #[must_use]
    pub fn path(self) -> String {
        format!("{FOLDER}{}", self.name())
    }
}

/// A call as plain data.
pub struct Call {
    /// Who calls, by the path.
    pub vendor: Vendor,
    /// Header fields, names in lower case; those that are no text are left out.
    pub headers: Vec<(String, String)>,
    /// The parameters of the query, decoded.
    pub query: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// Headers and bodies of hooks hold secrets and ids.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({} {} octets)", self.vendor.name(), self.body.len())
    }
}

/// What a call was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A handshake: it is answered with this text.
    Handshake(String),
    /// Signals that were taken, and are durable.
    Accepted,
    /// Nothing that we asked for: of no channel of ours, or without its secret.
    Refused,
    /// It cannot be taken now; the vendor is to call again.
    Later,
}

/// What takes calls. What it accepts is durable when it says so.
pub type Receiver = dyn Fn(Call) -> Pin<Box<dyn Future<Output = Verdict> + Send>> + Send + Sync;

/// Whether a path is that of a hook, be there one or not.
#[must_use]
pub fn is(path: &str) -> bool {
    path.starts_with(FOLDER)
}

/// Answers a request for a hook. Whatever goes wrong becomes an answer.
pub async fn answer<B>(request: Request<B>, receiver: &Receiver) -> Response<Full<Bytes>>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut response = match read(request).await {
        Ok(call) => told(receiver(call).await),
        Err(status) => plain(status),
    };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn told(verdict: Verdict) -> Response<Full<Bytes>> {
    match verdict {
        Verdict::Handshake(text) if text.len() <= HANDSHAKE_BYTES_MAX => {
            let mut response = Response::new(Full::from(text));
            // As it stands in Microsoft's documentation; a browser shows it as text and runs none of it.
            let kind = HeaderValue::from_static("text/plain; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
        Verdict::Accepted => plain(StatusCode::ACCEPTED),
        Verdict::Handshake(_) | Verdict::Refused => plain(StatusCode::NOT_FOUND),
        Verdict::Later => plain(StatusCode::SERVICE_UNAVAILABLE),
    }
}

/// An answer that says no more than its status.
fn plain(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("30"));
        }
        _ => {}
    }
    response
}

/// Takes a request apart, within its bounds.
async fn read<B>(request: Request<B>) -> Result<Call, StatusCode>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (parts, body) = request.into_parts();
    let name = parts.uri.path().strip_prefix(FOLDER);
    let vendor = Vendor::ALL.into_iter().find(|vendor| name == Some(vendor.name()));
    let vendor = vendor.ok_or(StatusCode::NOT_FOUND)?;
    if parts.method != Method::POST {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    let (headers, query) = (fields(&parts.headers)?, parameters(&parts)?);
    let body = timeout(HOOK_BODY_TIME_MAX, whole(body)).await.map_err(|_| StatusCode::REQUEST_TIMEOUT)??;
    Ok(Call { vendor, headers, query, body })
}

async fn whole<B>(body: B) -> Result<Bytes, StatusCode>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut body = std::pin::pin!(body);
    let announced = body.size_hint().lower();
    if usize::try_from(announced).is_ok_and(|octets| octets > HOOK_BODY_BYTES_MAX) {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let mut octets = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|_| StatusCode::BAD_REQUEST)?.into_data() else { continue }; // trailers
        if octets.len() + piece.len() > HOOK_BODY_BYTES_MAX {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        octets.extend_from_slice(&piece);
    }
    Ok(octets.freeze())
}

fn fields(headers: &HeaderMap) -> Result<Vec<(String, String)>, StatusCode> {
    let octets: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers.len() > HOOK_HEADERS_MAX || octets > HOOK_HEADER_BYTES_MAX {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
    Ok(headers.iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?))).collect())
}

fn parameters(parts: &Parts) -> Result<Vec<(String, String)>, StatusCode> {
    let query = parts.uri.query().unwrap_or_default();
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    if query.len() > HOOK_QUERY_BYTES_MAX || pairs.count() > HOOK_PARAMETERS_MAX {
        return Err(StatusCode::URI_TOO_LONG);
    }
    Ok(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::task::Poll;

    use http_body::Frame;

    use super::*;

    type Seen = Arc<Mutex<Vec<Call>>>;

    /// A receiver that keeps what it gets and says `verdict`.
    fn receiver(verdict: Verdict) -> (Box<Receiver>, Seen) {
        let seen = Seen::default();
        let kept = Arc::clone(&seen);
        let receive = move |call| -> Pin<Box<dyn Future<Output = Verdict> + Send>> {
            kept.lock().unwrap().push(call);
            let verdict = verdict.clone();
            Box::pin(async move { verdict })
        };
        (Box::new(receive), seen)
    }

    fn request(method: &str, uri: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
        Request::builder().method(method).uri(uri).body(Full::new(body.into())).unwrap()
    }

    async fn text(response: Response<Full<Bytes>>) -> String {
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_call_reaches_its_receiver_as_plain_data() {
        let (receive, seen) = receiver(Verdict::Accepted);
        let mut call = request("POST", "/hooks/graph?validationToken=a%20b%26c&x", "{}");
        call.headers_mut().insert("X-Goog-Channel-ID", HeaderValue::from_static("c"));
        call.headers_mut().insert("x-odd", HeaderValue::from_bytes(b"\xff").unwrap());
        let response = answer(call, &*receive).await;
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        let seen = seen.lock().unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!((seen[0].vendor, &seen[0].body[..]), (Vendor::Graph, &b"{}"[..]));
        assert_eq!(seen[0].headers, [pair("x-goog-channel-id", "c")]);
        assert_eq!(seen[0].query, [pair("validationToken", "a b&c"), pair("x", "")]);
        assert_eq!(format!("{:?}", seen[0]), "Call(graph 2 octets)");
    }

    #[tokio::test]
    async fn each_verdict_has_its_answer_and_only_a_handshake_has_words() {
        let later = Some("30");
        for (verdict, status, words, retry) in [
            (Verdict::Handshake("<b>token</b>".to_owned()), 200, "<b>token</b>", None),
            (Verdict::Handshake("x".repeat(5_000)), 404, "", None),
            (Verdict::Accepted, 202, "", None),
            (Verdict::Refused, 404, "", None),
            (Verdict::Later, 503, "", later),
        ] {
            let (receive, _) = receiver(verdict.clone());
            let response = answer(request("POST", "/hooks/google", ""), &*receive).await;
            let header =
                |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(
                (response.status().as_u16(), header("retry-after").as_deref()),
                (status, retry),
                "{verdict:?}"
            );
            let kind = header("content-type");
            assert_eq!(kind.is_some(), status == 200, "{verdict:?}");
            assert!(kind.is_none_or(|kind| kind.starts_with("text/plain")));
            assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"));
            assert_eq!(text(response).await, words, "{verdict:?}");
        }
    }

    #[tokio::test]
    async fn what_is_no_call_never_reaches_the_receiver() {
        let (receive, seen) = receiver(Verdict::Accepted);
        let long = format!("/hooks/graph?{}", "a".repeat(5_000));
        let many = format!("/hooks/graph?{}", "a&".repeat(17));
        let body = "x".repeat(HOOK_BODY_BYTES_MAX + 1);
        for (method, uri, body, status) in [
            ("GET", "/hooks/google", "", 405),
            ("HEAD", "/hooks/graph", "", 405),
            ("PUT", "/hooks/graph", "", 405),
            ("OPTIONS", "/hooks/graph", "", 405),
            ("POST", "/hooks/", "", 404),
            ("GET", "/hooks/other", "", 404),
            ("POST", "/hooks/Google", "", 404),
            ("POST", "/hooks/google/", "", 404),
            ("POST", "/hooks/google/x", "", 404),
            ("POST", "/hooks/%67oogle", "", 404),
            ("POST", &long, "", 414),
            ("POST", &many, "", 414),
            ("POST", "/hooks/graph", &body, 413),
        ] {
            let response = answer(request(method, uri, body.to_owned()), &*receive).await;
            assert_eq!(response.status().as_u16(), status, "{method} {uri}");
            let allow = response.headers().get("allow").map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(allow.as_deref(), (status == 405).then_some("POST"), "{method} {uri}");
            assert_eq!(text(response).await, "");
        }
        let mut call = request("POST", "/hooks/google", "");
        call.headers_mut().insert("x-long", HeaderValue::from_str(&"a".repeat(20_000)).unwrap());
        assert_eq!(answer(call, &*receive).await.status().as_u16(), 431);
        let mut call = request("POST", "/hooks/google", "");
        for _ in 0..65 {
            call.headers_mut().append("x-many", HeaderValue::from_static("a"));
        }
        assert_eq!(answer(call, &*receive).await.status().as_u16(), 431);
        assert_eq!(seen.lock().unwrap().len(), 0);
    }

    #[test]
    fn an_answer_can_be_waited_for_in_any_thread() {
        fn any_thread<T: Send>(_: &T) {}
        let (receive, _) = receiver(Verdict::Accepted);
        let body = Full::new(Bytes::new()).map_err(|never| match never {});
        let body: http_body_util::combinators::UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>> =
            body.boxed_unsync();
        any_thread(&answer(Request::new(body), &*receive));
    }

    /// A body that comes in pieces without end, breaks, or does not come at all.
    enum Odd {
        Endless,
        Broken,
        Silent,
    }

    impl Body for Odd {
        type Data = Bytes;
        type Error = Box<dyn Error + Send + Sync>;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            match &*self {
                Self::Endless => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 1000]))))),
                Self::Broken => Poll::Ready(Some(Err("the client left".into()))),
                Self::Silent => Poll::Pending,
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_bounded_in_size_and_time_whatever_it_announces() {
        let (receive, seen) = receiver(Verdict::Accepted);
        for (body, status) in [(Odd::Endless, 413), (Odd::Broken, 400), (Odd::Silent, 408)] {
            let call = Request::builder().method("POST").uri("/hooks/google").body(body).unwrap();
            assert_eq!(answer(call, &*receive).await.status().as_u16(), status);
        }
        assert_eq!(seen.lock().unwrap().len(), 0);
    }
}

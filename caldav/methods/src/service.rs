//! A request from its headers to its method: sign-in, routing, body, and the table of methods.

use std::sync::Arc;

use almanac_backend::Backend;
use almanac_base::{Clock, UserId};
use http::{HeaderValue, Response, StatusCode, header, request::Parts};
use http_body::Body as _;
use http_body_util::{BodyExt, Empty};
use tracing::{Instrument, Span, field};

use crate::error::{Failure, Reply, chain};
use crate::request::{Request, read_body};
use crate::target::Target;
use crate::{
    Body, Edge, Settings, auth, copy_move, delete, get, header as headers, mkcol, options, post, propfind,
    proppatch, put, report, well_known,
};

/// What methods work with.
pub(crate) struct Context {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Arc<Settings>,
    /// The authority of the public URL.
    public_host: Arc<[String]>,
}

/// The CalDAV server without its sockets. Cheap to clone; every connection may have one.
#[derive(Clone)]
pub struct Service(Arc<Context>);

impl Service {
    /// A service over `backend`.
    #[must_use]
    pub fn new(backend: Arc<dyn Backend>, clock: Arc<dyn Clock>, settings: Settings) -> Self {
        let public_host = well_known::public_host(&settings);
        Self(Arc::new(Context { backend, clock, settings: Arc::new(settings), public_host }))
    }

    /// Answers one request. Whatever goes wrong becomes an answer. Who signed in is among the answer's extensions, as a
    /// [`UserId`], for the log of requests.
    pub async fn serve(&self, request: http::Request<Body>, edge: Edge) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let operation = options::known(&parts.method);
        let span = tracing::info_span!(
            "methods.serve", request.id = %edge.request_id, operation, route = field::Empty,
            principal.id = field::Empty
        );
        self.answer(parts, body, edge, span.clone()).instrument(span).await
    }

    async fn answer(&self, parts: Parts, body: Body, edge: Edge, span: Span) -> Response<Body> {
        let started = self.0.clock.now();
        let head = parts.method == http::Method::HEAD;
        let mut signed_in = None;
        let reply = if well_known::is(parts.uri.path()) {
            Ok(well_known::redirect(&self.0.settings, &parts, &edge))
        } else {
            self.signed_in(parts, body, &edge, &span, &mut signed_in).await
        };
        let mut response = reply.unwrap_or_else(|failure| {
            log_fault(&failure);
            failure.into_response(&self.0.settings.realm)
        });
        response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if head {
            response = without_body(response);
        }
        if let Some(user) = signed_in {
            response.extensions_mut().insert::<UserId>(user);
        }
        let elapsed_ms = self.0.clock.now().duration_since(started).as_millis();
        tracing::debug!(outcome = response.status().as_u16(), elapsed_ms, "served");
        response
    }

    async fn signed_in(
        &self,
        parts: Parts,
        body: Body,
        edge: &Edge,
        span: &Span,
        signed_in: &mut Option<UserId>,
    ) -> Reply {
        let caller = auth::sign_in(self.0.backend.as_ref(), &parts.headers, edge.peer).await?;
        span.record("principal.id", field::display(&caller.user));
        *signed_in = Some(caller.user);
        headers::refuse_content_coding(&parts.headers)?;
        if parts.uri.path() == "*" && parts.method == http::Method::OPTIONS {
            return Ok(options::run(&Target::Root));
        }
        let target = Target::parse(parts.uri.path())?;
        span.record("route", target.route());
        options::check(&parts.method, &target)?;
        let bytes_max = match parts.method.as_str() {
            "PUT" | "POST" => self.0.settings.limits.body_bytes_max,
            "PROPFIND" | "PROPPATCH" | "REPORT" | "MKCOL" | "MKCALENDAR" => {
                self.0.settings.xml.body_bytes_max
            }
            _ => 0,
        };
        let body = if bytes_max == 0 {
            bytes::Bytes::new()
        } else {
            read_body(&parts.headers, body, bytes_max).await?
        };
        let hosts = well_known::hosts(&self.0.public_host, &parts, edge);
        let Parts { method, headers, .. } = parts;
        self.run(Request { method, caller, target, headers, body, hosts }).await
    }

    /// The table of methods.
    async fn run(&self, request: Request) -> Reply {
        let cx = &self.0;
        match request.method.as_str() {
            "OPTIONS" => Ok(options::run(&request.target)),
            "GET" | "HEAD" => get::run(cx, request).await,
            "PUT" => put::run(cx, request).await,
            "POST" => post::run(cx, request).await,
            "DELETE" => delete::run(cx, request).await,
            "COPY" => copy_move::run(cx, request, copy_move::Act::Copy).await,
            "MOVE" => copy_move::run(cx, request, copy_move::Act::Move).await,
            "MKCOL" => mkcol::run(cx, request, mkcol::Act::Mkcol).await,
            "MKCALENDAR" => mkcol::run(cx, request, mkcol::Act::Mkcalendar).await,
            "PROPFIND" => propfind::run(cx, request).await,
            "PROPPATCH" => proppatch::run(cx, request).await,
            "REPORT" => report::run(cx, request).await,
            _ => Err(Failure::MethodNotAllowed(options::allow(&request.target))),
        }
    }
}

/// RFC 9110 section 9.3.2: what GET would answer, without its body. An answer that never has a body says no length.
fn without_body(mut response: Response<Body>) -> Response<Body> {
    let bodiless = matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if let Some(length) = response.body().size_hint().exact().filter(|_| !bodiless) {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
    response.map(|_| Empty::new().map_err(|never| match never {}).boxed_unsync())
}

/// The whole chain of a fault of ours, once.
fn log_fault(failure: &Failure) {
    if let Failure::Internal(source) = failure {
        tracing::error!(error = chain(source.as_ref()), "a request failed");
    }
}

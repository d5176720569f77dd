//! free-busy-query (RFC 4791 section 7.10): when a calendar is busy, without a word of why.

use std::sync::Arc;

use almanac_backend::{BackendError, Refusal};
use almanac_davxml::TimeRange;
use almanac_ical::build::free_busy;
use http::{HeaderValue, StatusCode, header};

use crate::error::{Failure, Reply, Violation};
use crate::filter::window_of;
use crate::header::Depth;
use crate::props::TEXT_CALENDAR;
use crate::request::Request;
use crate::resource::Loaded;
use crate::response;
use crate::service::Context;

/// Answers a free-busy-query on a calendar, for whoever may see its busy times. `Depth: 0` asks for the
/// calendar without its members, which is never busy; without a Depth header the members are meant.
///
/// # Errors
/// 400 for a period with an open end: the answer states both ends (RFC 5545 section 3.6.4).
pub(super) async fn run(cx: &Arc<Context>, request: &Request, found: Loaded, range: &TimeRange) -> Reply {
    let Loaded::Collection(at, _) = found else { return Err(Violation::SupportedReport.into()) };
    if range.start.is_none() || range.end.is_none() {
        return Err(Failure::BadRequest("a free-busy-query needs a start and an end"));
    }
    let window = window_of(range);
    let busy = if request.depth()? == Some(Depth::Zero) {
        Vec::new()
    } else {
        let busy = cx.backend.busy(&request.caller, &at, &window).await;
        busy.map_err(|error| match error {
            BackendError::Refused(Refusal::MaxInstances) => Violation::NumberOfMatchesWithinLimits.into(),
            other => Failure::from(other),
        })?
    };
    let calendar = free_busy(&window, cx.clock.now(), &busy);
    let mut response =
        response::with_body(StatusCode::OK, Some(TEXT_CALENDAR), response::full(calendar.to_text().into()));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

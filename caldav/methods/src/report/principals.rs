//! The answer of the reports that find principals.

use std::sync::Arc;

use almanac_backend::Principal;
use almanac_davxml::PropRequest;

use crate::error::Reply;
use crate::props::{Absent, Resource, Selection, View};
use crate::request::Request;
use crate::service::Context;
use crate::stream;
use crate::target::principal_href;

/// A response with the wanted properties for each of `found`.
pub(super) async fn answer(
    cx: &Arc<Context>,
    request: &Request,
    props: &PropRequest,
    found: Vec<Principal>,
) -> Reply {
    let absent = if request.prefer().minimal() { Absent::LeaveOut } else { Absent::Report };
    let selection = Selection::new(&props.select, absent);
    let (cx, caller) = (Arc::clone(cx), request.caller.clone());
    let response = stream::multistatus(|mut writer| async move {
        for principal in &found {
            let resource = Resource::Principal(principal);
            let view = View::new(&caller, &cx.settings, resource);
            writer.xml.response_props(&principal_href(&principal.login), &selection.propstats(&view, None));
            writer.flush().await?;
        }
        writer.finish(None).await
    })
    .await?;
    Ok(if absent == Absent::LeaveOut { stream::minimal(response) } else { response })
}

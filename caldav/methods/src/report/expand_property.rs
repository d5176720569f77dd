//! expand-property (RFC 3253 section 3.8): properties, and in place of their hrefs the properties of the
//! resources that these name.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use almanac_backend::Caller;
use almanac_davxml::{ExpandProp, Fragment, Multistatus, Name, PropStat, PropValue, Propfind, Value};
use http::StatusCode;

use crate::error::{Failure, Reply, Violation};
use crate::limits::EXPANSIONS_MAX;
use crate::props::{Absent, Selection, View};
use crate::request::Request;
use crate::resource::{self, Loaded};
use crate::response;
use crate::service::Context;
use crate::stream;
use crate::target::Hosts;

/// Answers an expand-property on the target itself.
///
/// # Errors
/// `number-of-matches-within-limits` if more hrefs would have to be followed than one request may.
pub(super) async fn run(cx: &Arc<Context>, request: Request, found: Loaded, props: &[ExpandProp]) -> Reply {
    let absent = if request.prefer().minimal() { Absent::LeaveOut } else { Absent::Report };
    let href = request.target.href();
    let mut expansion =
        Expansion { cx, caller: &request.caller, hosts: &request.hosts, absent, left: EXPANSIONS_MAX };
    let selection = expansion.selection(props);
    let propstats = expansion.properties(&found, &selection, props).await?;
    let mut xml = Multistatus::new();
    xml.response_props(&href, &propstats);
    let response = response::xml(StatusCode::MULTI_STATUS, xml.finish(None));
    Ok(if absent == Absent::LeaveOut { stream::minimal(response) } else { response })
}

struct Expansion<'a> {
    cx: &'a Context,
    caller: &'a Caller,
    hosts: &'a Hosts,
    absent: Absent,
    /// How many hrefs may still be followed.
    left: usize,
}

impl Expansion<'_> {
    /// The properties `props` of `found`, those with children expanded. The depth of the recursion is that of
    /// the request, which reading has bounded.
    fn properties<'f>(
        &'f mut self,
        found: &'f Loaded,
        selection: &'f Selection,
        props: &'f [ExpandProp],
    ) -> Pin<Box<dyn Future<Output = Result<Vec<PropStat<'f>>, Failure>> + Send + 'f>> {
        Box::pin(async move {
            let view = View::new(self.caller, &self.cx.settings, found.resource());
            let mut propstats = selection.propstats(&view, None);
            for value in propstats.iter_mut().flat_map(|propstat| &mut propstat.props) {
                let Some(wanted) = props.iter().find(|wanted| wanted.name == *value.name) else { continue };
                if !wanted.children.is_empty() {
                    self.expand(value, &wanted.children).await?;
                }
            }
            Ok(propstats)
        })
    }

    /// Puts responses in place of the hrefs of a property.
    async fn expand(&mut self, property: &mut PropValue<'_>, props: &[ExpandProp]) -> Result<(), Failure> {
        let hrefs: Vec<String> = match &property.value {
            Value::Href(href) => vec![href.to_string()],
            Value::Hrefs(hrefs) => hrefs.iter().map(ToString::to_string).collect(),
            _ => return Ok(()),
        };
        let selection = self.selection(props);
        let mut responses = Fragment::new();
        for href in hrefs {
            self.left = self.left.checked_sub(1).ok_or(Violation::NumberOfMatchesWithinLimits)?;
            match self.load(&href).await? {
                Some(found) => {
                    let propstats = self.properties(&found, &selection, props).await?;
                    responses.response_props(&href, &propstats);
                }
                None => responses.response_props(&href, &[nothing(props)]),
            }
        }
        property.value = Value::Xml(responses);
        Ok(())
    }

    /// The resource that a property of ours names, if it is one of ours (a mail address is not) and the
    /// caller can see it.
    async fn load(&self, href: &str) -> Result<Option<Loaded>, Failure> {
        let Ok(target) = self.hosts.target(href) else { return Ok(None) };
        match resource::load(self.cx, self.caller, &target).await {
            Ok(found) => Ok(Some(found)),
            Err(Failure::NotFound | Failure::Violated(Violation::NeedPrivileges(_))) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    fn selection(&self, props: &[ExpandProp]) -> Selection {
        let names: Vec<Name> = props.iter().map(|wanted| wanted.name.clone()).collect();
        Selection::new(&Propfind::Prop(names), self.absent)
    }
}

/// What is behind an href that names nothing here: none of the properties.
fn nothing(props: &[ExpandProp]) -> PropStat<'_> {
    PropStat::new(404, props.iter().map(|wanted| PropValue::new(&wanted.name, Value::Empty)).collect())
}

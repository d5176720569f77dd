//! principal-match (RFC 3744 section 9.3): below a collection, the principals that the caller is, or the
//! resources that name the caller in a property.

use std::sync::Arc;

use almanac_backend::{Caller, Collection, CollectionPath, Principal, Select};
use almanac_davxml::{Multistatus, Name, PrincipalMatch, PrincipalMatchTarget, Propfind, Value};

use super::principals;
use crate::BoxError;
use crate::error::{Reply, Violation};
use crate::limits::PAGE_ENTRIES;
use crate::props::{Absent, Found, Resource, Selection, View, row_of};
use crate::request::Request;
use crate::resource::{self, Loaded};
use crate::service::Context;
use crate::stream::{self, Writer};
use crate::target::{collection_href, home_href, principal_href, push_segment};

/// Answers a principal-match.
///
/// # Errors
/// What the backend reports.
pub(super) async fn run(
    cx: &Arc<Context>,
    request: &Request,
    found: Loaded,
    wanted: &PrincipalMatch,
) -> Reply {
    match &wanted.target {
        PrincipalMatchTarget::CurrentUser => {
            let caller = &request.caller;
            let matches = match &found {
                Loaded::Root | Loaded::Principals => cx.backend.principal(caller, &caller.login).await?,
                Loaded::Principal(principal) if principal.user == caller.user => Some(principal.clone()),
                _ => None,
            };
            principals::answer(cx, request, &wanted.props, matches.into_iter().collect()).await
        }
        PrincipalMatchTarget::Property(name) => naming(cx, request, found, name, &wanted.props.select).await,
    }
}

/// The resources below `found` whose property `name` is an href to the caller's principal.
async fn naming(cx: &Arc<Context>, request: &Request, found: Loaded, name: &Name, wish: &Propfind) -> Reply {
    let caller = &request.caller;
    let below = match found {
        Loaded::Principals => Below::Principals(cx.backend.principals(caller).await?),
        Loaded::Principal(principal) => Below::Principals(vec![principal]),
        Loaded::Collection(at, collection) => {
            resource::require_read(&at, &collection)?;
            Below::Collections(vec![(at, collection)])
        }
        Loaded::Home(home, collections) => {
            let at = |collection: &Collection| CollectionPath {
                home: home.clone(),
                name: collection.name.clone(),
            };
            Below::Collections(
                collections.into_iter().map(|collection| (at(&collection), collection)).collect(),
            )
        }
        // Below the root there is the caller's home, and what else names the caller is his principal.
        Loaded::Root | Loaded::Homes => Below::Home,
        Loaded::Object(..) => return Err(Violation::SupportedReport.into()),
    };
    let absent = if request.prefer().minimal() { Absent::LeaveOut } else { Absent::Report };
    let search = Search {
        cx: Arc::clone(cx),
        caller: caller.clone(),
        property: name.clone(),
        selection: Selection::new(wish, absent),
    };
    let response = stream::multistatus(|writer| search.answer(writer, below)).await?;
    Ok(if absent == Absent::LeaveOut { stream::minimal(response) } else { response })
}

enum Below {
    Principals(Vec<Principal>),
    /// The caller's home.
    Home,
    Collections(Vec<(CollectionPath, Collection)>),
}

struct Search {
    cx: Arc<Context>,
    caller: Caller,
    property: Name,
    selection: Selection,
}

impl Search {
    async fn answer(self, mut writer: Writer, below: Below) -> Result<(), BoxError> {
        match below {
            Below::Principals(principals) => {
                for principal in &principals {
                    let href = principal_href(&principal.login);
                    self.respond(&mut writer.xml, &href, Resource::Principal(principal));
                    writer.flush().await?;
                }
            }
            Below::Home => {
                let home = &self.caller.login;
                self.respond(&mut writer.xml, &home_href(home), Resource::Home(home));
                for collection in self.cx.backend.home(&self.caller, home).await?.unwrap_or_default() {
                    let at = CollectionPath { home: home.clone(), name: collection.name.clone() };
                    self.collection(&mut writer, &at, &collection).await?;
                }
            }
            Below::Collections(collections) => {
                for (at, collection) in &collections {
                    self.collection(&mut writer, at, collection).await?;
                }
            }
        }
        writer.finish(None).await
    }

    /// A collection and its members, which have the owner of the collection.
    async fn collection(
        &self,
        writer: &mut Writer,
        at: &CollectionPath,
        collection: &Collection,
    ) -> Result<(), BoxError> {
        let mut href = collection_href(at);
        self.respond(&mut writer.xml, &href, Resource::Collection(at, collection));
        if collection.owner != self.caller.login {
            return Ok(());
        }
        let (base, all) = (href.len(), Select::default());
        let mut after = None;
        loop {
            let page = self.cx.backend.list(&self.caller, at, &all, after.as_ref(), PAGE_ENTRIES).await?;
            for entry in &page.entries {
                href.truncate(base);
                push_segment(&mut href, entry.name.as_str());
                self.respond(&mut writer.xml, &href, Resource::Object(collection, entry));
                writer.flush().await?;
            }
            after = page.entries.last().map(|entry| entry.name.clone());
            if !page.more || after.is_none() {
                return Ok(());
            }
        }
    }

    /// Writes a response if the property of the resource names the caller.
    fn respond(&self, xml: &mut Multistatus, href: &str, resource: Resource<'_>) {
        let view = View::new(&self.caller, &self.cx.settings, resource);
        let Some(row) = row_of(&self.property).filter(|row| row.on.meets(resource.kind())) else { return };
        let me = view.caller_href();
        let names_me = match (row.value)(&view) {
            Found::Is(Value::Href(href)) => href == me,
            Found::Is(Value::Hrefs(hrefs)) => hrefs.iter().any(|href| *href == me),
            _ => false,
        };
        if names_me {
            xml.response_props(href, &self.selection.propstats(&view, None));
        }
    }
}

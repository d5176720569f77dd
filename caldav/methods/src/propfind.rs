//! PROPFIND (RFC 4918 section 9.1): the properties of a resource and, with Depth 1, of its members.

use std::sync::Arc;

use almanac_backend::{Caller, Collection, CollectionPath, DeadProperty, Principal, Quota, Select};
use almanac_davxml::{Multistatus, parse_propfind};

use crate::BoxError;
use crate::conditions::require_if;
use crate::error::{Failure, Reply, Violation};
use crate::header::{Depth, Root, preference_applied};
use crate::limits::{BATCH_OBJECTS, PAGE_ENTRIES};
use crate::props::{Absent, Resource, Selection, View};
use crate::request::Request;
use crate::resource::{self, Loaded};
use crate::service::Context;
use crate::stream::{self, Writer};
use crate::target::{Target, collection_href, principal_href, push_segment};

/// Answers a PROPFIND.
///
/// # Errors
/// 404 for a missing resource; `propfind-finite-depth` for everything below a collection, which is also
/// what no Depth header means (RFC 4918 section 9.1).
pub(crate) async fn run(cx: &Arc<Context>, request: Request) -> Reply {
    let wish = parse_propfind(request.xml(&cx.settings)?.as_ref())?;
    let depth = request.depth()?.unwrap_or(Depth::Infinity);
    let prefer = request.prefer();
    let found = resource::load(cx, &request.caller, &request.target).await?;
    require_if(cx, &request).await?;
    let leaf = matches!(found, Loaded::Principal(_) | Loaded::Object(..));
    if depth == Depth::Infinity && !leaf {
        return Err(Violation::PropfindFiniteDepth.into());
    }
    let members =
        if depth == Depth::One && !leaf { Some(members(cx, &request, &found).await?) } else { None };
    let absent = if prefer.minimal() { Absent::LeaveOut } else { Absent::Report };
    let root = if members.is_some() { prefer.root } else { Root::Listed };
    let selection = Selection::new(&wish, absent);
    let listing = Listing {
        quota: resource::quota(cx, &request, &selection).await?,
        dead: resource::dead(cx, &request.caller, &found, &selection).await?,
        cx: Arc::clone(cx),
        caller: request.caller,
        target: request.target,
        selection,
    };
    let mut response = stream::multistatus(move |writer| listing.write(writer, found, root, members)).await?;
    if prefer.minimal() {
        response = stream::minimal(response);
    }
    if root == Root::LeftOut {
        preference_applied(response.headers_mut(), "depth-noroot");
    }
    Ok(response)
}

/// What a listing shows below its target.
enum Members {
    /// Parts of the fixed tree.
    Fixed(&'static [Target]),
    Principals(Vec<Principal>),
    /// The caller's own home: whose else there are is not for everybody to see.
    OwnHome,
    /// The collections that were loaded with their home.
    OfHome,
    /// The objects of the collection, read page by page.
    OfCollection,
}

async fn members(cx: &Context, request: &Request, found: &Loaded) -> Result<Members, Failure> {
    Ok(match (found, &request.target) {
        (Loaded::Root, Target::Dav) => Members::Fixed(&[Target::Principals, Target::Homes]),
        (Loaded::Root, _) => Members::Fixed(&[Target::Dav]),
        (Loaded::Principals, _) => Members::Principals(cx.backend.principals(&request.caller).await?),
        (Loaded::Homes, _) => Members::OwnHome,
        (Loaded::Home(..), _) => Members::OfHome,
        (Loaded::Collection(at, collection), _) => {
            resource::require_read(at, collection)?;
            Members::OfCollection
        }
        (Loaded::Principal(_) | Loaded::Object(..), _) => Members::Fixed(&[]),
    })
}

/// One answer under way.
struct Listing {
    cx: Arc<Context>,
    caller: Caller,
    target: Target,
    selection: Selection,
    quota: Option<Quota>,
    /// The dead properties of the target, if it is an object.
    dead: Vec<DeadProperty>,
}

impl Listing {
    async fn write(
        self,
        mut writer: Writer,
        found: Loaded,
        root: Root,
        members: Option<Members>,
    ) -> Result<(), BoxError> {
        if root == Root::Listed {
            let view = self.view(found.resource()).with_dead(&self.dead);
            writer.xml.response_props(&self.target.href(), &self.selection.propstats(&view, None));
        }
        match (members, &found) {
            (Some(Members::Fixed(targets)), _) => {
                for target in targets {
                    let resource = match target {
                        Target::Principals => Resource::Principals,
                        Target::Homes => Resource::Homes,
                        _ => Resource::Root,
                    };
                    self.respond(&mut writer.xml, &target.href(), resource);
                }
            }
            (Some(Members::Principals(principals)), _) => {
                for principal in &principals {
                    self.respond(
                        &mut writer.xml,
                        &principal_href(&principal.login),
                        Resource::Principal(principal),
                    );
                    writer.flush().await?;
                }
            }
            (Some(Members::OwnHome), _) => {
                let href = Target::Home(self.caller.login.clone()).href();
                self.respond(&mut writer.xml, &href, Resource::Home(&self.caller.login));
            }
            (Some(Members::OfHome), Loaded::Home(login, collections)) => {
                for collection in collections {
                    let at = CollectionPath { home: login.clone(), name: collection.name.clone() };
                    self.respond(
                        &mut writer.xml,
                        &collection_href(&at),
                        Resource::Collection(&at, collection),
                    );
                    writer.flush().await?;
                }
            }
            (Some(Members::OfCollection), Loaded::Collection(at, collection)) => {
                self.objects(&mut writer, at, collection).await?;
            }
            _ => {}
        }
        writer.finish(None).await
    }

    async fn objects(
        &self,
        writer: &mut Writer,
        at: &CollectionPath,
        collection: &Collection,
    ) -> Result<(), BoxError> {
        let mut href = collection_href(at);
        let (base, all) = (href.len(), Select::default());
        let mut after = None;
        loop {
            let page = self.cx.backend.list(&self.caller, at, &all, after.as_ref(), PAGE_ENTRIES).await?;
            for entries in page.entries.chunks(BATCH_OBJECTS) {
                let mut dead =
                    resource::dead_of(&self.cx, &self.caller, at, entries, &self.selection).await?;
                for entry in entries {
                    href.truncate(base);
                    push_segment(&mut href, entry.name.as_str());
                    let properties = dead.next().unwrap_or_default();
                    let view = self.view(Resource::Object(collection, entry)).with_dead(&properties);
                    writer.xml.response_props(&href, &self.selection.propstats(&view, None));
                    writer.flush().await?;
                }
            }
            after = page.entries.last().map(|entry| entry.name.clone());
            if !page.more || after.is_none() {
                return Ok(());
            }
        }
    }

    fn respond(&self, xml: &mut Multistatus, href: &str, resource: Resource<'_>) {
        xml.response_props(href, &self.selection.propstats(&self.view(resource), None));
    }

    fn view<'a>(&'a self, resource: Resource<'a>) -> View<'a> {
        View::new(&self.caller, &self.cx.settings, resource).with_quota(self.quota)
    }
}

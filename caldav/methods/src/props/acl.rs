//! Access control as properties (RFC 3744 sections 3 and 5, RFC 4791 section 6.1).

use std::borrow::Cow;

use almanac_backend::{Access, Share};
use almanac_davxml::{Fragment, Name, Value};

use super::resource::{On, Resource, View};
use super::table::Found;
use crate::target::{self, Target};

const ALL: Name = Name::dav("all");
const READ: Name = Name::dav("read");
const READ_FREE_BUSY: Name = Name::caldav("read-free-busy");
const READ_ACL: Name = Name::dav("read-acl");
const READ_OWN_PRIVILEGES: Name = Name::dav("read-current-user-privilege-set");
const WRITE: Name = Name::dav("write");
const WRITE_PROPERTIES: Name = Name::dav("write-properties");
const WRITE_CONTENT: Name = Name::dav("write-content");
const BIND: Name = Name::dav("bind");
const UNBIND: Name = Name::dav("unbind");

/// What each access grants, aggregates with their parts, because clients look for either. A reader may set
/// the name and colour that he gives to a share, but is not told `write-properties`: Thunderbird takes that for
/// the right to write.
static FREE_BUSY: [Name; 2] = [READ_FREE_BUSY, READ_OWN_PRIVILEGES];
static READER: [Name; 3] = [READ, READ_FREE_BUSY, READ_OWN_PRIVILEGES];
static WRITER: [Name; 8] =
    [READ, READ_FREE_BUSY, READ_OWN_PRIVILEGES, WRITE, WRITE_PROPERTIES, WRITE_CONTENT, BIND, UNBIND];
static OWNER: [Name; 10] = [
    ALL,
    READ,
    READ_FREE_BUSY,
    READ_OWN_PRIVILEGES,
    READ_ACL,
    WRITE,
    WRITE_PROPERTIES,
    WRITE_CONTENT,
    BIND,
    UNBIND,
];
/// On what belongs to the server itself.
static VISITOR: [Name; 2] = [READ, READ_OWN_PRIVILEGES];

fn privileges(access: Access) -> &'static [Name] {
    match access {
        Access::FreeBusy => &FREE_BUSY,
        Access::Read => &READER,
        Access::ReadWrite => &WRITER,
        Access::Owner => &OWNER,
    }
}

pub(super) fn current_user_privilege_set<'a>(view: &View<'a>) -> Found<'a> {
    let granted = match view.resource {
        Resource::Collection(..) | Resource::Object(..) => privileges(view.access()),
        Resource::Home(_) if view.access() == Access::Owner => privileges(Access::Owner),
        _ => &VISITOR,
    };
    let mut xml = Fragment::new();
    push_privileges(&mut xml, granted);
    Found::Is(Value::Xml(xml))
}

fn push_privileges(xml: &mut Fragment, privileges: &[Name]) {
    for privilege in privileges {
        xml.element(&Name::dav("privilege"), |xml| xml.empty(privilege));
    }
}

/// The tree of RFC 3744 section 5.3, as far as anything here obeys it.
pub(super) fn supported_privilege_set<'a>(_: &View<'a>) -> Found<'a> {
    let mut xml = Fragment::new();
    supported(&mut xml, &ALL, "Any operation", |xml| {
        supported(xml, &READ, "Read any object", |xml| {
            supported(xml, &READ_FREE_BUSY, "Read busy times", |_| {});
            supported(xml, &READ_OWN_PRIVILEGES, "Read own privileges", |_| {});
        });
        supported(xml, &READ_ACL, "Read the access control list", |_| {});
        supported(xml, &WRITE, "Write any object", |xml| {
            supported(xml, &WRITE_PROPERTIES, "Write properties", |_| {});
            supported(xml, &WRITE_CONTENT, "Write resource content", |_| {});
            supported(xml, &BIND, "Add a member", |_| {});
            supported(xml, &UNBIND, "Remove a member", |_| {});
        });
    });
    Found::Is(Value::Xml(xml))
}

fn supported(xml: &mut Fragment, privilege: &Name, description: &str, parts: impl FnOnce(&mut Fragment)) {
    xml.element(&Name::dav("supported-privilege"), |xml| {
        xml.element(&Name::dav("privilege"), |xml| xml.empty(privilege));
        let language = [("xml:lang", "en")];
        xml.element_with(&Name::dav("description"), &language, |xml| xml.text(description));
        parts(xml);
    });
}

pub(super) fn principal_collection_set<'a>(_: &View<'a>) -> Found<'a> {
    Found::Is(Value::Href(Cow::Owned(Target::Principals.href())))
}

pub(super) fn owner<'a>(view: &View<'a>) -> Found<'a> {
    view.resource.owner().map(|login| Value::Href(Cow::Owned(target::principal_href(login)))).into()
}

/// The owner's grant, then the shares. Only the owner has `DAV:read-acl`.
pub(super) fn acl<'a>(view: &View<'a>) -> Found<'a> {
    if view.access() != Access::Owner {
        return Found::Denied;
    }
    let mut xml = Fragment::new();
    let owner =
        |xml: &mut Fragment| xml.element(&Name::dav("property"), |xml| xml.empty(&Name::dav("owner")));
    ace(&mut xml, owner, &[ALL], Ace::Protected);
    for share in shares(view) {
        let principal = |xml: &mut Fragment| xml.href(&target::principal_href(&share.login));
        ace(&mut xml, principal, privileges(share.access), Ace::Granted);
    }
    Found::Is(Value::Xml(xml))
}

/// Whom the resource is shared with; known to the owner alone.
pub(crate) fn shares<'a>(view: &View<'a>) -> &'a [Share] {
    match view.resource {
        Resource::Collection(_, collection) | Resource::Object(collection, _) => &collection.shares,
        _ => &[],
    }
}

/// Whether an access control entry can be taken away (RFC 3744 section 5.5.3).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ace {
    Protected,
    Granted,
}

fn ace(xml: &mut Fragment, principal: impl FnOnce(&mut Fragment), granted: &[Name], kind: Ace) {
    xml.element(&Name::dav("ace"), |xml| {
        xml.element(&Name::dav("principal"), principal);
        xml.element(&Name::dav("grant"), |xml| push_privileges(xml, granted));
        if kind == Ace::Protected {
            xml.empty(&Name::dav("protected"));
        }
    });
}

pub(super) fn acl_restrictions<'a>(_: &View<'a>) -> Found<'a> {
    let mut xml = Fragment::new();
    xml.empty(&Name::dav("grant-only"));
    xml.empty(&Name::dav("no-invert"));
    Found::Is(Value::Xml(xml))
}

/// Where `DAV:acl` can be asked for, so where reports on it make sense.
pub(crate) const WITH_ACL: On = On::HOME.or(On::COLLECTION).or(On::OBJECT);

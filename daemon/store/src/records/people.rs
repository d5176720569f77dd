//! Tenants, people and app passwords. Tenants, logins and credentials live in the system tenant.

use minicbor::{Decode, Encode};

use super::document;

/// `Space::Meta` of the system tenant: a tenant. Key: its id.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TenantRecord {
    /// The name the operator gave it.
    #[n(0)]
    pub name: String,
    /// Created, seconds since 1970.
    #[n(1)]
    pub created: i64,
    /// The zone of floating times where nothing else says one (IANA name).
    #[n(2)]
    pub timezone: String,
    /// Present while it is not whole: being imported or being removed. What a start finds of it goes.
    #[n(3)]
    pub partial: Option<PartialTenant>,
}

/// Why a tenant is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum PartialTenant {
    /// Its import is not finished.
    #[n(0)]
    Arriving,
    /// Its removal is not finished.
    #[n(1)]
    Leaving,
}

/// `Space::Index` of the system tenant: whose a login is. Key: keyed hash of the login.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct LoginRecord {
    /// The tenant.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub tenant: [u8; 16],
    /// The person.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub user: [u8; 16],
}

/// `Space::Credentials` of the system tenant: an app password. Key: keyed hash of the secret.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CredentialRecord {
    /// Its id.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub id: [u8; 16],
    /// The person it stands for.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub user: [u8; 16],
    /// What the person calls it.
    #[n(2)]
    pub label: String,
    /// Created, seconds since 1970.
    #[n(3)]
    pub created: i64,
    /// Last used, seconds since 1970, at most an hour behind.
    #[n(4)]
    pub last_used: Option<i64>,
}

/// `Space::Feeds` of the system tenant: a calendar that can be read by a secret URL. Key: keyed hash of the secret.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct FeedRecord {
    /// Its id.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub id: [u8; 16],
    /// The owner of the calendar.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub owner: [u8; 16],
    /// The calendar.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub collection: [u8; 16],
    /// 0 everything, 1 times only.
    #[n(3)]
    pub privacy: u8,
    /// Created, seconds since 1970.
    #[n(4)]
    pub created: i64,
}

/// `Space::Principals`: a person. Key: their id.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PrincipalRecord {
    /// Login.
    #[n(0)]
    pub login: String,
    /// `DAV:displayname`.
    #[n(1)]
    pub display_name: String,
    /// Mail address.
    #[n(2)]
    pub email: String,
    /// 0 admin, 1 front desk, 2 practitioner, 3 patient.
    #[n(3)]
    pub role: u8,
    /// 0 enabled, 1 disabled.
    #[n(4)]
    pub state: u8,
    /// Created, seconds since 1970.
    #[n(5)]
    pub created: i64,
}

/// `Space::Principals` of the system tenant: a person who is to be removed, or was never finished. Key: their id.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RemovalRecord {
    /// Their tenant.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub tenant: [u8; 16],
}

document!(TenantRecord, LoginRecord, CredentialRecord, FeedRecord, PrincipalRecord, RemovalRecord);

//! People and app passwords.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use almanac_backend::{Caller, CollectionName, Login, PrincipalRole};
use almanac_base::{CollectionId, CredentialId, Secret, UserId};
use almanac_ical::ComponentKind;
use almanac_store::records::{
    CollectionRecord, CredentialRecord, Document, HomeRecord, KeyedHash, LoginRecord, PrincipalRecord,
    RemovalRecord,
};
use almanac_store::{IndexField, Precondition, Space, StoreError, Write};
use jiff::Timestamp;

use crate::App;
use crate::collections::{home_name_key, new_collection_record};
use crate::directory::{Tenant, User, UserState};
use crate::error::AppError;
use crate::head::Head;
use crate::open::{collection_entry, credential_entry, role_to_byte, user_entry};
use crate::removal::finish_removal;

/// A person to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The login, unique in the instance: a-z, 0-9 and `. _ @ + -`, at most 64 characters.
    pub login: String,
    /// Name or id of the tenant.
    pub tenant: String,
    /// Mail address.
    pub email: String,
    /// The name that others see.
    pub display_name: String,
    /// What they are in the clinic.
    pub role: PrincipalRole,
}

/// A person as the operator sees them.
#[derive(Debug, Clone)]
pub struct UserInfo {
    /// Their id.
    pub id: UserId,
    /// Their login.
    pub login: String,
    /// The name of their tenant.
    pub tenant: String,
    /// Mail address.
    pub email: String,
    /// The name that others see.
    pub display_name: String,
    /// What they are in the clinic.
    pub role: PrincipalRole,
    /// Whether they may sign in.
    pub state: UserState,
    /// When they were made.
    pub created: Timestamp,
}

/// An app password as the operator sees it: never the secret.
#[derive(Debug, Clone)]
pub struct AppPasswordInfo {
    /// Its id.
    pub id: CredentialId,
    /// What the person calls it.
    pub label: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last used, to the hour.
    pub last_used: Option<Timestamp>,
}

impl App {
    /// Makes a person with the calendars `calendar` and `tasks`.
    ///
    /// # Errors
    /// `Exists` if the login is taken, `NotFound` if the tenant is missing, `Invalid` for unusable input.
    pub async fn add_user(&self, new: NewUser) -> Result<UserInfo, AppError> {
        let login = check_login(&new.login)?;
        check_text("display name", &new.display_name, 200)?;
        check_email(&new.email)?;
        let _changing = self.changing.lock().await;
        if self.directory().users.contains_key(&login) {
            return Err(AppError::Exists("login"));
        }
        let tenant = self.tenant_named(&new.tenant)?;
        let user = UserId::from_bytes(self.ids.fresh());
        let record = PrincipalRecord {
            login: login.as_str().to_owned(),
            display_name: new.display_name,
            email: new.email,
            role: role_to_byte(new.role),
            state: 0,
            created: self.clock.now().as_second(),
        };
        // The person and their calendars first: they count only once the login leads to them. The note says
        // that until then they are to be removed.
        let system = self.store.system();
        let note = RemovalRecord { tenant: *tenant.id.as_bytes() };
        let key = user.as_bytes().as_slice();
        self.settle(&system, Write::new().put(Space::Principals, key, system.new_version(), note.to_bytes()))
            .await?;
        let store = &tenant.store;
        let mut write = Write::new().put(
            Space::Principals,
            user.as_bytes().as_slice(),
            store.new_version(),
            record.to_bytes(),
        );
        let mut entries = Vec::new();
        for (name, label, kinds) in first_collections() {
            let id = CollectionId::from_bytes(self.ids.fresh());
            let value = self.first_collection(user, name, label, &kinds);
            let version = store.new_version();
            let home = HomeRecord { collection: *id.as_bytes(), name: name.to_owned() };
            write = write.put(Space::Collections, id.as_bytes().as_slice(), version, value.to_bytes()).put(
                Space::Homes,
                home_name_key(store, user, name),
                store.new_version(),
                home.to_bytes(),
            );
            entries.push((id, version, value));
        }
        self.settle(store, write).await?;
        self.claim_login(&login, &tenant, user).await?;
        let entry = Arc::new(user_entry(user, &tenant, &record)?);
        let mut directory = self.directory_mut();
        directory.put_user(Arc::clone(&entry));
        for (id, version, value) in entries {
            let head = Arc::<Head>::default();
            directory.put_collection(collection_entry(
                id,
                &tenant,
                version,
                value,
                Default::default(),
                head,
            )?);
        }
        Ok(user_info(&entry))
    }

    fn first_collection(
        &self,
        user: UserId,
        name: &str,
        label: &str,
        kinds: &[ComponentKind],
    ) -> CollectionRecord {
        let components: BTreeSet<_> = kinds.iter().copied().collect();
        let mut record = new_collection_record(user, name, 0, &components, self.clock.now().as_second());
        record.display_name = Some(label.to_owned());
        record
    }

    async fn claim_login(&self, login: &Login, tenant: &Tenant, user: UserId) -> Result<(), AppError> {
        let system = self.store.system();
        let key = self.login_key(login);
        let record = LoginRecord { tenant: *tenant.id.as_bytes(), user: *user.as_bytes() };
        let write = Write::new()
            .require(Precondition::Absent(Space::Index, key.into()))
            .put(Space::Index, key.as_slice(), system.new_version(), record.to_bytes())
            .delete(Space::Principals, user.as_bytes().as_slice());
        match self.settle(&system, write).await {
            Err(AppError::Store(StoreError::Conflict { .. })) => Err(AppError::Exists("login")),
            other => other.map(|_| ()),
        }
    }

    pub(crate) fn login_key(&self, login: &Login) -> KeyedHash {
        self.store.system().keyed_hash(IndexField::Login, &[login.as_str().as_bytes()])
    }

    /// All people, or those of one tenant, ordered by login.
    ///
    /// # Errors
    /// `NotFound` if the tenant is missing.
    pub fn users(&self, tenant: Option<&str>) -> Result<Vec<UserInfo>, AppError> {
        let wanted = tenant.map(|name| self.tenant_named(name)).transpose()?;
        let directory = self.directory();
        let users = directory.users.values();
        let of_tenant = |user: &&Arc<User>| wanted.as_ref().is_none_or(|tenant| user.tenant.id == tenant.id);
        Ok(users.filter(of_tenant).map(|user| user_info(user)).collect())
    }

    /// Enables or disables a person; takes effect with their next request.
    ///
    /// # Errors
    /// `NotFound` if there is no such login.
    pub async fn set_user_state(&self, login: &str, state: UserState) -> Result<UserInfo, AppError> {
        let _changing = self.changing.lock().await;
        let user = self.user_named(login)?;
        let record = PrincipalRecord {
            login: user.login.as_str().to_owned(),
            display_name: user.display_name.clone(),
            email: user.email.clone(),
            role: role_to_byte(user.role),
            state: u8::from(state == UserState::Disabled),
            created: user.created.as_second(),
        };
        let store = &user.tenant.store;
        let key = user.id.as_bytes().as_slice();
        let write = Write::new().put(Space::Principals, key, store.new_version(), record.to_bytes());
        self.settle(store, write).await?;
        let entry = Arc::new(user_entry(user.id, &user.tenant, &record)?);
        self.directory_mut().put_user(Arc::clone(&entry));
        Ok(user_info(&entry))
    }

    /// Removes a person, their calendars, shares, feeds and app passwords; the login is free at once.
    ///
    /// # Errors
    /// `NotFound` if there is no such login.
    pub async fn remove_user(&self, login: &str) -> Result<(), AppError> {
        let _changing = self.changing.lock().await;
        let user = self.user_named(login)?;
        // The login goes first, and in the same commit a note comes that the rest is to go: if this is cut off,
        // the next start goes on with it.
        let system = self.store.system();
        let note = RemovalRecord { tenant: *user.tenant.id.as_bytes() };
        let mut write = Write::new().delete(Space::Index, self.login_key(&user.login).as_slice()).put(
            Space::Principals,
            user.id.as_bytes().as_slice(),
            system.new_version(),
            note.to_bytes(),
        );
        let gone: Vec<KeyedHash> = {
            let directory = self.directory();
            let own = directory.credentials.iter().filter(|(_, credential)| credential.user == user.id);
            own.map(|(hash, _)| *hash).collect()
        };
        for hash in &gone {
            write = write.delete(Space::Credentials, hash.as_slice());
        }
        for hash in self.directory().feeds_of(user.id) {
            write = write.delete(Space::Feeds, hash.as_slice());
        }
        self.settle(&system, write).await?;
        self.directory_mut().remove_person(&user, &gone);
        finish_removal(&self.store, user.tenant.id, user.id).await
    }

    /// Makes an app password. The secret (26 characters of a-z2-7, 130 random bits) is shown only here.
    ///
    /// # Errors
    /// `NotFound` if there is no such login.
    pub async fn add_app_password(
        &self,
        login: &str,
        label: &str,
    ) -> Result<(AppPasswordInfo, Secret), AppError> {
        check_text("label", label, 100)?;
        let _changing = self.changing.lock().await;
        let user = self.user_named(login)?;
        let system = self.store.system();
        let secret =
            Secret::new(password_text(&[*system.new_version().as_bytes(), *system.new_version().as_bytes()]));
        let record = CredentialRecord {
            id: self.ids.fresh(),
            user: *user.id.as_bytes(),
            label: label.to_owned(),
            created: self.clock.now().as_second(),
            last_used: None,
        };
        let hash = self.credential_hash(secret.expose());
        let write =
            Write::new().put(Space::Credentials, hash.as_slice(), system.new_version(), record.to_bytes());
        self.settle(&system, write).await?;
        let credential = Arc::new(credential_entry(&record));
        let info = password_info(&credential);
        self.directory_mut().credentials.insert(hash, credential);
        Ok((info, secret))
    }

    pub(crate) fn credential_hash(&self, secret: &str) -> KeyedHash {
        self.store.system().keyed_hash(IndexField::Secret, &[secret.as_bytes()])
    }

    /// The app passwords of a person, oldest first.
    ///
    /// # Errors
    /// `NotFound` if there is no such login.
    pub fn app_passwords(&self, login: &str) -> Result<Vec<AppPasswordInfo>, AppError> {
        let user = self.user_named(login)?;
        let directory = self.directory();
        let own = directory.credentials.values().filter(|credential| credential.user == user.id);
        let mut infos: Vec<_> = own.map(|credential| password_info(credential)).collect();
        infos.sort_by_key(|info| info.id);
        Ok(infos)
    }

    /// Revokes an app password; it is refused from the next request on.
    ///
    /// # Errors
    /// `NotFound` if the person has no such app password.
    pub async fn revoke_app_password(&self, login: &str, id: CredentialId) -> Result<(), AppError> {
        let _changing = self.changing.lock().await;
        let user = self.user_named(login)?;
        let hash = {
            let directory = self.directory();
            let mut all = directory.credentials.iter();
            all.find(|(_, credential)| credential.id == id && credential.user == user.id)
                .map(|(hash, _)| *hash)
        };
        let hash = hash.ok_or(AppError::NotFound("app password"))?;
        let write = Write::new().delete(Space::Credentials, hash.as_slice());
        self.settle(&self.store.system(), write).await?;
        self.directory_mut().credentials.remove(&hash);
        Ok(())
    }

    /// See `Backend::authenticate`. Reads memory only: the secret is random, so one keyed hash is enough.
    pub(crate) fn sign_in(&self, login: &str, password: &Secret) -> Option<Caller> {
        let hash = self.credential_hash(password.expose());
        let directory = self.directory();
        let credential = directory.credentials.get(&hash)?;
        let user = directory.by_id.get(&credential.user)?;
        if user.state != UserState::Enabled || !user.login.as_str().eq_ignore_ascii_case(login) {
            return None;
        }
        credential.last_used.store(self.clock.now().as_second(), Ordering::Relaxed);
        Some(Caller { tenant: user.tenant.id, user: user.id, login: user.login.clone() })
    }

    pub(crate) fn user_named(&self, login: &str) -> Result<Arc<User>, AppError> {
        let login = check_login(login)?;
        self.directory().users.get(&login).cloned().ok_or(AppError::NotFound("login"))
    }
}

/// What every person starts with. A task list of its own, since clients show only one kind per calendar.
fn first_collections() -> [(&'static str, &'static str, Vec<ComponentKind>); 2] {
    use ComponentKind::{Event, FreeBusy, Journal, Todo};
    [("calendar", "Calendar", vec![Event, Journal, FreeBusy]), ("tasks", "Tasks", vec![Todo])]
}

fn user_info(user: &User) -> UserInfo {
    UserInfo {
        id: user.id,
        login: user.login.as_str().to_owned(),
        tenant: user.tenant.record.name.clone(),
        email: user.email.clone(),
        display_name: user.display_name.clone(),
        role: user.role,
        state: user.state,
        created: user.created,
    }
}

fn password_info(credential: &crate::directory::Credential) -> AppPasswordInfo {
    let last_used = credential.last_used.load(Ordering::Relaxed);
    AppPasswordInfo {
        id: credential.id,
        label: credential.label.clone(),
        created: credential.created,
        last_used: (last_used != 0).then(|| crate::open::instant(last_used)),
    }
}

/// 26 characters of five random bits each.
pub(crate) fn password_text(random: &[[u8; 16]; 2]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let character = |byte: &u8| ALPHABET.get(usize::from(byte & 31)).copied().map_or('a', char::from);
    random.iter().flatten().take(26).map(character).collect()
}

/// What a new login may look like; capitals become small letters.
///
/// # Errors
/// `Invalid`, with the rule.
pub fn check_login(text: &str) -> Result<Login, AppError> {
    let lower = text.to_ascii_lowercase();
    let good =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '@' | '+' | '-');
    let begins_well = lower.starts_with(|c: char| c.is_ascii_alphanumeric());
    if lower.len() > 64 || !begins_well || !lower.chars().all(good) {
        return Err(AppError::Invalid(
            "a login has 1 to 64 characters of a-z, 0-9 and . _ @ + -, and begins with a letter or digit"
                .to_owned(),
        ));
    }
    Login::new(&lower).map_err(|_| AppError::Invalid("this cannot be a login".to_owned()))
}

fn check_email(text: &str) -> Result<(), AppError> {
    let plausible =
        text.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    if !plausible || text.len() > 254 || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(AppError::Invalid("a mail address looks like name@example.org".to_owned()));
    }
    Ok(())
}

pub(crate) fn check_text(what: &str, text: &str, bytes_max: usize) -> Result<(), AppError> {
    if text.trim().is_empty() || text.len() > bytes_max || text.chars().any(char::is_control) {
        return Err(AppError::Invalid(format!(
            "a {what} has 1 to {bytes_max} bytes and no control characters"
        )));
    }
    Ok(())
}

pub(crate) fn check_collection_name(text: &str) -> Result<CollectionName, AppError> {
    CollectionName::new(text)
        .map_err(|_| AppError::Invalid("this cannot be the name of a calendar".to_owned()))
}

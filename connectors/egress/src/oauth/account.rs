//! The access tokens of one account: renewed once for all who wait, kept before they are used.
//!
//! A renewal is a shared future. Whoever waits moves it; if all leave it, it stays where it is and the next caller moves it
//! on, so an answer with a rotated token is not lost with the request that happened to ask for it.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use almanac_base::{Clock, Secret};
use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};

use super::{Credentials, OauthError, Tokens};
use crate::client::Client;

/// Where tokens are kept between runs of the program.
#[async_trait]
pub trait TokenKeeper: Send + Sync {
    /// Stores the tokens durably; when it returns, they survive a crash. It may be called again with the same tokens.
    ///
    /// # Errors
    /// If they may not have been stored.
    async fn keep(&self, tokens: &Tokens) -> Result<(), Arc<dyn Error + Send + Sync>>;
}

type Renewal = Shared<BoxFuture<'static, Result<Arc<Tokens>, OauthError>>>;

/// The tokens of one account. All who act for the account share one of these.
pub struct Account {
    core: Arc<Core>,
    /// The last renewal, perhaps under way.
    renewal: Mutex<Option<Renewal>>,
}

struct Core {
    client: Arc<Client>,
    clock: Arc<dyn Clock>,
    credentials: Credentials,
    keeper: Arc<dyn TokenKeeper>,
    state: Mutex<State>,
}

#[derive(Clone)]
enum State {
    Nothing,
    Kept(Arc<Tokens>),
    /// Answered, yet not stored: the old refresh token may be dead, so these are all there is.
    Unkept(Arc<Tokens>),
    NeedsSignIn,
}

impl Account {
    /// An account with the tokens that were kept; none for one that needs no person.
    #[must_use]
    pub fn new(
        client: Arc<Client>,
        clock: Arc<dyn Clock>,
        credentials: Credentials,
        keeper: Arc<dyn TokenKeeper>,
        kept: Option<Tokens>,
    ) -> Self {
        let state = Mutex::new(kept.map_or(State::Nothing, |tokens| State::Kept(Arc::new(tokens))));
        let core = Arc::new(Core { client, clock, credentials, keeper, state });
        Self { core, renewal: Mutex::new(None) }
    }

    /// An access token that lives long enough for a request; renewed if need be, by one request for all who ask.
    ///
    /// # Errors
    /// [`OauthError::NeedsSignIn`] stays: nothing is asked of the server any more.
    pub async fn access_token(&self) -> Result<Secret, OauthError> {
        self.other_than(None).await
    }

    /// An access token in place of `refused`, which the vendor answered with 401 before its time.
    ///
    /// # Errors
    /// As [`Account::access_token`].
    pub async fn access_token_after(&self, refused: &Secret) -> Result<Secret, OauthError> {
        self.other_than(Some(refused)).await
    }

    async fn other_than(&self, refused: Option<&Secret>) -> Result<Secret, OauthError> {
        let renewal = {
            // Looked at under the lock: who comes while a renewal ends sees its outcome.
            let mut renewal = self.renewal.lock().unwrap_or_else(PoisonError::into_inner);
            match renewal.as_ref().filter(|renewal| renewal.peek().is_none()) {
                Some(under_way) => under_way.clone(),
                None => {
                    if let Some(tokens) = self.core.usable(refused)? {
                        return Ok(tokens.access.clone());
                    }
                    let begun = Core::renew(Arc::clone(&self.core)).boxed().shared();
                    renewal.insert(begun).clone()
                }
            }
        };
        renewal.await.map(|tokens| tokens.access.clone())
    }
}

impl Core {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tokens that can be used as they are.
    fn usable(&self, refused: Option<&Secret>) -> Result<Option<Arc<Tokens>>, OauthError> {
        match &*self.state() {
            State::NeedsSignIn => Err(OauthError::NeedsSignIn),
            State::Kept(tokens) => {
                let is_refused = refused.is_some_and(|refused| refused.expose() == tokens.access.expose());
                let usable = tokens.is_fresh(self.clock.now()) && !is_refused;
                Ok(usable.then(|| Arc::clone(tokens)))
            }
            State::Nothing | State::Unkept(_) => Ok(None),
        }
    }

    async fn renew(self: Arc<Self>) -> Result<Arc<Tokens>, OauthError> {
        let mut state = self.state().clone();
        if let State::Unkept(tokens) = state {
            self.keep(&tokens).await?;
            if tokens.is_fresh(self.clock.now()) {
                return Ok(tokens);
            }
            state = State::Kept(tokens);
        }
        let before = match &state {
            State::Kept(tokens) => Some(tokens.as_ref()),
            _ => None,
        };
        match self.credentials.tokens(&self.client, before, self.clock.now()).await {
            Ok(tokens) => {
                let tokens = Arc::new(tokens);
                *self.state() = State::Unkept(Arc::clone(&tokens));
                self.keep(&tokens).await?;
                Ok(tokens)
            }
            Err(error) => {
                if matches!(error, OauthError::NeedsSignIn) {
                    *self.state() = State::NeedsSignIn;
                }
                Err(error)
            }
        }
    }

    async fn keep(&self, tokens: &Arc<Tokens>) -> Result<(), OauthError> {
        self.keeper.keep(tokens).await.map_err(OauthError::Keep)?;
        *self.state() = State::Kept(Arc::clone(tokens));
        Ok(())
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({:?})", self.core.credentials)
    }
}

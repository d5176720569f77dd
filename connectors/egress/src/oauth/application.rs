//! The application as the vendor knows it, and signing in with it.

use std::fmt;
use std::sync::Arc;

use almanac_base::Secret;
use jiff::Timestamp;
use oauth2::basic::{BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken, Scope, StandardRevocableToken, TokenUrl,
};

use super::loopback::Code;
use super::tokens::TokenAnswer;
use super::transport::{told, transport};
use super::{OauthError, Tokens};
use crate::client::Client;
use crate::guard::{Refusal, Target};

/// The library's client, with token answers that say how long a refresh token lives.
type OauthClient<Authorize, Token> = oauth2::Client<
    BasicErrorResponse,
    TokenAnswer,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    Authorize,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    Token,
>;

/// An application registered with a vendor. `Debug` shows neither id nor secret.
#[derive(Clone)]
pub struct Application {
    /// Where people sign in.
    pub authorize: Target,
    /// Where codes and refresh tokens are exchanged.
    pub token: Target,
    /// The id that the vendor gave it.
    pub client_id: String,
    /// The secret, if the vendor gave one; that of an installed application keeps nobody out (RFC 8252 section 8.5).
    pub client_secret: Option<Secret>,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// Further parameters of the URL to open, such as `access_type=offline` and `prompt=consent`.
    pub extra: Vec<(String, String)>,
}

/// A sign-in that was begun: what has to be remembered until the redirect comes. `Debug` shows nothing of it.
pub struct SignIn {
    /// The URL to open in a browser.
    pub url: String,
    /// What the redirect has to carry.
    pub state: Secret,
    /// What proves that the code was asked for here (PKCE).
    pub verifier: Secret,
    /// Where the browser is sent back to.
    pub redirect: String,
}

impl Application {
    /// Begins a sign-in that comes back to `redirect`, with a new state and a new PKCE verifier (S256).
    ///
    /// # Errors
    /// [`OauthError::Address`] if a URL cannot be used.
    pub fn begin(&self, redirect: &str) -> Result<SignIn, OauthError> {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let endpoints = self.endpoints()?.set_redirect_uri(redirect_url(redirect)?);
        let mut request = endpoints.authorize_url(CsrfToken::new_random).set_pkce_challenge(challenge);
        for scope in &self.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        for (name, value) in &self.extra {
            request = request.add_extra_param(name, value);
        }
        let (url, state) = request.url();
        Ok(SignIn {
            url: url.into(),
            state: Secret::new(state.into_secret()),
            verifier: Secret::new(verifier.into_secret()),
            redirect: redirect.to_owned(),
        })
    }

    /// Exchanges the code that the redirect brought for the first tokens. The caller stores them before it uses them.
    ///
    /// # Errors
    /// [`OauthError::NeedsSignIn`] if the code is spent or too old: begin again.
    pub async fn finish(
        &self,
        client: &Arc<Client>,
        sign_in: &SignIn,
        code: &Code,
        now: Timestamp,
    ) -> Result<Tokens, OauthError> {
        let endpoints = self.endpoints()?.set_redirect_uri(redirect_url(&sign_in.redirect)?);
        let answer = endpoints
            .exchange_code(AuthorizationCode::new(code.0.expose().to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(sign_in.verifier.expose().to_owned()))
            .request_async(&transport(client, now))
            .await
            .map_err(told)?;
        Ok(Tokens::from_answer(&answer, None, now))
    }

    /// The tokens after `before`.
    pub(super) async fn refresh(
        &self,
        client: &Arc<Client>,
        before: &Tokens,
        now: Timestamp,
    ) -> Result<Tokens, OauthError> {
        let Some(token) = &before.refresh else { return Err(OauthError::NeedsSignIn) };
        let token = RefreshToken::new(token.expose().to_owned());
        let endpoints = self.endpoints()?;
        let exchange = transport(client, now);
        let answer = endpoints.exchange_refresh_token(&token).request_async(&exchange).await.map_err(told)?;
        Ok(Tokens::from_answer(&answer, Some(before), now))
    }

    /// The tokens of an application that acts for itself (RFC 6749 section 4.4).
    pub(super) async fn client_credentials(
        &self,
        client: &Arc<Client>,
        now: Timestamp,
    ) -> Result<Tokens, OauthError> {
        let endpoints = self.endpoints()?;
        let scopes = self.scopes.iter().cloned().map(Scope::new);
        let exchange = transport(client, now);
        let request = endpoints.exchange_client_credentials().add_scopes(scopes);
        let answer = request.request_async(&exchange).await.map_err(told)?;
        Ok(Tokens::from_answer(&answer, None, now))
    }

    fn endpoints(&self) -> Result<OauthClient<EndpointSet, EndpointSet>, OauthError> {
        let unreadable = |_| OauthError::Address(Refusal::Unreadable);
        let client = OauthClient::new(ClientId::new(self.client_id.clone()))
            .set_auth_uri(AuthUrl::new(self.authorize.url().to_string()).map_err(unreadable)?)
            .set_token_uri(TokenUrl::new(self.token.url().to_string()).map_err(unreadable)?)
            .set_auth_type(AuthType::RequestBody); // what both Google and Entra document
        Ok(match &self.client_secret {
            Some(secret) => client.set_client_secret(ClientSecret::new(secret.expose().to_owned())),
            None => client,
        })
    }
}

fn redirect_url(text: &str) -> Result<RedirectUrl, OauthError> {
    RedirectUrl::new(text.to_owned()).map_err(|_| OauthError::Address(Refusal::Unreadable))
}

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Application({:?})", self.token)
    }
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignIn")
    }
}

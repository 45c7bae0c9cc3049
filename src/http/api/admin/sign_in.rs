//! Sign-in, sign-out, and the setup of the first admin.

use std::net::IpAddr;
use std::time::Instant;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::fields::check_name;
use crate::chat::limits::{PASSWORD_BYTES_MAX, check_password};
use crate::chat::{Agent, Role, Timestamp};
use crate::credentials::{TokenKind, hash_token, new_token};
use crate::http::api::extract::{ClientIp, DeferredJson, Json, JsonBody, Violations};
use crate::http::auth::AgentAuth;
use crate::http::limits::{AddressKey, RetryAfterMs};
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::metrics::LoginResult;
use crate::passwords::{is_foreign, refusal_delay};
use crate::persistence::SESSION_LIFETIME;
use crate::persistence::{AgentCredentials, NewAgent, NewSession, Refusal, Store, WriteError};
use crate::protocol::ErrorCode;

/// The account for which attempts with the setup code are counted. No user name has a NUL.
const SETUP_ACCOUNT: &str = "\0setup";

/// Credentials of an agent.
#[derive(Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct LoginRequest {
    username: String,
    password: String,
}

/// The first admin.
#[derive(Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct SetupRequest {
    /// The part of the setup link after the `#`.
    code: String,
    /// 1 to 100 characters.
    username: String,
    /// 8 to 1,024 bytes.
    password: String,
}

/// Which sessions to end.
#[derive(Debug, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub(crate) struct LogoutRequest {
    /// End all sessions of this agent, not only this one.
    everywhere: Option<bool>,
}

/// A new session.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct SessionAnswer {
    /// For `Authorization: Bearer`. Browsers use the cookie.
    token: String,
    agent: Agent,
}

type SetCookie = AppendHeaders<[(header::HeaderName, HeaderValue); 1]>;

/// Sign in
///
/// Returns a session token and sets it as a cookie. The response to an unknown name, a wrong
/// password and a disabled agent is the same, and takes the same time.
#[utoipa::path(post, operation_id = "sign_in",
    path = "/api/admin/login", tag = "agent", security(()),
    request_body = LoginRequest, responses((status = 200, description = "signed in", body = SessionAnswer)))]
pub(crate) async fn login(
    State(state): State<AppState>,
    ClientIp(ip): ClientIp,
    body: DeferredJson,
) -> Result<impl IntoResponse, Problem> {
    let limited = |wait: RetryAfterMs| {
        state.metrics.login(LoginResult::Limited);
        Problem::from(wait)
    };
    state.limits.check_login_address(ip).map_err(limited)?;
    let request: LoginRequest = body.read().await?;
    let account = state.limits.check_login_account(&request.username, ip);
    account.map_err(limited)?;
    let shared = take_shared_budget(&state, &request.username, ip).await;
    shared.inspect_err(|_| state.metrics.login(LoginResult::Limited))?;
    let started = Instant::now();
    let password = request.password;
    let verified = authenticate(&state, ip, &request.username, password.clone()).await?;
    let Some(verified) = verified else {
        hold_back(&state.store, started).await?;
        return Err(bad_credentials(&state));
    };
    let verified = hash_anew(&state, ip, verified, password).await;
    let agent = verified.agent.clone();
    let (token, session) = new_session();
    match state.store.start_session(verified, session).await {
        Ok(()) => {}
        // The agent was disabled, or the password changed, since it was verified.
        Err(WriteError::Refused(Refusal::NotFound)) => return Err(bad_credentials(&state)),
        Err(error) => return Err(error.into()),
    }
    state.metrics.login(LoginResult::Ok);
    tracing::info!(agent = %agent.id, "agent signed in");
    Ok((
        set_cookie(&state, Some(&token)),
        Json(SessionAnswer { token, agent }),
    ))
}

/// Create the first admin
///
/// Needs the code of the setup link. Possible once, while there is no agent.
#[utoipa::path(post, operation_id = "set_up",
    path = "/api/admin/setup", tag = "agent", security(()),
    request_body = SetupRequest, responses((status = 201, description = "created and signed in", body = SessionAnswer)))]
pub(crate) async fn setup(
    State(state): State<AppState>,
    ClientIp(ip): ClientIp,
    body: DeferredJson,
) -> Result<impl IntoResponse, Problem> {
    state.limits.check_login_address(ip)?;
    state.limits.check_login_account(SETUP_ACCOUNT, ip)?;
    let request: SetupRequest = body.read().await?;
    take_shared_budget(&state, SETUP_ACCOUNT, ip).await?;
    let accepted = state
        .setup
        .as_ref()
        .is_some_and(|setup| setup.accepts(&request.code, Instant::now()));
    let accepted = accepted || state.store.is_setup_code(hash_token(&request.code)).await?;
    if !accepted || state.store.agent_count().await? > 0 {
        return Err(Problem::new(
            ErrorCode::Gone,
            "the setup link was used, has expired or is not needed; restart the server for a new \
             link, or run `shoptalk agent add`",
        ));
    }
    let mut violations = Violations::default();
    let username = violations.check(check_name("username", &request.username));
    violations.check(check_password("password", &request.password));
    violations.finish()?;

    let password_hash = hash_password(&state, ip, request.password).await?;
    let (token, session) = new_session();
    let agent = NewAgent {
        display_name: username.clone(),
        username,
        role: Role::Admin,
        password_hash,
    };
    let agent = state.store.set_up(agent, session).await?;
    tracing::info!(agent = %agent.id, "first admin created");
    Ok((
        StatusCode::CREATED,
        set_cookie(&state, Some(&token)),
        Json(SessionAnswer { token, agent }),
    ))
}

/// Sign out
///
/// Ends the session, or all sessions of this agent, and closes their sockets.
#[utoipa::path(post, operation_id = "sign_out",
    path = "/api/admin/logout", tag = "agent", security(("agent" = []), ("cookie" = [])),
    request_body = Option<LogoutRequest>, responses((status = 204, description = "signed out")))]
pub(crate) async fn logout(
    State(state): State<AppState>,
    AgentAuth(session): AgentAuth,
    JsonBody(request): JsonBody<LogoutRequest>,
) -> Result<impl IntoResponse, Problem> {
    if request.everywhere.unwrap_or(false) {
        state.store.end_sessions_of(session.agent.id).await?;
    } else {
        state.store.end_session(session.token_hash).await?;
    }
    Ok((StatusCode::NO_CONTENT, set_cookie(&state, None)))
}

/// The agent with this name and password, if they may sign in. An unknown name takes as long as a
/// wrong password.
async fn authenticate(
    state: &AppState,
    ip: IpAddr,
    username: &str,
    password: String,
) -> Result<Option<AgentCredentials>, Problem> {
    let known = state.store.agent_credentials(username.trim()).await?;
    let hash = known.as_ref().and_then(AgentCredentials::hash);
    let matches = password_matches(state, ip, password, hash).await?;
    Ok(known.filter(|known| matches && !known.agent.disabled))
}

/// Waits until a refusal may be sent: see [`refusal_delay`]. The wait occupies no thread.
async fn hold_back(store: &Store, started: Instant) -> Result<(), Problem> {
    let has_foreign = store.has_foreign_passwords().await?;
    tokio::time::sleep(refusal_delay(started.elapsed(), has_foreign)).await;
    Ok(())
}

/// Replaces a hash that another program made, now that the password is known. The agent signs in even
/// if that fails; the next sign-in tries again.
async fn hash_anew(
    state: &AppState,
    ip: IpAddr,
    verified: AgentCredentials,
    password: String,
) -> AgentCredentials {
    if !is_foreign(&verified.password_hash) {
        return verified;
    }
    let replaced = async {
        let new_hash = hash_password(state, ip, password).await?;
        let old = verified.clone();
        let done = state.store.replace_password_hash(old, new_hash.clone());
        Ok::<_, Problem>(done.await?.then_some(new_hash))
    };
    match replaced.await {
        Ok(Some(password_hash)) => AgentCredentials {
            agent: verified.agent,
            password_hash,
        },
        Ok(None) => verified,
        Err(_) => {
            tracing::warn!(agent = %verified.agent.id, "an imported password was not hashed anew: the next sign-in tries again");
            verified
        }
    }
}

/// Whether the password has this hash. Without a hash, or with a password of impossible length, it
/// does not, and the check takes as long.
pub(super) async fn password_matches(
    state: &AppState,
    ip: IpAddr,
    password: String,
    hash: Option<String>,
) -> Result<bool, Problem> {
    // There is no shortest one: a shop that moved in may have accepted what is refused here.
    let is_possible = password.len() <= PASSWORD_BYTES_MAX;
    let password = if is_possible { password } else { String::new() };
    let address = AddressKey::from(ip).ip();
    let matches = state.passwords.verify(address, password, hash).await?;
    Ok(matches && is_possible)
}

/// Hashes a new password. Addresses take turns.
pub(super) async fn hash_password(
    state: &AppState,
    ip: IpAddr,
    password: String,
) -> Result<String, Problem> {
    let address = AddressKey::from(ip).ip();
    Ok(state.passwords.hash(address, password).await?)
}

fn bad_credentials(state: &AppState) -> Problem {
    state.metrics.login(LoginResult::Refused);
    Problem::new(ErrorCode::BadCredentials, "wrong user name or password")
}

fn new_session() -> (String, NewSession) {
    let token = new_token(TokenKind::Agent);
    let lifetime_ms = i64::try_from(SESSION_LIFETIME.as_millis()).unwrap_or(i64::MAX);
    let session = NewSession {
        token: hash_token(&token),
        expires_at: Timestamp(Timestamp::now().as_millis() + lifetime_ms),
    };
    (token, session)
}

/// The header that sets the console's cookie, or removes it.
pub(super) fn set_cookie(state: &AppState, token: Option<&str>) -> SetCookie {
    let cookie = state.auth.set_cookie(token);
    let value = HeaderValue::from_str(&cookie).expect("tokens are ASCII letters and digits");
    AppendHeaders([(header::SET_COOKIE, value)])
}

/// The header that sets the request's cookie again, with a new lifetime.
pub(super) fn renewed_cookie(state: &AppState, headers: &HeaderMap) -> Option<SetCookie> {
    let token = state.auth.cookie_token(headers)?;
    Some(set_cookie(state, Some(&token)))
}

/// Where nodes share a store, attempts on all of them count together.
async fn take_shared_budget(state: &AppState, username: &str, ip: IpAddr) -> Result<(), Problem> {
    if !state.store.is_shared() {
        return Ok(());
    }
    for budget in state.limits.shared_login_budgets(username, ip) {
        if let Some(wait) = state.store.take_sign_in(&budget).await? {
            let ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            return Err(Problem::from(RetryAfterMs(ms)));
        }
    }
    Ok(())
}

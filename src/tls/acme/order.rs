//! Gets one certificate: the account, the order, the validation of each name, the chain.

use std::io;
use std::time::Duration;

use instant_acme::{
    Account, AuthorizationHandle, AuthorizationStatus, CertificateIdentifier, ChallengeType, Error,
    Identifier, NewAccount, NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::CertifiedKey;

use super::client::AcmeHttp;
use super::storage::{Method, Storage, StoredAccount};
use crate::config::AcmeConfig;
use crate::tls::acceptor::{Acceptor, ChallengeGuard};
use crate::tls::certificate::provider;

/// How long an authority may take to validate, and then to sign.
const POLL: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(500))
    .backoff(1.5)
    .timeout(Duration::from_secs(120));
/// Replied when the authority has forgotten an account.
const NO_ACCOUNT: &str = "urn:ietf:params:acme:error:accountDoesNotExist";
/// Replied when the certificate to replace was replaced already (RFC 9773).
const ALREADY_REPLACED: &str = "urn:ietf:params:acme:error:alreadyReplaced";

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(super) enum OrderError {
    #[error(
        "the authority cannot be used: {0}; check server.acme_directory, and server.acme_domains if it refuses a name"
    )]
    Acme(#[from] Error),
    #[error(
        "the authority could not validate {0}; check that the DNS of each name leads to this server"
    )]
    Invalid(String),
    #[error(
        "the authority offers no validation that this server can do for {0}; choose another authority (server.acme_directory), or set server.tls_cert and server.tls_key"
    )]
    NoChallenge(String),
    #[error("cannot make a key: {0}; check the names in server.acme_domains")]
    Key(String),
    #[error("cannot write to the data directory: {0}; check its owner and the free space")]
    Storage(#[from] io::Error),
    #[error("the authority did not finish in time; wait for the next attempt")]
    Timeout,
    #[error(
        "the authority's certificate cannot be used: {0}; check that server.acme_directory names the authority that you want"
    )]
    Unusable(String),
}

/// The account with the authority, which is made if there is none.
pub(super) async fn account(config: &AcmeConfig, storage: &Storage) -> Result<Account, OrderError> {
    let builder = Account::builder_with_http(AcmeHttp::boxed().await?);
    let contact: Vec<&str> = config.contact.as_deref().into_iter().collect();
    let stored = storage.blocking(Storage::account).await?;
    if let Some(stored) = stored.filter(|stored| stored.directory == config.directory) {
        let is_current = stored.contact == config.contact;
        let account = builder.from_credentials(stored.credentials).await?;
        if !is_current {
            account.update_contacts(&contact).await?;
            let contact = config.contact.clone();
            let save = |storage: &Storage| match storage.account() {
                Some(stored) => storage.save_account(&StoredAccount { contact, ..stored }),
                None => Ok(()),
            };
            storage.blocking(save).await??;
        }
        return Ok(account);
    }
    let new = NewAccount {
        contact: &contact,
        terms_of_service_agreed: true,
        only_return_existing: false,
    };
    let (account, credentials) = builder.create(&new, config.directory.clone(), None).await?;
    let made = StoredAccount {
        directory: config.directory.clone(),
        contact: config.contact.clone(),
        credentials,
    };
    storage
        .blocking(move |storage| storage.save_account(&made))
        .await??;
    Ok(account)
}

/// Orders a certificate for all names. Returns chain and key in PEM format.
pub(super) async fn obtain(
    account: &Account,
    config: &AcmeConfig,
    method: Method,
    replaces: Option<CertificateIdentifier<'_>>,
    acceptor: &Acceptor,
) -> Result<String, OrderError> {
    let names: Vec<Identifier> = config
        .domains
        .iter()
        .map(|domain| Identifier::Dns(domain.clone()))
        .collect();
    let mut order = new_order(account, &names, replaces).await?;
    // The guards remove the challenges when they are dropped, after the validation.
    let mut challenges = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        challenges.extend(prepare(authorization?, method, acceptor).await?);
    }
    let polled = order.poll_ready(&POLL).await;
    drop(challenges);
    match polled {
        Ok(OrderStatus::Ready) => {}
        Ok(_) => return Err(OrderError::Invalid(reasons(&mut order).await)),
        Err(Error::Timeout(_)) => return Err(OrderError::Timeout),
        Err(error @ Error::Api(_)) => {
            let reasons = reasons(&mut order).await;
            return Err(match reasons.is_empty() {
                true => error.into(),
                false => OrderError::Invalid(reasons),
            });
        }
        Err(error) => return Err(error.into()),
    }
    let key = order.finalize().await?;
    let chain = order.poll_certificate(&POLL).await?;
    Ok(format!("{key}{chain}"))
}

/// Names the certificate that is replaced, which authorities count more generously, if this one
/// wants to know.
async fn new_order(
    account: &Account,
    names: &[Identifier],
    replaces: Option<CertificateIdentifier<'_>>,
) -> Result<Order, Error> {
    if let Some(replaces) = replaces {
        match account
            .new_order(&NewOrder::new(names).replaces(replaces))
            .await
        {
            Err(Error::Unsupported(_)) => {}
            Err(Error::Api(problem)) if problem.r#type.as_deref() == Some(ALREADY_REPLACED) => {}
            outcome => return outcome,
        }
    }
    account.new_order(&NewOrder::new(names)).await
}

/// Puts up what the authority will look for, and tells it to look. `None` when it has not
/// forgotten an earlier validation.
async fn prepare(
    mut authorization: AuthorizationHandle<'_>,
    method: Method,
    acceptor: &Acceptor,
) -> Result<Option<ChallengeGuard>, OrderError> {
    if authorization.status == AuthorizationStatus::Valid {
        return Ok(None);
    }
    let name = authorization.identifier().to_string();
    let kind = match method {
        Method::TlsAlpn => ChallengeType::TlsAlpn01,
        Method::Http => ChallengeType::Http01,
    };
    let Some(mut challenge) = authorization.challenge(kind) else {
        return Err(OrderError::NoChallenge(name));
    };
    let response = challenge.key_authorization();
    let guard = match method {
        Method::TlsAlpn => {
            let pair = validation_pair(&name, response.digest().as_ref())?;
            acceptor.add_challenge(&name, pair)
        }
        Method::Http => acceptor
            .http_challenges()
            .add(&challenge.token, response.as_str()),
    };
    challenge.set_ready().await?;
    Ok(Some(guard))
}

/// The certificate of RFC 8737, which carries the response.
fn validation_pair(name: &str, digest: &[u8]) -> Result<CertifiedKey, OrderError> {
    let failed = |error: &dyn std::fmt::Display| OrderError::Key(error.to_string());
    let mut params =
        CertificateParams::new(vec![name.to_owned()]).map_err(|error| failed(&error))?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate().map_err(|error| failed(&error))?;
    let certificate = params.self_signed(&key).map_err(|error| failed(&error))?;
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(|error| failed(&error))?;
    let key = provider()
        .key_provider
        .load_private_key(key)
        .map_err(|error| failed(&error))?;
    // Unchecked: the library does not know the critical extension that carries the response.
    Ok(CertifiedKey::new(vec![certificate.der().clone()], key))
}

/// What the authority says about each name that it could not validate.
async fn reasons(order: &mut Order) -> String {
    let mut reasons = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        if authorization.refresh().await.is_err() {
            continue;
        }
        let name = authorization.identifier().to_string();
        let errors = authorization
            .challenges
            .iter()
            .filter_map(|challenge| challenge.error.as_ref());
        reasons
            .extend(errors.map(|error| {
                format!("{name}: {}", error.detail.as_deref().unwrap_or("no reason"))
            }));
    }
    reasons.join("; ")
}

/// Whether the authority does not know the account any more.
pub(super) fn is_unknown_account(error: &OrderError) -> bool {
    matches!(error, OrderError::Acme(Error::Api(problem)) if problem.r#type.as_deref() == Some(NO_ACCOUNT))
}

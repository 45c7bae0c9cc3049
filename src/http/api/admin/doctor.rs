//! The doctor: what the server sees of a request, and judgements of what a browser saw.

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;

use crate::chat::Timestamp;
use crate::config::Config;
use crate::doctor::{
    CertificateSeen, Finding, Observations, Seen, Validity, judge, judge_backups, judge_cards,
    judge_certificate, judge_machine, judge_mail, look_at_cards, look_at_machine, look_at_mail,
};
use crate::http::api::extract::{Json, JsonBody};
use crate::http::auth::AdminAuth;
use crate::http::client_addr::{PeerAddr, client_ip_of, is_forwarded};
use crate::http::pages::widget_hash;
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::jobs::schedule::BackupStatus;
use crate::tls::certificate_in_files;

/// The outcome of every check.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct FindingList {
    results: Vec<Finding>,
}

/// What the server sees
///
/// Of this very request: the addresses, the HTTP version, the headers that proxies add. For the
/// role `admin`, and for `shoptalk doctor`.
#[utoipa::path(post, operation_id = "doctor_seen",
    path = "/api/admin/doctor/seen", tag = "agent", security(("agent" = []), ("cookie" = [])),
    responses((status = 200, description = "what the server sees", body = Seen)))]
pub(crate) async fn seen(State(state): State<AppState>, request: Request) -> Json<Seen> {
    let headers = request.headers();
    let trusted = &state.config.server.trusted_proxies;
    let peer = request.extensions().get::<PeerAddr>();
    let peer_ip = peer.map(|PeerAddr(peer)| peer.ip().to_canonical());
    Json(Seen {
        http_version: format!("{:?}", request.version()),
        peer: peer.map_or_else(String::new, |PeerAddr(peer)| peer.to_string()),
        peer_is_trusted: peer_ip.is_some_and(|ip| trusted.iter().any(|net| net.contains(&ip))),
        peer_is_loopback: peer_ip.is_some_and(|ip| ip.is_loopback()),
        client: client_ip_of(request.extensions(), headers, trusted).to_string(),
        forwarded_for: values(headers, "x-forwarded-for")
            .iter()
            .flat_map(|value| value.split(','))
            .map(|hop| hop.trim().to_owned())
            .collect(),
        is_forwarded: is_forwarded(headers),
        forwarded_proto: joined(headers, "x-forwarded-proto"),
        origin: joined(headers, "origin"),
        own_origins: state.origins.own().to_vec(),
        has_public_url: state.config.server.public_url.is_some(),
        widget: widget_hash(),
        now_ms: Timestamp::now().as_millis(),
    })
}

/// Judge what a browser saw
///
/// And the machine that the server runs on, the mail servers, and the shop's server for cards. For the role `admin`.
#[utoipa::path(post, operation_id = "doctor_findings",
    path = "/api/admin/doctor/findings", tag = "agent", security(("agent" = []), ("cookie" = [])),
    request_body = Observations,
    responses((status = 200, description = "the findings", body = FindingList)))]
pub(crate) async fn findings(
    State(state): State<AppState>,
    _admin: AdminAuth,
    JsonBody(observations): JsonBody<Observations>,
) -> Result<Json<FindingList>, Problem> {
    let mut results = judge(&observations);
    let looking = tokio::task::spawn_blocking({
        let state = state.clone();
        move || look_at_server(&state)
    });
    let mail = look_at_mail(&state.config.mail);
    let (cards, mail, looked) = tokio::join!(look_at_cards(&state.cards), mail, looking);
    results.extend(judge_mail(&mail));
    results.extend(cards.iter().flat_map(judge_cards));
    results.extend(looked.map_err(|_| Problem::internal())?);
    Ok(Json(FindingList { results }))
}

/// Judges the machine, the backups and the certificate. Blocking.
fn look_at_server(state: &AppState) -> Vec<Finding> {
    let mut findings = judge_machine(&look_at_machine(&state.config.storage.data_dir));
    let backups = state.jobs.backups();
    let BackupStatus { last, failure } = backups.status();
    let newest = last.map(|backup| backup.made_at);
    let failure = failure.map(|(_, why)| why);
    findings.push(judge_backups(&backups.settings().seen(newest, failure)));
    findings.extend(certificate_seen(&state.config).map(|seen| judge_certificate(&seen)));
    findings
}

fn certificate_seen(config: &Config) -> Option<CertificateSeen> {
    let (path, loaded) = certificate_in_files(config)?;
    let now_ms = Timestamp::now().as_millis();
    Some(CertificateSeen {
        path: path.display().to_string(),
        validity: loaded
            .map(|it| Validity::at(now_ms / 1_000, it.not_before, it.not_after))
            .map_err(|error| error.to_string()),
    })
}

fn values(headers: &HeaderMap, name: &str) -> Vec<String> {
    headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect()
}

fn joined(headers: &HeaderMap, name: &str) -> Option<String> {
    let values = values(headers, name);
    (!values.is_empty()).then(|| values.join(", "))
}

//! The operator's long work, started and watched by admins.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::chat::{BadWho, Timestamp};
use crate::http::api::extract::{Json, JsonBody, PathId, Query};
use crate::http::auth::{AdminAuth, Caller};
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::jobs::export::ExportFormat;
use crate::jobs::output::is_full;
use crate::jobs::registry::{Job, JobFilePlace, JobKind, JobRefused, JobRequest, Jobs};
use crate::jobs::schedule::Backups;
use crate::persistence::{BadScope, ExportScope, StoreError};
use crate::protocol::ErrorCode;

/// Bytes of a file that are read at once.
const READ_BYTES: u64 = 64 * 1024;

/// A job to start.
#[derive(Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub(crate) struct NewJob {
    kind: JobKind,
    /// For `export`: one person, as `user:…`, `email:…` or `phone:…`.
    person: Option<String>,
    /// For `export`: one room.
    room: Option<String>,
    /// For `export`: `jsonl`, which `shoptalk import` reads, or `csv`. Default: `jsonl`.
    format: Option<ExportFormat>,
    /// For `erase`: the person, as `user:…`, `email:…` or `phone:…`.
    who: Option<String>,
    /// For `erase`: only report what would be erased.
    dry_run: Option<bool>,
}

/// One job.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct JobAnswer {
    job: Job,
}

/// The state of the automatic backups.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct BackupState {
    /// When the newest good one was made.
    last_at: Option<Timestamp>,
    /// Its size.
    last_bytes: Option<u64>,
    /// Why the attempt after it has failed, and what to do.
    failure: Option<String>,
    /// The time between two automatic ones; 0: none are made.
    every_ms: u64,
}

/// A page of the jobs.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct JobList {
    results: Vec<Job>,
    /// For `cursor`.
    next: Option<String>,
    /// Null when the server makes no backups: those of PostgreSQL are made by its own tools.
    backup: Option<BackupState>,
}

impl From<&Backups> for BackupState {
    fn from(backups: &Backups) -> Self {
        let status = backups.status();
        let every_ms = backups.settings().every.as_millis();
        Self {
            last_at: status.last.as_ref().map(|backup| backup.made_at),
            last_bytes: status.last.as_ref().map(|backup| backup.bytes),
            failure: status.failure.map(|(_, why)| why),
            every_ms: u64::try_from(every_ms).unwrap_or(u64::MAX),
        }
    }
}

/// Jobs, and the state of the automatic backups
///
/// The newest first. For the role `admin`. Jobs that have ended are kept for 24 hours.
#[utoipa::path(get, operation_id = "list_jobs",
    path = "/api/admin/jobs", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "default 50"),
        ("cursor" = Option<String>, Query, description = "the `next` of the previous page"),
    ),
    responses((status = 200, description = "a page of jobs", body = JobList)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    _admin: AdminAuth,
    query: Query,
) -> Result<Json<JobList>, Problem> {
    let (results, next) = query.page(state.jobs.list().await?, |job| job.id.to_string())?;
    Ok(Json(JobList {
        results,
        next,
        backup: (!state.store.is_shared()).then(|| state.jobs.backups().into()),
    }))
}

/// Start a job
///
/// For the role `admin`. One job of each kind runs at a time. When several people match, the
/// problem names them.
#[utoipa::path(post, operation_id = "start_job",
    path = "/api/admin/jobs", tag = "agent", security(("agent" = []), ("cookie" = [])),
    request_body = NewJob, responses((status = 201, description = "the job", body = JobAnswer)))]
pub(crate) async fn start(
    State(state): State<AppState>,
    caller: Caller,
    JsonBody(new): JsonBody<NewJob>,
) -> Result<(StatusCode, Json<JobAnswer>), Problem> {
    let request = check(&new)?;
    if !may_reach(&caller, new.kind) {
        return Err(Problem::forbidden(
            "API tokens start jobs that export, and no others; sign in as an admin",
        ));
    }
    let job = state.jobs.start(request, caller.principal()).await.map_err(|refused| {
        let conflict = refused.to_string();
        match refused {
            JobRefused::Store(error) => error.into(),
            JobRefused::Io(error) if is_full(&error) => StoreError::Full.into(),
            JobRefused::Io(error) => {
                tracing::error!(%error, "cannot write the jobs' directory in the data directory; check its owner and the free space");
                Problem::internal()
            }
            _ => Problem::new(ErrorCode::Conflict, conflict),
        }
    })?;
    Ok((StatusCode::CREATED, Json(JobAnswer { job })))
}

fn check(new: &NewJob) -> Result<JobRequest, Problem> {
    match new.kind {
        JobKind::Backup => Ok(JobRequest::Backup),
        JobKind::Rewrite => Ok(JobRequest::Rewrite),
        JobKind::Export => ExportScope::parse(new.person.as_deref(), new.room.as_deref())
            .map(|scope| JobRequest::Export(scope, new.format.unwrap_or_default()))
            .map_err(|bad| {
                let field = match bad {
                    BadScope::Room => "room",
                    BadScope::Person(_) | BadScope::Both => "person",
                };
                Problem::invalid_field(field, format!("is wrong: {bad}"))
            }),
        JobKind::Erase => {
            let who = new.who.as_deref().ok_or(BadWho).and_then(str::parse);
            let who =
                who.map_err(|bad| Problem::invalid_field("who", format!("is wrong: {bad}")))?;
            Ok(JobRequest::Erase {
                who,
                dry_run: new.dry_run.unwrap_or(false),
            })
        }
    }
}

/// Whether the caller may start jobs of this kind, and see them.
fn may_reach(caller: &Caller, kind: JobKind) -> bool {
    match caller {
        Caller::Agent(_) => true,
        Caller::Token(_) => kind == JobKind::Export,
    }
}

async fn find(state: &AppState, caller: &Caller, id: Uuid) -> Result<Job, Problem> {
    let job = state.jobs.get(id).await?;
    job.filter(|job| may_reach(caller, job.kind))
        .ok_or_else(Problem::not_found)
}

/// A job
///
/// For the role `admin`.
#[utoipa::path(get, operation_id = "get_job",
    path = "/api/admin/jobs/{id}", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(("id" = uuid::Uuid, Path, description = "the job")),
    responses((status = 200, description = "the job as it is now", body = JobAnswer)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    caller: Caller,
    PathId(id): PathId,
) -> Result<Json<JobAnswer>, Problem> {
    let job = find(&state, &caller, id).await?;
    Ok(Json(JobAnswer { job }))
}

/// Cancel a job
///
/// For the role `admin`. It stops at its next step. One that has ended does not change; an erasure
/// that is decided and a rewrite continue.
#[utoipa::path(delete, operation_id = "cancel_job",
    path = "/api/admin/jobs/{id}", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(("id" = uuid::Uuid, Path, description = "the job")),
    responses((status = 200, description = "the job as it was when it was cancelled", body = JobAnswer)))]
pub(crate) async fn cancel(
    State(state): State<AppState>,
    caller: Caller,
    PathId(id): PathId,
) -> Result<Json<JobAnswer>, Problem> {
    find(&state, &caller, id).await?;
    let job = state.jobs.cancel(id).await?;
    let job = job.ok_or_else(Problem::not_found)?;
    Ok(Json(JobAnswer { job }))
}

/// The file of a job
///
/// For the role `admin`: the backup, the export, or the receipt of an erasure. Kept for 24 hours;
/// an erasure removes the exports that were made before it.
#[utoipa::path(get, operation_id = "get_job_file",
    path = "/api/admin/jobs/{id}/file", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(("id" = uuid::Uuid, Path, description = "the job")),
    responses((status = 200, description = "the file", content_type = "application/octet-stream")))]
pub(crate) async fn file(
    State(state): State<AppState>,
    caller: Caller,
    PathId(id): PathId,
) -> Result<Response, Problem> {
    let job = find(&state, &caller, id).await?;
    let file = state.jobs.file(job.id).await?;
    let file =
        file.ok_or_else(|| Problem::new(ErrorCode::NotFound, "no job with this id has a file"))?;
    let (body, bytes) = match &file.place {
        JobFilePlace::Disk(path) => from_disk(id, path.clone()).await?,
        JobFilePlace::Store(bytes) => (from_store(&state.jobs, id).await?, *bytes),
    };
    let disposition = format!("attachment; filename=\"{}\"", file.name);
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        ),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, no-store"),
        ),
        (header::CONTENT_LENGTH, HeaderValue::from(bytes)),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::try_from(disposition).map_err(|_| Problem::internal())?,
        ),
    ];
    Ok((headers, body).into_response())
}

fn gone() -> Problem {
    Problem::new(
        ErrorCode::Gone,
        "the file was removed since, by an erasure or the rotation of backups; start the job again",
    )
}

/// A file's content and its size.
async fn from_disk(id: Uuid, path: PathBuf) -> Result<(Body, u64), Problem> {
    let opening = tokio::task::spawn_blocking(move || open(&path));
    let opened = opening.await.map_err(io::Error::other).flatten();
    let (file, bytes) = opened.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => gone(),
        _ => {
            tracing::error!(%error, job = %id, "cannot read the file of a job");
            Problem::internal()
        }
    })?;
    Ok((Body::from_stream(parts(file)), bytes))
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    let opened = File::open(path)?;
    let bytes = opened.metadata()?.len();
    Ok((opened, bytes))
}

/// A file's content, a part at a time. If the file is removed meanwhile, the response ends too early,
/// which its length shows.
async fn from_store(jobs: &Jobs, id: Uuid) -> Result<Body, Problem> {
    let first = jobs.file_part(id, 0).await?.ok_or_else(gone)?;
    let begin = (jobs.clone(), 0, Some(first));
    let parts = futures_util::stream::try_unfold(begin, move |(jobs, part, read)| async move {
        let read = match read {
            Some(first) => Some(first),
            None => jobs.file_part(id, part).await.map_err(io::Error::other)?,
        };
        let read = read.map(|read| (Bytes::from(read), (jobs, part + 1, None)));
        Ok::<_, io::Error>(read)
    });
    Ok(Body::from_stream(parts))
}

/// The parts of a file, each read when the client has taken the one before.
fn parts(file: File) -> impl futures_util::Stream<Item = io::Result<Bytes>> {
    futures_util::stream::try_unfold(file, |mut file| async move {
        tokio::task::spawn_blocking(move || {
            let mut part = Vec::new();
            (&mut file).take(READ_BYTES).read_to_end(&mut part)?;
            Ok((!part.is_empty()).then(|| (Bytes::from(part), file)))
        })
        .await
        .map_err(io::Error::other)?
    })
}

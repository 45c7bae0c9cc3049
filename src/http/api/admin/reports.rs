//! Reports, for admins.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::chat::Timestamp;
use crate::http::api::extract::{Json, Query};
use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::persistence::{ReportCursor, StoreError};
use crate::reports::{BadRange, Collector, Names, Report, ReportBy, ReportRange, csv};
use crate::settings::Date;

/// A report
///
/// How many conversations and messages there were, how long customers waited and conversations took,
/// in all hours and in open ones, and how they were rated. At most 366 days.
#[utoipa::path(get, operation_id = "get_report",
    path = "/api/admin/reports", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(
        ("from" = Option<String>, Query, description = "the first day, `YYYY-MM-DD` in the shop's time zone; default: 29 days before the last one"),
        ("to" = Option<String>, Query, description = "the last day; default: today"),
        ("by" = Option<ReportBy>, Query, description = "what the rows are; default: `day`"),
    ),
    responses((status = 200, description = "the report", body = Report)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    _caller: Caller,
    query: Query,
) -> Result<Json<Report>, Problem> {
    Ok(Json(report(&state, &query).await?))
}

/// A report as a table
///
/// The same as CSV, with the total in the last line. Durations are in milliseconds.
#[utoipa::path(get, operation_id = "get_report_table",
    path = "/api/admin/reports.csv", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(
        ("from" = Option<String>, Query, description = "as in the report"),
        ("to" = Option<String>, Query, description = "as in the report"),
        ("by" = Option<ReportBy>, Query, description = "as in the report"),
    ),
    responses((status = 200, description = "the table", body = String, content_type = "text/csv")))]
pub(crate) async fn table(
    State(state): State<AppState>,
    _caller: Caller,
    query: Query,
) -> Result<Response, Problem> {
    let report = report(&state, &query).await?;
    let name = format!(
        "attachment; filename=\"report-{}-{}.csv\"",
        report.from, report.to
    );
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, csv(&report)).into_response())
}

async fn report(state: &AppState, query: &Query) -> Result<Report, Problem> {
    let by = query.parsed::<ReportBy>("by")?.unwrap_or_default();
    let (from, to) = (date(query, "from")?, date(query, "to")?);
    let settings = state.settings.now();
    let range = ReportRange::new(&settings.shop, from, to, Timestamp::now());
    let range = range.map_err(|error| {
        let field = match (error, from) {
            (BadRange::OutOfCalendar, Some(_)) => "from",
            _ => "to",
        };
        Problem::invalid_field(field, error.to_string())
    })?;
    let mut cursor = ReportCursor::new(range.from, range.to);
    let mut collector = Collector::new(by, range, names(state, by).await?);
    while !cursor.is_complete() {
        let (next, lines) = state.store.report_step(cursor).await?;
        cursor = next;
        for line in lines {
            collector.take(line);
        }
    }
    // Sorting takes a while where there are many durations.
    let finished = tokio::task::spawn_blocking(move || collector.finish()).await;
    Ok(finished.map_err(|error| StoreError::Internal(format!("a report panicked: {error}")))?)
}

fn date(query: &Query, field: &str) -> Result<Option<Date>, Problem> {
    let parsed = query.text(field).map(str::parse).transpose();
    parsed.map_err(|message: &str| Problem::invalid_field(field, message))
}

async fn names(state: &AppState, by: ReportBy) -> Result<Names, StoreError> {
    Ok(match by {
        ReportBy::Day => Names::default(),
        ReportBy::Agent => {
            let agents = state.store.agents().await?.into_iter();
            Names {
                names: agents.map(|agent| (agent.id, agent.display_name)).collect(),
                ..Names::default()
            }
        }
        ReportBy::Tag => {
            let tagged = state.store.tagged_rooms().await?;
            Names {
                names: tagged.names,
                tags: tagged.rooms,
            }
        }
    })
}

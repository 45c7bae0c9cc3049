//! The jobs of all nodes, and their files. Each statement commits by itself, beside the lanes of
//! messages.

use tokio_postgres::Row;
use uuid::Uuid;

use crate::chat::Timestamp;
use crate::persistence::postgres::codes::{int, limit, optional_time, optional_uint, time, uint};
use crate::persistence::postgres::session::Params;
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::{Interrupted, JobBegun, JobOrder, SharedJob, SharedJobFile, StoreError};

const ALL: &str = "SELECT id, kind, state, done, total, message, created_at, ended_at,
    file_end, file_bytes FROM jobs ORDER BY id";
const ONE: &str = "SELECT id, kind, state, done, total, message, created_at, ended_at,
    file_end, file_bytes FROM jobs WHERE id = $1";

impl PostgresStore {
    pub(crate) async fn begin_job(
        &self,
        job: &SharedJob,
        max: usize,
    ) -> Result<JobBegun, StoreError> {
        let begun = self
            .single_statement(
                "INSERT INTO jobs (id, kind, state, created_at)
                 SELECT $1, $2, $3, $4 WHERE (SELECT count(*) FROM jobs) < $5
                 ON CONFLICT (kind) WHERE ended_at IS NULL DO NOTHING RETURNING id",
                &[
                    &job.id,
                    &job.kind,
                    &job.state,
                    &job.created_at.0,
                    &limit(max, 0),
                ],
            )
            .await?;
        if begun.is_some() {
            return Ok(JobBegun::Begun);
        }
        let same = "SELECT 1 FROM jobs WHERE kind = $1 AND ended_at IS NULL";
        let running = self.single_statement(same, &[&job.kind]).await?;
        Ok(match running {
            Some(_) => JobBegun::Running,
            None => JobBegun::Full,
        })
    }

    pub(crate) async fn report_job(
        &self,
        id: Uuid,
        done: u64,
        total: u64,
    ) -> Result<JobOrder, StoreError> {
        let report = "UPDATE jobs SET done = $2, total = $3, seen_at = now()
             WHERE id = $1 AND ended_at IS NULL AND NOT cancelled RETURNING id";
        let params: &Params<'_> = &[&id, &int(done), &int(total)];
        // None: it was cancelled, or passed for one whose node is gone.
        Ok(match self.single_statement(report, params).await? {
            Some(_) => JobOrder::Continue,
            None => JobOrder::Cancel,
        })
    }

    pub(crate) async fn end_job(&self, job: &SharedJob) -> Result<bool, StoreError> {
        let file = job.file.as_ref();
        let ended = self
            .single_statement(
                "UPDATE jobs SET state = $2, done = $3, total = $4, message = $5, ended_at = $6,
                     file_end = $7, file_bytes = $8
                 WHERE id = $1 AND ended_at IS NULL AND NOT ($7::text IS NOT NULL AND outdated)
                 RETURNING id",
                &[
                    &job.id,
                    &job.state,
                    &int(job.done),
                    &int(job.total),
                    &job.message,
                    &job.ended_at.map(|at| at.0),
                    &file.map(|file| &file.end),
                    &file.map(|file| int(file.bytes)),
                ],
            )
            .await?;
        Ok(ended.is_some())
    }

    pub(crate) async fn shared_jobs(&self) -> Result<Vec<SharedJob>, StoreError> {
        self.read(async |db| {
            let rows = db.query(ALL, &[]).await?;
            rows.iter().map(read).collect()
        })
        .await
    }

    pub(crate) async fn shared_job(&self, id: Uuid) -> Result<Option<SharedJob>, StoreError> {
        self.read(async |db| {
            let row = db.query_opt(ONE, &[&id]).await?;
            row.as_ref().map(read).transpose()
        })
        .await
    }

    pub(crate) async fn cancel_job(&self, id: Uuid) -> Result<(), StoreError> {
        let cancel = "UPDATE jobs SET cancelled = true WHERE id = $1 AND ended_at IS NULL";
        self.single_statement(cancel, &[&id]).await.map(drop)
    }

    pub(crate) async fn put_job_part(
        &self,
        id: Uuid,
        part: u32,
        bytes: &[u8],
    ) -> Result<bool, StoreError> {
        // The job cannot end meanwhile, so no part comes after those of ended jobs were removed.
        let put = "INSERT INTO job_parts (job, part, bytes)
             SELECT id, $2, $3 FROM jobs WHERE id = $1 AND ended_at IS NULL FOR SHARE
             RETURNING job";
        let params: &Params<'_> = &[&id, &i64::from(part), &bytes];
        Ok(self.single_statement(put, params).await?.is_some())
    }

    pub(crate) async fn job_part(
        &self,
        id: Uuid,
        part: u32,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(async |db| {
            let sql = "SELECT bytes FROM job_parts WHERE job = $1 AND part = $2";
            let row = db.query_opt(sql, &[&id, &i64::from(part)]).await?;
            row.map(|row| Ok(row.try_get(0)?)).transpose()
        })
        .await
    }

    pub(crate) async fn remove_job_parts(&self, id: Uuid) -> Result<(), StoreError> {
        let remove = "DELETE FROM job_parts WHERE job = $1";
        self.single_statement(remove, &[&id]).await.map(drop)
    }

    pub(crate) async fn remove_job_files(&self, kind: &str) -> Result<(), StoreError> {
        let outdate = "UPDATE jobs SET outdated = true WHERE kind = $1 AND ended_at IS NULL";
        self.single_statement(outdate, &[&kind]).await?;
        let remove = "DELETE FROM job_parts p USING jobs j WHERE j.id = p.job AND j.kind = $1";
        self.single_statement(remove, &[&kind]).await.map(drop)
    }

    pub(crate) async fn fail_lost_jobs(
        &self,
        failed_state: &str,
        now: Timestamp,
        interrupted: Interrupted,
    ) -> Result<(), StoreError> {
        let fail = "UPDATE jobs SET state = $1, ended_at = $2, message = $3
             WHERE kind = $4 AND ended_at IS NULL AND seen_at < now() - interval '30 seconds'";
        let params: &Params<'_> = &[
            &failed_state,
            &now.0,
            &interrupted.message,
            &interrupted.kind,
        ];
        self.single_statement(fail, params).await?;
        // Of these, and of jobs whose node could not remove them.
        let remove = "DELETE FROM job_parts p USING jobs j
             WHERE j.id = p.job AND j.ended_at IS NOT NULL AND j.file_end IS NULL";
        self.single_statement(remove, &[]).await.map(drop)
    }

    pub(crate) async fn forget_jobs(&self, before: Timestamp) -> Result<(), StoreError> {
        let forget = "DELETE FROM jobs WHERE ended_at < $1";
        self.single_statement(forget, &[&before.0]).await.map(drop)
    }
}

fn read(row: &Row) -> Result<SharedJob, TxError> {
    let end: Option<String> = row.try_get(8)?;
    let bytes = optional_uint(row, 9)?;
    Ok(SharedJob {
        id: row.try_get(0)?,
        kind: row.try_get(1)?,
        state: row.try_get(2)?,
        done: uint(row, 3)?,
        total: uint(row, 4)?,
        message: row.try_get(5)?,
        created_at: time(row, 6)?,
        ended_at: optional_time(row, 7)?,
        file: end
            .zip(bytes)
            .map(|(end, bytes)| SharedJobFile { end, bytes }),
    })
}

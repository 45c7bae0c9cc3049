use crate::chat::ChangeVector;
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::{FollowerLease, StoreError, WriteError, follower_cursor};

impl PostgresStore {
    pub(crate) async fn take_follower(
        &self,
        lease: FollowerLease,
    ) -> Result<Option<ChangeVector>, WriteError> {
        let head = follower_cursor::to_text(&self.head().changes);
        let seconds = lease.time.as_secs_f64();
        let taken = self
            .try_read(async |db| {
                let sql = "INSERT INTO followers (name, cursor, node, until)
                    VALUES ($1, $2, $3, now() + make_interval(secs => $4))
                    ON CONFLICT (name) DO UPDATE SET node = excluded.node, until = excluded.until
                    WHERE followers.node IS NULL OR followers.node = excluded.node
                        OR followers.until < now()
                    RETURNING cursor";
                let row = db
                    .query_opt(sql, &[&lease.name, &head, &lease.node, &seconds])
                    .await?;
                Ok(row.map(|row| row.try_get::<_, String>(0)).transpose()?)
            })
            .await?;
        let cursor = taken.map(|text| follower_cursor::from_text(&text));
        Ok(cursor.transpose().map_err(StoreError::Internal)?)
    }

    pub(crate) async fn save_follower(
        &self,
        lease: FollowerLease,
        reached: &ChangeVector,
    ) -> Result<bool, WriteError> {
        let cursor = follower_cursor::to_text(reached);
        let seconds = lease.time.as_secs_f64();
        self.try_read(async |db| {
            let sql = "UPDATE followers SET cursor = $2, until = now() + make_interval(secs => $4)
                WHERE name = $1 AND node = $3 AND until >= now()";
            let saved = db
                .execute(sql, &[&lease.name, &cursor, &lease.node, &seconds])
                .await?;
            Ok(saved == 1)
        })
        .await
    }
}

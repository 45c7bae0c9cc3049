//! Whether what PostgreSQL holds is consistent: every number that is stored is the one that
//! counting gives. The counterpart for SQLite is `sqlite/consistency.rs`.

use shoptalk_local_servers::Database;

/// Each listed head beside what its messages say.
const COUNTED: &str = "
    WITH counted AS MATERIALIZED (
        SELECT h.*, count(m.seq) AS messages, count(DISTINCT m.seq) AS seqs,
               coalesce(min(m.seq), 1) AS first_seq, coalesce(max(m.seq), 0) AS newest_seq,
               count(*) FILTER (WHERE m.sender_type = 0 AND m.seq > h.admin_read_seq) AS unread
        FROM room_heads h LEFT JOIN messages m USING (room) GROUP BY h.room
    )";

/// What contradicts itself, and a query that counts it.
const CONTRADICTIONS: &[(&str, &str)] = &[
    (
        "rooms without a head, or heads without a room",
        "SELECT count(*) FROM rooms r FULL JOIN room_heads h ON h.room = r.pk
         WHERE r.pk IS NULL OR h.room IS NULL",
    ),
    (
        "messages without a room",
        "SELECT count(*) FROM messages WHERE room NOT IN (SELECT pk FROM rooms)
             AND room NOT IN (SELECT pk FROM erasing_rooms)",
    ),
    (
        "rooms with a gap in their seqs",
        "SELECT count(*) FROM counted
         WHERE messages <> last_seq OR seqs <> messages OR first_seq <> 1 OR newest_seq <> last_seq",
    ),
    (
        "rooms with a gap in the numbers of their notes",
        "SELECT count(*) FROM (SELECT 1 FROM notes GROUP BY room
                               HAVING min(no) <> 1 OR max(no) <> count(*)) gaps",
    ),
    (
        "notes without a room, or after a message that is not there",
        "SELECT count(*) FROM notes n LEFT JOIN room_heads h USING (room)
         WHERE n.after_seq > coalesce(h.last_seq, -1)",
    ),
    (
        "rooms whose newest message is another one",
        "SELECT count(*) FROM counted c LEFT JOIN messages m ON m.room = c.room AND m.seq = c.last_seq
         WHERE (m.n, m.created_at, m.sender_type, m.sender_name)
             IS DISTINCT FROM (c.last_n, c.last_message_at, c.last_sender_type, c.last_sender_name)",
    ),
    (
        "rooms with a wrong count of unread messages",
        "SELECT count(*) FROM counted WHERE unread_count <> unread",
    ),
    (
        "rooms with a message whose change has no number",
        "SELECT count(*) FROM counted WHERE last_seq > 0 AND change = 0",
    ),
    (
        "rooms that wait without waiting, or wait unlisted",
        "SELECT count(*) FROM counted
         WHERE (status = 0) <> (waiting_n IS NOT NULL)
            OR (waiting_n IS NULL) <> (waiting_since IS NULL)",
    ),
    (
        "statuses whose count is wrong",
        "SELECT count(*) FROM
             (SELECT coalesce(sum(waiting), 0) AS w, coalesce(sum(active), 0) AS a,
                     coalesce(sum(closed), 0) AS c FROM slots) s,
             (SELECT count(*) FILTER (WHERE status = 0) AS w, count(*) FILTER (WHERE status = 1) AS a,
                     count(*) FILTER (WHERE status = 2) AS c FROM counted
              WHERE last_seq > 0 AND NOT spam) h
         WHERE (s.w, s.a, s.c) IS DISTINCT FROM (h.w, h.a, h.c)",
    ),
    (
        "rooms whose tags are not those of the list of tags",
        "SELECT CASE WHEN (SELECT coalesce(sum(cardinality(tags)), 0) FROM room_heads)
             <> (SELECT count(*) FROM room_tags) THEN 1 ELSE 0 END",
    ),
    (
        "changes past the end of their slot",
        "SELECT count(*) FROM (SELECT slot, change FROM room_heads
                               UNION ALL SELECT slot, change FROM erased_rooms) c
         LEFT JOIN slots s USING (slot) WHERE c.change > 0 AND c.change > coalesce(s.change, 0)",
    ),
    (
        "changes of a slot that two rooms have",
        "SELECT count(*) FROM (SELECT 1 FROM room_heads WHERE change > 0
                               GROUP BY slot, change HAVING count(*) > 1) twice",
    ),
];

/// What contradicts itself, a line each; none when all is well.
pub(super) fn in_postgres(database: &Database<'_>) -> Vec<String> {
    let counts: Vec<String> = CONTRADICTIONS
        .iter()
        .map(|(what, sql)| format!("SELECT '{what}' AS what, ({sql}) AS count"))
        .collect();
    let sql = format!(
        "{COUNTED} SELECT count, what FROM ({}) found WHERE count > 0",
        counts.join(" UNION ALL ")
    );
    let found = database.psql(&sql).expect("it counts");
    found.lines().map(str::to_owned).collect()
}

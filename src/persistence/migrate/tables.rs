//! The tables that move, and what each column is. The text index does not: it is made again.

use super::cell::Kind::{self, Bool, Bytes, Id, Ids, Int, Small, Text};

/// A table of PostgreSQL, and how SQLite has its rows.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [(&'static str, Kind)],
    /// Reads the same columns in the same order.
    pub(super) read: &'static str,
    /// Where SQLite has them.
    from: &'static str,
    /// What must not change is added up, alike in both databases.
    sums: &'static [&'static str],
}

/// In this order, so that every row finds those that it refers to.
pub(super) const TABLES: &[Table] = &[
    Table {
        name: "visitors",
        columns: &[
            ("id", Id),
            ("\"user\"", Text),
            ("blocked", Bool),
            ("created_at", Int),
            ("blocked_until", Int),
            ("attributes", Text),
            ("language", Text),
        ],
        read: "SELECT id, user, blocked, created_at, blocked_until, attributes, language
               FROM visitors",
        from: "visitors",
        sums: &["created_at"],
    },
    Table {
        name: "visitor_tokens",
        columns: &[("hash", Bytes), ("visitor", Id), ("created_at", Int)],
        read: "SELECT hash, visitor, created_at FROM visitor_tokens",
        from: "visitor_tokens",
        sums: &["created_at"],
    },
    Table {
        name: "rooms",
        columns: &[
            ("pk", Int),
            ("id", Id),
            ("visitor", Id),
            ("customer_name", Text),
            ("customer_email", Text),
            ("customer_phone", Text),
            ("page_url", Text),
            ("signed", Small),
            ("created_at", Int),
        ],
        read: "SELECT pk, id, visitor, customer_name, customer_email, customer_phone, page_url,
                   signed, created_at FROM rooms",
        from: "rooms",
        sums: &["pk", "created_at"],
    },
    Table {
        name: "room_heads",
        columns: &[
            ("room", Int),
            ("status", Small),
            ("updated_at", Int),
            ("last_seq", Int),
            ("customer_read_seq", Int),
            ("admin_read_seq", Int),
            ("unread_count", Int),
            ("version", Int),
            ("slot", Small),
            ("change", Int),
            ("waiting_since", Int),
            ("waiting_n", Int),
            ("last_n", Int),
            ("last_message_at", Int),
            ("last_sender_type", Small),
            ("last_sender_name", Text),
            ("last_content", Text),
            ("assignee", Id),
            ("tags", Ids),
            ("spam", Bool),
            ("snoozed_until", Int),
        ],
        read: "SELECT pk, status, updated_at, last_seq, customer_read_seq, admin_read_seq,
                   unread_count, version, 0, ifnull(change, 0), waiting_since, waiting_n, last_n,
                   last_message_at, last_sender_type, last_sender_name, last_content, assignee, tags,
                   spam, snoozed_until FROM rooms",
        from: "rooms",
        sums: &["last_seq", "unread_count", "version", "coalesce(change, 0)"],
    },
    Table {
        name: "messages",
        columns: &[
            ("room", Int),
            ("seq", Int),
            ("n", Int),
            ("id", Id),
            ("sender_type", Small),
            ("sender_name", Text),
            ("content", Text),
            ("event", Small),
            ("created_at", Int),
            ("via", Small),
            ("agent", Id),
        ],
        read: "SELECT room, seq, n, id, sender_type, sender_name, content, event, created_at,
                   via, agent FROM messages",
        from: "messages",
        sums: &["seq", "n", "length(content)"],
    },
    Table {
        name: "notes",
        columns: &[
            ("room", Int),
            ("no", Int),
            ("id", Id),
            ("after_seq", Int),
            ("agent", Id),
            ("agent_name", Text),
            ("content", Text),
            ("created_at", Int),
            ("to_ring", Bool),
        ],
        read: "SELECT room, no, id, after_seq, agent, agent_name, content, created_at, to_ring
               FROM notes",
        from: "notes",
        sums: &["no", "after_seq", "length(content)"],
    },
    Table {
        name: "agents",
        columns: &[
            ("id", Id),
            ("username", Text),
            ("username_key", Text),
            ("display_name", Text),
            ("role", Small),
            ("disabled", Bool),
            ("password_hash", Text),
            ("created_at", Int),
            ("on_duty", Bool),
        ],
        read: "SELECT id, username, username_key, display_name, role, disabled, password_hash,
                   created_at, on_duty FROM agents",
        from: "agents",
        sums: &["created_at"],
    },
    Table {
        name: "agent_sessions",
        columns: &[
            ("hash", Bytes),
            ("agent", Id),
            ("created_at", Int),
            ("last_used_at", Int),
            ("expires_at", Int),
        ],
        read: "SELECT hash, agent, created_at, last_used_at, expires_at FROM agent_sessions",
        from: "agent_sessions",
        sums: &["expires_at"],
    },
    Table {
        name: "api_tokens",
        columns: &[
            ("id", Id),
            ("hash", Bytes),
            ("name", Text),
            ("rights", Text),
            ("created_by", Id),
            ("created_at", Int),
            ("expires_at", Int),
            ("last_used_at", Int),
        ],
        read: "SELECT id, hash, name, rights, created_by, created_at, expires_at, last_used_at
               FROM api_tokens",
        from: "api_tokens",
        sums: &["created_at"],
    },
    Table {
        name: "push_keys",
        columns: &[("id", Small), ("private", Bytes)],
        read: "SELECT id, private FROM push_keys",
        from: "push_keys",
        sums: &[],
    },
    Table {
        name: "push_subscriptions",
        columns: &[
            ("endpoint", Text),
            ("p256dh", Bytes),
            ("auth", Bytes),
            ("session", Bytes),
            ("created_at", Int),
            ("problem", Text),
            ("language", Text),
        ],
        read: "SELECT endpoint, p256dh, auth, session, created_at, problem, language
               FROM push_subscriptions",
        from: "push_subscriptions",
        sums: &["created_at"],
    },
    Table {
        name: "alerts",
        columns: &[
            ("room", Int),
            ("waiting_n", Int),
            ("since", Int),
            ("rung", Small),
            ("mailed", Bool),
            ("next_at", Int),
        ],
        read: "SELECT room, waiting_n, since, rung, mailed, next_at FROM alerts",
        from: "alerts",
        sums: &["waiting_n", "since"],
    },
    Table {
        name: "audit",
        columns: &[
            ("pk", Int),
            ("at", Int),
            ("action", Text),
            ("actor", Text),
            ("subject", Text),
        ],
        read: "SELECT pk, at, action, actor, subject FROM audit",
        from: "audit",
        sums: &["at"],
    },
    Table {
        name: "settings",
        columns: &[
            ("id", Small),
            ("version", Int),
            ("content", Text),
            ("changed_at", Int),
            ("changed_by", Text),
        ],
        read: "SELECT id, version, content, changed_at, changed_by FROM settings",
        from: "settings",
        sums: &["version", "length(content)"],
    },
    Table {
        name: "visitor_changes",
        columns: &[("visitor", Id), ("new_owner", Id), ("after", Int)],
        read: "SELECT visitor, new_owner, after FROM visitor_changes",
        from: "visitor_changes",
        sums: &["after"],
    },
    Table {
        name: "erasures",
        columns: &[
            ("id", Id),
            ("kind", Small),
            ("decided_at", Int),
            ("unreachable_at", Int),
            ("finished_at", Int),
            ("bytes_gone_at", Int),
            ("visitors", Int),
            ("rooms", Int),
            ("messages", Int),
            ("tokens", Int),
            ("in_ledger", Bool),
        ],
        read: "SELECT id, kind, decided_at, unreachable_at, finished_at, bytes_gone_at, visitors,
                   rooms, messages, tokens, in_ledger FROM erasures",
        from: "erasures",
        sums: &["rooms", "messages"],
    },
    Table {
        name: "erased_visitors",
        columns: &[("visitor", Id), ("erasure", Id), ("pending", Bool)],
        read: "SELECT visitor, erasure, pending FROM erased_visitors",
        from: "erased_visitors",
        sums: &[],
    },
    Table {
        name: "erased_rooms",
        columns: &[
            ("room", Id),
            ("erasure", Id),
            ("slot", Small),
            ("change", Int),
        ],
        read: "SELECT room, erasure, 0, ifnull(change, 0) FROM erased_rooms",
        from: "erased_rooms",
        sums: &["coalesce(change, 0)"],
    },
    Table {
        name: "erasing_rooms",
        columns: &[("pk", Int), ("erasure", Id), ("head", Int), ("done", Int)],
        read: "SELECT pk, erasure, head, done FROM erasing_rooms",
        from: "erasing_rooms",
        sums: &["head", "done"],
    },
    Table {
        name: "redactions",
        columns: &[
            ("room", Int),
            ("seq", Int),
            ("message", Id),
            ("at", Int),
            ("bytes_gone_at", Int),
            ("in_ledger", Bool),
        ],
        read: "SELECT room, seq, message, at, bytes_gone_at, in_ledger FROM redactions",
        from: "redactions",
        sums: &["seq", "at"],
    },
    Table {
        name: "ratings",
        columns: &[
            ("room", Int),
            ("closing", Int),
            ("score", Small),
            ("comment", Text),
            ("created_at", Int),
            ("changed_at", Int),
        ],
        read: "SELECT room, closing, score, comment, created_at, changed_at FROM ratings",
        from: "ratings",
        sums: &["closing", "score", "changed_at"],
    },
    Table {
        name: "followers",
        columns: &[("name", Text), ("cursor", Text)],
        read: "SELECT name, cursor FROM followers",
        from: "followers",
        sums: &[],
    },
    Table {
        name: "tags",
        columns: &[("id", Id), ("name", Text), ("name_key", Text), ("color", Text)],
        read: "SELECT id, name, name_key, color FROM tags",
        from: "tags",
        sums: &[],
    },
    Table {
        name: "room_tags",
        columns: &[("tag", Id), ("room", Int)],
        read: "SELECT tag, room FROM room_tags",
        from: "room_tags",
        sums: &["room"],
    },
    Table {
        name: "replies",
        columns: &[
            ("id", Id),
            ("agent", Id),
            ("shortcut", Text),
            ("shortcut_key", Text),
            ("title", Text),
            ("content", Text),
        ],
        read: "SELECT id, agent, shortcut, shortcut_key, title, content FROM replies",
        from: "replies",
        sums: &["length(content)"],
    },
    Table {
        name: "pages",
        columns: &[("room", Int), ("at", Int), ("url", Text)],
        read: "SELECT room, at, url FROM pages",
        from: "pages",
        sums: &["at", "length(url)"],
    },
    Table {
        name: "drafts",
        columns: &[
            ("room", Int),
            ("after_seq", Int),
            ("content", Text),
            ("author", Text),
            ("created_at", Int),
        ],
        read: "SELECT room, after_seq, content, author, created_at FROM drafts",
        from: "drafts",
        sums: &["after_seq", "length(content)"],
    },
    Table {
        name: "mails",
        columns: &[
            ("id", Id),
            ("kind", Small),
            ("room", Id),
            ("recipient", Text),
            ("after_seq", Int),
            ("until_seq", Int),
            ("subject", Text),
            ("body", Text),
            ("state", Small),
            ("due", Int),
            ("tries", Int),
            ("error", Text),
            ("created_at", Int),
            ("finished_at", Int),
        ],
        read: "SELECT id, kind, room, recipient, after_seq, until_seq, subject, body, state, due,
                   tries, error, created_at, finished_at FROM mails",
        from: "mails",
        sums: &["due", "created_at"],
    },
    Table {
        name: "mailed",
        columns: &[("room", Id), ("address", Text), ("seq", Int), ("at", Int)],
        read: "SELECT room, address, seq, at FROM mailed",
        from: "mailed",
        sums: &["seq", "at"],
    },
    Table {
        name: "bounced_addresses",
        columns: &[("address", Text), ("at", Int), ("reason", Text)],
        read: "SELECT address, at, reason FROM bounced_addresses",
        from: "bounced_addresses",
        sums: &["at"],
    },
    Table {
        name: "mail_quarantine",
        columns: &[
            ("digest", Bytes),
            ("at", Int),
            ("reason", Small),
            ("sender", Text),
            ("subject", Text),
            ("room", Id),
            ("size", Int),
            ("text", Text),
        ],
        read: "SELECT digest, at, reason, sender, subject, room, size, text FROM mail_quarantine",
        from: "mail_quarantine",
        sums: &["at", "size"],
    },
    Table {
        name: "mail_positions",
        columns: &[("mailbox", Text), ("uid_validity", Int), ("uid", Int)],
        read: "SELECT mailbox, uid_validity, uid FROM mail_positions",
        from: "mail_positions",
        sums: &["uid"],
    },
    Table {
        name: "mail_keys",
        columns: &[("id", Small), ("key", Bytes)],
        read: "SELECT id, key FROM mail_keys",
        from: "mail_keys",
        sums: &["id"],
    },
];

/// Counts the rows that move.
pub(super) const TOTAL: &str = "SELECT (SELECT count(*) FROM messages)
    + 2 * (SELECT count(*) FROM rooms) + (SELECT count(*) FROM visitors)
    + (SELECT count(*) FROM visitor_tokens) + (SELECT count(*) FROM audit)";

impl Table {
    /// The statement that takes the rows.
    pub(super) fn copy(&self) -> String {
        let columns: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        format!(
            "COPY {} ({}) FROM STDIN (FORMAT BINARY)",
            self.name,
            columns.join(", ")
        )
    }

    /// Counts its rows and adds them up: in SQLite, and in PostgreSQL.
    pub(super) fn sums(&self) -> (String, String) {
        let sums: Vec<String> = self
            .sums
            .iter()
            .map(|sum| format!(", CAST(sum({sum}) AS BIGINT)"))
            .collect();
        let count = |table: &str| format!("SELECT count(*){} FROM {table}", sums.concat());
        (count(self.from), count(self.name))
    }
}

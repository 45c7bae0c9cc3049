//! Reports for admins: what happened through the API, counted.

use crate::common::{TestServer, Value, Visitor, json};

async fn close(visitor: &Visitor) {
    let closed = visitor.rest.post(&visitor.path("close/"), json!({})).await;
    closed.is(200);
}

#[tokio::test]
async fn a_report_counts_conversations_messages_answers_and_ratings() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let bob = server.agent("bob", "agent").await;
    let answered = Visitor::named(&server, "Ann").await;
    answered.post("hello").await;
    bob.post(&answered.room_id, "hi").await;
    answered.post("bye").await;
    close(&answered).await;
    let rating = answered.path("rating/");
    answered
        .rest
        .post(&rating, json!({"score": 4}))
        .await
        .is(201);
    let unanswered = Visitor::named(&server, "Cid").await;
    unanswered.post("anybody?").await;

    let by_day = admin.rest.get("/api/admin/reports/").await.is(200);
    assert_eq!(
        (&by_day["by"], &by_day["time_zone"]),
        (&json!("day"), &json!("UTC"))
    );
    let days = by_day["rows"].as_array().expect("rows");
    assert_eq!(days.len(), 30, "an empty day has a row, too");
    assert_eq!(days[29]["key"], by_day["to"]);
    let total = &by_day["total"];
    assert_eq!(
        (&total["conversations"], &total["unanswered"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(total["messages"], json!({"customer": 3, "agent": 1}));
    assert_eq!(
        (&total["first_answer"]["count"], &total["whole"]["count"]),
        (&json!(1), &json!(1))
    );
    let durations = &total["first_answer"];
    assert_eq!(
        durations["median_ms"], durations["open_median_ms"],
        "it is always open"
    );
    assert_eq!(
        total["ratings"],
        json!({"count": 1, "average": 4.0, "scores": [0, 0, 0, 1, 0]})
    );

    let by_agent = admin.rest.get("/api/admin/reports/?by=agent").await.is(200);
    let rows = by_agent["rows"].as_array().expect("rows");
    let of = |row: &Value| (row["name"].clone(), row["conversations"].clone());
    assert_eq!(of(&rows[0]), (json!("Bob Agent"), json!(1)));
    assert_eq!(
        of(&rows[1]),
        (json!(null), json!(1)),
        "the one that nobody answered"
    );
    assert_eq!(rows[0]["ratings"]["count"], 1);
    let by_tag = admin.rest.get("/api/admin/reports/?by=tag").await.is(200);
    assert_eq!(by_tag["total"], *total);

    let past = "/api/admin/reports/?from=2001-01-01&to=2001-01-31";
    let past = admin.rest.get(past).await.is(200);
    assert_eq!(past["total"]["conversations"], 0);
    assert_eq!(past["rows"].as_array().map(Vec::len), Some(31));
}

#[tokio::test]
async fn a_report_is_for_admins_and_of_a_bounded_range() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let bob = server.agent("bob", "agent").await;
    for path in ["/api/admin/reports/", "/api/admin/reports.csv"] {
        bob.rest.get(path).await.problem(403, "forbidden");
        server.rest().get(path).await.problem(401, "unauthorized");
        for (query, field) in [
            ("from=yesterday", "from"),
            ("to=2026-02-30", "to"),
            ("from=2026-01-02&to=2026-01-01", "to"),
            ("from=2024-01-01&to=2025-01-01", "to"),
            ("from=1969-12-31&to=1970-01-01", "from"),
            ("from=9999-12-31&to=9999-12-31", "from"),
            ("to=-009999-01-01", "to"),
            ("by=week", "by"),
        ] {
            let refused = admin.rest.get(&format!("{path}?{query}")).await;
            refused.invalid(field);
        }
    }
}

#[tokio::test]
async fn a_table_has_no_formula_and_the_total_in_its_last_line() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    visitor.post("hello").await;
    let named = json!({"display_name": "=1+1"});
    admin.rest.patch("/api/admin/me/", named).await.is(200);
    admin.post(&visitor.room_id, "hi").await;
    let table = admin.rest.get("/api/admin/reports.csv?by=agent").await;
    assert_eq!(table.status, 200);
    assert_eq!(table.header("content-type"), "text/csv; charset=utf-8");
    assert!(
        table
            .header("content-disposition")
            .starts_with("attachment; filename=\"report-")
    );
    let lines: Vec<&str> = table.text.split_terminator("\r\n").collect();
    assert!(lines[1].contains(",\"'=1+1\",1,0,0,1,"), "{lines:?}");
    assert!(lines[3].starts_with("total,,1,0,1,1,"), "{lines:?}");
    assert_eq!(lines.len(), 4, "{lines:?}");
}

//! The jobs of all nodes.

use uuid::Uuid;

use super::left_out_on_sqlite;
use crate::chat::Timestamp;
use crate::persistence::testing::*;
use crate::persistence::*;

fn job(kind: &str) -> SharedJob {
    SharedJob {
        id: Uuid::now_v7(),
        kind: kind.to_owned(),
        state: "running".to_owned(),
        done: 0,
        total: 0,
        message: None,
        created_at: Timestamp(1_000),
        ended_at: None,
        file: None,
    }
}

/// The same job when it has ended, with a file or without one.
fn ended(job: &SharedJob, has_file: bool) -> SharedJob {
    SharedJob {
        state: "done".to_owned(),
        done: 3,
        total: 3,
        message: Some("3 messages".to_owned()),
        ended_at: Some(Timestamp(2_000)),
        file: has_file.then(|| SharedJobFile {
            end: "jsonl".to_owned(),
            bytes: 4,
        }),
        ..job.clone()
    }
}

const LOST: Interrupted = Interrupted {
    kind: "export",
    message: "start it again",
};

async fn begin(test: &TestStore, job: &SharedJob) -> JobBegun {
    test.begin_job(job, 3).await.expect("asked")
}

async fn report(test: &TestStore, job: &SharedJob) -> JobOrder {
    test.report_job(job.id, 1, 3).await.expect("reported")
}

async fn end(test: &TestStore, job: &SharedJob) -> bool {
    test.end_job(job).await.expect("asked")
}

async fn stored(test: &TestStore, job: &SharedJob) -> Option<SharedJob> {
    test.shared_job(job.id).await.expect("read")
}

#[tokio::test]
async fn one_of_each_kind_runs_on_all_nodes_until_it_has_ended() {
    if left_out_on_sqlite() {
        return;
    }
    let test = TestStore::new();
    let (first, second, other) = (job("export"), job("export"), job("erase"));
    assert_eq!(begin(&test, &first).await, JobBegun::Begun);
    assert_eq!(begin(&test, &second).await, JobBegun::Running);
    assert_eq!(begin(&test, &other).await, JobBegun::Begun);
    assert_eq!(report(&test, &first).await, JobOrder::Continue);
    let shown = stored(&test, &first).await.expect("it is there");
    assert_eq!((shown.done, shown.total), (1, 3));

    test.cancel_job(first.id).await.expect("cancelled");
    assert_eq!(report(&test, &first).await, JobOrder::Cancel);
    assert_eq!(report(&test, &other).await, JobOrder::Continue);
    assert!(end(&test, &ended(&first, false)).await);
    assert_eq!(stored(&test, &first).await, Some(ended(&first, false)));
    assert_eq!(begin(&test, &second).await, JobBegun::Begun);
    assert!(end(&test, &ended(&second, false)).await);
    assert_eq!(begin(&test, &job("export")).await, JobBegun::Full);

    test.forget_jobs(Timestamp(2_001)).await.expect("forgotten");
    let left = test.shared_jobs().await.expect("read");
    assert_eq!(
        left.iter().map(|job| job.id).collect::<Vec<_>>(),
        [other.id]
    );
}

#[tokio::test]
async fn a_job_whose_node_is_gone_has_failed_and_ends_no_more() {
    if left_out_on_sqlite() {
        return;
    }
    let test = TestStore::new();
    let lost = job("export");
    begin(&test, &lost).await;
    let fail = async || {
        let failing = test.fail_lost_jobs("failed", Timestamp(3_000), LOST);
        failing.await.expect("asked");
    };
    fail().await;
    assert_eq!(stored(&test, &lost).await, Some(lost.clone()), "it reports");
    test.execute_from_outside("UPDATE jobs SET seen_at = seen_at - interval '31 seconds'");
    fail().await;
    let failed = stored(&test, &lost).await.expect("it is there");
    assert_eq!(
        (failed.state.as_str(), failed.message.as_deref()),
        ("failed", Some(LOST.message))
    );
    assert_eq!(begin(&test, &job("export")).await, JobBegun::Begun);
    // Its node was only slow.
    assert_eq!(report(&test, &lost).await, JobOrder::Cancel);
    assert!(!end(&test, &ended(&lost, true)).await);
    assert_eq!(stored(&test, &lost).await, Some(failed));
}

#[tokio::test]
async fn of_a_file_that_was_not_stored_to_the_end_no_part_stays() {
    if left_out_on_sqlite() {
        return;
    }
    let test = TestStore::new();
    let (lost, whole) = (job("export"), job("erase"));
    let put = async |job: &SharedJob, part| {
        let putting = test.put_job_part(job.id, part, b"ab");
        putting.await.expect("asked")
    };
    let part = async |job: &SharedJob| test.job_part(job.id, 0).await.expect("read");
    for job in [&lost, &whole] {
        begin(&test, job).await;
        assert!(put(job, 0).await);
    }
    assert!(end(&test, &ended(&whole, true)).await);
    let fail = async || {
        let failing = test.fail_lost_jobs("failed", Timestamp(3_000), LOST);
        failing.await.expect("asked");
    };
    fail().await;
    assert!(part(&lost).await.is_some(), "it is being stored");
    test.execute_from_outside("UPDATE jobs SET seen_at = seen_at - interval '31 seconds'");
    fail().await;
    assert_eq!(part(&lost).await, None);
    assert!(!put(&lost, 1).await, "its node was only slow");
    assert!(part(&whole).await.is_some());
}

#[tokio::test]
async fn a_file_goes_with_its_job_and_with_an_erasure() {
    if left_out_on_sqlite() {
        return;
    }
    let test = TestStore::new();
    let whole = job("export");
    begin(&test, &whole).await;
    let put = async |job: &SharedJob| {
        for (part, bytes) in [(0, b"ab"), (1, b"cd")] {
            let putting = test.put_job_part(job.id, part, bytes);
            putting.await.expect("stored");
        }
    };
    let part = async |job: &SharedJob, part| test.job_part(job.id, part).await.expect("read");
    put(&whole).await;
    assert!(end(&test, &ended(&whole, true)).await);
    assert_eq!(part(&whole, 1).await, Some(b"cd".to_vec()));
    assert_eq!(part(&whole, 2).await, None);

    let running = job("export");
    begin(&test, &running).await;
    test.remove_job_files("export").await.expect("removed");
    assert_eq!(
        part(&whole, 0).await,
        None,
        "it was there when somebody was erased"
    );
    put(&running).await;
    assert!(
        !end(&test, &ended(&running, true)).await,
        "it may hold them, too"
    );
    assert!(end(&test, &ended(&running, false)).await);

    let later = job("export");
    begin(&test, &later).await;
    put(&later).await;
    assert!(end(&test, &ended(&later, true)).await);
    test.forget_jobs(Timestamp(2_001)).await.expect("forgotten");
    assert_eq!(part(&later, 0).await, None);
}

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use shoptalk_local_servers::{left_out_on_postgres, postgres_is_tested};

use super::*;
use crate::chat::Who;
use crate::jobs::export::ExportFormat;
use crate::jobs::schedule::{BackupMetrics, BackupSettings};
use crate::persistence::ExportScope;
use crate::persistence::testing::*;

/// Jobs on a store of their own.
struct TestJobs {
    store: TestStore,
    directory: tempfile::TempDir,
    drain: CancellationToken,
}

impl TestJobs {
    fn new() -> Self {
        Self {
            store: TestStore::new(),
            directory: tempfile::tempdir().expect("a directory"),
            drain: CancellationToken::new(),
        }
    }

    /// The jobs as a server opens them.
    fn open(&self, min_free_bytes: u64) -> Jobs {
        let data_dir = self.directory.path().to_owned();
        let directory = data_dir.join("backups");
        let store = (*self.store).clone();
        let settings = BackupSettings {
            data_dir,
            directory,
            every: match store.is_shared() {
                true => Duration::from_secs(1),
                false => Duration::ZERO,
            },
            min_free_bytes,
            recipients: Vec::new(),
            is_postgres: store.is_shared(),
        };
        let eraser = Eraser::new(store.clone(), None, settings.clone());
        let metrics = BackupMetrics::none();
        let backups = Backups::open(store.clone(), settings, metrics);
        Jobs::open(store, backups, eraser, self.drain.clone())
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path().join("jobs")).expect("listed");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<_> = names
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

/// All jobs.
async fn listed(jobs: &Jobs) -> Vec<Job> {
    jobs.list().await.expect("read")
}

/// Cancels a job.
async fn cancel(jobs: &Jobs, id: Uuid) -> Option<Job> {
    jobs.cancel(id).await.expect("done")
}

/// The path of a job's file, where the store is not shared.
async fn path(jobs: &Jobs, id: Uuid) -> PathBuf {
    match jobs.file(id).await.expect("read").expect("a file").place {
        JobFilePlace::Disk(path) => path,
        JobFilePlace::Store(_) => panic!("it is in the store"),
    }
}

const BY: Principal = Principal::CommandLine;
const EXPORT: JobRequest = JobRequest::Export(ExportScope::All, ExportFormat::Jsonl);

async fn ended(jobs: &Jobs, id: Uuid) -> Job {
    loop {
        let job = jobs.get(id).await.expect("read").expect("it is kept");
        if job.state != JobState::Running {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_running_job_keeps_others_of_its_kind_away_until_it_is_cancelled() {
    if left_out_on_postgres("its backups are not made here") {
        return;
    }
    let test = TestJobs::new();
    let jobs = test.open(0);
    let pause = jobs.backups().pause().await;
    let job = jobs.start(JobRequest::Backup, BY).await.expect("started");
    assert_eq!(job.state, JobState::Running);
    let second = jobs.start(JobRequest::Backup, BY).await;
    assert!(matches!(second, Err(JobRefused::Running)));
    let export = jobs.start(EXPORT, BY).await.expect("another kind");
    assert_eq!(ended(&jobs, export.id).await.state, JobState::Done);

    cancel(&jobs, job.id).await.expect("it is known");
    let cancelled = ended(&jobs, job.id).await;
    assert_eq!(cancelled.state, JobState::Cancelled);
    assert_eq!(jobs.file(job.id).await.expect("read"), None);
    drop(pause);
    let next = jobs.start(JobRequest::Backup, BY).await.expect("started");
    let next = ended(&jobs, next.id).await;
    assert_eq!(next.state, JobState::Done, "{next:?}");
    assert_eq!(next.done, next.total);
    cancel(&jobs, next.id).await.expect("it is known");
    let kept = jobs.get(next.id).await.expect("read");
    assert_eq!(kept, Some(next), "one that has ended stays");
    assert_eq!(cancel(&jobs, Uuid::now_v7()).await, None);
}

#[tokio::test]
async fn files_are_private_and_go_with_their_jobs() {
    if left_out_on_postgres("its backups are not made here") {
        return;
    }
    let test = TestJobs::new();
    let jobs = test.open(0);
    let mut ids = Vec::new();
    for request in [JobRequest::Backup, EXPORT] {
        let job = jobs.start(request, BY).await.expect("started");
        assert_eq!(ended(&jobs, job.id).await.state, JobState::Done);
        let path = path(&jobs, job.id).await;
        let mode = path.metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        ids.push(job.id);
    }
    assert_eq!(test.names().len(), 4);
    let at = Timestamp::now();
    jobs.remove_before(Timestamp(at.0 - KEPT_MS));
    assert_eq!(listed(&jobs).await.len(), 2);
    jobs.remove_before(Timestamp(at.0 + 60_000));
    assert_eq!(
        (listed(&jobs).await, test.names()),
        (Vec::new(), Vec::new())
    );
    let backups = std::fs::read_dir(test.directory.path().join("backups")).expect("listed");
    assert_eq!(
        backups.count(),
        2,
        "the backup itself stays, with its manifest"
    );
}

#[tokio::test]
async fn after_a_kill_jobs_that_ran_have_failed_and_nothing_half_done_is_left() {
    if left_out_on_postgres("its backups are not made here") {
        return;
    }
    let test = TestJobs::new();
    let jobs = test.open(0);
    let whole = jobs.start(EXPORT, BY).await.expect("started");
    ended(&jobs, whole.id).await;
    let _pause = jobs.backups().pause().await;
    let running = jobs.start(JobRequest::Backup, BY).await.expect("started");
    let directory = test.directory.path().join("jobs");
    std::fs::write(directory.join("export-half.jsonl"), "half").expect("written");
    std::fs::write(directory.join(".tmpabc"), "half").expect("written");
    std::fs::write(directory.join("broken.job"), "{").expect("written");

    let after = test.open(0);
    let list = listed(&after).await;
    assert_eq!(
        list.iter().map(|job| job.id).collect::<Vec<_>>(),
        [running.id, whole.id]
    );
    assert_eq!(list[0].state, JobState::Failed);
    let message = list[0].message.as_deref().expect("a message");
    assert!(
        message.contains("stopped") && message.contains("start it again"),
        "{message}"
    );
    assert_eq!(list[1].state, JobState::Done);
    assert!(path(&after, whole.id).await.is_file());
    assert_eq!(test.names().len(), 3, "{:?}", test.names());
}

#[tokio::test]
async fn a_stop_of_the_server_is_a_failure_and_says_so() {
    if left_out_on_postgres("its backups are not made here") {
        return;
    }
    let test = TestJobs::new();
    let jobs = test.open(0);
    let _pause = jobs.backups().pause().await;
    let job = jobs.start(JobRequest::Backup, BY).await.expect("started");
    test.drain.cancel();
    let job = ended(&jobs, job.id).await;
    assert_eq!(job.state, JobState::Failed);
    assert_eq!(
        job.message,
        Some(files::interrupted(JobKind::Backup).to_owned())
    );
}

#[tokio::test]
async fn of_a_job_that_ends_in_its_last_step_no_file_stays() {
    if left_out_on_postgres("its backups are not made here") {
        return;
    }
    let test = TestJobs::new();
    let jobs = test.open(0);
    let _pause = jobs.backups().pause().await;
    let job = jobs.start(JobRequest::Backup, BY).await.expect("started");
    let result = jobs.0.files.path(format!("backup-{}.db", job.id).as_ref());
    std::fs::write(&result, "what its last step has made").expect("written");
    cancel(&jobs, job.id).await.expect("it is known");
    assert_eq!(ended(&jobs, job.id).await.state, JobState::Cancelled);
    assert!(!result.exists());
    assert_eq!(test.names(), [format!("{}.job", job.id)]);

    // The step itself takes longer than the job.
    let entry = jobs.own(job.id).expect("it is kept");
    let late = result.clone();
    let step = jobs.last_step(&entry, move || std::fs::write(late, "late"));
    step.await.expect("done");
    assert!(!result.exists());
}

#[tokio::test]
async fn a_file_that_cannot_be_stored_to_its_end_leaves_no_part() {
    if !postgres_is_tested() {
        return;
    }
    let test = TestJobs::new();
    let jobs = test.open(0);
    let mut entry = Entry::begin(JobKind::Export, CancellationToken::new());
    jobs.admit(&entry).await.expect("begun");
    let id = entry.job.id;
    let name = JobFiles::export(id, "jsonl");
    std::fs::write(jobs.0.files.path(&name), vec![b'x'; 2 << 20]).expect("written");
    // The place of its second part is taken.
    let taken = "INSERT INTO job_parts SELECT id, 1, '' FROM jobs";
    test.store.execute_from_outside(taken);
    entry.end(JobState::Done, "done".into(), Some(name));
    let shared = jobs.0.shared.as_ref().expect("a shared store");
    shared.end(&entry, &jobs.0.files).await;
    let job = jobs.get(id).await.expect("read").expect("it is kept");
    assert_eq!(job.state, JobState::Failed);
    assert_eq!(jobs.file(id).await.expect("read"), None);
    for part in 0..2 {
        assert_eq!(jobs.file_part(id, part).await.expect("read"), None);
    }
}

#[tokio::test]
async fn an_export_leaves_the_disk_the_space_that_the_chat_needs() {
    let test = TestJobs::new();
    let room = test.store.new_room("Ann").await;
    test.store.post_as_visitor(room, "hello").await;
    let jobs = test.open(u64::MAX);
    let job = jobs.start(EXPORT, BY).await.expect("started");
    let job = ended(&jobs, job.id).await;
    assert_eq!(job.state, JobState::Failed);
    assert!(
        job.message
            .expect("a message")
            .contains("backup.min_free_bytes")
    );
    let own = usize::from(!postgres_is_tested());
    assert_eq!(test.names().len(), own, "only the job's own file");
}

#[tokio::test]
async fn an_erasure_removes_exports_and_names_kept_backups() {
    if left_out_on_postgres("its backups are not made here") {
        return;
    }
    let test = TestJobs::new();
    let room = test.store.new_room("Ann").await;
    test.store.post_as_visitor(room, "hello").await;
    let jobs = test.open(0);
    for request in [EXPORT, JobRequest::Backup] {
        let job = jobs.start(request, BY).await.expect("started");
        assert_eq!(ended(&jobs, job.id).await.state, JobState::Done);
    }
    let export = listed(&jobs).await[1].id;
    // Nobody matches: nothing is decided.
    let who: Who = "user:nobody".parse().expect("a person");
    let before = jobs.eraser().decided();
    let erase = |dry_run| JobRequest::Erase {
        who: who.clone(),
        dry_run,
    };
    let dry = jobs.start(erase(true), BY).await.expect("started");
    ended(&jobs, dry.id).await;
    let path_of_export = path(&jobs, export).await;
    assert!(path_of_export.is_file(), "a dry run removes nothing");
    let job = jobs.start(erase(false), BY).await.expect("started");
    let job = ended(&jobs, job.id).await;
    assert_eq!(job.state, JobState::Done, "{job:?}");
    assert_eq!(jobs.eraser().decided(), before);
    assert!(!path_of_export.exists());
    let receipt = std::fs::read_to_string(path(&jobs, job.id).await);
    let receipt: crate::jobs::erase::Receipt =
        serde_json::from_str(&receipt.expect("read")).expect("a receipt");
    let mut kept = receipt
        .backups
        .iter()
        .map(|backup| backup.kept_until.is_some());
    assert_eq!(
        (kept.next(), kept.next(), kept.next()),
        (Some(false), Some(true), None)
    );
}

#[tokio::test]
async fn an_erasure_is_cancelled_only_while_nothing_is_decided() {
    let test = TestJobs::new();
    let jobs = test.open(0);
    let details = crate::chat::Details::default();
    let opened = test.store.open_room(anonymous(details)).await;
    let opened = opened.expect("it opens");
    let room = opened.record.room.id;
    test.store.post_as_visitor(room, "hello").await;
    let pause = test.store.pause_writer().await;
    let erase = JobRequest::Erase {
        who: "user:nobody".parse().expect("a person"),
        dry_run: false,
    };
    let job = jobs.start(erase, BY).await.expect("started");
    cancel(&jobs, job.id).await.expect("it is known");
    drop(pause);
    assert_eq!(ended(&jobs, job.id).await.state, JobState::Cancelled);
    assert!(test.store.room(room).await.expect("it reads").is_some());
}

#[tokio::test]
async fn what_the_tools_of_postgres_do_is_refused_with_their_names() {
    if !postgres_is_tested() {
        return;
    }
    let test = TestJobs::new();
    let jobs = test.open(0);
    for (request, tool) in [
        (JobRequest::Backup, "pg_dump"),
        (JobRequest::Rewrite, "VACUUM"),
    ] {
        let refused = jobs.start(request, BY).await.expect_err("it is refused");
        assert!(refused.to_string().contains(tool), "{refused}");
    }
    assert_eq!(listed(&jobs).await, Vec::new());
    let export = jobs.start(EXPORT, BY).await.expect("started");
    assert_eq!(ended(&jobs, export.id).await.state, JobState::Done);
    // With backups on, none is made: it would not return otherwise.
    jobs.backups().clone().run(test.drain.clone()).await;
}

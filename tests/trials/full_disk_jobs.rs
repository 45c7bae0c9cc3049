//! P16: jobs that admins start, on a disk that fills up.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::Method;

use crate::common::{DEADLINE, Response, Value, json, new_id};
use crate::disks::{fill, within};
use crate::faults::{ENOSPC, FOREVER, Faults, Order, TRUNCATES, WRITES};
use crate::fixtures::OpenShop;
use crate::history::check_histories;
use crate::process::{Process, Setup};
use crate::report::{Form, Line};
use crate::workload::{Behavior, Workload};

const JOBS: &str = "/api/admin/jobs/";
/// What a person writes. Everybody's messages are a few megabytes in the long form.
const MESSAGES_OF_EACH: u64 = 20;
const LETTERS_OF_A_MESSAGE: usize = 4_000;
/// Nobody else writes it at the beginning of a message.
const WORD: &str = "toaster";
/// The free space that is left to a job is two to the power of one of these, in bytes.
const LEFT_TO_A_JOB_BITS: std::ops::Range<u32> = 15..27;

/// Writes of the database's files fail.
pub(crate) async fn on_demand(form: Form, line: Line) -> Result<()> {
    let setup = Setup::new().failing(Faults::new());
    jobs(form, line, setup, "disk (ENOSPC on demand)").await
}

/// Whatever is written to a small file system in memory fails, the jobs' own files included; needs
/// the right to mount it.
pub(crate) async fn on_a_tmpfs(form: Form, line: Line) -> Result<()> {
    let setup = Setup::new().on_a_small_disk();
    jobs(form, line, setup, "tmpfs of 128 MB").await
}

/// Jobs of each kind on a full disk: whole or failed with the reason, and nothing of one that failed
/// stays. An erasure is done or as before, once there is space.
async fn jobs(form: Form, line: Line, setup: Setup, disk: &str) -> Result<()> {
    let rounds = form.pick(3, 50);
    let mut random = StdRng::seed_from_u64(form.seed);
    // The jobs are not refused before the disk is full.
    let mut setup = setup
        .with("SHOPTALK_BACKUP__MIN_FREE_BYTES", "0")
        .with("SHOPTALK_BACKUP__EVERY_MS", "0");
    let mut server = setup.serve().await?;
    let shop = OpenShop::create(&setup, &server, 1).await?;
    let mut people = Vec::new();
    for number in 0..rounds {
        people.push(Person::arrive(&server, number).await?);
    }
    let mut workload = Workload::start(server.addr, 4, Behavior::PLAIN, form.seed).await?;
    let mut ends = Ends::default();
    for (number, person) in people.iter().enumerate() {
        let mut kinds = vec![
            json!({"kind": "export"}),
            json!({"kind": "erase", "who": person.who}),
        ];
        // As many jobs as the server keeps, and no more.
        if number % 3 == 0 {
            kinds.push(json!({"kind": "backup"}));
            kinds.push(json!({"kind": "rewrite"}));
        }
        for request in kinds {
            workload.wait_for_acks(workload.acks() + 20).await?;
            let full = FullDisk::make(&setup, &server, &mut random)?;
            let ended = run_job(&shop, &request).await;
            full.end(&setup)?;
            let ended = ended.with_context(|| request.to_string())?;
            ends.count(&ended);
            left_files_are_whole(&setup, &server, &shop).await?;
            match (request["kind"].as_str(), &ended) {
                (Some("export"), Ended::Done(job)) => {
                    let left = people.len() - number;
                    export_is_whole(&shop, job, left).await?;
                }
                (Some("erase"), ended) => person.is_as_said(&shop, ended).await?,
                (Some("backup"), Ended::Done(job)) => backup_verifies(&setup, &shop, job).await?,
                _ => {}
            }
            // Posts are accepted again.
            workload.wait_for_acks(workload.acks() + 5).await?;
        }
        let request = json!({"kind": "erase", "who": person.who});
        let Ended::Done(_) = run_job(&shop, &request).await? else {
            bail!("{} is not erased with space", person.who);
        };
        ensure!(person.messages(&shop).await? == 0, "{} is left", person.who);
    }
    let Ended::Done(job) = run_job(&shop, &json!({"kind": "export"})).await? else {
        bail!("no export with space");
    };
    export_is_whole(&shop, &job, 0).await?;
    let refusals = workload.errors();
    let histories = workload.finish().await?;
    let copy = tempfile::tempdir()?;
    let database = server.freeze(&setup, copy.path()).await?;
    let verdict = check_histories(&database, &histories, None)?;
    setup.log()?;
    line.figure(
        &format!("{} jobs of admins on a full {disk}", ends.all()),
        format!("{ends}; {refusals} refusals of posts; {verdict}"),
        "done, or failed with the reason and without a half file; erased or as before; the chat unharmed",
        ends.failed + ends.refused > 0 && verdict.faults() == 0 && verdict.unknown == 0,
    )
}

/// A disk that is full, or is soon going to be.
enum FullDisk {
    OnDemand,
    Ballast(PathBuf),
}

impl FullDisk {
    fn make(setup: &Setup, server: &Process, random: &mut StdRng) -> Result<Self> {
        let Some(faults) = &setup.faults else {
            let ballast = server.sees(&setup.data_dir()).join("ballast");
            fill(&ballast)?;
            let file = std::fs::File::options().write(true).open(&ballast)?;
            // For about a third of the jobs there is nothing at all, so that they cannot even be started.
            let left = match random.random_range(0..3) {
                0 => 0,
                _ => 1 << random.random_range(LEFT_TO_A_JOB_BITS),
            };
            file.set_len(file.metadata()?.len().saturating_sub(left))?;
            return Ok(Self::Ballast(ballast));
        };
        faults.order(Order {
            nth: random.random_range(1..50),
            kinds: WRITES | TRUNCATES,
            error: ENOSPC,
            repeat: [1, 20, FOREVER][random.random_range(0..3)],
            torn: false,
        });
        Ok(Self::OnDemand)
    }

    fn end(self, setup: &Setup) -> Result<()> {
        match (self, &setup.faults) {
            (Self::Ballast(path), _) => std::fs::remove_file(path)?,
            (Self::OnDemand, faults) => faults.as_ref().context("faults")?.withdraw(),
        }
        Ok(())
    }
}

/// How a job has ended.
enum Ended {
    Done(Value),
    /// With this reason.
    Failed(String),
    /// It was not even started.
    Refused,
}

#[derive(Default)]
struct Ends {
    done: usize,
    failed: usize,
    refused: usize,
}

impl Ends {
    fn count(&mut self, ended: &Ended) {
        match ended {
            Ended::Done(_) => self.done += 1,
            Ended::Failed(_) => self.failed += 1,
            Ended::Refused => self.refused += 1,
        }
    }

    fn all(&self) -> usize {
        self.done + self.failed + self.refused
    }
}

impl std::fmt::Display for Ends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            done,
            failed,
            refused,
        } = self;
        write!(f, "{done} done, {failed} failed, {refused} not started")
    }
}

/// Starts a job and waits for its end. Whatever has failed names the full disk.
async fn run_job(shop: &OpenShop, request: &Value) -> Result<Ended> {
    let started = shop.agent.post(JOBS, request.clone()).await;
    if started.status == 503 {
        names_full_disk(&started.json()["detail"])?;
        return Ok(Ended::Refused);
    }
    ensure!(started.status == 201, "{} {}", started.status, started.text);
    let started = started.json();
    let path = format!("{JOBS}{}/", started["job"]["id"].as_str().context("id")?);
    let mut job = Value::Null;
    within(DEADLINE, "a job ends", async || {
        job = job_at(shop, &path).await?;
        Ok(job["state"] != "running")
    })
    .await?;
    match job["state"].as_str() {
        Some("done") => Ok(Ended::Done(job)),
        Some("failed") => {
            let why = names_full_disk(&job["message"])?;
            Ok(Ended::Failed(why.to_owned()))
        }
        _ => bail!("{job}"),
    }
}

fn names_full_disk(why: &Value) -> Result<&str> {
    let why = why.as_str().context("no reason")?;
    ensure!(
        why.contains("disk is full") || why.contains("free some space"),
        "not about the disk: {why}"
    );
    Ok(why)
}

async fn job_at(shop: &OpenShop, path: &str) -> Result<Value> {
    let response = ok(shop.agent.get(path).await)?;
    Ok(response.json()["job"].clone())
}

fn ok(response: Response) -> Result<Response> {
    ensure!(
        response.status == 200,
        "{} {}",
        response.status,
        response.text
    );
    Ok(response)
}

fn file_of(job: &Value) -> Result<String> {
    Ok(format!(
        "{JOBS}{}/file/",
        job["id"].as_str().context("an id")?
    ))
}

/// Each line of an export is whole, and it has as many messages as its job says, among them all of the
/// people who are left.
async fn export_is_whole(shop: &OpenShop, job: &Value, people_left: usize) -> Result<()> {
    let text = ok(shop.agent.get(&file_of(job)?).await)?.text;
    ensure!(text.ends_with('\n'), "its last line is cut off");
    let (mut messages, mut of_people) = (0, 0);
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).context("half a line")?;
        if line["type"] == "message" {
            messages += 1;
            let content = line["content"].as_str().context("a text")?;
            of_people += u64::from(content.starts_with(WORD));
        }
    }
    ensure!(job["done"] == messages, "{messages} messages: {job}");
    let expected = people_left as u64 * MESSAGES_OF_EACH;
    ensure!(of_people == expected, "{of_people} messages of people");
    Ok(())
}

async fn backup_verifies(setup: &Setup, shop: &OpenShop, job: &Value) -> Result<()> {
    let download = shop.agent.request(Method::GET, &file_of(job)?);
    let bytes = download.send().await?.error_for_status()?.bytes().await?;
    let copy = setup.outside("backup.db");
    std::fs::write(&copy, bytes)?;
    let verified = setup.run(&["verify", &copy.display().to_string()]).await?;
    ensure!(verified.success(), "{verified}");
    Ok(())
}

/// In the jobs' directory there are the states of jobs and the results of those that are done; nothing
/// half written stays in the data directory or beside the backups either.
async fn left_files_are_whole(setup: &Setup, server: &Process, shop: &OpenShop) -> Result<()> {
    let listed = ok(shop.agent.get(JOBS).await)?.json();
    let listed = listed["results"].as_array().context("a list")?;
    let done: Vec<&str> = listed
        .iter()
        .filter(|job| job["state"] == "done")
        .filter_map(|job| job["id"].as_str())
        .collect();
    let data_dir = server.sees(&setup.data_dir());
    let is_whole = |name: &str| {
        let is_result = done.iter().any(|id| {
            let results = ["export-ID.jsonl", "receipt-ID.json", "backup-ID.db"];
            results.iter().any(|it| it.replace("ID", id) == name)
        });
        is_result || (!name.starts_with('.') && name.ends_with(".job"))
    };
    let mut odd = Vec::new();
    let gone = within(DEADLINE, "half a file goes", async || {
        odd = names(&data_dir.join("jobs"))?;
        odd.retain(|name| !is_whole(name));
        let mut partial = names(&data_dir)?;
        let backups = data_dir.join("backups");
        if backups.exists() {
            partial.append(&mut names(&backups)?);
        }
        partial.retain(|name| name.contains(".partial") || name.starts_with('.'));
        odd.append(&mut partial);
        Ok(odd.is_empty())
    });
    gone.await.with_context(|| format!("{odd:?}"))
}

fn names(directory: &Path) -> Result<Vec<String>> {
    let name = |entry: std::io::Result<std::fs::DirEntry>| -> Result<String> {
        Ok(entry?.file_name().to_string_lossy().into_owned())
    };
    std::fs::read_dir(directory)?.map(name).collect()
}

/// Somebody who is erased.
struct Person {
    who: String,
    room: String,
}

impl Person {
    /// Opens a room and writes.
    async fn arrive(server: &Process, number: usize) -> Result<Self> {
        let email = format!("customer-{number}@example.com");
        let rest = server.rest();
        let opened = rest
            .post("/api/chat/rooms/", json!({"customer_email": email}))
            .await
            .is(201);
        let room = opened["room"]["id"].as_str().context("an id")?.to_owned();
        let visitor = rest.bearer(opened["token"].as_str().context("a token")?);
        let messages = format!("/api/chat/rooms/{room}/messages/");
        let content = format!("{WORD} ").repeat(LETTERS_OF_A_MESSAGE / (WORD.len() + 1));
        for _ in 0..MESSAGES_OF_EACH {
            let body = json!({"id": new_id(), "content": content.trim()});
            visitor.post(&messages, body).await.is(201);
        }
        Ok(Self {
            who: format!("email:{email}"),
            room,
        })
    }

    /// How many messages are left; 0 without the room.
    async fn messages(&self, shop: &OpenShop) -> Result<u64> {
        let path = format!("/api/admin/rooms/{}/messages/?limit=200", self.room);
        let page = shop.agent.get(&path).await;
        if page.status == 404 {
            return Ok(0);
        }
        let page = ok(page)?.json();
        Ok(page["results"].as_array().context("messages")?.len() as u64)
    }

    /// What the job has said of the person holds. An erasure that is decided completes by itself.
    async fn is_as_said(&self, shop: &OpenShop, ended: &Ended) -> Result<()> {
        let is_untouched = match ended {
            Ended::Done(job) => {
                let receipt = ok(shop.agent.get(&file_of(job)?).await)?.json();
                let erased = &receipt["erased"]["messages"];
                ensure!(*erased == MESSAGES_OF_EACH, "{receipt}");
                false
            }
            Ended::Failed(why) => why.starts_with("nobody was erased"),
            Ended::Refused => true,
        };
        if is_untouched {
            let left = self.messages(shop).await?;
            ensure!(left == MESSAGES_OF_EACH, "{left} messages are left");
            return Ok(());
        }
        within(DEADLINE, "an erasure completes", async || {
            Ok(self.messages(shop).await? == 0)
        })
        .await
    }
}

//! The promises under faults and attack, each with a figure. `cargo test --test trials` takes
//! the short form; `SHOPTALK_TRIALS=long` the long one; names or lines (`P3`) choose.
//!
//! `SHOPTALK_TRIALS_SEED` repeats a run's choices, `SHOPTALK_BIN` tests another binary, and
//! `SHOPTALK_TRIALS_MESSAGES` is the size of the long form's large database.

#[path = "../common/mod.rs"]
mod common;

mod alerts;
mod api_fuzz;
mod backups;
mod bus;
mod clocks;
mod cluster;
mod connections;
mod crashes;
mod crowd;
mod damage;
mod disks;
mod erasures;
mod faults;
mod fixtures;
mod followers;
mod frame_fuzz;
mod full_disk_jobs;
mod history;
mod mailbox;
mod migrations;
mod mutation;
mod nodes;
mod panics;
mod participants;
mod postgres;
mod power;
mod process;
mod proxy;
mod released;
mod report;
mod restores;
mod resume;
mod same_ids;
mod security;
mod slow_readers;
mod soak;
mod storms;
mod unread_responses;
mod upgrades;
mod visitor_socket;
mod workload;

use libtest_mimic::{Arguments, Failed, Trial};
use shoptalk_local_servers::{Nats, Postgres};

use report::{Form, Table};

fn main() {
    if upgrades::run_migration_if_asked() {
        return;
    }
    silence_injected_panics();
    let form = Form::from_environment();
    let mut arguments = Arguments::from_args();
    // The long form measures; the short one fits two cores.
    arguments.test_threads = arguments
        .test_threads
        .or(Some(if form.long { 1 } else { 3 }));
    let table = Table::default();
    let trials = TRIALS
        .iter()
        .map(|(line, name, run)| {
            let table = table.clone();
            let missing = missing(form, line, name);
            Trial::test(format!("{line} {name}"), move || {
                let runtime = tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(2)
                    .enable_all()
                    .build()?;
                let result = runtime.block_on(run(form, table.line(line)));
                table.end(line, name, &result);
                runtime.shutdown_background();
                result.map_err(|error| Failed::from(format!("{error:#}")))
            })
            .with_kind(missing.unwrap_or(""))
            .with_ignored_flag(missing.is_some())
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    table.print(form);
    conclusion.exit();
}

/// Panics that a trial injects are not printed.
fn silence_injected_panics() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let words = panic.payload_as_str().unwrap_or("");
        if !words.starts_with("injected by a test") {
            print(panic);
        }
    }));
}

type Run = fn(Form, report::Line) -> std::pin::Pin<Box<dyn Future<Output = anyhow::Result<()>>>>;

macro_rules! trials {
    ($($line:literal $name:literal => $run:path,)*) => {
        &[$(($line, $name, (|form, line| Box::pin($run(form, line))) as Run)),*]
    };
}

/// Why a trial is ignored: what it needs and has not got. It is shown beside its name.
fn missing(form: Form, line: &str, name: &str) -> Option<&'static str> {
    if !form.long && IN_THE_LONG_FORM.contains(&name) {
        return Some("in the long form");
    }
    if name.ends_with("a full tmpfs") && !disks::can_mount() {
        return Some("no right to mount a tmpfs");
    }
    if line.starts_with('G') && !Postgres::is_installed() {
        return Some("needs PostgreSQL; Debian's package is postgresql");
    }
    if name == "NATS that is cut" && !Nats::is_installed() {
        return Some("needs NATS; Debian's package is nats-server");
    }
    // The library is preloaded, and the server looked at in /proc.
    if !cfg!(target_os = "linux") {
        return Some("needs Linux");
    }
    None
}

/// Ratios of speed, which need the whole machine, and what the browser tests show by themselves.
const IN_THE_LONG_FORM: &[&str] = &[
    "others beside slow readers",
    "shown in a browser",
    "equal times",
    "sessions that end",
    "a copy from outside, control",
];

const TRIALS: &[(&str, &str, Run)] = trials![
    // The longest waits come first, so that the others run beside them.
    "P15" "a poisoned room" => panics::poisoned,
    "P10" "a dead peer" => connections::dead_peer,
    "P10" "a half-open peer" => connections::half_open_peer,
    "P1" "acked is on disk: kill -9" => crashes::kill_nine,
    "P2" "one gapless order, retries safe" => crashes::retries_and_cuts,
    "P3" "power loss" => power::full,
    "P3" "power loss, control: NORMAL loses" => power::control,
    "P4" "resume of rooms is exact" => resume::exact_resume,
    "P4" "resume of the lobby is exact" => resume::exact_lobby,
    "P5" "a full disk" => disks::full_disk,
    "P5" "a full tmpfs" => disks::full_tmpfs,
    "P6" "I/O errors" => disks::io_errors,
    "P6" "I/O errors, control" => disks::half_written,
    "P7" "flipped bits" => damage::flipped_bits,
    "P8" "slow readers" => slow_readers::slow_readers,
    "P8" "readers that stop in a welcome" => slow_readers::stopped_in_a_welcome,
    "P8" "others beside slow readers" => slow_readers::beside_slow_readers,
    "P8" "downloads that nobody reads" => unread_responses::few_descriptors,
    "P8" "pages that nobody reads" => unread_responses::pages,
    "P9" "storms" => storms::storms,
    "P11" "clocks that jump" => clocks::jumps,
    "P12" "frames in the decoders" => frame_fuzz::decoders,
    "P12" "frames on sockets" => frame_fuzz::sockets,
    "P12" "numbers at their limits" => api_fuzz::numbers,
    "P12" "calls by the API's description" => api_fuzz::random,
    "P13" "graceful restarts" => connections::graceful_restarts,
    "P13" "an end on a disk that hangs" => disks::end_on_a_hanging_disk,
    "P14" "panics in rooms" => panics::in_rooms,
    "P14" "panics in the lobby" => panics::in_the_lobby,
    "P16" "backups under load" => backups::under_load,
    "P16" "killed backups" => backups::killed,
    "P16" "backups without space" => backups::without_space,
    "P16" "jobs without space" => full_disk_jobs::on_demand,
    "P16" "jobs on a full tmpfs" => full_disk_jobs::on_a_tmpfs,
    "P16" "killed restores" => backups::killed_restores,
    "P16" "clients before a restore" => restores::before_clients,
    "P16" "killed erasures" => erasures::killed_beside_a_chat,
    "P16" "erasures killed at writes" => erasures::killed_at_writes,
    "P16" "killed restores after an erasure" => erasures::killed_restores,
    "P16" "killed imports after an erasure" => erasures::killed_imports,
    "P16" "no byte of an erased person" => erasures::no_byte_left,
    "P16" "a copy from outside, control" => backups::from_outside,
    "P17" "killed first starts" => upgrades::first_starts,
    "P17" "killed upgrades" => upgrades::killed_steps,
    "P17" "released schemas" => released::schemas,
    "P18" "soak" => soak::soak,
    "P19" "alerts killed at each step" => alerts::killed_at_each_step,
    "P19" "a mailbox read while killed" => mailbox::killed_while_it_reads,
    "G2" "killed nodes" => nodes::killed,
    "G3" "immediate stops of PostgreSQL" => postgres::immediate_stops,
    "G3" "promoted standbys" => postgres::promotions,
    "G3" "an asynchronous standby, control" => postgres::asynchronous_standby,
    "G4" "an unreliable bus" => bus::unreliable,
    "G4" "NATS that is cut" => bus::cut_nats,
    "G4" "without the poll, control" => bus::without_the_poll,
    "G5" "followed by a sequence, control" => nodes::followed_by_sequence,
    "G6" "ids posted to three nodes at once" => same_ids::posted_at_once,
    "G7" "batches cut on their way to PostgreSQL" => nodes::cut_batches,
    "G10" "killed moves to PostgreSQL" => migrations::killed,
    "G10" "a large move to PostgreSQL" => migrations::large,
    "S" "shown by tests" => security::by_tests,
    "S" "shown in a browser" => security::in_a_browser,
    "S2" "logins beside chat" => security::logins_beside_chat,
    "S3" "equal times" => security::equal_times,
    "S10" "sessions that end" => security::sessions_that_end,
];

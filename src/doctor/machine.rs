//! The machine that the server runs on: the data directory and the process's limits.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit};

use super::check::{Check, Finding};

/// How many commits are imitated to time the disk.
const SYNCS: usize = 8;
/// A disk slower than this makes every message wait noticeably.
const SLOW_SYNC: Duration = Duration::from_millis(30);
/// With fewer open files than this, customers are refused.
const FEW_OPEN_FILES: u64 = 4_096;
/// Less free space than this may be used up within hours.
const LITTLE_SPACE_BYTES: u64 = 512 * 1024 * 1024;

/// Observations of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The data directory.
    pub data_dir: String,
    /// Why it cannot be used, or `None`.
    pub unusable: Option<String>,
    /// Whether users other than the owner can read the database.
    pub is_open_to_others: bool,
    /// The kind of its file system, such as `ext4`.
    pub file_system: Option<String>,
    /// The median of some timed syncs.
    pub sync: Option<Duration>,
    /// Free bytes.
    pub free_bytes: Option<u64>,
    /// The hard limit of open files; `None` is no limit.
    pub open_files: Option<u64>,
}

/// Observes the machine. Writes and removes a small file in the data directory. Blocking.
pub fn look_at_machine(data_dir: &Path) -> Machine {
    let metadata = std::fs::metadata(data_dir);
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok();
    let path = data_dir.canonicalize().ok();
    let synced = metadata
        .as_ref()
        .map_err(ToString::to_string)
        .and_then(|_| time_syncs(data_dir).map_err(|error| error.to_string()));
    Machine {
        data_dir: data_dir.display().to_string(),
        unusable: synced.as_ref().err().cloned(),
        is_open_to_others: [data_dir.to_owned(), data_dir.join("shoptalk.db")]
            .iter()
            .all(|path| std::fs::metadata(path).is_ok_and(|found| found.mode() & 0o007 != 0)),
        file_system: path
            .zip(mounts)
            .and_then(|(path, mounts)| file_system(&mounts, &path)),
        sync: synced.ok(),
        free_bytes: rustix::fs::statvfs(data_dir)
            .ok()
            .map(|space| space.f_bavail.saturating_mul(space.f_frsize)),
        open_files: getrlimit(Resource::Nofile).maximum,
    }
}

/// Imitates commits to a file of its own and returns the median of their times.
fn time_syncs(data_dir: &Path) -> std::io::Result<Duration> {
    let mut file: File = tempfile::tempfile_in(data_dir)?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        file.write_all(&[0; 4_096])?;
        let started = Instant::now();
        file.sync_data()?;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    Ok(times[SYNCS / 2])
}

/// The kind of the file system that a path is on, by the lines of `/proc/self/mountinfo`.
fn file_system(mounts: &str, path: &Path) -> Option<String> {
    mounts
        .lines()
        .filter_map(|line| {
            let (mount, rest) = line.split_once(" - ")?;
            let point = mount.split(' ').nth(4)?.replace("\\040", " ");
            path.starts_with(&point)
                .then(|| (point.len(), rest.split(' ').next().unwrap_or("").to_owned()))
        })
        // The last one mounted at a point hides those before it.
        .max_by_key(|(length, _)| *length)
        .map(|(_, kind)| kind)
}

/// Judges what was seen of the machine.
pub fn judge_machine(machine: &Machine) -> Vec<Finding> {
    let directory = &machine.data_dir;
    if let Some(why) = &machine.unusable {
        return vec![Finding::problem(
            Check::DataDirectory,
            format!(
                "cannot write to {directory}: {why}; name the directory with --data-dir, and run this as its owner"
            ),
        )];
    }
    let mut findings = vec![if machine.is_open_to_others {
        Finding::problem(
            Check::DataDirectory,
            format!("other users can read the database in {directory}; run: chmod 700 {directory}"),
        )
    } else {
        Finding::ok(Check::DataDirectory, directory.clone())
    }];
    findings.extend(machine.file_system.as_deref().map(judge_file_system));
    findings.extend(machine.sync.map(judge_sync));
    findings.push(judge_open_files(machine.open_files));
    findings.extend(machine.free_bytes.map(|bytes| {
        let mebibytes = bytes / (1024 * 1024);
        if bytes < LITTLE_SPACE_BYTES {
            Finding::problem(
                Check::FreeSpace,
                format!("only {mebibytes} MiB are free; messages are refused when the disk is full. Make room, or move the data directory"),
            )
        } else {
            Finding::ok(Check::FreeSpace, format!("{mebibytes} MiB free"))
        }
    }));
    findings
}

fn judge_file_system(kind: &str) -> Finding {
    let network = [
        "nfs", "cifs", "smb", "9p", "fuse", "ceph", "gluster", "afs", "lustre",
    ];
    let problem = |detail: String| Finding::problem(Check::FileSystem, detail);
    if network.iter().any(|name| kind.starts_with(name)) && kind != "fuseblk" {
        return problem(format!(
            "{kind} is a network or user-space file system, on which SQLite's locks are unreliable; move the data directory to a local disk"
        ));
    }
    match kind {
        "tmpfs" | "ramfs" => problem(format!(
            "{kind} is memory: everything is lost at a restart of the machine; move the data directory to a disk"
        )),
        "overlay" => problem(
            "overlay is a container's own layer: everything is lost with the container; mount a volume for the data directory"
                .to_owned(),
        ),
        kind => Finding::ok(Check::FileSystem, kind),
    }
}

fn judge_sync(sync: Duration) -> Finding {
    let millis = sync.as_secs_f64() * 1_000.0;
    if sync > SLOW_SYNC {
        return Finding::problem(
            Check::Fsync,
            format!(
                "the disk takes {millis:.1} ms to confirm a write, and every message waits for it; use a faster disk (SSD), or find out what else writes to it"
            ),
        );
    }
    Finding::ok(Check::Fsync, format!("{millis:.1} ms"))
}

fn judge_open_files(limit: Option<u64>) -> Finding {
    match limit {
        Some(limit) if limit < FEW_OPEN_FILES => Finding::problem(
            Check::OpenFiles,
            format!(
                "at most {limit} files may be open here, and each connection is one; set LimitNOFILE=65536 in the unit, or raise ulimit -n"
            ),
        ),
        Some(limit) => Finding::ok(Check::OpenFiles, format!("up to {limit}")),
        None => Finding::ok(Check::OpenFiles, "no limit"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Level;
    use super::*;

    fn good() -> Machine {
        Machine {
            data_dir: "/var/lib/shoptalk".to_owned(),
            unusable: None,
            is_open_to_others: false,
            file_system: Some("ext4".to_owned()),
            sync: Some(Duration::from_micros(300)),
            free_bytes: Some(1 << 40),
            open_files: Some(65_536),
        }
    }

    fn check(change: impl FnOnce(&mut Machine), expected: &[Check]) {
        let mut machine = good();
        change(&mut machine);
        let problems: Vec<Check> = judge_machine(&machine)
            .into_iter()
            .filter(|finding| finding.level == Level::Problem)
            .map(|finding| finding.check)
            .collect();
        assert_eq!(problems, expected);
    }

    #[test]
    fn each_fault_of_a_machine_is_found() {
        check(|_| {}, &[]);
        check(|it| it.open_files = None, &[]);
        check(|it| it.is_open_to_others = true, &[Check::DataDirectory]);
        check(
            |it| it.unusable = Some("denied".to_owned()),
            &[Check::DataDirectory],
        );
        for kind in ["nfs4", "cifs", "fuse.sshfs", "tmpfs", "overlay", "9p"] {
            check(
                |it| it.file_system = Some(kind.to_owned()),
                &[Check::FileSystem],
            );
        }
        check(
            |it| it.sync = Some(Duration::from_millis(80)),
            &[Check::Fsync],
        );
        check(|it| it.open_files = Some(1_024), &[Check::OpenFiles]);
        check(|it| it.free_bytes = Some(1 << 20), &[Check::FreeSpace]);
    }

    #[test]
    fn the_deepest_mount_counts() {
        let mounts = "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n\
            23 22 0:5 / /var/lib rw - nfs4 host:/share rw\n\
            24 22 0:6 / /var/lib/my\\040shop rw - xfs /dev/sdb1 rw\n";
        let kind = |path: &str| file_system(mounts, Path::new(path));
        assert_eq!(kind("/srv"), Some("ext4".to_owned()));
        assert_eq!(kind("/var/lib/shoptalk"), Some("nfs4".to_owned()));
        assert_eq!(kind("/var/library"), Some("ext4".to_owned()));
        assert_eq!(kind("/var/lib/my shop/data"), Some("xfs".to_owned()));
    }

    #[test]
    fn a_real_directory_is_observed() {
        let dir = tempfile::tempdir().expect("a directory");
        let machine = look_at_machine(dir.path());
        assert_eq!(machine.unusable, None);
        assert!(machine.sync.is_some() && machine.free_bytes.is_some());
        assert_eq!(std::fs::read_dir(dir.path()).expect("readable").count(), 0);
        let missing = look_at_machine(&dir.path().join("missing"));
        assert!(missing.unusable.is_some());
    }
}

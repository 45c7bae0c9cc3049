use std::fmt::Write;
use std::path::Path;

use shoptalk::cards::{Cards, CardsMetrics};
use shoptalk::config::Config;
use shoptalk::doctor::probe::{self, Target};
use shoptalk::doctor::{
    Check, Finding, Level, Observations, QUIET_SECONDS, QUIET_SECONDS_MAX, judge, judge_backups,
    judge_cards, judge_machine, judge_mail, judge_service, look_at_cards, look_at_machine,
    look_at_mail, quiet_is_needless,
};
use shoptalk::jobs::backup_directory;
use shoptalk::jobs::control::{Control, Reply, Request};
use shoptalk::jobs::schedule::BackupSettings;
use tokio_util::sync::CancellationToken;

use super::progress::ProgressBar;
use super::services::Service;
use super::{Failure, block_on, check_owner, counted, print_stdout};

/// Checks everything, prints the findings, and fails if there is a problem.
pub(super) fn run(url: Option<&str>, quiet_s: Option<u64>, config: &Config) -> Result<(), Failure> {
    let usage = |message: String| Failure::Usage(message);
    if let Some(too_long) = quiet_s.filter(|seconds| *seconds > QUIET_SECONDS_MAX) {
        return Err(usage(format!(
            "--quiet {too_long} is too long; use at most {QUIET_SECONDS_MAX}, or 0 to skip this check"
        )));
    }
    let own_url = match &config.server.public_url {
        Some(url) => url.to_string(),
        None => format!("http://{}", config.server.listen),
    };
    let target = Target::new(url.unwrap_or(&own_url)).map_err(|error| usage(error.to_string()))?;
    let data_dir = &config.storage.data_dir;
    check_owner(data_dir)?;
    block_on(async {
        let mut report = Report::default();
        if url.is_none() || data_dir.exists() {
            let machine = look_at_machine(data_dir);
            report.print(&judge_machine(&machine))?;
            if machine.unusable.is_none() {
                let settings = BackupSettings::from(config);
                let newest = backup_directory::list(&settings.directory)?.pop();
                let seen = settings.seen(newest.map(|backup| backup.made_at), None);
                report.print(&[judge_backups(&seen)])?;
            }
        }
        let services = [
            (Check::Database, Service::database(config).await),
            (Check::Bus, Service::bus(config).await),
        ];
        for (check, service) in services {
            if let Some(service) = service {
                report.print(&[judge_service(check, &service.found, &service.warnings)])?;
            }
        }
        report.print(&judge_mail(&look_at_mail(&config.mail).await))?;
        let never = CancellationToken::new();
        let cards = Cards::new(config.cards.clone(), CardsMetrics::none(), never);
        if let Some(seen) = look_at_cards(&cards).await {
            report.print(&judge_cards(&seen))?;
        }
        let code = doctor_code(data_dir).await;
        let seen = probe::observe(&target, code.as_deref().map_err(String::as_str)).await;
        report.print(&judge(&seen))?;
        let needless = quiet_is_needless(&seen).filter(|_| quiet_s.is_none());
        let quiet_s = quiet_s.unwrap_or(QUIET_SECONDS);
        if let Some(needless) = needless {
            report.print(&[needless])?;
        } else if let (Ok(code), true) = (&code, quiet_s > 0 && seen.seen.is_some()) {
            let quiet = keep_quiet(&target, code, quiet_s, &seen).await;
            report.print(&judge(&quiet))?;
        }
        report.finish()
    })
}

/// The code of the running server, or why there is none.
async fn doctor_code(data_dir: &Path) -> Result<String, String> {
    let asked = async {
        let Some(mut control) = Control::connect(data_dir).await? else {
            return Ok(None);
        };
        control.send(&Request::Doctor).await?;
        control.reply().await.map(Some)
    };
    match asked.await {
        Ok(Some(Reply::Doctor { code })) => Ok(code),
        Ok(Some(Reply::Failed { message })) => Err(message),
        Ok(Some(_)) => Err("the server runs another version; restart it".to_owned()),
        Ok(None) => Err(format!(
            "no server is running on {}; run the doctor on the server's machine with its --data-dir, or open Doctor in the console",
            data_dir.display()
        )),
        Err(error) => Err(format!("the server cannot be asked: {error}")),
    }
}

/// The finding about the quiet socket. The others are printed already.
async fn keep_quiet(
    target: &Target,
    code: &str,
    seconds: u64,
    before: &Observations,
) -> Observations {
    let time = counted(seconds, "second");
    eprintln!("a socket is kept quiet for {time}; --quiet 0 skips this");
    let mut bar = ProgressBar::new();
    let quiet = probe::keep_quiet(target, code, seconds, |done| bar.show(done, seconds)).await;
    bar.clear();
    Observations {
        origin: before.origin.clone(),
        server_header: before.server_header.clone(),
        quiet,
        ..Observations::default()
    }
}

#[derive(Default)]
struct Report {
    problems: u64,
}

impl Report {
    fn print(&mut self, findings: &[Finding]) -> std::io::Result<()> {
        let mut text = String::new();
        for finding in findings {
            self.problems += u64::from(finding.level == Level::Problem);
            text.push_str(&describe(finding));
        }
        print_stdout(&text)
    }

    fn finish(self) -> Result<(), Failure> {
        match self.problems {
            0 => Ok(()),
            some => Err(Failure::Runtime(format!(
                "{} found",
                counted(some, "problem")
            ))),
        }
    }
}

fn describe(finding: &Finding) -> String {
    let level = match finding.level {
        Level::Ok => "ok",
        Level::Skipped => "skipped",
        Level::Problem => "PROBLEM",
    };
    let mut text = format!("{level:<8} {}: {}\n", finding.title, finding.detail);
    for advice in &finding.advice {
        for (number, line) in advice.lines.lines().enumerate() {
            let name = if number == 0 { &advice.name } else { "" };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{:9}{name:<8} {line}", "");
        }
    }
    text
}

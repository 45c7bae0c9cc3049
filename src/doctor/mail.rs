//! The relay that takes mail, and the mailbox that replies arrive in.

use super::check::{Check, Finding};
use crate::config::{MailConfig, MailLogin, MailProof, MailSecurity, MailServer};
use crate::mail::{TRIAL_TIMEOUT, Trial, TrialFailure, try_mailbox, try_relay};

/// What was seen of the mail servers; `None` of one that is not configured.
#[derive(Debug)]
pub struct MailSeen {
    relay: Option<Trial>,
    mailbox: Option<Trial>,
    /// `mail.from` without the name.
    from: String,
}

/// Tries the mail servers in the way in which mail uses them, both at the same time. It sends no mail and
/// reads none.
pub async fn look_at_mail(config: &MailConfig) -> MailSeen {
    let (relay, mailbox) = tokio::join!(try_relay(config), try_mailbox(config));
    let from = config.from.as_ref();
    MailSeen {
        relay,
        mailbox,
        from: from.map_or_else(String::new, |from| from.email.to_string()),
    }
}

/// Judges what was seen of the mail servers.
pub fn judge_mail(seen: &MailSeen) -> Vec<Finding> {
    let relay = seen.relay.as_ref();
    let relay = relay.map(|trial| finding(Check::MailRelay, trial, judge_relay(trial, &seen.from)));
    let mailbox = seen.mailbox.as_ref();
    let mailbox = mailbox.map(|trial| finding(Check::Mailbox, trial, judge_mailbox(trial)));
    relay.into_iter().chain(mailbox).collect()
}

fn finding(check: Check, trial: &Trial, detail: String) -> Finding {
    // What a server says stays in its line.
    let detail = detail.replace(char::is_control, " ");
    match trial.outcome {
        Ok(()) => Finding::ok(check, format!("{detail}, in {} ms", trial.took.as_millis())),
        Err(_) => Finding::problem(check, detail),
    }
}

fn judge_relay(trial: &Trial, from: &str) -> String {
    let server = &trial.server;
    let name = name(server);
    match &trial.outcome {
        Ok(()) => format!("{name} takes mail from {from} (none was sent)"),
        Err(TrialFailure::Refused(words)) => {
            let sign_in = match server.login {
                Some(_) => "the user in mail.smtp_url",
                None => "name a user and a password in mail.smtp_url",
            };
            format!("{name} takes no mail from {from}: {words}; change mail.from, or {sign_in}")
        }
        Err(failure) => unusable(server, "mail.smtp_url", failure),
    }
}

fn judge_mailbox(trial: &Trial) -> String {
    let server = &trial.server;
    let (name, mailbox) = (name(server), &server.mailbox);
    match &trial.outcome {
        Ok(()) => format!("{name} shows the mailbox {mailbox} (no mail was read)"),
        Err(TrialFailure::Refused(words)) => format!(
            "{name} does not open the mailbox {mailbox}: {words}; change the path of mail.imap_url, which names it"
        ),
        Err(failure) => unusable(server, "mail.imap_url", failure),
    }
}

/// Why a server cannot be used whatever is asked of it.
fn unusable(server: &MailServer, key: &str, failure: &TrialFailure) -> String {
    let name = name(server);
    let protection = match (server.security, key) {
        (MailSecurity::Tls, "mail.smtp_url") => {
            "smtps:// is TLS from the first byte, usually on port 465"
        }
        (MailSecurity::Tls, _) => "imaps:// is TLS from the first byte, usually on port 993",
        (MailSecurity::StartTls, _) => "smtp:// is STARTTLS, usually on port 587",
        (MailSecurity::Plain, _) => "it is spoken to without TLS",
    };
    let check = format!(
        "check the scheme, the host and the port of {key} ({protection}), and that this machine may connect there"
    );
    match failure {
        TrialFailure::Timeout => format!(
            "{name} did not respond within {} s; {check}",
            TRIAL_TIMEOUT.as_secs()
        ),
        TrialFailure::SignIn(words) => match &server.login {
            Some(MailLogin {
                proof: MailProof::TokenFile(path),
                ..
            }) => format!(
                "{name}: {words}; check the user in {key}, and that {} has a fresh access token",
                path.display()
            ),
            _ => format!("{name}: {words}; check the user and the password in {key}"),
        },
        TrialFailure::Connection(words) | TrialFailure::Refused(words) => {
            format!("{name} cannot be used: {words}; {check}")
        }
    }
}

fn name(server: &MailServer) -> String {
    match server.host.contains(':') {
        true => format!("[{}]:{}", server.host, server.port),
        false => format!("{}:{}", server.host, server.port),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::check::Level;
    use super::*;
    use crate::config::Secret;

    fn trial(security: MailSecurity, outcome: Result<(), TrialFailure>) -> Trial {
        Trial {
            server: MailServer {
                host: "mail.example".to_owned(),
                port: 465,
                security,
                login: Some(MailLogin {
                    user: "chat".to_owned(),
                    proof: MailProof::Password(Secret::new("hunter2")),
                }),
                mailbox: "INBOX".to_owned(),
            },
            outcome,
            took: Duration::from_millis(120),
        }
    }

    fn both(outcome: Result<(), TrialFailure>) -> [Finding; 2] {
        let findings = judge_mail(&MailSeen {
            relay: Some(trial(MailSecurity::StartTls, outcome.clone())),
            mailbox: Some(trial(MailSecurity::Tls, outcome)),
            from: "chat@shop.example".to_owned(),
        });
        findings.try_into().expect("two findings")
    }

    #[test]
    fn servers_that_can_be_used_are_well() {
        let [relay, mailbox] = both(Ok(()));
        assert_eq!((relay.level, mailbox.level), (Level::Ok, Level::Ok));
        let words = "mail.example:465 takes mail from chat@shop.example (none was sent), in 120 ms";
        assert_eq!(relay.detail, words);
        let words = "mail.example:465 shows the mailbox INBOX (no mail was read), in 120 ms";
        assert_eq!(mailbox.detail, words);
    }

    #[test]
    fn each_problem_names_what_to_change() {
        let no = || "no\r\nway".to_owned();
        for (failure, of_relay, of_mailbox) in [
            (
                TrialFailure::Connection(no()),
                "no  way; check the scheme, the host and the port of mail.smtp_url (smtp:// is STARTTLS",
                "the port of mail.imap_url (imaps:// is TLS",
            ),
            (
                TrialFailure::Timeout,
                "did not respond within 15 s; check the scheme, the host and the port of mail.smtp_url",
                "the port of mail.imap_url",
            ),
            (
                TrialFailure::SignIn(no()),
                "check the user and the password in mail.smtp_url",
                "check the user and the password in mail.imap_url",
            ),
            (
                TrialFailure::Refused(no()),
                "takes no mail from chat@shop.example: no  way; change mail.from, or the user in mail.smtp_url",
                "does not open the mailbox INBOX: no  way; change the path of mail.imap_url",
            ),
        ] {
            let [relay, mailbox] = both(Err(failure));
            for (finding, words) in [(relay, of_relay), (mailbox, of_mailbox)] {
                assert_eq!(finding.level, Level::Problem);
                assert!(finding.detail.contains(words), "{}", finding.detail);
                assert!(!finding.detail.contains("hunter2"), "{}", finding.detail);
            }
        }
    }

    #[test]
    fn what_is_not_configured_is_not_judged() {
        let findings = judge_mail(&MailSeen {
            relay: None,
            mailbox: None,
            from: String::new(),
        });
        assert_eq!(findings, []);
    }
}

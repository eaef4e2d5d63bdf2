//! What `baton doctor` shows.

use std::fmt::Write;
use std::process::ExitCode;

use serde::Serialize;

use output::{one_line, pad};
use protocol::{ErrorCode, Examination, Examined, Failure, Grade};

/// Options.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Examine this machine, which is that host of the cluster file. Without it, every agent is asked.
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,
    /// Of every host, show what is as it should be, too.
    #[arg(long, conflicts_with = "host")]
    pub all: bool,
    /// Print nothing but the commands that mend what is wrong here, one a line, for a shell.
    #[arg(long, requires = "host", conflicts_with = "json")]
    pub commands: bool,
    /// One JSON document on stdout: `{"ok", "hosts": {NAME: {"version", "findings": [{"check", "grade", "sentence", "mend", "hint"}]}}}`.
    #[arg(long)]
    pub json: bool,
}

/// A host as JSON shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HostReport {
    /// Version of baton there; none: it does not answer.
    pub version: Option<String>,
    /// What was found.
    pub findings: Vec<Examined>,
}

/// All hosts as JSON shows them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Whether nothing stands in the way of every order.
    pub ok: bool,
    /// By name.
    pub hosts: std::collections::BTreeMap<String, HostReport>,
}

impl Report {
    /// The report on these hosts.
    pub fn new(hosts: std::collections::BTreeMap<String, HostReport>) -> Self {
        let blocked = hosts.values().flat_map(|host| &host.findings).any(|finding| finding.grade == Grade::Blocker);
        Self { ok: !blocked, hosts }
    }

    /// As one JSON document.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] when it has no JSON form; none is known.
    pub fn json(&self) -> Result<String, Failure> {
        serde_json::to_string_pretty(self)
            .map(output::json)
            .map_err(|e| Failure::new(ErrorCode::Internal, format!("the report has no JSON form: {e}")))
    }

    /// 1 when something stands in the way of every order.
    pub fn exit_code(&self) -> ExitCode {
        if self.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Shows what was found on this machine. Exit code 1 when something stands in the way of every order.
///
/// # Errors
/// Standard output has no room.
pub fn report_host(host: &str, examination: &Examination, args: &Args) -> Result<ExitCode, Failure> {
    let findings = examination.findings.clone();
    let report = Report::new([(host.to_owned(), HostReport { version: Some(examination.version.clone()), findings })].into());
    let shown = if args.json {
        report.json()?
    } else if args.commands {
        commands(&examination.findings)
    } else {
        host_text(host, &examination.findings, true)
    };
    write(&shown)?;
    Ok(report.exit_code())
}

/// Writes a report to standard output.
///
/// # Errors
/// [`ErrorCode::Io`] when it has no room.
pub fn write(text: &str) -> Result<(), Failure> {
    let text = output::visible(text.trim_end()).to_string();
    let line = if text.is_empty() { text } else { text + "\n" };
    output::write_stdout(line.as_bytes())
        .map_err(|e| Failure::new(ErrorCode::Io, format!("the report could not be written to standard output: {e}")))
}

fn commands(findings: &[Examined]) -> String {
    findings.iter().filter_map(|finding| finding.mend.as_ref()).map(|command| format!("{command}\n")).collect()
}

/// A host's findings, a line each with what to do below it. `all`: what is as it should be, too.
pub fn host_text(host: &str, findings: &[Examined], all: bool) -> String {
    let mut text = format!("{}\n", one_line(host));
    for Examined { check, grade, sentence, mend, hint } in findings.iter().filter(|finding| all || finding.grade != Grade::Ok) {
        let word = match grade {
            Grade::Ok => "OK",
            Grade::Warning => "warning",
            Grade::Blocker => "BLOCKER",
        };
        let _ = writeln!(text, "  {word:<8} {} {}", pad(check.name(), 14), one_line(sentence));
        if let Some(mend) = mend {
            let _ = writeln!(text, "{:<26}run: {}", "", one_line(mend));
        }
        if let Some(hint) = hint {
            let _ = writeln!(text, "{:<26}{}", "", one_line(hint));
        }
    }
    let count = |grade| findings.iter().filter(|finding| finding.grade == grade).count();
    let (blockers, warnings, fine) = (count(Grade::Blocker), count(Grade::Warning), count(Grade::Ok));
    let _ = writeln!(text, "  {blockers} blockers, {warnings} warnings, {fine} as they should be");
    let sysctl = findings.iter().filter_map(|finding| finding.mend.as_ref()).any(|mend| mend.contains("sysctl -w"));
    if sysctl {
        let _ =
            writeln!(text, "  A sysctl holds until the machine starts anew; write it to /etc/sysctl.d/60-baton.conf to keep it.");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Precondition;

    #[test]
    fn a_report_is_lines_for_people_commands_for_a_shell_and_one_document_for_programs() {
        let findings = vec![
            Examined::ok(Precondition::Tun, "there"),
            Examined::warning(Precondition::RpFilter, "strict\nand \u{1b}[31mred").mend("sysctl -w a=2").hint("or not"),
            Examined::blocker(Precondition::Key, "missing").hint("copy it"),
        ];
        let text = host_text("server1", &findings, false);
        assert!(!text.contains("there") && !text.contains('\u{1b}'), "{text}");
        assert!(
            text.contains("warning  rp_filter") && text.contains("run: sysctl -w a=2\n") && text.contains("/etc/sysctl.d/"),
            "{text}"
        );
        assert!(text.contains("  1 blockers, 1 warnings, 1 as they should be\n"), "{text}");
        assert!(host_text("server1", &findings, true).contains("OK       tun"));
        assert_eq!(commands(&findings), "sysctl -w a=2\n");
        let host = HostReport { version: Some("1".into()), findings: findings.clone() };
        let report = Report::new([("server1".to_owned(), host)].into());
        assert!(!report.ok);
        let read: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
        assert_eq!(read["hosts"]["server1"]["findings"][1]["check"], "rp_filter");
        let fine = HostReport { version: None, findings: findings[..2].to_vec() };
        assert!(Report::new([("server1".to_owned(), fine)].into()).ok, "a warning is none");
    }

    #[test]
    fn a_check_of_a_later_version_is_read() {
        let later = r#"{"check": "moon", "grade": "ok", "sentence": "full"}"#;
        assert_eq!(serde_json::from_str::<Examined>(later).unwrap().check, Precondition::Other);
    }
}

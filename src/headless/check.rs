//! Whether an order may begin.

use std::fmt::Write;
use std::process::ExitCode;

use futures::future::join_all;

use super::{Cluster, block_on, clocks, json, print, status};
use crate::migration::check::{blocked, findings};
use config::ClusterFile;
use output::{one_line, pad};
use protocol::{Failure, Finding, Grade, Method, Order, ask};

/// Options.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// DS, KL, M (or Migration), MB, DSR or KR; without it, the cluster as such.
    pub order: Option<Order>,
    /// How to migrate, for M and MB; without it hot, or the method of the work's form.
    #[arg(long, value_enum, requires = "order")]
    pub method: Option<Method>,
    /// One JSON document on stdout: `{"ok", "order", "method", "findings": [{"grade", "subject", "sentence", "hint"}]}`.
    #[arg(long)]
    pub json: bool,
}

/// Runs it. Exit code 1 when something stands against the order, 3 when no host answers.
///
/// # Errors
/// The configuration or the key cannot be read.
pub fn run(file: &ClusterFile, args: &Args) -> Result<ExitCode, Failure> {
    let cluster = Cluster::load(file)?;
    let (answers, offsets) = block_on(async {
        survey(&cluster).await;
        Ok(status::ask_all_and_clocks(&cluster).await)
    })?;
    let chosen = cluster.method(args.method);
    let answers: std::collections::BTreeMap<_, _> = answers.into_iter().collect();
    let mut found = findings(args.order.map(|order| (order, chosen)), &cluster.config, &answers);
    found.extend(clocks::findings(&offsets));
    let ok = !blocked(&found);
    let method = args.order.filter(|order| order.is_migration()).map(|_| chosen);
    let report = serde_json::json!({"ok": ok, "order": args.order, "method": method, "findings": found});
    print(&if args.json { json(&report)? } else { text(&found) });
    Ok(match (ok, answers.values().any(Result::is_ok)) {
        (_, false) => ExitCode::from(3),
        (true, _) => ExitCode::SUCCESS,
        (false, _) => ExitCode::FAILURE,
    })
}

/// Has the hosts of the pool ask the radio's network, as a step would; their status then has what they have found.
async fn survey(cluster: &Cluster) {
    // One that does not answer is silent to the question for its status, too.
    join_all(cluster.config.servers().into_iter().map(|host| cluster.client.ask(host, ask::Survey {}, status::DEADLINE))).await;
}

fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { grade, subject, sentence, hint } in findings {
        let word = match grade {
            Grade::Ok => "OK",
            Grade::Warning => "warning",
            Grade::Blocker => "BLOCKER",
        };
        let _ = writeln!(text, "{word:<8} {} {}", pad(&one_line(subject), 10), one_line(sentence));
        if let Some(hint) = hint {
            let _ = writeln!(text, "{:<19} {}", "", one_line(hint));
        }
    }
    let count = |grade| findings.iter().filter(|finding| finding.grade == grade).count();
    let _ = writeln!(text, "{} blockers, {} warnings", count(Grade::Blocker), count(Grade::Warning));
    text
}

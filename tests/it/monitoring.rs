//! Metrics of a whole lab, read by a real Prometheus and judged by its promtool.
//!
//! Needs root, and Prometheus as scripts/install-prometheus unpacks it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::lab::{Lab, baton, beside, text};
use crate::common::needs;
use nix::sys::signal::Signal;
use serde_json::Value;

const HOSTS: [&str; 3] = ["10.77.0.11:9617", "10.77.0.12:9617", "10.77.0.13:9617"];
/// A scrape a second, and some for a machine that has more to do.
const SEEN_WITHIN: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(200);

fn program(name: &str) -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_BIN_EXE_baton")).parent().unwrap().join("../prometheus/usr/bin").join(name);
    (program.exists() || needs::missing("there is no Prometheus (scripts/install-prometheus)")).then_some(program)
}

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

/// What an HTTP server on the console's network says.
fn fetched(lab: &Lab, url: &str) -> String {
    let script = "import sys, urllib.request; sys.stdout.write(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())";
    lab.says("console", &["python3", "-c", script, url])
}

/// Every name that begins with `baton_`, those of a histogram's parts as the histogram's.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let whole =
        |word: &str| ["_bucket", "_sum", "_count"].iter().find_map(|part| word.strip_suffix(part)).unwrap_or(word).to_owned();
    words.filter(|word| word.starts_with("baton_")).map(whole).collect()
}

fn promtool(arguments: &[&str], input: &str) -> String {
    let Some(promtool) = program("promtool") else { return String::new() };
    let mut child = Command::new(promtool)
        .args(arguments)
        .current_dir(docs("monitoring"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}

/// A Prometheus on the console's network; ends when dropped.
struct Prometheus<'a> {
    lab: &'a Lab,
    process: Child,
}

impl<'a> Prometheus<'a> {
    fn start(lab: &'a Lab, program: &Path) -> Self {
        let config = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [{}]\nscrape_configs:\n  - job_name: baton\n    static_configs:\n      - targets: {HOSTS:?}\n",
            docs("monitoring/baton.rules.yml").display()
        );
        fs::write(lab.root().join("run/baton/prometheus.yml"), config).unwrap();
        let mut exec = baton(lab.state.path());
        exec.args(["--in", &lab.name, "lab", "exec", "console", "--"]).arg(program).args([
            "--config.file=/run/baton/prometheus.yml",
            "--storage.tsdb.path=/run/baton/prometheus",
            "--web.listen-address=127.0.0.1:9090",
        ]);
        Self { lab, process: exec.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap() }
    }

    /// The values of a query, by the label named.
    fn values(&self, query: &str) -> Vec<String> {
        let script = "import sys, json, urllib.parse, urllib.request\n\
                      try: print(urllib.request.urlopen('http://127.0.0.1:9090/api/v1/query?' + urllib.parse.urlencode({'query': sys.argv[1]}), timeout=5).read().decode())\n\
                      except OSError: print('null')";
        let answer: Value = serde_json::from_str(&self.lab.says("console", &["python3", "-c", script, query])).unwrap();
        let results = answer["data"]["result"].as_array().cloned().unwrap_or_default();
        results.iter().map(|result| result["value"][1].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn until(&self, query: &str, expected: &[&str]) {
        let since = Instant::now();
        loop {
            let found = self.values(query);
            if found == expected {
                return;
            }
            assert!(since.elapsed() < SEEN_WITHIN, "{query}: {found:?} instead of {expected:?}");
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Prometheus<'_> {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn prometheus_sees_the_service_its_moves_and_its_end() {
    let (Some(_turn), Some(program)) = (beside(), program("prometheus")) else { return };
    let lab = Lab::start("metrics", &["--probe-interval", "10ms"]);
    lab.done(&["DS"]);
    lab.is_served();
    lab.done(&["M", "--method", "hot"]);
    let prometheus = Prometheus::start(&lab, &program);
    prometheus.until("count(up == 1)", &["3"]);
    // Each agent tells the verdict.
    prometheus.until("count(baton_service_state{state=\"serving\"} == 1)", &["3"]);
    prometheus.until("sum(baton_radio_owned{radio=\"pool\"})", &["1"]);
    prometheus.until("baton_radio_owned{instance=\"10.77.0.12:9617\"}", &["1"]);
    prometheus.until("sum(baton_orders_total{order=\"M\",method=\"hot\",outcome=\"ok\"})", &["1"]);
    prometheus.until("sum(baton_move_gap_seconds_count{method=\"hot\"})", &["1"]);
    prometheus.until("count(baton_probe_round_trip_seconds_count > 100)", &["1"]);

    let texts = HOSTS.map(|host| fetched(&lab, &format!("http://{host}/metrics")));
    for text in &texts {
        let said = promtool(&["check", "metrics"], text);
        assert!(said.trim().is_empty(), "{said}");
    }
    let scraped: BTreeSet<String> = texts.iter().flat_map(|text| names(text)).collect();
    let table = fs::read_to_string(docs("monitoring.md")).unwrap();
    let documented = names(table.split("## Metrics").nth(1).unwrap());
    let without_alarms: BTreeSet<String> = documented
        .iter()
        .filter(|name| !["baton_alarms", "baton_process_unanswered_seconds"].contains(&name.as_str()))
        .cloned()
        .collect();
    assert_eq!(scraped.difference(&documented).collect::<Vec<_>>(), Vec::<&String>::new(), "not in docs/monitoring.md");
    assert_eq!(without_alarms.difference(&scraped).collect::<Vec<_>>(), Vec::<&String>::new(), "no agent tells it");
    for file in ["monitoring/baton.dashboard.json", "monitoring/baton.rules.yml"] {
        let used = names(&fs::read_to_string(docs(file)).unwrap());
        assert!(used.len() > 5 && used.is_subset(&documented), "{file}: {:?}", used.difference(&documented));
    }

    lab.done(&["KR"]);
    prometheus.until("count(baton_service_state{state=\"down\"} == 1)", &["3"]);
    prometheus.until("count(ALERTS{alertname=\"BatonServiceDown\",alertstate=\"firing\"})", &["1"]);
    drop(prometheus);
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}

#[test]
fn the_alerts_are_rules_and_pass_their_tests() {
    let said = promtool(&["check", "rules", "baton.rules.yml"], "");
    assert!(said.is_empty() || said.contains("SUCCESS"), "{said}");
    promtool(&["test", "rules", "baton.rules.test.yml"], "");
    let dashboard: Value = serde_json::from_str(&fs::read_to_string(docs("monitoring/baton.dashboard.json")).unwrap()).unwrap();
    assert!(dashboard["panels"].as_array().unwrap().len() > 5);
}

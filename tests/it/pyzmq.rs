//! docs/examples/agent.py, run as it is documented, against an agent.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

use std::path::{Path, PathBuf};
use std::process::Command as Process;

use crate::common::cluster::{Agent, Cluster, lives};
use crate::common::machine;
use serde_json::Value;

fn works(program: &Path, arguments: &[&str]) -> bool {
    Process::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

/// A Python with pyzmq: the machine's, or one made in target/tmp.
fn python() -> PathBuf {
    let machine = PathBuf::from("python3");
    if works(&machine, &["-c", "import zmq"]) {
        return machine;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pyzmq");
    let python = folder.join("bin/python");
    if !works(&python, &["-c", "import zmq"]) {
        assert!(
            works(&machine, &["-m", "venv", &folder.display().to_string()]),
            "python3 -m venv works (apt-get install python3-venv)"
        );
        assert!(works(&python, &["-m", "pip", "install", "--quiet", "pyzmq"]), "pip installs pyzmq, or it is installed already");
    }
    python
}

/// Exit code, the reply, and standard error.
fn run(python: &Path, endpoint: &str, arguments: &[&str]) -> (Option<i32>, Value, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples/agent.py");
    let mut command = Process::new(python);
    command.arg(script).arg(endpoint).arg("one").args(arguments);
    let output = command.output().unwrap();
    let reply = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code(), reply, String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn the_example_starts_and_kills_d2d_and_shows_errors() {
    let _turn = machine::shared();
    let python = python();
    for (key, top) in [(false, ""), (true, "key_file = \"{at}/cluster.key\"")] {
        let cluster = Cluster::new(top, None);
        // The socket in the runtime folder is there in any case.
        let configured = cluster.config.host["one"].command.to_string();
        let endpoint = if key { format!("ipc://{}", cluster.path("run/one/command.ipc").display()) } else { configured };
        let _agent = Agent::start(&cluster, "one");
        let (code, reply, words) = run(&python, &endpoint, &["start_d2d", "{\"control_flag\": 0}"]);
        assert_eq!(code, Some(0), "{words}");
        let pid = u32::try_from(reply["result"]["pid"].as_u64().unwrap()).unwrap();
        assert!(lives(pid));
        let (code, reply, _) = run(&python, &endpoint, &["status"]);
        assert_eq!((code, reply["result"]["d2d"]["state"].as_str()), (Some(0), Some("running")));
        let (code, reply, _) = run(&python, &endpoint, &["kill_d2d"]);
        assert_eq!((code, reply["ok"].as_bool()), (Some(0), Some(true)));
        assert!(!lives(pid));
        let (code, reply, words) = run(&python, &endpoint, &["dance"]);
        assert_eq!((code, reply["error"]["code"].as_str()), (Some(1), Some("unknown_command")));
        assert!(words.contains("unknown command \"dance\""), "{words}");
        assert!(reply["error"]["hint"].as_str().unwrap().contains("start_d2d"), "the hint names the commands");
    }
}

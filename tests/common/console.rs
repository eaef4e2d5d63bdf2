//! The console over agents whose hosts are at rest, and that only say which orders came.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use baton::link::publisher::Publisher;
use baton::link::server::Server;
use chrono::Utc;
use config::Config;
use protocol::{Command as AgentCommand, ControlReport, HostLoad, Port, ProcessStatus, TOPIC_TELEMETRY, Telemetry};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// Ends a test that would wait for ever.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// As often as a real agent.
const PUBLISH: Duration = Duration::from_millis(100);

/// A cluster file of two servers.
pub fn cluster(dir: &Path) -> PathBuf {
    let host = |name: &str| {
        let dir = dir.display();
        format!("[host.{name}]\ncommand = \"ipc://{dir}/{name}.cmd\"\ntelemetry = \"ipc://{dir}/{name}.tele\"\nradio = \"N210\"\n")
    };
    let text = format!(
        "records = \"{0}/records\"\nruntime = \"{0}/run\"\n[roles]\ninitiator = \"server1\"\ndestination = \"server2\"\n\
         [addresses]\nactive = \"192.168.10.1/24\"\nparked = \"192.168.20.2/24\"\n\
         [workload]\nd2d = [\"true\"]\nusrp = [\"true\"]\nuhd = [\"true\"]\n{1}{2}\
         [radio.N210]\nargs = \"addr=192.168.10.2\"\nrate = 6250000.0\ntx_freq = 10e6\nrx_freq = 20e6\ngain = 0.0\n\
         tx_ant = \"A\"\nrx_ant = \"A\"\nref = \"internal\"\nbw = 0.0\n",
        dir.display(),
        host("server1"),
        host("server2"),
    );
    let path = dir.join("cluster.toml");
    std::fs::write(&path, text).unwrap();
    path
}

/// The console over that cluster.
pub fn console(cluster: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_baton"));
    // No settings of whoever runs the tests.
    command.arg("console").arg("-c").arg(cluster).env("XDG_CONFIG_HOME", cluster.parent().unwrap());
    command
}

/// Agents that take orders of both servers and say which came.
pub fn agents(cluster: &Path) -> Receiver<String> {
    let (said, orders) = channel();
    let config = Config::load(cluster).unwrap();
    let (ready, is_ready) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            for host in ["server1", "server2"] {
                // The console gives up an agent that is silent, and sends it nothing.
                let publisher = Publisher::bind(&config, host).await.unwrap();
                tokio::spawn(publish(publisher, host));
                let server = Server::bind(&config, host, true).await.unwrap();
                let said = said.clone();
                tokio::spawn(server.serve(
                    move |command| {
                        // A console asks for other things as well.
                        if matches!(command, AgentCommand::Order(_) | AgentCommand::End) {
                            let _ = said.send(format!("{host}: {}", serde_json::to_string(&command).unwrap()));
                        }
                        async { Ok(Value::Null) }
                    },
                    CancellationToken::new(),
                ));
            }
            ready.send(()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    is_ready.recv_timeout(PATIENCE).unwrap();
    orders
}

async fn publish(publisher: Publisher, host: &'static str) {
    let mut turn = tokio::time::interval(PUBLISH);
    for seq in 1.. {
        turn.tick().await;
        assert!(publisher.publish(TOPIC_TELEMETRY, &at_rest(host, seq)));
    }
}

/// A host on which nothing runs.
fn at_rest(host: &str, seq: u64) -> Telemetry {
    Telemetry {
        v: protocol::VERSION,
        host: host.to_owned(),
        radio: None,
        seq,
        at: Utc::now(),
        uptime_ms: seq * 100,
        load: HostLoad::default(),
        radio_port: Port { name: "eth3".to_owned(), addresses: vec!["192.168.20.2/24".to_owned()], up: true, mac: None, mtu: None },
        owner_epoch: None,
        owner: None,
        address_holders: Vec::new(),
        alarms: Vec::new(),
        tun: Port::default(),
        d2d: ProcessStatus::default(),
        usrp: ProcessStatus::default(),
        control: ControlReport::default(),
        route_list: Vec::new(),
        probe: None,
        migration: None,
        takes_part: None,
        guest: None,
        standby: None,
        serves_parked: false,
        drained: false,
        store: None,
        follows_next: None,
    }
}

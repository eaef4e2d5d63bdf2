//! `baton pool init`, `join` and `leave` as an operator types them, with real members of etcd on exactly the settings and certificates that they write.
//!
//! Needs etcd (scripts/install-etcd). The machines are folders and loopback addresses; systemd has no part (`--no-service`).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking; clippy knows that of #[test] functions only")]

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::common::lab::text;
use crate::common::{machine, needs};
use engine::{Etcd, EtcdSettings, Expected, OwnerStore, Security, Timing};

/// A busy machine takes that long to start a member.
const SOON: Duration = Duration::from_secs(60);
static POOLS: AtomicU32 = AtomicU32::new(0);

/// Machines of a pool: for each a folder, and an address of this process alone.
struct Pool {
    folder: tempfile::TempDir,
    /// Which one of this process.
    pool: u32,
    members: BTreeMap<usize, Child>,
}

impl Drop for Pool {
    fn drop(&mut self) {
        for number in [1, 2, 3] {
            self.kill(number);
        }
    }
}

fn etcd() -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/etcd/usr/bin/etcd");
    let there = program.exists() || needs::missing("there is no etcd (scripts/install-etcd)");
    there.then_some(program)
}

/// The address of a machine of a pool, of which no other pool and no other process has any.
fn address(pool: u32, number: usize) -> String {
    let process = std::process::id();
    format!("127.{}.{}.{}", 101 + process / 250 % 150, 1 + process % 250, pool as usize * 10 + number)
}

fn write_key(file: &Path, byte: u8) {
    fs::write(file, [byte; 32]).unwrap();
    fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap();
}

/// A pool of four servers without a store.
fn cluster_file(folder: &Path, pool: u32) -> String {
    let key = folder.join("cluster.key");
    write_key(&key, 7);
    let address = |number| address(pool, number);
    let pool = include_str!("../../crates/config/tests/pool.toml");
    let server = |number| {
        format!("[pool.server.server{number}]\ncommand = \"tcp://{0}:7600\"\ntelemetry = \"tcp://{0}:7601\"\n\n", address(number))
    };
    let text = pool.replace("[pool.server.server2]\n", &format!("{}{}[pool.server.server2]\n", server(3), server(4)));
    let text = text.replace("10.77.0.11:", &format!("{}:", address(1))).replace("10.77.0.12:", &format!("{}:", address(2)));
    let lines = text.lines().filter(|line| !line.starts_with("key_file"));
    format!("key_file = \"{}\"\n{}\n", key.display(), lines.collect::<Vec<_>>().join("\n"))
}

impl Pool {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pool = POOLS.fetch_add(1, Ordering::Relaxed);
        fs::write(folder.path().join("cluster.toml"), cluster_file(folder.path(), pool)).unwrap();
        Self { folder, pool, members: BTreeMap::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The cluster file of a machine: the same for all, but that machines of a pool do not share a folder for certificates.
    fn file(&self, number: usize) -> PathBuf {
        let common = fs::read_to_string(self.path("cluster.toml")).unwrap();
        let folder = self.path(&format!("m{number}"));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("cluster.toml");
        let store = |folder: &Path| folder.join("store").display().to_string();
        fs::write(&file, common.replace(&store(self.folder.path()), &store(&folder))).unwrap();
        file
    }

    fn at(&self, number: usize, name: &str) -> PathBuf {
        self.path(&format!("m{number}")).join(name)
    }

    fn baton(&self, file: &Path, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_baton"));
        command.arg("--config").arg(file).arg("pool").args(words).stdin(Stdio::null());
        command.output().unwrap()
    }

    fn init(&self, words: &[&str]) -> Output {
        let store = self.path("store").display().to_string();
        self.baton(&self.path("cluster.toml"), &[&["init", "--certificates", &store], words].concat())
    }

    fn join_with(&self, number: usize, words: &[&str]) -> Output {
        let (settings, data) = (self.at(number, "etcd.env").display().to_string(), self.at(number, "data").display().to_string());
        let name = format!("server{number}");
        let all = [&["join", &name, "--no-service", "--settings", &settings, "--data", &data], words].concat();
        self.baton(&self.file(number), &all)
    }

    /// What it says; it has to succeed.
    fn join(&self, number: usize) -> String {
        let output = self.join_with(number, &[]);
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{said}{}", self.logs());
        said
    }

    /// `baton pool leave`, typed on that machine, about that one.
    fn leave(&self, at: usize, number: usize, words: &[&str]) -> (Option<i32>, String) {
        let settings = self.at(at, "etcd.env").display().to_string();
        let name = format!("server{number}");
        let all = [&["leave", &name, "--no-service", "--settings", &settings], words].concat();
        let output = self.baton(&self.file(at), &all);
        (output.status.code(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
    }

    fn settings(&self, number: usize) -> BTreeMap<String, String> {
        let text = fs::read_to_string(self.at(number, "etcd.env")).unwrap();
        let pairs = text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split_once('=').unwrap());
        pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect()
    }

    /// Starts etcd with exactly the settings, and returns when it listens.
    fn start(&mut self, number: usize) {
        let log = File::create(self.at(number, "log")).unwrap();
        // It ends with this thread, even one that is killed.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(etcd().unwrap()).env_clear().envs(self.settings(number));
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.members.insert(number, command.spawn().unwrap());
        let began = Instant::now();
        while TcpStream::connect((address(self.pool, number).as_str(), 2379)).is_err() {
            assert!(began.elapsed() < SOON, "etcd does not listen: {}", self.logs());
        }
    }

    fn kill(&mut self, number: usize) {
        if let Some(mut member) = self.members.remove(&number) {
            let _ = member.kill();
            let _ = member.wait();
        }
    }

    fn logs(&self) -> String {
        let log = |number: usize| {
            let text = fs::read_to_string(self.at(number, "log")).unwrap_or_default();
            let last: Vec<&str> = text.lines().rev().take(15).collect();
            format!("\n--- etcd of server{number}, the last line first\n{}", last.join("\n"))
        };
        [1, 2, 3].map(log).concat()
    }

    fn endpoints(&self) -> Vec<String> {
        [1, 2, 3].map(|number| format!("{}:2379", address(self.pool, number))).to_vec()
    }

    /// The store as that server's agent opens it, with the files that it reads.
    fn client(&self, number: usize, security: Option<Security>) -> Etcd {
        Self::client_at(self.endpoints(), number, security, Duration::from_secs(20))
    }

    fn client_at(endpoints: Vec<String>, number: usize, security: Option<Security>, deadline: Duration) -> Etcd {
        let timing = Timing { deadline, ..Timing::default() };
        let settings = EtcdSettings { security, timing, attempt: Duration::from_secs(3), ..EtcdSettings::new(endpoints) };
        Etcd::new(format!("server{number}").parse().unwrap(), settings)
    }

    /// Whether no member has anything to say to it.
    async fn is_refused(&self, security: Option<Security>) -> bool {
        let client = Self::client_at(self.endpoints(), 4, security, Duration::from_secs(4));
        client.quorate().await.is_err_and(|error| !error.is_silence())
    }

    /// Each of the members answers that server, as its agent asks when it is started now.
    async fn each_answers(&self, number: usize) {
        for endpoint in self.endpoints() {
            let client = Self::client_at(vec![endpoint.clone()], number, self.security(number), Duration::from_secs(20));
            let answer = client.quorate().await;
            assert_eq!(answer, Ok(()), "{endpoint} to server{number}: {}", self.logs());
        }
    }

    fn security(&self, number: usize) -> Option<Security> {
        let read = |name: String| {
            let file = self.at(number, "store").join(name);
            config::trust::require_file(&file, "a certificate").unwrap();
            fs::read(file).unwrap()
        };
        let [authorities, chain, key] =
            [read("ca.pem".to_owned()), read(format!("server{number}.pem")), read(format!("server{number}-key.pem"))];
        Some(Security::from_pem(&authorities, &chain, &key).unwrap())
    }

    /// All files of a machine but the log and the data, with their time of change.
    fn files(&self, number: usize) -> Vec<(PathBuf, std::time::SystemTime)> {
        let folders = [self.at(number, ""), self.at(number, "store")];
        let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = entries
            .filter(|file| file.is_file() && !file.ends_with("log") && !file.ends_with("cluster.toml"))
            .map(|file| (file.clone(), file.metadata().unwrap().modified().unwrap()))
            .collect();
        files.sort();
        files
    }
}

/// Three members that have a quorum, set up by the commands.
fn set_up() -> Option<Pool> {
    etcd()?;
    let mut pool = Pool::new();
    let said = text(&pool.init(&[]).stdout);
    assert!(said.contains("apt-get install -y etcd-server") && said.contains("pool join server3"), "{said}");
    for number in [1, 2] {
        assert!(pool.join(number).contains("Start etcd with"));
        assert_eq!(pool.settings(number)["ETCD_INITIAL_CLUSTER_STATE"], "new");
    }
    pool.start(1);
    let said = pool.join(1);
    assert!(said.contains("waits for the others: 1 of 3 members run") && said.contains("server2, server3"), "{said}");
    pool.start(2);
    assert!(pool.join(2).contains("which has a quorum"));
    // The third one comes when the store is there.
    pool.join(3);
    assert_eq!(pool.settings(3)["ETCD_INITIAL_CLUSTER_STATE"], "existing");
    pool.start(3);
    assert!(pool.join(3).contains("which has a quorum"));
    Some(pool)
}

#[test]
fn init_writes_the_store_once_and_says_what_is_missing() {
    let pool = Pool::new();
    let file = pool.path("cluster.toml");
    let before = fs::read_to_string(&file).unwrap();
    assert_eq!(pool.join_with(1, &[]).status.code(), Some(2), "there is no store yet");
    let wrong = pool.init(&["--member", "server1", "--member", "server9", "--member", "10.77.0.9"]);
    assert!(text(&wrong.stderr).contains("no host server9") && fs::read_to_string(&file).unwrap() == before);
    let two = pool.init(&["--member", "server1", "--member", "server2"]);
    assert!(text(&two.stderr).contains("is lost with the first one"), "{}", text(&two.stderr));
    assert!(pool.init(&["--member", "server1", "--member", "server2", "--member", "10.77.0.9"]).status.success());
    let written = fs::read_to_string(&file).unwrap();
    assert!(written.starts_with(before.trim_end()) && written.contains("\"10.77.0.9:2379\""), "{written}");
    // A second time nothing changes; other members are not taken silently.
    let again = pool.init(&[]);
    assert!(text(&again.stdout).contains("stays as it is") && fs::read_to_string(&file).unwrap() == written);
    assert_eq!(pool.init(&["--member", "server1", "--member", "server2", "--member", "server3"]).status.code(), Some(2));
    // A machine without an agent is a member under its address. One that is elsewhere is not set up here.
    let elsewhere = pool.baton(&file, &["join", "10.77.0.9", "--no-service"]);
    assert!(text(&elsewhere.stderr).contains("this machine is not 10.77.0.9"), "{}", text(&elsewhere.stderr));
    let which = pool.baton(&file, &["join", "--no-service"]);
    assert!(text(&which.stderr).contains("the addresses of several hosts"), "{}", text(&which.stderr));
}

#[test]
fn settings_and_certificates_of_others_stay() {
    let pool = Pool::new();
    pool.init(&[]);
    pool.file(1);
    fs::write(pool.at(1, "etcd.env"), "ETCD_NAME=theirs\n").unwrap();
    let refused = pool.join_with(1, &[]);
    assert!(text(&refused.stderr).contains("that baton has not written"), "{}", text(&refused.stderr));
    assert_eq!(fs::read_to_string(pool.at(1, "etcd.env")).unwrap(), "ETCD_NAME=theirs\n");
    assert!(pool.join_with(1, &["--force"]).status.success());
    assert_eq!(fs::read_to_string(pool.at(1, "etcd.env.before-baton")).unwrap(), "ETCD_NAME=theirs\n");
    for name in ["server1-key.pem", "member-key.pem"] {
        let mode = fs::metadata(pool.at(1, "store").join(name)).unwrap().permissions().mode() & 0o777;
        assert!(mode == 0o600 || mode == 0o640, "{name}: {mode:o}");
    }
}

#[tokio::test]
async fn members_are_set_up_with_tls_and_repeating_it_changes_nothing() {
    let _turn = machine::shared();
    let Some(mut pool) = set_up() else { return };
    let before = pool.files(3);
    let said = pool.join(3);
    assert!(said.contains("are as they should be") && !said.contains("new certificates"), "{said}");
    assert_eq!(pool.files(3), before);

    let radio = "alpha".parse().unwrap();
    let client = pool.client(1, pool.security(1));
    let granted = client.grant(&radio, &"server1".parse().unwrap(), Expected::Nobody).await;
    assert_eq!(granted, Ok(1), "{}", pool.logs());
    // A server without a member asks them, too.
    let said = pool.join(4);
    assert!(said.contains("server4 is no member") && !pool.at(4, "etcd.env").exists(), "{said}");
    pool.each_answers(4).await;
    // Whoever has no certificate, or one of another key, is refused.
    assert!(pool.is_refused(None).await);
    let believed = fs::read(pool.at(4, "store").join("ca.pem")).unwrap();
    write_key(&pool.path("cluster.key"), 8);
    let said = pool.join(4);
    assert!(said.contains("new certificates"), "{said}");
    let read = |name: &str| fs::read(pool.at(4, "store").join(name)).unwrap();
    let stranger = Security::from_pem(&believed, &read("server4.pem"), &read("server4-key.pem")).unwrap();
    assert!(pool.is_refused(Some(stranger)).await);
    // A member whose data are gone begins no store of its own where the others do not believe it.
    pool.kill(3);
    fs::remove_dir_all(pool.at(3, "data")).unwrap();
    let refused = pool.join_with(3, &[]);
    assert!(!refused.status.success() && !pool.at(3, "data").exists(), "{}", text(&refused.stdout));
    assert_eq!(pool.settings(3)["ETCD_INITIAL_CLUSTER_STATE"], "existing");
}

#[tokio::test]
async fn the_key_is_changed_in_three_steps_and_every_member_answers_in_each() {
    let _turn = machine::shared();
    let Some(mut pool) = set_up() else { return };
    let [key, next, previous] = ["cluster.key", "cluster.key.next", "cluster.key.previous"].map(|name| pool.path(name));
    for step in ["new", "rotate", "retire"] {
        match step {
            "new" => write_key(&next, 9),
            "rotate" => [(&key, &previous), (&next, &key)].into_iter().for_each(|(from, to)| fs::rename(from, to).unwrap()),
            _ => fs::remove_file(&previous).unwrap(),
        }
        for number in [1, 2, 3] {
            let said = pool.join(number);
            assert!(said.contains("new certificates") && said.contains("end it and start it again"), "{step}: {said}");
            pool.kill(number);
            pool.start(number);
            assert!(pool.join(number).contains("which has a quorum"), "{step}");
            pool.each_answers(number).await;
        }
    }
    let believed = fs::read_to_string(pool.at(1, "store").join("ca.pem")).unwrap();
    assert_eq!(believed.matches("BEGIN CERTIFICATE").count(), 1, "the old key counts no more");
}

#[tokio::test]
async fn a_member_that_is_lost_is_replaced_and_none_leaves_without_whom_there_is_no_quorum() {
    let _turn = machine::shared();
    let Some(mut pool) = set_up() else { return };
    let radio = "alpha".parse().unwrap();
    let first = "server1".parse().unwrap();
    assert_eq!(pool.client(1, pool.security(1)).grant(&radio, &first, Expected::Nobody).await, Ok(1));

    // Its disk is lost.
    pool.kill(3);
    fs::remove_dir_all(pool.at(3, "data")).unwrap();
    let said = pool.join(3);
    assert!(said.contains("was taken out of the store, and comes in anew"), "{said}");
    pool.start(3);
    assert!(pool.join(3).contains("which has a quorum"));
    let owner = pool.client(3, pool.security(3)).ownership(&radio).await.unwrap();
    assert_eq!(owner.map(|owner| owner.host), Some(first));

    // It is dead: nobody else leaves before it.
    pool.kill(3);
    let (code, said) = pool.leave(1, 1, &[]);
    assert!(code == Some(1) && said.contains("without server1 the store would have no quorum"), "{said}");
    assert!(said.contains("server3 does not answer") && said.contains("baton pool leave server3"), "{said}");
    let (code, said) = pool.leave(1, 3, &[]);
    assert!(code == Some(0) && said.contains("server3 was taken out of the store; its members are"), "{said}");
    let (code, said) = pool.leave(1, 3, &[]);
    assert!(code == Some(0) && said.contains("server3 is no member"), "{said}");

    // It comes back with data of then, which are of no use.
    let said = pool.join(3);
    assert!(said.contains("data of a membership that has ended"), "{said}");
    pool.start(3);
    assert!(pool.join(3).contains("which has a quorum"));
    assert!(pool.at(3, "data.old-1").join("member").exists());

    // On the machine itself, with its data.
    let (code, said) = pool.leave(3, 3, &["--delete-data"]);
    assert!(code == Some(0) && said.contains("were removed") && !pool.at(3, "data").exists(), "{said}");
    let (code, said) = pool.leave(3, 3, &["--delete-data"]);
    assert!(code == Some(0) && said.contains("is no member") && !said.contains("data"), "{said}");

    // Without a quorum nobody is taken out.
    pool.kill(2);
    let (code, said) = pool.leave(1, 2, &[]);
    assert!(code == Some(3) && said.contains("start etcd on the other members"), "{said}");
}

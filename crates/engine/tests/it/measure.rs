//! What the store costs, printed. Run it alone: `cargo test --release -p engine --locked -- --ignored --nocapture measure`

use std::fs;
use std::path::Path;
use std::time::Duration;

use engine::{Change, Error, Etcd, Expected, OwnerStore};
use tokio::time::Instant;

use super::cluster::Cluster;
use super::suite::{host, radio, until};

const EACH: usize = 200;
const REST: Duration = Duration::from_secs(20);
const KILLS: usize = 5;
/// Of the kernel's clock in /proc/PID/stat, Hz.
const TICKS: f64 = 100.0;

fn print(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let (median, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("{what}: median {:.2} ms, p99 {:.2} ms, of {}", ms(median), ms(p99), times.len());
}

/// CPU time that a process has used, seconds, and its memory, MB.
fn used(pid: i32) -> (f64, f64) {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<f64> = stat.rsplit_once(") ").unwrap().1.split(' ').map(|field| field.parse().unwrap_or(0.0)).collect();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kb: f64 = memory.trim().trim_end_matches(" kB").parse().unwrap();
    ((fields[11] + fields[12]) / TICKS, kb / 1e3)
}

/// MB of a folder, in apparent size and on the disk.
fn size(folder: &Path) -> (f64, f64) {
    use std::os::unix::fs::MetadataExt;
    let (mut apparent, mut on_disk) = (0.0, 0.0);
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let data = entry.metadata().unwrap();
        let (below, below_on_disk) =
            if data.is_dir() { size(&entry.path()) } else { (data.len() as f64 / 1e6, data.blocks() as f64 * 512.0 / 1e6) };
        (apparent, on_disk) = (apparent + below, on_disk + below_on_disk);
    }
    (apparent, on_disk)
}

async fn calls(a: &Etcd, b: &Etcd) {
    let alpha = radio("alpha");
    let mut changes = b.watch();
    until(&mut changes, |change| matches!(change, Change::All(_))).await;
    let (mut reserve, mut commit, mut grant, mut watch, mut read) = (vec![], vec![], vec![], vec![], vec![]);
    let mut expected = Expected::Nobody;
    for _ in 0..EACH {
        let began = Instant::now();
        let reservation = a.reserve(&alpha, &host("a"), expected, Duration::from_secs(10)).await.unwrap();
        reserve.push(began.elapsed());
        let began = Instant::now();
        let epoch = a.commit(&reservation).await.unwrap();
        commit.push(began.elapsed());
        let began = Instant::now();
        let epoch = a.grant(&alpha, &host("b"), Expected::Epoch(epoch)).await.unwrap();
        grant.push(began.elapsed());
        // From the answer on, or sooner: the event may come before it.
        until(&mut changes, |change| matches!(change, Change::Owner(_, Some(owner)) if owner.epoch == epoch)).await;
        watch.push(began.elapsed());
        let began = Instant::now();
        a.ownership(&alpha).await.unwrap();
        read.push(began.elapsed());
        expected = Expected::Epoch(epoch);
    }
    print("reserve", reserve);
    print("commit", commit);
    print("grant", grant);
    print("grant, until a watcher was told", watch);
    print("read", read);
}

/// Changes one after another; the longest time between two that succeeded, while the leader is killed.
async fn without_writes(cluster: &mut Cluster, a: &Etcd) -> Duration {
    let alpha = radio("beta");
    let leader = cluster.leader();
    let (mut longest, mut last, began) = (Duration::ZERO, Instant::now(), Instant::now());
    let mut killed = false;
    let mut epoch = a.ownership(&alpha).await.unwrap().map(|owner| owner.epoch);
    while began.elapsed() < Duration::from_secs(6) {
        if !killed && began.elapsed() > Duration::from_secs(1) {
            cluster.kill_member(leader);
            killed = true;
        }
        match a.grant(&alpha, &host("a"), epoch.map_or(Expected::Nobody, Expected::Epoch)).await {
            Ok(next) => {
                longest = longest.max(last.elapsed());
                (last, epoch) = (Instant::now(), Some(next));
            }
            Err(Error::Stale { owner, .. }) => epoch = owner.map(|owner| owner.epoch),
            Err(error) => println!("  {error}"),
        }
    }
    cluster.start_member(leader);
    cluster.ready().await;
    longest
}

#[tokio::test]
#[ignore = "it measures, for a minute, on a machine that does nothing else"]
async fn measure() {
    let Some(mut cluster) = Cluster::start(&[]) else { return };
    let began = Instant::now();
    cluster.ready().await;
    println!("three members, fresh, until one answers with a quorum: {:.1} s", began.elapsed().as_secs_f64());
    let settings = engine::EtcdSettings { attempt: Duration::from_millis(500), ..cluster.settings() };
    let (a, b) = (Etcd::new(host("a"), settings.clone()), Etcd::new(host("b"), settings));
    calls(&a, &b).await;

    let _members = (a.join().await.unwrap(), b.join().await.unwrap());
    let _watch = (a.watch(), b.watch());
    let pids: Vec<i32> = (0..3).map(|index| cluster.pid(index)).collect();
    let (leader, before) = (cluster.leader(), pids.iter().map(|pid| used(*pid).0).collect::<Vec<_>>());
    tokio::time::sleep(REST).await;
    for (index, pid) in pids.iter().enumerate() {
        let (cpu, memory) = used(*pid);
        let (apparent, on_disk) = size(&cluster.data(index));
        let share = (cpu - before[index]) / REST.as_secs_f64() * 100.0;
        let role = if index == leader { "the leader" } else { "a follower" };
        println!(
            "{role} at rest, two members and two watches: {share:.1} % of a core, {memory:.1} MB, disk {apparent:.0} MB ({on_disk:.0} MB on it)"
        );
    }
    for _ in 0..KILLS {
        println!("leader killed, without a write for {:.2} s", without_writes(&mut cluster, &a).await.as_secs_f64());
    }
}

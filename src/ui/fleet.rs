//! A fake fleet for the tests of the screen: the cluster file of the lab and what its hosts would say at chosen moments.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::model::Model;
use super::msg::{Heard, LinkState, Msg};
use super::theme::{Skin, ThemeName};
use super::update::update;
use config::Config;
use protocol::*;

/// The example with a radio that is called N210.
pub fn cluster() -> String {
    config::EXAMPLE.replace("\"pool\"", "\"N210\"").replace("[radio.pool]", "[radio.N210]").replace("/var/lib/baton/", "/nowhere/")
}

/// Moments of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    Before,
    During,
    After,
    Failed,
    Silent,
}

pub fn start() -> DateTime<Utc> {
    "2026-11-20T09:53:22Z".parse().unwrap()
}

pub fn model(theme: ThemeName, ascii: bool) -> Model {
    let config: Config = Config::parse(&cluster()).unwrap();
    Model::new(Arc::new(config), Skin::new(theme, ascii), Some("ada@lab".into()), start())
}

/// A model that has heard the fleet up to a moment.
pub fn at(moment: Moment, theme: ThemeName, ascii: bool) -> Model {
    let mut m = model(theme, ascii);
    tell(&mut m, moment);
    m
}

fn tick(model: &mut Model, now_ms: u64) {
    update(model, Msg::Tick { now_ms, at: start() + TimeDelta::milliseconds(now_ms as i64) });
}

/// Nothing runs on either server, and both are parked.
pub fn idle(model: &mut Model) {
    for host in ["server1", "server2"] {
        let mut idle = model.telemetry(host).unwrap().clone();
        idle.seq += 1;
        (idle.d2d.state, idle.usrp.state) = (ProcessState::Stopped, ProcessState::Stopped);
        idle.radio_port.addresses = vec!["192.168.20.2/24".into()];
        hear(model, idle);
    }
}

fn hear(model: &mut Model, telemetry: Telemetry) {
    update(model, Msg::Heard(Heard::Telemetry(Box::new(telemetry))));
}

pub fn event(model: &mut Model, host: &str, level: Level, text: &str) {
    let at = model.at;
    update(
        model,
        Msg::Heard(Heard::Event(Event { at, host: host.into(), level, text: text.into(), radio: None, run: None, alert: false })),
    );
}

pub fn tell(model: &mut Model, moment: Moment) {
    tick(model, 60_000);
    event(model, "server1", Level::Info, "DS: eth3 is 192.168.10.1/24, D2D and USRP started, in sync");
    tick(model, 182_000);
    tell_on(model, moment);
}

/// What the fleet says at a moment, whatever the time is.
pub fn tell_on(model: &mut Model, moment: Moment) {
    let migrated = moment == Moment::After;
    let work_on_1 = matches!(moment, Moment::Before | Moment::Failed | Moment::Silent);
    let mut one = telemetry("server1", work_on_1, work_on_1);
    let mut two = telemetry("server2", migrated || moment == Moment::During, migrated);
    set_moment(model, moment, &mut one, &mut two);
    fill_load_history(model, &one);
    fill_load_history(model, &two);
    let owner = if matches!(moment, Moment::After | Moment::During) { (4, "server2") } else { (3, "server1") };
    for telemetry in [&mut one, &mut two] {
        (telemetry.owner_epoch, telemetry.owner) = (Some(owner.0), Some(owner.1.into()));
    }
    hear(model, one);
    hear(model, two);
    hear(model, far_end(moment));
    for host in ["server1", "server2", "server3"] {
        update(model, Msg::Heard(Heard::Link { host: host.into(), state: LinkState::Connected }));
    }
    if moment == Moment::Silent {
        silence_server2(model);
    }
}

/// What the two servers say of a migration, and the events that go with it.
fn set_moment(model: &mut Model, moment: Moment, one: &mut Telemetry, two: &mut Telemetry) {
    match moment {
        Moment::Before | Moment::Silent => {}
        Moment::During => {
            two.usrp.state = ProcessState::Made;
            two.usrp.counters = None;
            two.d2d.sync = Some(SyncState::NoSamples);
            two.d2d.link = Some(Link::default());
            two.radio_port.addresses = vec!["192.168.10.1/24".into()];
            two.tun.addresses = vec!["192.168.40.9/24".into()];
            two.migration = Some(progress(false));
            event(model, "console", Level::Info, "M (classic) ordered from server2");
            event(model, "server1", Level::Info, "D2D and USRP stopped, eth3 parked");
        }
        Moment::After => {
            two.migration = Some(progress(true));
            event(model, "console", Level::Info, "M (classic) ordered from server2");
            event(model, "server1", Level::Info, "D2D and USRP stopped, eth3 parked");
            event(model, "server2", Level::Info, "linked to the radio after 2 probes, in sync");
            event(model, "console", Level::Info, "M done by server2 in 1 902 ms, service interrupted for 1 741 ms by phases");
        }
        Moment::Failed => {
            let mut failed = progress(true);
            failed.steps[5].state = StepState::Failed;
            failed.steps[6].state = StepState::Waiting;
            let phases = failed.phases();
            let record = failed.record.as_mut().unwrap();
            record.phases = phases;
            record.interruption = Interruption::default();
            record.outcome = Outcome::Failed;
            record.reason = Some("the radio did not answer 8 probes from server2; nobody serves, s (DS) brings it back".into());
            two.migration = Some(failed);
            one.radio_port.addresses = vec!["192.168.20.2/24".into()];
            event(model, "server2", Level::Error, "M failed: the radio did not answer 8 probes from server2");
        }
    }
}

/// A minute of load before now.
fn fill_load_history(model: &mut Model, telemetry: &Telemetry) {
    let Some(view) = model.hosts.get_mut(&telemetry.host) else { return };
    for ago in (1..60).rev() {
        // Any fixed wiggle will do.
        let wave = (ago * 7919 % 23) as f32;
        let load = HostLoad {
            cpu_percent: 30.0 + 2.0 * wave,
            rx_bytes_per_s: telemetry.load.rx_bytes_per_s / (1 + ago / 30),
            ..telemetry.load.clone()
        };
        view.history.record(model.now_ms.saturating_sub(1000 * ago), &load);
    }
}

/// The far end with its probe.
fn far_end(moment: Moment) -> Telemetry {
    let (lost, since) = match moment {
        Moment::During => (9, 0),
        Moment::After => (19, 24),
        Moment::Before | Moment::Failed | Moment::Silent => (0, 0),
    };
    let mut three = telemetry("server3", true, false);
    three.radio_port.addresses = vec!["192.168.10.1/24".into()];
    three.tun.addresses = vec!["192.168.40.8/24".into()];
    three.probe = Some(probe(lost, since));
    three
}

/// Seven seconds in which only the others are heard.
fn silence_server2(model: &mut Model) {
    tick(model, 189_000);
    for (host, seq) in [("server1", 1901), ("server3", 1901)] {
        let mut again = model.telemetry(host).unwrap().clone();
        again.seq = seq;
        hear(model, again);
    }
    let state = LinkState::Silent { for_ms: 7_000 };
    update(model, Msg::Heard(Heard::Link { host: "server2".into(), state }));
}

fn port(name: &str, address: Option<&str>) -> Port {
    Port { name: name.into(), addresses: address.map(Into::into).into_iter().collect(), up: true, mac: None, mtu: Some(1500) }
}

pub fn telemetry(host: &str, works: bool, owns: bool) -> Telemetry {
    let status = |pid: u32, cpu: f32, memory: u64| ProcessStatus {
        state: ProcessState::Running,
        pid: Some(pid),
        uptime_ms: Some(122_000),
        load: ProcessLoad { cpu_percent: cpu, memory },
        ..ProcessStatus::default()
    };
    let (mut d2d, mut usrp) = (ProcessStatus::default(), ProcessStatus::default());
    if works {
        d2d = ProcessStatus { sync: Some(SyncState::Synced { for_ms: 121_000 }), ..status(4312, 31.2, 12_300_000) };
        d2d.link = Some(Link {
            snr_db: Some(23.4),
            evm_percent: Some(6.8),
            cfo_hz: Some(-212.4),
            block_error_rate: Some(0.003),
            subframes_lost: 2,
            blocks_good: 24_000,
            blocks_bad: 3,
            packets_in: 1210,
            packets_out: 1214,
            ..Link::default()
        });
        let counters = StreamCounters { rx_samples: 234_000_000, tx_samples: 234_000_000, ..StreamCounters::default() };
        usrp = ProcessStatus { counters: Some(counters), ..status(4313, 8.4, 6_100_000) };
    }
    let one = host == "server1";
    Telemetry {
        seq: 1900,
        at: start(),
        uptime_ms: 190_000,
        load: HostLoad {
            cpu_percent: 47.0,
            cores: 2,
            memory_used: 1_240_000_000,
            memory_total: 4_100_000_000,
            rx_bytes_per_s: if works { 25_300_000 } else { 1_200 },
            tx_bytes_per_s: if works { 4_900_000 } else { 3_400 },
            agent: ProcessLoad { cpu_percent: 0.4, memory: 9_400_000 },
        },
        radio_port: port("eth3", Some(if owns { "192.168.10.1/24" } else { "192.168.20.2/24" })),
        tun: port("tun", (one || owns).then_some("192.168.40.9/24")),
        d2d,
        usrp,
        control: if one || works { control(one) } else { ControlReport::default() },
        route_list: vec![Route { dest_id: 8, nexthop: 8 }, Route { dest_id: 4, nexthop: 8 }],
        ..crate::migration::fleet::telemetry_of(host)
    }
}

fn control(one: bool) -> ControlReport {
    let rows = [
        ("workmode", 1, "slave"),
        ("phy_cell_ID", 301, "physical-layer cell id"),
        ("group_ID", 100, "cell group id"),
        ("cell_ID", 1, "id within the group"),
        ("CPtype", 0, "normal cyclic prefix"),
        ("BW", 5, "system bandwidth, MHz"),
        ("RBIdx", 25, "resource blocks"),
        ("duplexMode", 1, "FDD"),
        ("numAntennaTX", 1, "transmit antennas"),
        ("numAntennaRX", 1, "receive antennas"),
        ("DLULAssign", 2, "downlink/uplink subframes"),
        ("trans_mode", if one { 1 } else { 2 }, "transmission mode"),
        ("type_mode", 1, "QPSK"),
        ("RNTI", 0, "C-RNTI"),
    ];
    let mut report = ControlReport { age_ms: Some(3_200), ..ControlReport::default() };
    for (name, value, meaning) in rows {
        report.values.insert(name.into(), json!(value));
        report.meanings.insert(name.into(), json!(meaning));
    }
    report
}

/// Probes of which `lost` were lost before the last `since`.
pub fn probe(lost: u64, since: u64) -> ProbeStatus {
    let sent = 1214;
    let recent = (sent - 300..sent)
        .map(|seq| {
            let gone = seq + since >= sent - lost && seq + since < sent;
            // Any fixed wiggle will do.
            let rtt = 5.0 + (seq * 7919 % 31) as f64 / 10.0 + if seq % 37 == 0 { 4.0 } else { 0.0 };
            ProbeOutcome { seq, rtt_ms: (!gone && seq + 1 < sent).then_some(rtt), lost: gone }
        })
        .collect();
    ProbeStatus {
        target: "192.168.40.9".into(),
        interval_ms: 100.0,
        sent,
        before_service: 0,
        received: sent - lost - 1,
        lost,
        rtt_ms: Some([4.98, 6.52, 9.11, 12.2]),
        recent,
        spans: Vec::new(),
    }
}

fn progress(finished: bool) -> Progress {
    let figures = [
        (PhaseName::TunIp, 1.32),
        (PhaseName::StartD2d, 47.6),
        (PhaseName::MakeUsrp, 12.4),
        (PhaseName::StopSource, 21.8),
        (PhaseName::Eth3, 2.14),
        (PhaseName::LinkUsrp, if finished { 1648.0 } else { 812.0 }),
        (PhaseName::Sync, 91.3),
    ];
    let steps = figures
        .into_iter()
        .enumerate()
        .map(|(i, (name, ms))| {
            let state = match i {
                _ if finished => StepState::Done,
                0..5 => StepState::Done,
                5 => StepState::Running,
                _ => StepState::Waiting,
            };
            Step { name, state, ms }
        })
        .collect();
    let mut progress = Progress {
        run: "019a-0001".into(),
        order: Order::M,
        method: Method::Classic,
        from: "server1".into(),
        to: "server2".into(),
        steps,
        stage: if finished { OrderStage::Closing } else { OrderStage::Moving },
        now: "linking the entity to the radio".into(),
        finished,
        record: None,
    };
    progress.record = finished.then(|| record_of(&progress));
    progress
}

/// The record of a classic migration that succeeded.
fn record_of(progress: &Progress) -> RunRecord {
    RunRecord {
        radio: None,
        run: progress.run.clone(),
        started: start(),
        order: Order::M,
        method: Method::Classic,
        from: "server1".into(),
        to: "server2".into(),
        relay: false,
        taken_up: false,
        by: Some("ada@lab".into()),
        outcome: Outcome::Ok,
        reason: None,
        failure: None,
        warnings: vec![],
        phases: progress.phases(),
        trace: Vec::new(),
        handover: None,
        mechanism: None,
        packets_forwarded: 0,
        total_ms: 1902.4,
        interruption: Interruption {
            by_phases_ms: Some(1741.4),
            probe_interval_ms: Some(100.0),
            probes_sent: Some(43),
            probes_lost: Some(19),
            by_loss_ms: Some(1900.0),
            gap_ms: Some(1996.0),
        },
        rollback: None,
        held_ms: None,
    }
}

/// Records of two methods, a failure, a start: thirteen runs, the oldest first.
pub fn records() -> crate::metrics::records::Records {
    let base = progress(true).record.unwrap();
    let mut runs: Vec<RunRecord> = (0..12_u32)
        .map(|i| {
            let mut run = base.clone();
            // Any fixed wiggle will do.
            let factor = 0.9 + f64::from(i * 7 % 5) / 20.0 + if i % 2 == 1 { 1.5 } else { 0.0 };
            run.run = format!("019a-4f2e-7000-{:08x}", 0x1000_0000 + i * 0x0123_4567);
            run.started = start() + TimeDelta::minutes(i64::from(i) * 3);
            (run.order, run.method) =
                (if i % 4 < 2 { Order::M } else { Order::MB }, if i % 2 == 1 { Method::Cold } else { Method::Classic });
            if run.order == Order::MB {
                std::mem::swap(&mut run.from, &mut run.to);
            }
            run.phases.iter_mut().for_each(|phase| phase.ms = (phase.ms * factor * 1000.0).round() / 1000.0);
            run.total_ms = (run.total_ms * factor * 10.0).round() / 10.0;
            run.interruption.by_phases_ms = run.interruption.by_phases_ms.map(|v| (v * factor * 10.0).round() / 10.0);
            run
        })
        .collect();
    runs[8].outcome = Outcome::RolledBack;
    runs[8].interruption.by_phases_ms = None;
    runs[8].reason = Some("link_usrp on server2: the radio did not answer 8 probes. server1 serves.".into());
    let mut start = runs[0].clone();
    start.run = "019a-4f2e-7000-00000000".into();
    (start.order, start.from, start.phases, start.interruption) = (Order::DS, "server1".into(), vec![], Interruption::default());
    (start.to, start.started, start.total_ms) = ("server1".into(), start.started - TimeDelta::minutes(1), 2140.7);
    runs.insert(0, start);
    crate::metrics::records::Records { runs, ..Default::default() }
}

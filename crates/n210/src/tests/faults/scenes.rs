//! Events of scenes, and faults under any passing of time.

use proptest::prelude::*;

use super::*;

#[test]
fn a_scenes_events_happen_at_their_tick() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    let text = "[[event]]\nat = 0.00002\nfault = { radio = \"radio0\", kind = \"none\" }\n\
                [[event]]\nat = 0.00001\nfault = { radio = \"radio0\", kind = \"deaf\" }";
    bench.scene(text);
    assert_eq!(bench.0.due(), 1000);
    bench.0.advance(999);
    assert_eq!(bench.hellos(host, 1), [0]);
    bench.0.advance(1000);
    assert!(bench.hellos(host, 1).is_empty());
    bench.0.advance(1999);
    assert!(bench.hellos(host, 1).is_empty());
    // However far time goes at once.
    bench.0.advance(5000);
    assert_eq!((bench.hellos(host, 1), bench.faults()), (vec![0], 0));
}

impl Bench {
    fn scene(&mut self, text: &str) {
        let medium = Medium { path: Path::default(), noise_dbfs: -200.0, seed: 1 };
        let defaults = scene::Defaults { medium, equipment: Default::default() };
        self.0.set(Scene::parse(Some("s.toml"), text, self.0.names(), defaults).unwrap());
    }

    /// Powers of what chain 0 of the listener receives while another radio, or its own, transmits a constant from tick 5000 to the end.
    fn levels(&mut self, sender: Host, listener: Host) -> Vec<f64> {
        let last = TxHeader { tick: Some(5_000), end_of_burst: true, ..TxHeader::default() };
        self.transmit(sender, last, &[Sample::new(20_000, 0); 363]);
        self.command(listener, StreamMode::Samples(300), Some(5_000));
        self.0.advance(100_000);
        let datagrams = self.datagrams(listener.radio);
        let rx = datagrams.iter().find(|d| d.ports.0 == port::RX0).unwrap();
        let RxPacket::Data(data) = RxPacket::decode(&rx.payload).unwrap() else { panic!("no samples") };
        data.samples().map(|s| f64::from(s.re).hypot(f64::from(s.im))).collect()
    }
}

#[test]
fn a_path_changes_between_two_samples_of_a_packet() {
    let mut bench = Bench::new(2);
    let (sender, listener) = (Host::new(0, 1), Host::new(1, 1));
    bench.ready(sender);
    bench.ready(listener);
    // Sample n has heard what was on the air 169 ticks before its time stamp, which is 5000 + 74 + 52 n.
    bench.scene(
        "[[event]]\nat = 0.00010105\npath = { from = \"radio0\", to = \"radio1\", blocked = true }\n\
         [[event]]\nat = 0.00015306\npath = { from = \"radio0\", to = \"radio1\", blocked = false, gain_db = -6.0206 }",
    );
    let levels = bench.levels(sender, listener);
    let full = levels[50];
    assert!(full > 5_000.0, "{full}");
    // Sample 200 is one tick before the second event. The first samples rise with the filters.
    let silent: Vec<usize> = (50..300).filter(|n| levels[*n] < full / 100.0).collect();
    assert_eq!((silent.first(), silent.last(), silent.len()), (Some(&100), Some(&200), 101));
    assert!((levels[250] / full - 0.5).abs() < 0.01, "{}", levels[250] / full);
}

#[test]
fn a_cable_from_a_radio_to_itself_is_laid_by_a_scene_or_an_event() {
    let host = Host::new(0, 1);
    let level = |text: &str, line: Option<&str>| {
        let mut bench = Bench::new(1);
        bench.ready(host);
        bench.scene(text);
        line.map(|line| bench.tell(line).unwrap());
        bench.levels(host, host)[150]
    };
    assert!(level("", None) < 1.0);
    let whole = level("[[path]]\nfrom = \"radio0\"\nto = \"radio0\"", None);
    let half = level("", Some("path = { from = \"radio0\", to = \"radio0\", gain_db = -6.0206 }"));
    assert!(whole > 5_000.0 && (half / whole - 0.5).abs() < 0.01, "{whole} {half}");
}

#[test]
fn noise_rises_at_one_radio() {
    let (mut bench, host) = bench();
    let other = Host::new(1, 1);
    bench.ready(other);
    bench.tell("radio = { name = \"radio0\", noise_dbfs = -20 }").unwrap();
    for host in [host, other] {
        bench.command(host, StreamMode::Samples(300), None);
    }
    bench.pass(MS);
    let power = |bench: &mut Bench, radio| {
        let datagrams = bench.datagrams(radio);
        let RxPacket::Data(data) = RxPacket::decode(&datagrams[0].payload).unwrap() else { panic!("no samples") };
        data.samples().map(|s| f64::from(s.re).powi(2) + f64::from(s.im).powi(2)).sum::<f64>() / 300.0 / 32767.0_f64.powi(2)
    };
    let decibels = 10.0 * power(&mut bench, 0).log10();
    assert!((decibels + 20.0).abs() < 1.5 && power(&mut bench, 1) == 0.0, "{decibels}");
}

/// Frames of a second of streaming and asking under faults, with time passing in steps of these lengths.
fn eventful(steps: &[u64]) -> Vec<Vec<u8>> {
    let (mut bench, host) = bench();
    bench.command(host, StreamMode::Continuous, None);
    bench.spoil("kind = \"drop\", probability = 0.2, for = 0.004");
    bench.spoil("kind = \"delay\", ticks = 30000, jitter_ticks = 90000, direction = \"out\"");
    bench.spoil("kind = \"reorder\", probability = 0.3");
    bench.spoil("kind = \"duplicate\", probability = 0.1, direction = \"out\"");
    let end = bench.0.now() + 10 * MS;
    for step in steps.iter().cycle() {
        let later = (bench.0.now() + step).min(end);
        bench.0.advance(later);
        if bench.0.now() == end {
            return bench.drain(0);
        }
    }
    unreachable!("time passes")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn the_fate_of_packets_does_not_depend_on_how_time_passes(steps in prop::collection::vec(1..200_000_u64, 1..20)) {
        prop_assume!(steps.iter().sum::<u64>() > 10_000);
        prop_assert_eq!(eventful(&steps), eventful(&[10 * MS]));
    }

    #[test]
    fn no_fault_stops_the_radio_for_good(
        faults in prop::collection::vec((0..11_usize, any::<u16>(), -1_000_000_000_000_000..1_000_000_000_000_000_i64), 1..12),
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 0..20),
    ) {
        let (mut bench, host) = bench();
        bench.command(host, StreamMode::Continuous, None);
        for (kind, number, ticks) in faults {
            let lag = u64::from(number) * 100;
            let _ = bench.tell(&format!("fault = {{ radio = \"radio0\", {} }}", match kind {
                0 => "kind = \"none\"".to_owned(),
                1 => format!("kind = \"drop\", every = {}", number.max(1)),
                2 => format!("kind = \"delay\", ticks = {lag}, jitter_ticks = {number}"),
                3 => "kind = \"duplicate\", probability = 0.5".to_owned(),
                4 => "kind = \"reorder\", probability = 0.5".to_owned(),
                5 => "kind = \"deaf\", port = 49156, direction = \"out\"".to_owned(),
                6 => format!("kind = \"brown-out\", for = 0.{number}1"),
                7 => format!("kind = \"slow-cpu\", ticks = {lag}"),
                8 => format!("kind = \"clock-jump\", ticks = {ticks}"),
                9 => "kind = \"overflow\"".to_owned(),
                _ => "kind = \"lost-lock\"".to_owned(),
            }));
            for frame in &frames {
                bench.0.input(0, frame, Some(usize::from(number)));
            }
            bench.hello(host, 1);
            bench.pass(u64::from(number));
        }
        bench.spoil("kind = \"none\"");
        bench.pass(20 * MS);
        bench.drain(0);
        prop_assert_eq!(bench.hellos(host, 1), [0]);
    }
}

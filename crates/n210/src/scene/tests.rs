//! Every way in which a scene may be wrong, and that none of them is a panic.

use std::path::{Path as FilePath, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::air::medium::Path;
use crate::board::{Board, Programming};
use crate::device::pipeline::Timing;
use crate::fault::{FaultKind, Lag, PacketChoice, PacketDirection};

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn defaults() -> Defaults {
    let medium = Medium { path: Path { gain_db: -10.0, ..Path::default() }, noise_dbfs: -47.0, seed: 1 };
    Defaults { medium, equipment: Equipment::default() }
}

fn parse(text: &str, radios: &[&str]) -> Result<Scene, Failure> {
    Scene::parse(Some("s.toml"), text, names(radios), defaults())
}

fn lab(text: &str) -> Result<Scene, Failure> {
    parse(text, &["pool", "far"])
}

#[test]
fn a_whole_scene_says_what_it_means() {
    let scene = lab(r#"
seed = 9
kind = true
[air]
gain_db = -3
delay_ticks = 7
[[radio]]
name = "far"
board = "sbx"
eeprom = "mismatched"
gpsdo = true
carrier_offset_hz = 120.0
noise_dbfs = -50.0
impairments = "typical"
front_end = { tx_lo_leakage_dbfs = -30.0, lock_time_ms = 2 }
[[path]]
from = "far"
to = "pool"
gain_db = -12.5
taps = [{ delay_ticks = 40, gain_db = -6.0, phase_degrees = 90.0 }]
[[event]]
at = 3.0
fault = { radio = "pool", kind = "drop", port = 49157, probability = 0.1, for = 2.0 }
[[event]]
at = 2.00000001
path = { from = "far", to = "pool", blocked = true }
[[event]]
at = 0
radio = { name = "pool", noise_dbfs = -60 }
"#)
    .unwrap();
    assert_eq!((scene.medium.seed, scene.medium.path.gain_db, scene.medium.path.delay), (9, -3.0, 7));
    assert_eq!(scene.medium.noise_dbfs, -47.0, "what the scene does not say is as on the command line");
    let equipment = Equipment { board: Board::Sbx, eeprom: Programming::Mismatched, gpsdo: true, timing: Timing::Ideal };
    assert_eq!(
        (scene.radios[0].equipment, scene.radios[1].equipment),
        (Equipment { timing: Timing::Ideal, ..Equipment::default() }, equipment)
    );
    let impairments = Impairments { tx_lo_leakage_dbfs: Some(-30.0), lock_time_ms: Some(2.0), ..Impairments::default() };
    let change = RadioChange {
        radio: 1,
        carrier_offset_hz: Some(120.0),
        noise_dbfs: Some(-50.0),
        impairment_set: Some(ImpairmentSet::Typical),
        impairments,
    };
    assert_eq!(scene.radios[1].change, change);
    let taps = Some(vec![Tap { delay: 40, gain_db: -6.0, phase_degrees: 90.0 }]);
    assert_eq!(scene.paths, [PathChange { from: 1, to: 0, gain_db: Some(-12.5), taps, ..PathChange::default() }]);
    let [first, second, third] = &scene.schedule[..] else { panic!("{:?}", scene.schedule) };
    assert_eq!((first.at, second.at, third.at), (0, 200_000_001, 300_000_000));
    assert_eq!(second.action, SceneAction::Path(PathChange { from: 1, to: 0, blocked: Some(true), ..PathChange::default() }));
    let kind = Some(FaultKind::Drop(PacketChoice::Probability(0.1)));
    let change = FaultChange { radio: 0, kind, port: Some(49157), direction: None, lasts: Some(200_000_000) };
    assert_eq!(third.action, SceneAction::Fault(change));
}

/// Text, line, key, and a word of the sentence.
const WRONG: &[(&str, u32, &str, &str)] = &[
    ("seed = 1\nsead = 2", 2, "sead", "unknown key"),
    ("[air]\ngain = 3", 2, "air.gain", "unknown key"),
    ("seed = -1", 1, "seed", "-1"),
    ("seed = \"x\"", 1, "seed", "string"),
    ("[air]\n\ngain_db = \"loud\"", 3, "air.gain_db", "string"),
    ("[air]\ngain_db = nan", 2, "air.gain_db", "NaN"),
    ("[air]\ngain_db = inf", 2, "air.gain_db", "inf"),
    ("[air]\ngain_db = 1e9", 2, "air.gain_db", "60"),
    ("[air]\nnoise_dbfs = 21.0", 2, "air.noise_dbfs", "20"),
    ("[air]\ndelay_ticks = -1", 2, "air.delay_ticks", "-1"),
    ("[air]\ndelay_ticks = 1000001", 2, "air.delay_ticks", "1000000"),
    ("[air]\ndelay_ticks = 1.5", 2, "air.delay_ticks", "float"),
    ("[[radio]]\nname = \"pool\"\nboard = \"xyz\"", 3, "radio.board", "unknown value"),
    ("[[radio]]\nname = \"pool\"\neeprom = 3", 3, "radio.eeprom", ""),
    ("[[radio]]\nname = \"pool\"\naddr = \"10.0.0.0\"", 3, "radio.addr", "10.0.0.0"),
    ("[[radio]]\nname = \"pool\"\nserial = \"a b\"", 3, "radio.serial", "a b"),
    ("[[radio]]\nname = \"pool\"\nmac = \"x\"", 3, "radio.mac", "`x`"),
    ("[[radio]]\nname = \"pool\"\ngpsdo = 1", 3, "radio.gpsdo", "boolean"),
    ("[[radio]]\nname = \"pool\"\ncarrier_offset_hz = 1e8", 3, "radio.carrier_offset_hz", "Hz"),
    ("[[radio]]\nname = \"pool\"\nimpairments = \"awful\"", 3, "radio.impairments", "unknown value"),
    ("[[radio]]\nname = \"pool\"\nfront_end = { hum = 1 }", 3, "radio.front_end.hum", "unknown key"),
    ("[[radio]]\nname = \"pool\"\nfront_end = { rx_dc_offset_dbfs = 1.0 }", 3, "radio.front_end.rx_dc_offset_dbfs", "-200 to 0"),
    ("[[radio]]\nname = \"pool\"\nfront_end = { rx_noise_figure_db = -1.0 }", 3, "radio.front_end.rx_noise_figure_db", "60"),
    (
        "[[radio]]\nname = \"pool\"\nfront_end = { tx_iq_phase_imbalance_degrees = 21 }",
        3,
        "radio.front_end.tx_iq_phase_imbalance_degrees",
        "20",
    ),
    (
        "[[event]]\nat = 1\nradio = { name = \"pool\", front_end = { lock_time_ms = nan } }",
        3,
        "event.radio.front_end.lock_time_ms",
        "NaN",
    ),
    ("[[radio]]\nboard = \"sbx\"", 1, "radio", "missing key `name`"),
    ("[[radio]]\nname = \"pool\"\n[[radio]]\nname = \"fur\"", 4, "radio.name", "no radio `fur` runs; there is `pool`, `far`"),
    ("[[radio]]\nname = \"pool\"\n[[radio]]\nname = \"pool\"", 4, "radio.name", "twice"),
    ("[[path]]\nfrom = \"far\"", 1, "path", "missing key `to`"),
    ("[[path]]\nfrom = \"x\"\nto = \"far\"", 2, "path.from", "no radio `x`"),
    ("[[path]]\nfrom = \"far\"\nto = \"y\"", 3, "path.to", "no radio `y`"),
    ("[[path]]\nfrom = \"far\"\nto = \"pool\"\n[[path]]\nfrom = \"far\"\nto = \"pool\"", 5, "path.from", "twice"),
    ("[[path]]\nfrom = \"far\"\nto = \"pool\"\nblocked = 1", 4, "path.blocked", "boolean"),
    ("[[path]]\nfrom = \"far\"\nto = \"pool\"\ntaps = [{ delay_ticks = 1 }]", 4, "path.taps", "missing key `gain_db`"),
    ("[[path]]\nfrom = \"far\"\nto = \"pool\"\ntaps = [{ delay_ticks = 1, gain_db = 90 }]", 4, "path.taps.gain_db", "60"),
    ("[[event]]\nat = 1.0", 1, "event", "one of `path`, `radio` and `fault`"),
    ("[[event]]\nfault = { radio = \"pool\", kind = \"deaf\" }", 1, "event", "`at`"),
    ("[[event]]\nat = -1.0\nfault = { radio = \"pool\", kind = \"deaf\" }", 2, "event.at", "-1"),
    (
        "[[event]]\nat = 1\nradio = { name = \"pool\" }\nfault = { radio = \"pool\", kind = \"deaf\" }",
        4,
        "event.fault",
        "one thing",
    ),
    ("[[event]]\nat = 1\nradio = { name = \"pool\", board = \"sbx\" }", 3, "event.radio.board", "unknown key"),
    ("[[event]]\nat = 1\nwhat = 2", 3, "event.what", "unknown key"),
    ("seed = 1\n[air\n", 2, "", ""),
    ("seed = 1\nseed = 2", 2, "seed", "duplicate"),
];

/// Keys of a fault of radio pool, the key that is wrong, and a word of the sentence.
const WRONG_FAULTS: &[(&str, &str, &str)] = &[
    ("kind = \"drap\"", "kind", "unknown value"),
    ("kind = \"drop\"", "kind", "`probability` or `every`"),
    ("kind = \"drop\", probability = 1.5", "probability", "0 to 1"),
    ("kind = \"drop\", probability = nan", "probability", "NaN"),
    ("kind = \"drop\", every = 0", "every", "0 is not from 1"),
    ("kind = \"drop\", every = 3, probability = 0.5", "every", "not both"),
    ("kind = \"drop\", every = 3, ms = 2", "ms", "takes no `ms`"),
    ("kind = \"delay\"", "kind", "`ticks` or `ms`"),
    ("kind = \"delay\", ms = -1", "ms", "-1"),
    ("kind = \"delay\", ticks = 1, ms = 1", "ms", "not both"),
    ("kind = \"delay\", ms = 10001", "ms", "10000"),
    ("kind = \"delay\", ms = 1, jitter_ticks = -1", "jitter_ticks", "-1"),
    ("kind = \"deaf\", port = 7", "port", "7 is none of the device's ports 49152"),
    ("kind = \"deaf\", port = -7", "port", "-7"),
    ("kind = \"deaf\", direction = \"up\"", "direction", "unknown value"),
    ("kind = \"deaf\", for = 0", "for", "longer than 0 s"),
    ("kind = \"deaf\", for = -1", "for", "-1"),
    ("kind = \"deaf\", for = inf", "for", "inf"),
    ("kind = \"deaf\", probability = 0.5", "probability", "takes no `probability`"),
    ("kind = \"brown-out\", port = 49152", "port", "takes no `port`"),
    ("kind = \"slow-cpu\"", "kind", "`ticks` or `ms`"),
    ("kind = \"slow-cpu\", ms = 1, direction = \"in\"", "direction", "takes no `direction`"),
    ("kind = \"clock-jump\"", "kind", "`ticks` or `ms`"),
    ("kind = \"clock-jump\", ticks = 5, for = 1", "for", "takes no `for`"),
    ("kind = \"overflow\", port = 49157", "port", "49156, 49158"),
    ("kind = \"overflow\", for = 1", "for", "takes no `for`"),
    ("kind = \"lost-lock\", port = 49152", "port", "takes no `port`"),
    ("kind = \"none\", for = 1", "for", "takes no `for`"),
    ("kind = \"deaf\", when = 1", "when", "unknown key"),
];

#[test]
fn every_error_names_file_line_and_key() {
    for (text, line, key, word) in WRONG {
        let failure = lab(text).expect_err(text);
        let key = if key.is_empty() { String::new() } else { format!(", key `{key}`: ") };
        let start = format!("s.toml, line {line}{key}");
        assert!(failure.message.starts_with(&start) && failure.message.contains(word), "{text}\n{}\nnot {start}", failure.message);
        assert_eq!((failure.exit_code(), failure.message.contains('\n')), (2, false), "{failure}");
    }
}

#[test]
fn every_error_of_a_fault_names_its_key_in_a_scene_and_on_the_socket() {
    for (keys, key, word) in WRONG_FAULTS {
        let fault = format!("fault = {{ radio = \"pool\", {keys} }}");
        let scene = lab(&format!("[[event]]\nat = 1\n{fault}")).expect_err(keys).message;
        assert!(
            scene.starts_with(&format!("s.toml, line 3, key `event.fault.{key}`: ")) && scene.contains(word),
            "{keys}\n{scene}"
        );
        let told = event(&fault, &names(&["pool"])).expect_err(keys).message;
        assert!(told.starts_with(&format!("the event, key `fault.{key}`: ")) && told.contains(word), "{keys}\n{told}");
    }
}

#[test]
fn a_path_has_at_most_32_taps() {
    let with = |taps: usize| {
        let taps = vec!["{ delay_ticks = 1, gain_db = -3 }"; taps].join(", ");
        lab(&format!("[[path]]\nfrom = \"far\"\nto = \"pool\"\ntaps = [{taps}]"))
    };
    assert_eq!(with(32).unwrap().paths[0].taps.as_ref().map(Vec::len), Some(32));
    assert!(with(33).unwrap_err().message.contains("33 taps are more than the 32"));
}

#[test]
fn what_is_told_happens_at_once_and_is_one_thing() {
    let pool = names(&["pool"]);
    for (line, word) in [
        ("at = 1.0\nfault = {}", "missing key"),
        ("at = 1.0", "a time belongs in a scene"),
        ("", "one of"),
        ("seed = 1", "unknown key"),
        ("fault = 1", "invalid type"),
        ("nonsense", ""),
    ] {
        let failure = event(line, &pool).expect_err(line);
        assert!(failure.message.contains(word), "{line}: {failure}");
    }
    let lag = Lag { ticks: 250_000, jitter: 7 };
    let change =
        FaultChange { radio: 0, kind: Some(FaultKind::Delay(lag)), port: None, direction: Some(PacketDirection::Out), lasts: None };
    let line = "fault = { radio = \"pool\", kind = \"delay\", ms = 2.5, jitter_ticks = 7, direction = \"out\" }";
    assert_eq!(event(line, &pool), Ok(SceneAction::Fault(change)));
}

#[test]
fn a_single_radio_takes_the_name_of_the_only_one_described() {
    let one = "[[radio]]\nname = \"pool\"\nboard = \"wbx\"\n[[path]]\nfrom = \"pool\"\nto = \"pool\"";
    let scene = parse(one, &["n210"]).unwrap();
    assert_eq!((scene.names, scene.radios[0].equipment.board), (names(&["pool"]), Board::Wbx));
    assert!(parse(one, &["n210", "far"]).unwrap_err().message.contains("no radio `pool` runs"));
    assert!(parse(&format!("{one}\n[[radio]]\nname = \"far\""), &["n210"]).unwrap_err().message.contains("no radio `pool` runs"));
    assert!(parse("[[radio]]\nname = \"../x\"", &["n210"]).unwrap_err().message.contains("is no name"));
}

#[test]
fn the_sample_scenes_are_right_for_a_lab() {
    let folder: PathBuf = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/scenes");
    let mut seen = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        Scene::load(&file.unwrap().path(), names(&["pool", "far", "receiver"]), defaults()).unwrap();
        seen += 1;
    }
    assert_eq!(seen, 6);
    let missing = Scene::load(FilePath::new("/no/such.toml"), vec![], defaults()).unwrap_err();
    assert!(missing.message.contains("/no/such.toml"), "{missing}");
}

const WHOLE: &str = include_str!("../../../../docs/scenes/lossy-wire.toml");

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_is_a_panic(text in "\\PC*", cut in 0..WHOLE.len(), graft in "[\\[\\]{}=\".,a-z0-9\n -]{0,12}") {
        let _ = lab(&text);
        let _ = event(&text, &names(&["pool"]));
        let mut mutated = WHOLE.to_owned();
        mutated.insert_str(cut, &graft);
        if let Err(failure) = lab(&mutated) {
            prop_assert!(failure.message.starts_with("s.toml, line "), "{}", failure);
        }
        let _ = lab(&WHOLE[..cut]);
    }

    #[test]
    fn no_value_is_a_panic(
        key in "(ticks|ms|every|probability|for|port|jitter_ms|direction)",
        value in "(-?[0-9]{1,25}(\\.[0-9]+)?(e-?[0-9]{1,3})?|nan|inf|-inf|\"in\"|\\[\\]|true)",
        kind in "(drop|delay|duplicate|reorder|deaf|brown-out|slow-cpu|clock-jump|overflow|lost-lock|none)",
    ) {
        let _ = event(&format!("fault = {{ radio = \"pool\", kind = \"{kind}\", {key} = {value} }}"), &names(&["pool"]));
        let _ = lab(&format!("[[event]]\nat = {value}\nradio = {{ name = \"far\", noise_dbfs = {value} }}"));
    }
}

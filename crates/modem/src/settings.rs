//! The control variables (docs/modem.md): what they mean, which values are honoured, and what they are now.

use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};

use super::membership::Membership;
use super::phy::duplex::{ASSIGNMENT_COUNT, Duplex};
use super::phy::modulation::Modulation;
use super::phy::numerology::{Bandwidth, Numerology, Prefix};
use super::phy::parameters::{Parameters, Role};
use super::phy::sync_signals::{CellId, GROUPS, SECTORS};
use protocol::{Control, ErrorCode, Failure};

/// Name and meaning of every control variable, in the source's order.
pub const VARIABLES: [(&str, &str); 14] = [
    (
        "workmode",
        "0 master (its own frame timing), 1 slave (its frame timing follows what it receives), 2 base station (a master whose reference signals never pause)",
    ),
    ("phy_cell_ID", "physical-layer cell id, 0-503; 3 * group_ID + cell_ID"),
    ("group_ID", "cell group id, 0-167"),
    ("cell_ID", "id within the group, 0-2"),
    ("CPtype", "cyclic prefix: 0 normal, 1 extended"),
    ("BW", "system bandwidth in MHz: 1.4, 3, 5, 10, 15, 20; the radio's rate has to fit"),
    ("RBIdx", "number of resource blocks: 6, 15, 25, 50, 75, 100; has to agree with BW"),
    ("duplexMode", "0 TDD, 1 FDD"),
    ("numAntennaTX", "transmit antennas: 1"),
    ("numAntennaRX", "receive antennas: 1"),
    ("DLULAssign", "downlink/uplink subframe assignment of TDD, 0-6 (3GPP TS 36.211, table 4.2-2)"),
    ("trans_mode", "transmission mode: 1 single antenna port"),
    ("type_mode", "modulation: 1 QPSK, 2 16QAM, 3 64QAM"),
    ("RNTI", "radio network temporary identifier, 0-65535; part of the scrambling, equal at both ends"),
];

/// RNTI when none is given: the first of the range for terminals (3GPP TS 36.321, 7.1).
const DEFAULT_RNTI: u16 = 61;

/// What the modem runs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Who follows whom.
    pub role: Role,
    /// The cell: a master's own, or the one carried over to a slave. `None`: a slave has to learn it, and all parameters with it.
    pub cell: Option<CellId>,
    /// How the cell works. A slave without a cell knows only what the radio's rate says.
    pub parameters: Parameters,
    /// DLULAssign as given; without effect in FDD.
    pub assignment: u8,
    /// Its group, if it is a terminal of one. `cell` is its own then.
    pub group: Option<Membership>,
}

impl Settings {
    /// Reads and checks control variables for a radio with a rate, samples per second. A slave takes a cell id only `with_control`: its
    /// own settings are what it was configured with, and the air may say otherwise.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] for a variable that is unknown, contradicts another or the rate, or has a value that can not be honoured.
    pub fn read(control: &Control, with_control: bool, rate: Option<f64>) -> Result<Self, Failure> {
        Self::read_for(control, with_control, rate, &[])
    }

    /// As [`Self::read`], for one of these terminals (tun addresses), if there are any.
    ///
    /// # Errors
    /// As [`Self::read`], and for what a group can not be.
    pub fn read_for(control: &Control, with_control: bool, rate: Option<f64>, terminals: &[Ipv4Addr]) -> Result<Self, Failure> {
        if let Some(name) = control.keys().find(|name| VARIABLES.iter().all(|(known, _)| known != name)) {
            let known: Vec<&str> = VARIABLES.iter().map(|(name, _)| *name).collect();
            return Err(Failure::new(ErrorCode::Config, format!("the modem has no control variable \"{name}\""))
                .hint(format!("it has {}", known.join(", "))));
        }
        only(control, "numAntennaTX", 1.0, "one transmit antenna")?;
        only(control, "numAntennaRX", 1.0, "one receive antenna")?;
        only(control, "trans_mode", 1.0, "transmission mode 1")?;
        let role = choice(control, "workmode", "master (0), slave (1) and base station (2)", |n| Role::of(n as u8))?
            .unwrap_or(Role::Slave);
        let cell = cell(control)?;
        let sector = cell.map_or(integer(control, "cell_ID", SECTORS - 1)?, |cell| Some(cell.sector()));
        let cell = match role {
            Role::Master | Role::BaseStation if cell.is_none() => {
                let text = format!("a master (workmode {}) needs a phy_cell_ID to transmit with", role as u8);
                return Err(Failure::new(ErrorCode::Config, text)
                    .hint("give phy_cell_ID, or group_ID and cell_ID, in the control variables of this host"));
            }
            Role::Master | Role::BaseStation => cell,
            Role::Slave => cell.filter(|_| with_control),
        };
        let assignment = integer(control, "DLULAssign", u16::from(ASSIGNMENT_COUNT) - 1)?.unwrap_or(0) as u8;
        let duplex_mode = choice(control, "duplexMode", "TDD (0) and FDD (1)", |n| (n < 2).then_some(n))?;
        let group = match terminals {
            [] => None,
            terminals => Some(Membership::check(terminals, sector, role, duplex_mode, assignment)?),
        };
        let duplex = match (&group, duplex_mode) {
            (Some(_), _) => Duplex::Group { assignment },
            (None, Some(0)) => Duplex::Tdd { assignment },
            (None, _) => Duplex::Fdd,
        };
        let prefix =
            choice(control, "CPtype", "the normal (0) and the extended cyclic prefix (1)", |n| Prefix::ALL.get(n).copied())?;
        let modulation = |n: usize| Modulation::ALL.get(n.checked_sub(1)?).copied();
        let parameters = Parameters {
            numerology: Numerology::new(bandwidth(control, rate)?, prefix.unwrap_or(Prefix::Normal)),
            duplex,
            modulation: choice(control, "type_mode", "QPSK (1), 16QAM (2) and 64QAM (3)", modulation)?.unwrap_or(Modulation::Qpsk),
            rnti: integer(control, "RNTI", u16::MAX)?.unwrap_or(DEFAULT_RNTI),
        };
        Ok(Self { role, cell, parameters, assignment, group })
    }

    /// All variables as they are now, given what has been received; what a slave has yet to learn is null.
    pub fn control(&self, learned: Option<(CellId, Parameters)>) -> Control {
        let learned = learned.or(self.cell.map(|cell| (cell, self.parameters)));
        let (cell, known) = (learned.map(|l| l.0), learned.map(|l| l.1));
        let bandwidth = known.unwrap_or(self.parameters).numerology.bandwidth;
        let assignment = match known.map(|p| p.duplex) {
            Some(Duplex::Tdd { assignment } | Duplex::Group { assignment }) => assignment,
            _ => self.assignment,
        };
        // A terminal's index is told to it, whatever else it has to learn.
        let sector = self.group.as_ref().map(|group| u16::from(group.index)).or(cell.map(CellId::sector));
        let values = [
            json!(self.role as u8),
            json!(cell.map(CellId::number)),
            json!(cell.map(CellId::group)),
            json!(sector),
            json!(known.map(|p| u8::from(p.numerology.prefix == Prefix::Extended))),
            json!(bandwidth.mhz()),
            json!(bandwidth.resource_blocks()),
            json!(known.map(|p| u8::from(p.duplex == Duplex::Fdd))),
            json!(1),
            json!(1),
            json!(known.map(|_| assignment)),
            json!(1),
            json!(known.map(|p| p.modulation.bits() / 2)),
            json!(known.map(|p| p.rnti)),
        ];
        VARIABLES.iter().map(|(name, _)| (*name).to_owned()).zip(values).collect()
    }
}

/// The bandwidth that BW and RBIdx give, or else the widest that the radio's rate carries.
fn bandwidth(control: &Control, rate: Option<f64>) -> Result<Bandwidth, Failure> {
    let words = "1.4, 3, 5, 10, 15 and 20 MHz, with 6, 15, 25, 50, 75 and 100 resource blocks";
    let find = |name: &str, fits: fn(Bandwidth, f64) -> bool| match number(control, name)? {
        None => Ok(None),
        Some(value) => match Bandwidth::ALL.into_iter().find(|b| fits(*b, value)) {
            None => Err(refused(name, &json!(control.get(name)), words)),
            found => Ok(found),
        },
    };
    let by_width = find("BW", |b, mhz| (b.mhz() - mhz).abs() < 1e-9)?;
    let by_blocks = find("RBIdx", |b, blocks| (b.resource_blocks() as f64 - blocks).abs() < 1e-9)?;
    let bandwidth = match (by_width, by_blocks) {
        (Some(a), Some(b)) if a != b => {
            let text =
                format!("BW {} means {} resource blocks, but RBIdx is {}", a.mhz(), a.resource_blocks(), b.resource_blocks());
            return Err(Failure::new(ErrorCode::Config, text).hint("give BW alone"));
        }
        (a, b) => a.or(b),
    };
    let Some(rate) = rate else { return Ok(bandwidth.unwrap_or(Bandwidth::Mhz1_4)) };
    let rates = || Bandwidth::ALL.map(|b| format!("{:.1} at {} MHz", b.rate(), b.mhz())).join(", ");
    match bandwidth {
        Some(bandwidth) if bandwidth.fits(rate) => Ok(bandwidth),
        Some(bandwidth) => {
            let (mhz, wanted, ticks) = (bandwidth.mhz(), bandwidth.rate(), bandwidth.ticks_per_sample());
            let text = format!(
                "the radio's rate is {rate} samples per second, which does not carry BW {mhz}; that needs {wanted:.1} (100 MHz / {ticks})"
            );
            Err(Failure::new(ErrorCode::Config, text)
                .hint("set the radio's rate in the cluster file, or BW in the control variables"))
        }
        None => Bandwidth::of_rate(rate).ok_or_else(|| {
            let text = format!("the radio's rate is {rate} samples per second, at which the modem has no bandwidth");
            Failure::new(ErrorCode::Config, text).hint(format!("it works at {}", rates()))
        }),
    }
}

/// Name to meaning.
pub fn meanings() -> Map<String, Value> {
    VARIABLES.iter().map(|(name, meaning)| ((*name).to_owned(), json!(meaning))).collect()
}

fn refused(name: &str, value: &Value, honoured: &str) -> Failure {
    Failure::new(ErrorCode::Config, format!("{name} is {value}, which this modem can not honour; it has {honoured}"))
        .hint("docs/modem.md lists the values that the modem honours")
}

/// A number, if given; null counts as not given, which is how an undetected value is carried over.
fn number(control: &Control, name: &str) -> Result<Option<f64>, Failure> {
    match control.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_f64()
            .map(Some)
            .ok_or_else(|| Failure::new(ErrorCode::Config, format!("{name} is {value}, which is not a number"))),
    }
}

fn only(control: &Control, name: &str, honoured: f64, words: &str) -> Result<(), Failure> {
    match number(control, name)? {
        Some(value) if (value - honoured).abs() > 1e-9 => Err(refused(name, &json!(control.get(name)), words)),
        _ => Ok(()),
    }
}

fn integer(control: &Control, name: &str, max: u16) -> Result<Option<u16>, Failure> {
    match number(control, name)? {
        None => Ok(None),
        Some(value) if value.fract() == 0.0 && (0.0..=f64::from(max)).contains(&value) => Ok(Some(value as u16)),
        Some(value) => Err(Failure::new(ErrorCode::Config, format!("{name} is {value}; it is a whole number from 0 to {max}"))),
    }
}

/// A whole number that stands for something.
fn choice<T>(control: &Control, name: &str, words: &str, meaning: impl Fn(usize) -> Option<T>) -> Result<Option<T>, Failure> {
    match number(control, name)? {
        None => Ok(None),
        Some(value) if value.fract() == 0.0 && (0.0..=255.0).contains(&value) && meaning(value as usize).is_some() => {
            Ok(meaning(value as usize))
        }
        Some(_) => Err(refused(name, &json!(control.get(name)), words)),
    }
}

fn cell(control: &Control) -> Result<Option<CellId>, Failure> {
    let number = integer(control, "phy_cell_ID", GROUPS * SECTORS - 1)?.and_then(CellId::new);
    let group = integer(control, "group_ID", GROUPS - 1)?;
    let sector = integer(control, "cell_ID", SECTORS - 1)?;
    let differs = |cell: CellId| group.is_some_and(|g| g != cell.group()) || sector.is_some_and(|s| s != cell.sector());
    match (number, group, sector) {
        (Some(cell), ..) if differs(cell) => Err(Failure::new(
            ErrorCode::Config,
            format!(
                "phy_cell_ID {} means group_ID {} and cell_ID {}, but the control variables say otherwise",
                cell.number(),
                cell.group(),
                cell.sector()
            ),
        )
        .hint("phy_cell_ID = 3 * group_ID + cell_ID; give phy_cell_ID alone")),
        (None, Some(group), Some(sector)) => Ok(CellId::from_parts(group, sector)),
        _ => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn control(value: Value) -> Control {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_can_not_be_honoured_is_refused_with_a_sentence() {
        let cases = [
            (json!({"numAntennaTX": 2}), "numAntennaTX is 2"),
            (json!({"numAntennaRX": 4}), "numAntennaRX is 4"),
            (json!({"BW": 6}), "BW is 6"),
            (json!({"RBIdx": 24}), "RBIdx is 24"),
            (json!({"BW": 5, "RBIdx": 50}), "BW 5 means 25 resource blocks, but RBIdx is 50"),
            (json!({"BW": 10}), "does not carry BW 10; that needs 12500000.0 (100 MHz / 8)"),
            (json!({"duplexMode": 2}), "duplexMode is 2"),
            (json!({"DLULAssign": 7}), "DLULAssign is 7"),
            (json!({"type_mode": 4}), "type_mode is 4"),
            (json!({"type_mode": 0}), "type_mode is 0"),
            (json!({"CPtype": 2}), "CPtype is 2"),
            (json!({"trans_mode": 2}), "trans_mode is 2"),
            (json!({"workmode": 3}), "workmode is 3"),
            (json!({"workmode": 0}), "needs a phy_cell_ID"),
            (json!({"workmode": 2}), "needs a phy_cell_ID"),
            (json!({"phy_cell_ID": 504}), "phy_cell_ID is 504"),
            (json!({"phy_cell_ID": 1.5}), "whole number"),
            (json!({"phy_cell_ID": 10, "cell_ID": 2}), "say otherwise"),
            (json!({"RNTI": "C-RNTI"}), "not a number"),
            (json!({"colour": 3}), "no control variable \"colour\""),
        ];
        for (variables, expected) in cases {
            let failure = Settings::read(&control(variables.clone()), true, Some(6.25e6)).unwrap_err();
            assert!(failure.message.contains(expected), "{variables}: {}", failure.message);
            assert_eq!(failure.exit_code(), 2);
        }
    }

    /// What each of them changes on the air: loopback/matrix.rs. Those with one value only are refused otherwise: above.
    #[test]
    fn every_variable_alone_changes_the_settings() {
        let read = |variables: Value| Settings::read(&control(variables), true, None).unwrap();
        let plain = read(json!({}));
        let values = [
            ("phy_cell_ID", json!(301)),
            ("CPtype", json!(1)),
            ("BW", json!(5)),
            ("RBIdx", json!(25)),
            ("duplexMode", json!(0)),
            ("DLULAssign", json!(3)),
            ("type_mode", json!(2)),
            ("RNTI", json!(62)),
        ];
        for (name, value) in values {
            let mut variables = json!({});
            variables[name] = value;
            assert_ne!(read(variables), plain, "{name}");
        }
        assert_eq!(read(json!({"RBIdx": 25})), read(json!({"BW": 5})));
        for (name, value) in [("group_ID", json!(100)), ("cell_ID", json!(2)), ("workmode", json!(2))] {
            let mut variables = json!({"group_ID": 7, "cell_ID": 1, "workmode": 0});
            let before = read(variables.clone());
            variables[name] = value;
            assert_ne!(read(variables), before, "{name}");
        }
    }

    #[test]
    fn a_slave_trusts_a_cell_only_when_it_was_carried_over() {
        let variables = control(json!({"workmode": 1, "phy_cell_ID": 301, "BW": 1.4, "RBIdx": 6, "duplexMode": 1}));
        assert_eq!(Settings::read(&variables, false, None).unwrap().cell, None);
        assert_eq!(Settings::read(&variables, true, None).unwrap().cell, CellId::new(301));
        assert_eq!(
            Settings::read(&control(json!({"workmode": 0, "group_ID": 100, "cell_ID": 1})), false, None).unwrap().cell,
            CellId::new(301)
        );
    }

    #[test]
    fn every_variable_is_answered_and_described() {
        let settings = Settings::read(&Control::new(), false, Some(6.25e6)).unwrap();
        let now = settings.control(CellId::new(503).map(|cell| (cell, settings.parameters)));
        assert_eq!(now.len(), 14);
        assert_eq!((&now["phy_cell_ID"], &now["group_ID"], &now["cell_ID"]), (&json!(503), &json!(167), &json!(2)));
        assert_eq!((&now["BW"], &now["RBIdx"]), (&json!(5.0), &json!(25)));
        assert!(now.keys().eq(meanings().keys()));
        // Nobody has told yet.
        let before = settings.control(None);
        for name in ["phy_cell_ID", "CPtype", "duplexMode", "DLULAssign", "type_mode", "RNTI"] {
            assert_eq!(before[name], Value::Null, "{name}");
        }
    }

    fn terminals(count: u8) -> Vec<Ipv4Addr> {
        (0..count).map(|n| Ipv4Addr::new(192, 168, 40, 8 + n)).collect()
    }

    #[test]
    fn what_a_group_can_not_be_is_refused_with_a_sentence() {
        let cases = [
            (3, json!({"workmode": 1}), "one of 3 terminals, but is not told which"),
            (2, json!({"cell_ID": 2}), "cell_ID is 2, but there are only terminals 0 to 1"),
            (1, json!({"cell_ID": 0}), "names 1 terminals; a group has 2 or 3"),
            (4, json!({"cell_ID": 1}), "names 4 terminals"),
            (3, json!({"cell_ID": 0, "workmode": 1}), "terminal 0 can not have workmode 1"),
            (3, json!({"phy_cell_ID": 301, "workmode": 0}), "terminal 1 can not have workmode 0"),
            (3, json!({"cell_ID": 0, "workmode": 0}), "needs a phy_cell_ID"),
            (3, json!({"cell_ID": 1, "duplexMode": 1}), "duplexMode is 1 (FDD)"),
            (3, json!({"cell_ID": 1, "DLULAssign": 5}), "DLULAssign 5 has too few uplink subframes"),
        ];
        for (count, variables, expected) in cases {
            let failure = Settings::read_for(&control(variables.clone()), true, None, &terminals(count)).unwrap_err();
            assert!(failure.message.contains(expected), "{variables}: {}", failure.message);
            assert_eq!((failure.exit_code(), failure.hint.is_some()), (2, true));
        }
    }

    #[test]
    fn a_terminal_knows_its_index_always_and_its_group_when_it_was_carried_over() {
        let read = |variables: &Control, carried| Settings::read_for(variables, carried, None, &terminals(3)).unwrap();
        let own = control(json!({"cell_ID": 1, "DLULAssign": 1}));
        let cold = read(&own, false);
        assert_eq!((cold.cell, cold.parameters.duplex), (None, Duplex::Group { assignment: 1 }));
        let before = cold.control(None);
        assert_eq!((&before["cell_ID"], &before["group_ID"], &before["duplexMode"]), (&json!(1), &Value::Null, &Value::Null));
        // What it answers before it knows more does no harm when it is carried over.
        assert_eq!(read(&before, true).group, cold.group);
        let learned = cold.control(CellId::new(301).map(|cell| (cell, cold.parameters)));
        assert_eq!((&learned["phy_cell_ID"], &learned["duplexMode"], &learned["DLULAssign"]), (&json!(301), &json!(0), &json!(1)));
        let mut carried = own;
        carried.extend(learned);
        let again = read(&carried, true);
        assert_eq!((again.cell, again.parameters, again.group), (CellId::new(301), cold.parameters, cold.group));
    }

    #[test]
    fn a_rate_without_a_bandwidth_is_named_with_those_that_have_one() {
        let failure = Settings::read(&Control::new(), false, Some(1_923_076.9)).unwrap_err();
        assert!(failure.message.contains("1923076.9"), "{}", failure.message);
        assert!(failure.hint.unwrap().contains("1785714.3 at 1.4 MHz"));
    }

    proptest! {
        #[test]
        fn what_is_answered_can_be_carried_over(id in prop::option::of(0u16..504), rnti: u16, assignment in 0u8..7, tdd: bool,
            prefix in prop::sample::select(&Prefix::ALL), modulation in prop::sample::select(&Modulation::ALL),
            bandwidth in prop::sample::select(&Bandwidth::ALL)) {
            let duplex = if tdd { Duplex::Tdd { assignment } } else { Duplex::Fdd };
            let parameters = Parameters { numerology: Numerology::new(bandwidth, prefix), duplex, modulation, rnti };
            let cold = Settings::read(&Control::new(), false, Some(bandwidth.rate())).unwrap();
            let cell = id.and_then(CellId::new);
            let settings = Settings { assignment, ..cold };
            let again = Settings::read(&settings.control(cell.map(|cell| (cell, parameters))), true, Some(bandwidth.rate())).unwrap();
            prop_assert_eq!(again.cell, cell);
            if cell.is_some() {
                prop_assert_eq!(again.parameters, parameters);
            }
        }
    }
}

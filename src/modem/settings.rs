//! The control variables (docs/modem.md): what they mean, which values this storey honours, and what they are now.

use serde_json::{Map, Value, json};

use super::sync_signals::{CellId, GROUPS, SECTORS};
use crate::protocol::{Control, ErrorCode, Failure};

/// Name and meaning of every control variable, in the source's order.
pub const VARIABLES: [(&str, &str); 14] = [
    ("workmode", "0 master (its own frame timing), 1 slave (its frame timing follows what it receives)"),
    ("phy_cell_ID", "physical-layer cell id, 0-503; 3 * group_ID + cell_ID"),
    ("group_ID", "cell group id, 0-167"),
    ("cell_ID", "id within the group, 0-2"),
    ("CPtype", "cyclic prefix: 0 normal"),
    ("BW", "system bandwidth in MHz: 1.4"),
    ("RBIdx", "number of resource blocks: 6"),
    ("duplexMode", "1 FDD"),
    ("numAntennaTX", "transmit antennas: 1"),
    ("numAntennaRX", "receive antennas: 1"),
    ("DLULAssign", "downlink/uplink subframe assignment, 0-6; without effect in FDD"),
    ("trans_mode", "transmission mode: 1 single antenna port"),
    ("type_mode", "modulation: 1 QPSK"),
    ("RNTI", "radio network temporary identifier, 0-65535; part of the scrambling, equal at both ends"),
];

/// RNTI when none is given: the first of the range for terminals (3GPP TS 36.321, 7.1).
const DEFAULT_RNTI: u16 = 61;

/// Who follows whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkMode {
    /// Its own frame timing.
    Master,
    /// Frame timing from the received signal.
    Slave,
}

/// What the modem runs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Who follows whom.
    pub work_mode: WorkMode,
    /// The cell: a master's own, or the one carried over to a slave. `None`: a slave has to detect it.
    pub cell: Option<CellId>,
    /// Part of the scrambling.
    pub rnti: u16,
    /// Without effect in FDD, carried along.
    pub dl_ul_assign: u16,
}

impl Settings {
    /// Reads and checks control variables. A slave takes a cell id only `with_control`: its own settings are what it was configured
    /// with, and the air may say otherwise.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] for a variable that is unknown, contradicts another, or has a value that this storey can not honour.
    pub fn read(control: &Control, with_control: bool) -> Result<Self, Failure> {
        if let Some(name) = control.keys().find(|name| VARIABLES.iter().all(|(known, _)| known != name)) {
            let known: Vec<&str> = VARIABLES.iter().map(|(name, _)| *name).collect();
            return Err(Failure::new(ErrorCode::Config, format!("the modem has no control variable \"{name}\""))
                .hint(format!("it has {}", known.join(", "))));
        }
        only(control, "CPtype", 0.0, "the normal cyclic prefix (0)")?;
        only(control, "BW", 1.4, "1.4 MHz")?;
        only(control, "RBIdx", 6.0, "6 resource blocks")?;
        only(control, "duplexMode", 1.0, "FDD (1)")?;
        only(control, "numAntennaTX", 1.0, "one transmit antenna")?;
        only(control, "numAntennaRX", 1.0, "one receive antenna")?;
        only(control, "trans_mode", 1.0, "transmission mode 1")?;
        only(control, "type_mode", 1.0, "QPSK (1)")?;
        let work_mode = match integer(control, "workmode", 2)? {
            Some(0) => WorkMode::Master,
            Some(1) | None => WorkMode::Slave,
            Some(other) => return Err(refused("workmode", &json!(other), "master (0) and slave (1)")),
        };
        let cell = cell(control)?;
        let cell = match work_mode {
            WorkMode::Master if cell.is_none() => {
                return Err(Failure::new(ErrorCode::Config, "a master (workmode 0) needs a phy_cell_ID to transmit with")
                    .hint("give phy_cell_ID, or group_ID and cell_ID, in the control variables of this host"));
            }
            WorkMode::Master => cell,
            WorkMode::Slave => cell.filter(|_| with_control),
        };
        Ok(Self {
            work_mode,
            cell,
            rnti: integer(control, "RNTI", u16::MAX)?.unwrap_or(DEFAULT_RNTI),
            dl_ul_assign: integer(control, "DLULAssign", 6)?.unwrap_or(0),
        })
    }

    /// All variables as they are now; the cell's are null until it is known.
    pub fn control(&self, cell: Option<CellId>) -> Control {
        let cell = cell.or(self.cell);
        let values = [
            json!(match self.work_mode {
                WorkMode::Master => 0,
                WorkMode::Slave => 1,
            }),
            json!(cell.map(CellId::number)),
            json!(cell.map(CellId::group)),
            json!(cell.map(CellId::sector)),
            json!(0),
            json!(1.4),
            json!(6),
            json!(1),
            json!(1),
            json!(1),
            json!(self.dl_ul_assign),
            json!(1),
            json!(1),
            json!(self.rnti),
        ];
        VARIABLES.iter().map(|(name, _)| (*name).to_owned()).zip(values).collect()
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
            (json!({"BW": 5}), "BW is 5"),
            (json!({"RBIdx": 25}), "RBIdx is 25"),
            (json!({"duplexMode": 0}), "duplexMode is 0"),
            (json!({"type_mode": 2}), "type_mode is 2"),
            (json!({"CPtype": 1}), "CPtype is 1"),
            (json!({"trans_mode": 2}), "trans_mode is 2"),
            (json!({"workmode": 2}), "workmode is 2"),
            (json!({"workmode": 0}), "needs a phy_cell_ID"),
            (json!({"phy_cell_ID": 504}), "phy_cell_ID is 504"),
            (json!({"phy_cell_ID": 1.5}), "whole number"),
            (json!({"phy_cell_ID": 10, "cell_ID": 2}), "say otherwise"),
            (json!({"RNTI": "C-RNTI"}), "not a number"),
            (json!({"colour": 3}), "no control variable \"colour\""),
        ];
        for (variables, expected) in cases {
            let failure = Settings::read(&control(variables.clone()), true).unwrap_err();
            assert!(failure.message.contains(expected), "{variables}: {}", failure.message);
            assert_eq!(failure.exit_code(), 2);
        }
    }

    #[test]
    fn a_slave_trusts_a_cell_only_when_it_was_carried_over() {
        let variables = control(json!({"workmode": 1, "phy_cell_ID": 301, "BW": 1.4, "RBIdx": 6, "duplexMode": 1}));
        assert_eq!(Settings::read(&variables, false).unwrap().cell, None);
        assert_eq!(Settings::read(&variables, true).unwrap().cell, CellId::new(301));
        assert_eq!(
            Settings::read(&control(json!({"workmode": 0, "group_ID": 100, "cell_ID": 1})), false).unwrap().cell,
            CellId::new(301)
        );
    }

    #[test]
    fn every_variable_is_answered_and_described() {
        let settings = Settings::read(&Control::new(), false).unwrap();
        let now = settings.control(CellId::new(503));
        assert_eq!(now.len(), 14);
        assert_eq!((&now["phy_cell_ID"], &now["group_ID"], &now["cell_ID"]), (&json!(503), &json!(167), &json!(2)));
        assert_eq!(settings.control(None)["phy_cell_ID"], Value::Null);
        assert!(now.keys().eq(meanings().keys()));
    }

    proptest! {
        #[test]
        fn what_is_answered_can_be_carried_over(id in proptest::option::of(0u16..504), rnti: u16, assign in 0u16..7) {
            let settings = Settings { work_mode: WorkMode::Slave, cell: None, rnti, dl_ul_assign: assign };
            let cell = id.and_then(CellId::new);
            let again = Settings::read(&settings.control(cell), true).unwrap();
            prop_assert_eq!(again, Settings { cell, ..settings });
        }
    }
}

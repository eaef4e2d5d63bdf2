//! The control variables (docs/modem.md): what they mean, which values are honoured, and what they are now.

use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};

use super::membership::Membership;
use super::phy::duplex::{ASSIGNMENT_COUNT, Duplex};
use super::phy::modulation::Modulation;
use super::phy::numerology::{Bandwidth, Numerology, Prefix};
use super::phy::parameters::{Parameters, TerminalRole};
use super::phy::sync_signals::{CellId, GROUPS, SECTORS};
use protocol::{Control, ErrorCode, Failure};

/// Name and meaning of every control variable, in the paper's order.
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
pub struct ModemSettings {
    /// Who follows whom.
    pub role: TerminalRole,
    /// The cell: a master's own, or the one carried over to a slave. `None`: a slave has to learn it, and all parameters with it.
    pub cell: Option<CellId>,
    /// How the cell works. A slave without a cell knows only what the radio's rate says.
    pub parameters: Parameters,
    /// DLULAssign as given; without effect in FDD.
    pub assignment: u8,
    /// Its group, if it is a terminal of one. `cell` is its own then.
    pub group: Option<Membership>,
}

impl ModemSettings {
    /// Reads and checks control variables for a radio with a rate, samples per second, and for one of these terminals (tun addresses), if
    /// there are any. A slave takes a cell id only `with_control`: its own settings are what it was configured with, and the air may say
    /// otherwise.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] for a variable that is unknown, contradicts another or the rate, or has a value that cannot be honoured, and
    /// for a group that cannot exist.
    pub fn read(control: &Control, with_control: bool, rate: Option<f64>, terminals: &[Ipv4Addr]) -> Result<Self, Failure> {
        if let Some(name) = control.keys().find(|name| VARIABLES.iter().all(|(known, _)| known != name)) {
            let known: Vec<&str> = VARIABLES.iter().map(|(name, _)| *name).collect();
            return Err(Failure::new(ErrorCode::Config, format!("the modem has no control variable \"{name}\""))
                .hint(format!("it has {}", known.join(", "))));
        }
        only(control, "numAntennaTX", 1.0, "one transmit antenna")?;
        only(control, "numAntennaRX", 1.0, "one receive antenna")?;
        only(control, "trans_mode", 1.0, "transmission mode 1")?;
        let role =
            choice(control, "workmode", "master (0), slave (1) and base station (2)", |n| TerminalRole::from_number(n as u8))?
                .unwrap_or(TerminalRole::Slave);
        let cell = cell(control)?;
        let sector = cell.map_or(integer(control, "cell_ID", SECTORS - 1)?, |cell| Some(cell.sector()));
        let cell = match role {
            TerminalRole::Master | TerminalRole::BaseStation if cell.is_none() => {
                let text = format!("a master (workmode {}) needs a phy_cell_ID to transmit with", role as u8);
                return Err(Failure::new(ErrorCode::Config, text)
                    .hint("give phy_cell_ID, or group_ID and cell_ID, in the control variables of this host"));
            }
            TerminalRole::Master | TerminalRole::BaseStation => cell,
            TerminalRole::Slave => cell.filter(|_| with_control),
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
        None => Bandwidth::for_rate(rate).ok_or_else(|| {
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
    Failure::new(ErrorCode::Config, format!("{name} is {value}, which this modem cannot honour; it has {honoured}"))
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
mod tests;

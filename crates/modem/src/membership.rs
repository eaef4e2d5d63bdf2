//! Which terminal of a group this one is, if it is one of a relay scenario.

use std::net::Ipv4Addr;

use super::phy::duplex::{GROUP_SIZE, shares_with_all};
use super::phy::parameters::TerminalRole;
use protocol::{ErrorCode, Failure};

/// A terminal's place in its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Its index, which is the sector of its cell, too.
    pub index: u8,
    /// Tun addresses by index.
    pub terminals: Vec<Ipv4Addr>,
}

impl Membership {
    /// Terminal `sector` (`cell_ID`) of a group of these addresses.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] for what a group cannot be.
    pub fn check(
        terminals: &[Ipv4Addr],
        sector: Option<u16>,
        role: TerminalRole,
        duplex_mode: Option<usize>,
        assignment: u8,
    ) -> Result<Self, Failure> {
        let refuse = |text: String, hint: &str| Err(Failure::new(ErrorCode::Config, text).hint(hint));
        let count = terminals.len();
        if !(2..=usize::from(GROUP_SIZE)).contains(&count) {
            let text = format!("the cluster file names {count} terminals; a group has 2 or {GROUP_SIZE}");
            return refuse(text, "name the tun addresses of the master, the relay and the third terminal, in this order");
        }
        let Some(index) = sector else {
            let text = format!("this modem is one of {count} terminals, but is not told which");
            return refuse(
                text,
                "give its place among the terminals, counted from 0, as cell_ID in the control variables of this host",
            );
        };
        if usize::from(index) >= count {
            let text = format!("cell_ID is {index}, but there are only terminals 0 to {}", count - 1);
            return refuse(text, "cell_ID is the place among the terminals, counted from 0");
        }
        if (index == 0) == (role == TerminalRole::Slave) {
            let text = format!("terminal {index} cannot have workmode {}", role as u8);
            return refuse(text, "terminal 0 is the master (0) or base station (2) of a group, all others are slaves (1)");
        }
        if duplex_mode == Some(1) {
            return refuse("a group shares one frequency, but duplexMode is 1 (FDD)".into(), "give duplexMode 0, or none");
        }
        if !shares_with_all(assignment) {
            let text = format!("DLULAssign {assignment} has too few uplink subframes for a group of terminals");
            return refuse(text, "docs/modem.md has the shares of every assignment; 0 gives the relay most");
        }
        Ok(Self { index: index as u8, terminals: terminals.to_vec() })
    }
}

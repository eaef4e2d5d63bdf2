//! What is asked of a command whatever it is, and the usual ones.

use super::{Access, Command, CommandSpec, Source};
use crate::{Method, Order, OrderRequest};

impl Command {
    /// Every name on the wire.
    pub const NAMES: &'static [&'static str] = <Self as strum::VariantNames>::VARIANTS;

    /// Name on the wire.
    pub fn name(&self) -> &'static str {
        self.spec().name
    }

    /// Whether it changes nothing.
    pub fn only_reads(&self) -> bool {
        self.spec().access == Access::Reads
    }

    /// `link_usrp` as a plain client sends it: the next epoch, not forced.
    pub const LINK_USRP: Self = Self::LinkUsrp { epoch: None, force: false, despite_foreign: false };

    /// `start_usrp` as a plain client sends it: the next epoch, not forced.
    pub const START_USRP: Self = Self::StartUsrp { epoch: None, force: false, despite_foreign: false, by_radio: false };

    /// An order without options, for tests and callers that need none.
    pub fn order(order: Order, method: Method) -> Self {
        Self::Order(OrderRequest::new(order, method))
    }

    /// The table of commands as `docs/protocol.md` shows it.
    pub fn markdown(source: Source) -> String {
        let rows = Self::TABLE.iter().filter(|spec| spec.source == source);
        let rows = rows.map(|CommandSpec { name, access, args, result, .. }| {
            let reads = if *access == Access::Reads { "yes" } else { "" };
            format!("| `{name}` | {args} | {result} | {reads} |\n").replace("|  |", "| |").replace("|  |", "| |")
        });
        format!("| command | args | result | only reads |\n|---|---|---|---|\n{}", rows.collect::<String>())
    }
}

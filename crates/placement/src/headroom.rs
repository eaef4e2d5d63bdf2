//! Whether the loss of any one server could be made good.

use crate::assign;
use crate::search::Search;
use crate::table::{RadioId, ServerId};

/// Servers whose loss could not be made good, and the radios that would not be served then.
pub(crate) fn lacking(search: &Search) -> Vec<(ServerId, Vec<RadioId>)> {
    let servers = 0..search.table.servers.len();
    let lacking = servers.map(|server| (server, without(search, server)));
    lacking.filter(|(_, radios)| !radios.is_empty()).collect()
}

/// The radios that would not be served if a server were lost.
fn without(search: &Search, server: ServerId) -> Vec<RadioId> {
    if search.state.lost[server] || search.state.services(server) == 0 {
        return Vec::new();
    }
    let mut search = search.clone();
    let mut radios = assign::fail_over(&mut search, server);
    radios.sort_unstable();
    radios
}

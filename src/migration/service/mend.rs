//! The order that brings a service back.

use super::{Cause, Mend, Scene, SeenHost};
use crate::migration::standing::{holds_radio, processes};
use protocol::{Method, Order};

impl SeenHost<'_> {
    /// Whether an order could bring the work there, as far as is known.
    fn can_serve(self) -> bool {
        self.now().is_some_and(|status| !status.drained && status.radio_port.up)
    }
}

impl<'a> Scene<'a> {
    /// The two servers that an order would be about: of more than two the one that has the work, and another one that is heard.
    pub(super) fn pair(&self, host: Option<SeenHost<'a>>) -> [SeenHost<'a>; 2] {
        let [one, two] = [self.pool[0], self.pool[1]];
        if self.pool.len() == 2 {
            return [one, two];
        }
        let at = host.or_else(|| self.pool.iter().copied().find(|host| host.heard)).unwrap_or(one);
        let others = || self.pool.iter().copied().filter(|host| host.name != at.name);
        let first = others().find(|host| host.can_serve()).or_else(|| others().find(|host| host.heard));
        [at, first.or_else(|| others().next()).unwrap_or(two)]
    }

    /// The order that mends it, where one does.
    pub(super) fn mend(&self, host: Option<SeenHost<'a>>, [one, two]: [SeenHost<'a>; 2], cause: &Cause) -> Option<Mend> {
        let start = |host: SeenHost<'_>| if host.name == two.name { Order::DSR } else { Order::DS };
        let other = |host: SeenHost<'_>| if host.name == one.name { two } else { one };
        let at = host.or_else(|| self.pool.iter().copied().find(|host| host.heard))?;
        // A drained server takes on nothing, and one without the cable would look for the radio in vain.
        let best = if !at.can_serve() && other(at).can_serve() { other(at) } else { at };
        let recover = |host: SeenHost<'_>| host.heard.then(|| Mend { order: start(host), method: Some(Method::Recover) });
        match cause {
            Cause::NotRunning => {
                let at = if best.heard { best } else { other(best) };
                let clean = self.pool.iter().all(|host| host.now().is_some_and(|status| processes(status).is_empty()))
                    && !self.pool.iter().any(|host| host.now().is_some_and(|status| holds_radio(status, self.active)));
                if clean { Some(Mend { order: start(at), method: None }) } else { recover(at) }
            }
            Cause::HostNotHeard { .. } => {
                let order = if at.name == one.name { Order::M } else { Order::MB };
                other(at).heard.then_some(Mend { order, method: Some(Method::Failover) })
            }
            Cause::CableOut { .. } => recover(other(at)),
            // Two of the pool's own hosts: one of them is told to park.
            Cause::Contested { holder } => (holder == one.name || holder == two.name).then(|| recover(at)).flatten(),
            // The far end's own; and what could be started anew works, as far as anybody can tell.
            Cause::FarEndProcess { .. } | Cause::FarEndHung { .. } | Cause::FarEndRadioSilent { .. } => None,
            Cause::FarEndDeaf { .. } | Cause::FarEndNotHeard { .. } | Cause::NobodyPings | Cause::Unexplained { .. } => None,
            _ => recover(best),
        }
    }
}

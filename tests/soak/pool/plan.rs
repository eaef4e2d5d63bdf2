//! What an episode is made of.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;

use super::faults::PoolFault;
use super::meant::Meant;
use super::orders::{PoolOrder, any_radio, any_server};
use super::{RADIOS, SERVERS};

/// What a crowd of orders is.
const CROWD: usize = 20;
/// A server that is lost stays so until after the failover was ordered.
const LOST_FOR: Duration = Duration::from_secs(9);
const FAILOVER_AFTER: Duration = Duration::from_secs(2);

/// Each with the time from the beginning of the episode.
#[derive(Debug, Default)]
pub struct Plan {
    pub orders: Vec<(Duration, PoolOrder)>,
    pub faults: Vec<(Duration, PoolFault)>,
}

fn within(random: &mut StdRng, ms: u64) -> Duration {
    Duration::from_millis(random.random_range(0..ms))
}

impl Plan {
    pub fn random(random: &mut StdRng, at: [Option<usize>; RADIOS.len()]) -> Self {
        let mut plan = Self::default();
        let mut most_faults = 2;
        match random.random_range(0..100) {
            0..30 => plan.orders.push((Duration::ZERO, PoolOrder::random(random))),
            30..45 => {
                let radio = any_radio(random);
                plan.orders.extend([(); 2].map(|()| (Duration::ZERO, PoolOrder::of(radio, random))));
                most_faults = 1;
            }
            45..60 => {
                (0..random.random_range(2..=4)).for_each(|_| plan.orders.push((within(random, 1500), PoolOrder::random(random))))
            }
            // The second drain finds what the first has just brought there.
            60..70 => {
                let (one, gap) = (any_server(random), within(random, 600));
                let two = (one + random.random_range(1..SERVERS.len())) % SERVERS.len();
                plan.orders.extend([(Duration::ZERO, PoolOrder::Drain { server: one }), (gap, PoolOrder::Drain { server: two })]);
                most_faults = 1;
            }
            70..80 => {
                let (server, kills) = (any_server(random), random.random_bool(0.5));
                plan.faults.push((Duration::ZERO, PoolFault::LoseServer { server, kills, lasting: LOST_FOR }));
                plan.orders.push((FAILOVER_AFTER + within(random, 1500), PoolOrder::Failover { server }));
                most_faults = 0;
            }
            80..84 => {
                plan.orders.extend([(); CROWD].map(|()| (Duration::ZERO, PoolOrder::random(random))));
                most_faults = 1;
            }
            _ => most_faults = 3,
        }
        let least_faults = usize::from(plan.orders.is_empty());
        for _ in 0..random.random_range(least_faults..=most_faults) {
            plan.faults.push((within(random, 1200), PoolFault::random(random, at)));
        }
        plan
    }

    /// Orders by which a pool comes back to life: a server undrained, a radio started.
    pub fn reviving(random: &mut StdRng, radios: [Meant; RADIOS.len()], drained: [Option<bool>; SERVERS.len()]) -> Vec<PoolOrder> {
        let servers = (0..SERVERS.len()).filter(|server| drained[*server] != Some(false) && random.random_bool(0.6));
        let undrained: Vec<_> = servers.map(|server| PoolOrder::Undrain { server }).collect();
        let stopped =
            (0..RADIOS.len()).filter(|radio| radios[*radio] != Meant::Served && random.random_bool(0.7)).collect::<Vec<_>>();
        let started: Vec<_> = stopped.into_iter().map(|radio| PoolOrder::Start { radio, on: Some(any_server(random)) }).collect();
        undrained.into_iter().chain(started).collect()
    }
}

//! Clock rate and sleep of the processors.

use crate::setup::facts::Facts;
use protocol::Examined;
use protocol::Precondition::{Governor, IdleStates};

/// The governor that keeps a processor at its highest rate.
const PERFORMANCE: &str = "performance";
/// A tenth of a subframe of 1 ms, µs: whoever wakes up later is late for a part of the modem's lead.
const SLOW_US: u64 = 100;

pub(super) fn judge(facts: &Facts) -> Vec<Examined> {
    let processors = &facts.processors;
    let others: Vec<&str> = processors.governors.iter().map(String::as_str).filter(|governor| *governor != PERFORMANCE).collect();
    let governor = match (processors.governors.is_empty(), others.is_empty()) {
        (true, _) => Examined::ok(Governor, "the kernel does not set clock rates here, as in a virtual machine"),
        (false, true) => Examined::ok(Governor, "all processors stay at their highest rate"),
        (false, false) => {
            let text = format!("the governor of processors is {}: they take time to become fast", others.join(", "));
            Examined::warning(Governor, text)
                .mend("for f in /sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor; do echo performance > \"$f\"; done")
        }
    };
    let idle = match processors.idle_states.last() {
        None => Examined::ok(IdleStates, "the kernel does not choose idle states here, as in a virtual machine"),
        Some((name, latency)) if *latency > SLOW_US => {
            Examined::warning(IdleStates, format!("processors sleep as deep as {name}, and take {latency} us to wake up"))
                .mend(format!(
                    "for d in /sys/devices/system/cpu/cpu[0-9]*/cpuidle/state[0-9]*; do [ \"$(cat \"$d/latency\")\" -le {SLOW_US} ] || echo 1 > \"$d/disable\"; done"
                ))
        }
        Some((name, latency)) => Examined::ok(IdleStates, format!("processors sleep no deeper than {name}, and wake up within {latency} us")),
    };
    vec![governor, idle]
}

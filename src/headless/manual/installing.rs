//! Pages of the commands that set a cluster up on real hosts.

use super::pages::{CLUSTER, DONE, Page, UNREACHED, USAGE};

/// The pages.
pub const PAGES: &[Page] = &[
    Page {
        command: "init",
        about: &[
            "It shows what this machine has (interfaces, N210s that answer, /dev/net/tun), asks what no option gives, writes cluster.toml and cluster.key, and \
             prints the commands for every host. A wrong answer is asked again; when the answers end, nothing is written.",
            "Each host's agent makes its tun interface, switches its radio's port on, and parks it when it starts.",
        ],
        exit: &[
            DONE,
            ("1", "The operator did not want the files written, or they cannot be written."),
            ("2", "An answer is missing or makes no cluster, or a cluster file is there already (use --force)."),
        ],
        examples: &[
            ("baton init", "Ask for everything."),
            (
                "baton init --host server1=10.77.0.11 --host server2=10.77.0.12 --host server3=10.77.0.13 --far-end server3 --radio usrp1=192.168.10.2 --yes",
                "Three hosts, without a question.",
            ),
            ("baton init --example", "A cluster file in which every key is explained."),
        ],
        files: &[
            ("/etc/baton/cluster.toml", "The cluster file, the same on every host."),
            ("/etc/baton/cluster.key", "The key, the same on every host. One that is there stays."),
        ],
        see: &["baton-doctor", "baton-agent", "baton-do"],
    },
    Page {
        command: "doctor",
        about: &[
            "Without --host, every agent examines its host, and what only a comparison shows is added: versions, cluster files, clocks, keys. During an order an \
             agent refuses as busy. With --host, this machine is examined, whether its agent runs or not; run it as root.",
            "Nothing is changed. The radio is asked for its numbers, as UHD asks when it looks for radios; no session is opened.",
            "docs/setup.md explains every check.",
        ],
        exit: &[
            ("0", "Nothing stands in the way of every order; there may be warnings."),
            ("1", "Something does: a line that begins with BLOCKER."),
            USAGE,
            UNREACHED,
        ],
        examples: &[
            ("baton doctor", "All hosts, from the console's machine."),
            ("baton doctor --host server1", "This machine, which is server1."),
            ("baton doctor --host server1 --commands", "The commands that mend it, to be read before they are run."),
        ],
        files: &[CLUSTER],
        see: &["baton-init", "baton-check", "baton-status"],
    },
];

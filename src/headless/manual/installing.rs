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
    Page {
        command: "pool init",
        about: &[
            "It adds the section [pool.store] to the cluster file, checks it, and prints the commands for every host: copy the file, install etcd, `baton pool \
             join`. A file that has a store stays as it is, and the commands are printed again.",
            "An endpoint belongs to the host whose agent has the same address. One of no host is a machine that votes and serves nothing; it is a member under its address.",
        ],
        exit: &[DONE, ("1", "The file cannot be written."), USAGE],
        examples: &[
            ("baton pool init", "The first three servers are the members."),
            (
                "baton pool init --member server1 --member server2 --member 10.77.0.1",
                "Two servers, and this machine as the third vote.",
            ),
        ],
        files: &[CLUSTER],
        see: &["baton-pool-join", "baton-pool-leave", "baton-pool-status"],
    },
    Page {
        command: "pool join",
        about: &[
            "Run it as root on each server and member. It makes this machine's certificates from the cluster key, and on a member writes etcd's settings, enables and starts etcd.service, \
             and waits until the member follows the others. What is as it should be stays untouched; repeating it is how a member is set right.",
            "Where the other members have a quorum and do not know this one, they are told of it first. One whose data are lost is taken out and comes in anew. Data of a membership that has \
             ended are put aside, not removed.",
            "The first member of a new store cannot follow anybody: it is started, and the command says who is still missing.",
        ],
        exit: &[
            DONE,
            ("1", "etcd does not start or does not follow the others, or something is missing on this machine."),
            ("2", "The cluster file names no store, or files are there that baton has not written (use --force)."),
            ("3", "The other members have no quorum, or do not believe this machine."),
        ],
        examples: &[
            ("baton pool join", "This machine, by its address."),
            ("baton pool join server1 --no-service --settings /srv/etcd.env --data /srv/etcd", "Without systemd."),
        ],
        files: &[
            CLUSTER,
            (
                "/etc/baton/store",
                "ca.pem; HOST.pem and HOST-key.pem for the agent, member.pem and member-key.pem for etcd. `certificates` in [pool.store] names the folder.",
            ),
            (
                "/etc/default/etcd",
                "Settings of etcd. Those of somebody else are refused; with --force they are kept as etcd.before-baton.",
            ),
            (
                "/etc/systemd/system/etcd.service.d/baton.conf",
                "What Debian's unit lacks: etcd is started again where its address comes late.",
            ),
            ("/var/lib/etcd/baton", "Data of etcd."),
        ],
        see: &["baton-pool-init", "baton-pool-leave", "baton-pool-status", "baton-doctor"],
    },
    Page {
        command: "pool leave",
        about: &[
            "The member is taken out of the store, from whichever machine has the cluster key. On the member's own machine etcd is then ended and disabled. A host that is no member is said so.",
            "Refused where those who are left would have no quorum among themselves: take out first whoever is lost.",
        ],
        exit: &[
            ("0", "Done, or it was no member."),
            ("1", "The store would have no quorum without it, or etcd cannot be ended."),
            USAGE,
            ("3", "The members have no quorum, or do not answer."),
        ],
        examples: &[
            ("baton pool leave server3", "Take it out; on server3 also end its etcd."),
            ("baton pool leave server3 --delete-data", "And remove its data."),
            ("baton pool leave server3 --force", "On server3, whatever the others say."),
        ],
        files: &[CLUSTER, ("/etc/default/etcd", "Settings of etcd, by which it knows its own machine.")],
        see: &["baton-pool-join", "baton-pool-status"],
    },
];

//! The pages of the lab, of programs that others start, and of what helps at a shell.

use super::pages::{DONE, Page, RECORDS, USAGE};

/// The pages.
pub const PAGES: &[Page] = &[
    Page {
        command: "lab",
        about: &[
            "It needs root, or a kernel that allows unprivileged user namespaces. Ctrl-C takes the lab down; docs/lab.md shows the wiring.",
        ],
        exit: &[
            ("0", "It was told to end."),
            ("1", "The lab cannot be brought up on this machine, or one of its programs cannot be kept running."),
            USAGE,
        ],
        examples: &[
            ("baton lab", "A lab in the foreground; the other commands find it from other terminals."),
            ("baton lab --name two --probe-interval 1ms", "A second one, whose far end pings every millisecond."),
            ("baton lab --servers 3 --radios 2", "A pool: each server may serve each radio, and each radio has a far end."),
            ("baton lab exec server3 -- ping 192.168.40.9", "A command on a host of the lab."),
        ],
        files: &[RECORDS],
        see: &["baton-lab-exec", "baton-lab-fault", "baton-lab-mend", "baton-demo"],
    },
    Page {
        command: "lab exec",
        about: &["Every other subcommand finds the lab by itself."],
        exit: &[
            ("0-255", "That of the command; 128 and the number of the signal that ended it."),
            ("1", "There is no such lab, or no right to join it."),
            ("3", "The lab has ended."),
        ],
        examples: &[
            ("baton lab exec server3 -- ping 192.168.40.9", "Ping through the radios."),
            ("baton --in lab-2 lab exec server1 -- uhd_find_devices", "In another lab, a stock UHD tool on server1's radio port."),
            ("baton lab exec console -- tail -F /run/baton/log/server1.log", "The log of an agent."),
        ],
        files: &[("/run/baton/log", "Inside the lab: what its programs say.")],
        see: &["baton-lab", "baton-lab-fault"],
    },
    Page {
        command: "lab fault",
        about: &["For trying out what baton does about it. docs/failures.md has the results of every fault at every step."],
        exit: &[DONE, ("1", "There is no such lab, host or process, or no right to join it."), USAGE, ("3", "The lab has ended.")],
        examples: &[
            ("baton lab fault server1 pause-agent --for 3", "The agent of server1 stands still for three seconds."),
            ("baton lab fault server2 cut-eth3", "The cable to the radio's switch is pulled, until `baton lab mend`."),
            ("baton lab fault server1 kill-usrp --radio radio2", "In a pool, the process of one of its radios."),
        ],
        files: &[],
        see: &["baton-lab", "baton-lab-mend"],
    },
    Page {
        command: "lab mend",
        about: &["A process that was killed stays dead: the orders DS and DSR start the work again."],
        exit: &[DONE, ("1", "The fault cannot be ended, or there is no such lab or host."), USAGE, ("3", "The lab has ended.")],
        examples: &[("baton lab mend server2 cut-eth3", "The cable is plugged in again.")],
        files: &[],
        see: &["baton-lab", "baton-lab-fault"],
    },
    Page {
        command: "recorder",
        about: &["It ends on SIGINT or SIGTERM and then prints its report."],
        exit: &[DONE, ("1", "The address cannot be bound, or the file not be written."), USAGE],
        examples: &[(
            "baton recorder --listen 192.168.40.10:5004 --out received.ts --json",
            "Keep the stream, then report its gaps.",
        )],
        files: &[],
        see: &["baton", "baton-lab-exec"],
    },
    Page {
        command: "d2d",
        about: &["An agent starts it with an environment that describes the work; docs/workload.md has the variables."],
        exit: &[
            ("0", "It was told to end."),
            ("1", "The tun device or a socket cannot be had."),
            ("2", "The environment or a control variable is wrong."),
        ],
        examples: &[("baton d2d --lead 8", "As an agent starts it, with more subframes between reception and transmission.")],
        files: &[],
        see: &["baton-agent", "baton-usrp"],
    },
    Page {
        command: "usrp",
        about: &["An agent starts it with an environment that describes the radio; docs/workload.md has the variables."],
        exit: &[
            ("0", "It was told to end."),
            ("1", "Sockets or threads cannot be had."),
            ("2", "The environment does not describe a radio."),
        ],
        examples: &[("baton usrp", "As an agent starts it.")],
        files: &[],
        see: &["baton-agent", "baton-d2d", "baton-n210"],
    },
    Page {
        command: "n210",
        about: &["It needs CAP_NET_RAW. docs/n210.md shows how to give it an interface, and what stock UHD tools do with it."],
        exit: &[
            ("0", "It was told to end."),
            ("1", "The interface or the namespace cannot be used."),
            ("2", "The command line or the scene is wrong."),
        ],
        examples: &[
            ("baton n210 --interface eth0", "One radio at 192.168.10.2 in the present network namespace."),
            ("baton n210 --radio one=radio1 --radio two=radio2 --board sbx", "Two radios in namespaces, which share one air."),
        ],
        files: &[("/run/netns", "Network namespaces that --radio names.")],
        see: &["baton-n210-tell", "baton-lab", "baton-usrp"],
    },
    Page {
        command: "n210 tell",
        about: &["The command socket of a lab's radios is inside the lab: name the lab with --in."],
        exit: &[DONE, ("1", "The radios do not answer or refuse the event."), USAGE],
        examples: &[
            ("baton --in lab n210 tell /run/baton/n210.sock status", "What the radios of a lab do."),
            (
                "baton --in lab n210 tell /run/baton/n210.sock 'fault = { radio = \"pool\", kind = \"deaf\", port = 49152, for = 2.0 }'",
                "The radio does not hear its control port for two seconds.",
            ),
        ],
        files: &[],
        see: &["baton-n210"],
    },
    Page {
        command: "completions",
        about: &[],
        exit: &[DONE, ("1", "Standard output cannot be written."), ("2", "There is no such shell.")],
        examples: &[
            ("baton completions bash > ~/.local/share/bash-completion/completions/baton", "For bash."),
            ("baton completions zsh > ~/.zfunc/_baton", "For zsh, where ~/.zfunc is in fpath."),
        ],
        files: &[],
        see: &["baton", "baton-man"],
    },
    Page {
        command: "man",
        about: &["`make man` writes all pages to target/man/man1."],
        exit: &[DONE, ("1", "A page cannot be written."), ("2", "There is no such command.")],
        examples: &[
            ("baton man lab fault | man -l -", "Read a page."),
            ("baton man --dir ~/.local/share/man/man1", "Install all of them; `man baton-status` finds them then."),
        ],
        files: &[("~/.local/share/man/man1", "Where man looks for a user's own pages.")],
        see: &["baton", "baton-completions"],
    },
];

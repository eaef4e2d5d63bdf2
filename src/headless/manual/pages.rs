//! What the manual pages say beyond clap's own knowledge. A test of `main` runs every example through the command line's parser.

/// One page.
pub struct Page {
    /// The command as it is typed behind `baton`; empty for baton itself.
    pub command: &'static str,
    /// Paragraphs behind the first lines of the description.
    pub about: &'static [&'static str],
    /// Exit codes and what they mean.
    pub exit: &'static [(&'static str, &'static str)],
    /// Command lines and what they do.
    pub examples: &'static [(&'static str, &'static str)],
    /// Files.
    pub files: &'static [(&'static str, &'static str)],
    /// Other pages.
    pub see: &'static [&'static str],
}

/// Exit code of all commands.
pub const DONE: (&str, &str) = ("0", "Done.");
/// Exit code of all commands.
pub const USAGE: (&str, &str) = ("2", "The command line, the cluster file or another file is wrong; nothing was done.");
/// Exit code of commands that ask agents.
pub const UNREACHED: (&str, &str) = ("3", "A host that is needed cannot be reached.");

/// The file of most commands.
pub const CLUSTER: (&str, &str) = (
    "/etc/baton/cluster.toml",
    "The cluster file, unless --config or BATON_CONFIG names another one. While a lab runs, that of the lab.",
);
const SETTINGS: (&str, &str) = (
    "$XDG_CONFIG_HOME/baton/console.toml, ~/.config/baton/console.toml",
    "Settings of this operator: keys, colours, language, notification. The console reads the file again when it was saved.",
);
/// A file of several commands.
pub const RECORDS: (&str, &str) = (
    "$XDG_STATE_HOME/baton/runs/runs.jsonl, ~/.local/state/baton/runs/runs.jsonl",
    "The records of a lab's orders, one a line. A cluster file names its own folder.",
);

/// The day on which the pages below, or options of the command line, were last changed.
pub const CHANGED: &str = "2026-11-30";

/// The pages of what an operator does.
pub const PAGES: &[Page] = &[
    Page {
        command: "",
        about: &["Subcommands that report have --json: exactly one JSON document on standard output."],
        exit: &[
            DONE,
            ("1", "What was asked for failed."),
            USAGE,
            UNREACHED,
            ("4", "Whether an order was carried out is not known. `baton status` shows where the work is."),
        ],
        examples: &[
            ("baton demo", "A lab with its console: s starts the work, m moves it, ? explains every key."),
            ("baton status", "What every host reports."),
            ("baton do M --method hot", "Move the work from server1 to server2."),
        ],
        files: &[CLUSTER, SETTINGS, RECORDS],
        see: &["baton-demo", "baton-console", "baton-agent", "baton-do", "baton-status", "baton-runs"],
    },
    Page {
        command: "console",
        about: &[
            "A migration runs in the agents: closing the console does not affect it. docs/console.md explains keys and screens.",
            "With several radios and without --radio it opens on the Pool page, which shows them all (docs/pool.md).",
        ],
        exit: &[
            ("0", "The operator left."),
            ("1", "The controller of the destination could not be ended on leaving, or the terminal cannot be used."),
            USAGE,
        ],
        examples: &[
            ("baton console --config cluster.toml", "Watch and operate the cluster of this file."),
            ("baton console --read-only --privacy", "For a room: nothing can be ordered, addresses and names are masked."),
            ("baton console --theme projector --lang zh", "Black on white, in Chinese."),
            ("baton console --radio beta", "One radio of a pool."),
        ],
        files: &[CLUSTER, SETTINGS],
        see: &["baton", "baton-demo", "baton-status", "baton-do", "baton-pool"],
    },
    Page {
        command: "agent",
        about: &[
            "It runs until SIGINT, SIGTERM or the command `end`. docs/agents.md has a unit for systemd and the rules for keys.",
        ],
        exit: &[
            ("0", "It was told to end."),
            ("1", "A socket cannot be bound, or something is missing on this machine."),
            ("2", "The cluster file is wrong, names no such host, or can be changed by other users."),
        ],
        examples: &[("baton agent --host server1 --config /etc/baton/cluster.toml", "The agent of server1.")],
        files: &[CLUSTER],
        see: &["baton", "baton-do", "baton-repair", "baton-lab"],
    },
    Page {
        command: "demo",
        about: &[
            "The lab ends with the console. --method and --probe-interval hold with a screen and without: the first migration is made so, and \
             the far end pings so often. The options of the screen have no effect with --headless.",
        ],
        exit: &[
            ("0", "The operator left; with --headless, every migration succeeded."),
            ("1", "A migration failed, or the lab cannot be brought up on this machine."),
            USAGE,
            UNREACHED,
        ],
        examples: &[
            ("baton demo", "A lab with its console."),
            ("baton demo --method classic --probe-interval 10ms --lang zh", "The same, begun with another method, in Chinese."),
            ("baton demo --headless --migrations 4 --json", "M, MB, M, MB without a screen, and one JSON document."),
            ("baton demo --relay", "With a relay between two terminals."),
            ("baton demo --pool", "Three servers and three radios, on the Pool page."),
        ],
        files: &[SETTINGS, RECORDS],
        see: &["baton", "baton-console", "baton-lab"],
    },
    Page {
        command: "do",
        about: &[
            "An agent carries the order out; this process sends it and waits. Ending it does not end the order, but for a hold, which is given up.",
        ],
        exit: &[
            ("0", "The order was carried out."),
            ("1", "It failed, was refused, cancelled or rolled back; the record says why."),
            USAGE,
            UNREACHED,
            ("4", "Whether it was carried out is not known. `baton status` shows where the work is."),
        ],
        examples: &[
            ("baton do DS", "Start the work on server1."),
            ("baton do M --method hot --budget 200ms", "Move it, unless a longer interruption is to be expected."),
            ("baton do M --hold", "Make ready, then wait for `baton do go` or `baton do cancel` from another terminal."),
            ("baton do recover", "Bring the service back, whatever is left of the work."),
            ("baton do MB --method failover", "server1 takes over from a server2 that does not answer."),
        ],
        files: &[CLUSTER, RECORDS],
        see: &["baton-check", "baton-plan", "baton-status", "baton-runs", "baton-repair"],
    },
    Page {
        command: "status",
        about: &[
            "The first line is the verdict on the service, with the cause and what mends it. Every host is asked at the same time; one that does not answer within two seconds is reported as silent.",
        ],
        exit: &[
            ("0", "The service is served: the far end's pings are answered."),
            ("1", "It is not, or several machines have the radio's address."),
            USAGE,
            ("3", "Whether it is served is not known."),
        ],
        examples: &[
            ("baton status", "For people."),
            ("baton status --json", "For programs; problems are in the list \"problems\", each a sentence."),
        ],
        files: &[CLUSTER],
        see: &["baton-console", "baton-do", "baton-check"],
    },
    Page {
        command: "wait",
        about: &[],
        exit: &[
            ("0", "The service is served; the migration went well."),
            ("1", "The time is over and it is not served; the migration failed, or none has ended in time."),
            USAGE,
            ("3", "The time is over, and whether it is served is not known."),
        ],
        examples: &[
            ("baton wait serving --timeout 30s", "Until the service is there."),
            ("baton wait moved", "Until a migration is over."),
        ],
        files: &[CLUSTER],
        see: &["baton-status", "baton-watch", "baton-do"],
    },
    Page {
        command: "watch",
        about: &["It prints one line for each event until it is ended."],
        exit: &[("0", "It was told to end."), ("1", "Standard output cannot be written."), USAGE],
        examples: &[("baton watch", "For people."), ("baton watch --json", "For programs: one JSON document a line.")],
        files: &[CLUSTER],
        see: &["baton-status", "baton-wait"],
    },
    Page {
        command: "check",
        about: &["The same rules as those of the console's question and of the engine. Nothing is changed on any host."],
        exit: &[
            ("0", "Nothing stands against it."),
            ("1", "Something does: a line that begins with BLOCKER."),
            USAGE,
            ("3", "No host answers."),
        ],
        examples: &[
            ("baton check", "The cluster as such."),
            ("baton check M --method seamless", "Whether the work can be moved, by this method."),
            ("baton check MB && baton do MB", "Move back only if nothing speaks against it."),
        ],
        files: &[CLUSTER],
        see: &["baton-plan", "baton-do", "baton-status"],
    },
    Page {
        command: "repair",
        about: &["It shows what each host knows and what it would do, asks, and does it."],
        exit: &[
            ("0", "Done, or nothing was to be done."),
            ("1", "It was not done."),
            ("2", "There is no terminal to ask at (use --yes), or the cluster file is wrong."),
            UNREACHED,
        ],
        examples: &[("baton repair", "Ask first."), ("baton repair --yes --json", "For scripts.")],
        files: &[CLUSTER],
        see: &["baton-status", "baton-agent"],
    },
    Page {
        command: "plan",
        about: &["Expected times are medians of this pair's own runs, else the paper's figures. Nothing is changed on any host."],
        exit: &[DONE, ("1", "The host has no plan, or the plan cannot be written."), USAGE, UNREACHED],
        examples: &[
            ("baton plan M", "The steps of M by the default method."),
            ("baton plan MB --method cold --json", "For programs."),
        ],
        files: &[CLUSTER],
        see: &["baton-check", "baton-do", "baton-runs"],
    },
    Page {
        command: "pool",
        about: &["Each radio of a pool is served by one of its servers, and moved, started and stopped by itself (docs/pool.md)."],
        exit: &[DONE, ("1", "The order failed or was refused, or a radio is not served."), USAGE, UNREACHED],
        examples: &[
            ("baton pool status", "Who serves which radio."),
            ("baton pool move beta server3", "The work of beta goes to server3."),
        ],
        files: &[CLUSTER],
        see: &[
            "baton-pool-init",
            "baton-pool-status",
            "baton-pool-move",
            "baton-pool-drain",
            "baton-pool-failover",
            "baton-console",
        ],
    },
    Page {
        command: "pool status",
        about: &["The verdict on each radio is that of `baton status --radio`."],
        exit: &[("0", "Every radio is served."), ("1", "One is not."), USAGE, ("3", "Of one that is not known.")],
        examples: &[("baton pool status --json", "One JSON document.")],
        files: &[CLUSTER],
        see: &["baton-pool", "baton-status"],
    },
    Page {
        command: "pool move",
        about: &["From wherever the radio's work is; the other radios are not touched."],
        exit: &[DONE, ("1", "It failed or was refused."), USAGE, UNREACHED, ("4", "It is not known whether it was carried out.")],
        examples: &[("baton pool move beta server3 --method seamless", "By a method that is named.")],
        files: &[CLUSTER, RECORDS],
        see: &["baton-pool", "baton-do", "baton-runs"],
    },
    Page {
        command: "pool drain",
        about: &[
            "What is expected of a move, and what it does, is as in `baton pool move`. docs/placement.md says how a plan is chosen.",
        ],
        exit: &[DONE, ("1", "A radio has no other place, or a move failed: nothing more was begun."), USAGE, UNREACHED],
        examples: &[("baton pool drain server1 --plan", "Show only."), ("baton pool drain server1", "Do it.")],
        files: &[CLUSTER, RECORDS],
        see: &["baton-pool", "baton-pool-undrain"],
    },
    Page {
        command: "pool undrain",
        about: &[],
        exit: &[DONE, ("1", "The server does not take it."), USAGE, UNREACHED],
        examples: &[("baton pool undrain server1", "It takes on work again.")],
        files: &[CLUSTER],
        see: &["baton-pool", "baton-pool-drain", "baton-pool-rebalance"],
    },
    Page {
        command: "pool failover",
        about: &["Each radio by `failover`, or by its standby where that has taken over. A server that answers is refused."],
        exit: &[DONE, ("1", "A radio has no other place, or was not taken over."), USAGE, UNREACHED],
        examples: &[
            ("baton pool failover server1 --plan", "Where its radios would go."),
            ("baton pool failover server1", "Do it."),
        ],
        files: &[CLUSTER, RECORDS],
        see: &["baton-pool", "baton-do"],
    },
    Page {
        command: "pool rebalance",
        about: &[],
        exit: &[DONE, ("1", "A move failed: nothing more was begun."), USAGE, UNREACHED],
        examples: &[("baton pool rebalance --plan", "Show only.")],
        files: &[CLUSTER, RECORDS],
        see: &["baton-pool", "baton-pool-consolidate"],
    },
    Page {
        command: "pool consolidate",
        about: &["Servers that are left with nothing to do are named; nothing is switched off."],
        exit: &[DONE, ("1", "A move failed: nothing more was begun."), USAGE, UNREACHED],
        examples: &[("baton pool consolidate --plan", "Show only.")],
        files: &[CLUSTER, RECORDS],
        see: &["baton-pool", "baton-pool-rebalance"],
    },
    Page {
        command: "pool start",
        about: &[],
        exit: &[DONE, ("1", "It failed or was refused."), USAGE, UNREACHED, ("4", "It is not known whether it was carried out.")],
        examples: &[("baton pool start beta", "On its first server."), ("baton pool start beta server2", "On that one.")],
        files: &[CLUSTER, RECORDS],
        see: &["baton-pool", "baton-do"],
    },
    Page {
        command: "pool stop",
        about: &[],
        exit: &[DONE, ("1", "It failed or was refused."), USAGE, UNREACHED, ("4", "It is not known whether it was carried out.")],
        examples: &[("baton pool stop beta", "Wherever its work is.")],
        files: &[CLUSTER, RECORDS],
        see: &["baton-pool", "baton-do"],
    },
    Page {
        command: "runs",
        about: &["Without a subcommand it is `baton runs list`. docs/records.md explains the figures and the words of a filter."],
        exit: &[DONE, ("1", "The records cannot be read."), USAGE],
        examples: &[
            ("baton runs --last 20", "The newest twenty, with the medians of each method."),
            ("baton runs --filter 'method:hot outcome:ok total>50' --sort gap --reverse", "Some of them, the longest gap first."),
        ],
        files: &[RECORDS],
        see: &["baton-runs-list", "baton-runs-show", "baton-runs-compare", "baton-runs-export"],
    },
    Page {
        command: "runs list",
        about: &[],
        exit: &[DONE, ("1", "The records cannot be read."), ("2", "A word is not a filter.")],
        examples: &[("baton runs list --last 20 --json", "The newest twenty as one JSON document.")],
        files: &[RECORDS],
        see: &["baton-runs", "baton-runs-show"],
    },
    Page {
        command: "runs show",
        about: &[],
        exit: &[DONE, ("1", "The records cannot be read, or hold no such run."), USAGE],
        examples: &[
            ("baton runs show", "The newest run."),
            ("baton runs show 4c1f --json", "The run whose identity contains 4c1f, as it was recorded."),
        ],
        files: &[RECORDS],
        see: &["baton-runs", "baton-runs-export"],
    },
    Page {
        command: "runs compare",
        about: &[],
        exit: &[DONE, ("1", "The records cannot be read, or hold no such run."), USAGE],
        examples: &[
            ("baton runs compare --by method", "All migrations, method beside method."),
            ("baton runs compare 4c1f 77ab", "Two runs side by side."),
        ],
        files: &[RECORDS],
        see: &["baton-runs", "baton-runs-show"],
    },
    Page {
        command: "runs export",
        about: &["The same record and options give the same bytes."],
        exit: &[
            DONE,
            ("1", "The records hold no such run, or the file cannot be written."),
            ("2", "A PNG was to go to a terminal; name a file."),
        ],
        examples: &[
            ("baton runs export --last --out run.svg", "The newest run as a picture."),
            ("baton runs export 4c1f --format csv", "One run as CSV on standard output."),
        ],
        files: &[RECORDS],
        see: &["baton-runs", "baton-console"],
    },
];

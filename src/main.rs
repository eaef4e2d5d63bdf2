//! The command line of baton: one subcommand, one call.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use baton::{agent, headless, lab, mover, setup, ui};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use config::{ClusterFile, RadioName, RadioViews};
use protocol::Failure;

/// Move a running radio program from one server to another without dropping it.
#[derive(Parser)]
#[command(name = "baton", version, arg_required_else_help = true)]
struct Cli {
    /// Cluster file; without it, the running lab's, or where no lab runs /etc/baton/cluster.toml.
    #[arg(long, short, global = true, env = "BATON_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Which running lab, when there are several and no --config is given.
    #[arg(long = "in", global = true, value_name = "LAB")]
    lab: Option<String>,
    #[command(subcommand)]
    command: CliCommand,
}

/// A command about one radio.
#[derive(clap::Args)]
struct OfRadio<A: clap::Args> {
    /// Which radio of a pool that has several (docs/pool.md).
    #[arg(long, env = "BATON_RADIO", value_name = "RADIO")]
    radio: Option<RadioName>,
    #[command(flatten)]
    args: A,
}

impl<A: clap::Args> OfRadio<A> {
    fn run(self, file: PathBuf, run: impl FnOnce(&ClusterFile, &A) -> Result<ExitCode, Failure>) -> Result<ExitCode, Failure> {
        run(&ClusterFile { path: file, radio: self.radio }, &self.args)
    }
}

#[derive(Subcommand)]
enum CliCommand {
    /// Writes the cluster file and the key of a cluster on real hosts: asks, or takes options.
    Init(setup::init::Args),
    /// How hosts are set up: every precondition, with the command that mends it.
    Doctor(OfRadio<setup::doctor::Args>),
    /// The full-screen console.
    Console(OfRadio<ui::ConsoleArgs>),
    /// The agent of one host.
    Agent(agent::Args),
    /// A lab with its console; with --headless, a lab that migrates and prints one JSON document.
    Demo(Demo),
    /// A lab in the foreground: namespaces, switches, software radios, agents.
    Lab(lab::Args),
    /// One operator command: DS, KL, M, MB, DSR, KR, end; go, cancel; recover.
    Do(OfRadio<headless::order::Args>),
    /// Whether the service is served, and what every host reports.
    Status(OfRadio<headless::status::Args>),
    /// Waits until the service is served, or until a migration has ended.
    Wait(OfRadio<headless::wait::Args>),
    /// One line for everything that happens, until it is interrupted.
    Watch(OfRadio<headless::watch::Args>),
    /// Whether an order may begin: every precondition.
    Check(OfRadio<headless::check::Args>),
    /// Sets right who owns the radio, where the agents cannot agree by themselves.
    Repair(OfRadio<headless::repair::Args>),
    /// Another key of the cluster while the service goes on, and certificates for operators.
    Key(headless::key::Args),
    /// What an order would do, step by step, and how long that is expected to take.
    Plan(OfRadio<headless::plan::Args>),
    /// Several radios on several servers: who serves which, and orders that name radio and server (docs/pool.md).
    #[command(subcommand)]
    Pool(headless::pool::PoolCommand),
    /// Records of past orders.
    Runs(Runs),
    /// Receives a video stream over UDP and measures how long it was interrupted.
    Recorder(headless::recorder::Args),
    /// The D2D process: modem between tun and samples (started by an agent).
    D2d(modem::Args),
    /// The USRP process: samples between the radio and the D2D process (started by an agent).
    Usrp(radio::Args),
    /// A pod for the two processes (started by an agent).
    #[command(hide = true)]
    Pod(mover::pod::Args),
    /// Software N210s that stock UHD tools accept.
    N210(n210::Args),
    /// Shell completions on stdout.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Manual pages: of baton, of a subcommand, or all of them as files.
    Man(headless::manual::Args),
}

/// `baton runs`: without a subcommand, the list.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
struct Runs {
    #[command(subcommand)]
    command: Option<RunsCommand>,
    #[command(flatten)]
    list: headless::runs::Args,
}

#[derive(Subcommand)]
enum RunsCommand {
    #[command(flatten)]
    Report(headless::runs::ReportCommand),
    /// One run as a file: a picture of the screen, a figure or a table for a paper, or data.
    Export(ui::ExportArgs),
}

impl Runs {
    fn run(self, records: &Path) -> Result<ExitCode, Failure> {
        match self.command {
            None => headless::runs::run(records, &headless::runs::ReportCommand::List(self.list)),
            Some(RunsCommand::Report(command)) => headless::runs::run(records, &command),
            Some(RunsCommand::Export(args)) => ui::export_run(records, &args),
        }
    }
}

/// `baton demo`: a lab, and either the console or its headless twin inside.
#[derive(clap::Args)]
struct Demo {
    #[command(flatten)]
    headless: headless::demo::Args,
    /// A program of your own in the place of the modem on server1 and server2: a TOML file, see docs/workload.md.
    #[arg(long, value_name = "FILE")]
    workload: Option<PathBuf>,
    /// What the work of server1 and server2 is: processes, or for comparison a pod or a guest (docs/other-ways.md).
    #[arg(long, value_enum, default_value_t)]
    form: protocol::Form,
    /// Three terminals: the pool's server relays between server3 and server4, which an obstacle keeps apart.
    #[arg(long)]
    relay: bool,
    /// The server that does not serve follows the other one as an armed standby, and takes over when that dies (docs/standby.md).
    #[arg(long, conflicts_with_all = ["relay", "form"])]
    standby: bool,
    /// Three servers and three radios (docs/pool.md) and the Pool page; with --headless: start all, drain a server, take it back, balance.
    #[arg(long, conflicts_with_all = ["relay", "form", "standby", "method", "migrations"])]
    pool: bool,
    #[command(flatten, next_help_heading = "Options of the screen")]
    console: ui::ConsoleArgs,
}

impl Demo {
    fn run(&self) -> Result<ExitCode, Failure> {
        let headless::demo::Args { headless, method, probe_interval, .. } = self.headless;
        let lab = lab::Args {
            name: "demo".into(),
            workload: self.workload.clone(),
            relay: self.relay,
            standby: self.standby,
            form: self.form,
            probe_interval: Some(probe_interval),
            ..lab::Args::default()
        };
        if self.pool {
            let lab = lab::Args { servers: Some(3), radios: Some(3), ..lab };
            return lab::supervise(&lab, |file| match headless {
                true => headless::pool::demo::run(file, probe_interval, self.headless.json),
                false => ui::run(&ClusterFile { path: file.to_owned(), radio: None }, &self.console.of_demo()),
            });
        }
        lab::supervise(&lab, |file| match (headless, ClusterFile { path: file.to_owned(), radio: None }) {
            (true, file) => headless::demo::run(&file, &self.headless),
            (false, file) => ui::run(&file, &self.console.of_demo().beginning_with(method)),
        })
    }
}

/// The cluster file of a machine, where `baton init` and the package put it.
const INSTALLED: &str = "/etc/baton/cluster.toml";

/// The cluster file to use: the one named, else the running lab's, whose namespaces this process then joins, else this machine's.
fn cluster(config: Option<PathBuf>, lab: Option<&str>) -> Result<PathBuf, Failure> {
    match config {
        Some(file) => Ok(file),
        // A lab that is named, or that ends now, is never taken for the real thing.
        None if lab.is_none() && Path::new(INSTALLED).exists() && lab::none_runs() => Ok(INSTALLED.into()),
        None => lab::enter(lab),
    }
}

/// Where the records are: in the folder of the cluster file, or without one in the user's state folder, where labs keep them.
fn records(config: Option<PathBuf>) -> Result<PathBuf, Failure> {
    config.map_or_else(lab::records_folder, |file| Ok(RadioViews::load(&file)?.whole().records.clone()))
}

/// `baton doctor`: of this machine, or of every host.
fn doctor(file: &ClusterFile, args: &setup::doctor::Args) -> Result<ExitCode, Failure> {
    match &args.host {
        Some(host) => agent::doctor::run(file, host, args),
        None => headless::doctor::run(file, args),
    }
}

/// The command line, whose help shows what applies.
fn command_line() -> clap::Command {
    headless::manual::with_fitting_help(Cli::command())
}

fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let Cli { config, lab: name, command } = cli;
    match command {
        CliCommand::Init(args) => setup::init::run(&args),
        CliCommand::Doctor(args) => args.run(cluster(config, name.as_deref())?, doctor),
        CliCommand::Console(args) => args.run(cluster(config, name.as_deref())?, ui::run),
        CliCommand::Agent(args) => agent::run(&cluster(config, name.as_deref())?, &args),
        CliCommand::Demo(args) => args.run(),
        CliCommand::Lab(args) => lab::run(&args, name.as_deref()),
        CliCommand::Do(args) => args.run(cluster(config, name.as_deref())?, headless::order::run),
        CliCommand::Status(args) => args.run(cluster(config, name.as_deref())?, headless::status::run),
        CliCommand::Wait(args) => args.run(cluster(config, name.as_deref())?, headless::wait::run),
        CliCommand::Watch(args) => args.run(cluster(config, name.as_deref())?, headless::watch::run),
        CliCommand::Runs(args) => args.run(&records(config)?),
        CliCommand::Recorder(args) => headless::recorder::run(&args),
        CliCommand::Check(args) => args.run(cluster(config, name.as_deref())?, headless::check::run),
        CliCommand::Repair(args) => args.run(cluster(config, name.as_deref())?, headless::repair::run),
        CliCommand::Key(args) => headless::key::run(&cluster(config, name.as_deref())?, &args),
        CliCommand::Plan(args) => args.run(cluster(config, name.as_deref())?, headless::plan::run),
        CliCommand::Pool(command) => headless::pool::run(&cluster(config, name.as_deref())?, &command),
        CliCommand::D2d(args) => modem::run(&args),
        CliCommand::Usrp(args) => radio::run(&args),
        CliCommand::Pod(args) => mover::pod::run(&args),
        CliCommand::N210(args) => {
            // The command socket of a lab's radios is inside the lab.
            if args.command.is_some() && name.is_some() {
                lab::enter(name.as_deref())?;
            }
            n210::run(&args)
        }
        CliCommand::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command_line(), "baton", &mut script);
            headless::write_out(&script)
        }
        CliCommand::Man(args) => headless::manual::run(command_line(), &args),
    }
}

fn main() -> ExitCode {
    // No logging set-up and no runtime here: a lab forks into new namespaces first, which only a single thread may do.
    let cli = Cli::from_arg_matches(&command_line().get_matches()).unwrap_or_else(|e| e.exit());
    run(cli).unwrap_or_else(|failure| {
        output::say(&format!("baton: {failure}"));
        if let Some(hint) = &failure.hint {
            output::say(&format!("       {hint}"));
        }
        ExitCode::from(failure.exit_code())
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    /// What stands in a section of a page.
    fn section<'a>(page: &'a str, name: &str) -> &'a str {
        let start = page.find(&format!(".SH \"{name}\"")).or_else(|| page.find(&format!(".SH {name}"))).unwrap_or(page.len());
        let rest = page[start..].split_once('\n').map_or("", |(_, rest)| rest);
        rest.split("\n.SH ").next().unwrap_or_default()
    }

    #[test]
    fn every_subcommand_has_a_page_with_exit_codes_and_an_example() {
        let pages = headless::manual::all(command_line()).unwrap();
        assert!(pages.len() > 20, "{}", pages.len());
        for (command, page) in &pages {
            for name in ["NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "EXAMPLES", "SEE ALSO"] {
                assert!(!section(page, name).trim().is_empty(), "the page of \"{command}\" has no {name}: {page}");
            }
            assert!(section(page, "EXIT STATUS").contains("\\fB0"), "{command}");
        }
    }

    /// Splits a line of a shell as far as the examples need it: blanks, single quotes, what goes to another program.
    fn words(line: &str) -> Vec<String> {
        let line = line.split([';', '|', '>']).next().unwrap_or_default().split("&&").next().unwrap_or_default();
        let mut words = Vec::new();
        for (index, part) in line.split('\'').enumerate() {
            match index % 2 {
                0 => words.extend(part.split_whitespace().map(str::to_owned)),
                _ => words.push(part.to_owned()),
            }
        }
        words
    }

    #[test]
    fn every_example_is_a_command_line_that_baton_takes() {
        let mut known: Vec<String> =
            headless::manual::all(command_line()).unwrap().into_iter().map(|(command, _)| command).collect();
        known.retain(|command| !command.is_empty());
        for (command, line) in
            headless::manual::examples().filter(|(command, _)| command.is_empty() || known.contains(&(*command).to_owned()))
        {
            // A filter's > is no redirection.
            let line = line.replace("total>50", "total");
            command_line().try_get_matches_from(words(&line)).unwrap_or_else(|e| panic!("{command}: {line}: {e}"));
        }
    }

    #[test]
    fn help_shows_only_what_applies() {
        let help = |words: &[&str]| {
            let error = command_line().try_get_matches_from(["baton"].iter().chain(words).chain(&["--help"])).unwrap_err();
            error.to_string()
        };
        for (words, shown, hidden) in [
            (&["status"][..], &["--config", "--in"][..], &["--theme", "--method"][..]),
            (&["completions"], &[], &["--config", "--in"]),
            (&["man"], &["--dir"], &["--config", "--in"]),
            (&["demo"], &["--method", "--theme", "--probe-interval"], &["--config", "--in"]),
            (&["lab"], &["--bare"], &["--config", "--in"]),
            (&["lab", "fault"], &["--for", "--in"], &["--config"]),
            (&["runs", "show"], &["--config"], &["--in"]),
        ] {
            let help = help(words);
            assert!(shown.iter().all(|option| help.contains(option)), "{words:?}: {help}");
            assert!(!hidden.iter().any(|option| help.contains(&format!("{option} <"))), "{words:?}: {help}");
        }
    }

    /// Scripts name cluster and lab in front of the subcommand or behind it, whether it needs them or not.
    #[test]
    fn cluster_and_lab_are_taken_in_any_place() {
        for words in [
            &["--config", "c.toml", "--in", "two", "status"][..],
            &["status", "--config", "c.toml", "--in", "two"],
            &["--in", "two", "lab", "fault", "server1", "cut-eth3", "--config", "c.toml"],
            &["--config", "c.toml", "--in", "two", "runs", "show"],
            &["man", "--config", "c.toml", "--in", "two"],
        ] {
            let matches = command_line().try_get_matches_from(["baton"].iter().chain(words)).unwrap();
            let cli = Cli::from_arg_matches(&matches).unwrap();
            assert_eq!((cli.config, cli.lab), (Some("c.toml".into()), Some("two".into())), "{words:?}");
        }
    }

    #[test]
    fn a_demo_of_a_pool_has_a_screen_or_none() {
        for words in [&["demo", "--pool"][..], &["demo", "--pool", "--lang", "zh"], &["demo", "--pool", "--headless", "--json"]] {
            assert!(command_line().try_get_matches_from(["baton"].iter().chain(words)).is_ok(), "{words:?}");
        }
        assert!(command_line().try_get_matches_from(["baton", "demo", "--pool", "--method", "cold"]).is_err());
    }

    #[test]
    fn a_demo_with_a_screen_takes_method_interval_language_and_theme() {
        let words = ["demo", "--method", "cold", "--probe-interval", "10ms", "--lang", "zh", "--theme", "light"];
        let matches = command_line().try_get_matches_from(["baton"].into_iter().chain(words)).unwrap();
        let Cli { command: CliCommand::Demo(demo), .. } = Cli::from_arg_matches(&matches).unwrap() else { panic!("no demo") };
        assert!(!demo.headless.headless);
        assert_eq!((demo.headless.method, demo.headless.probe_interval.as_millis()), (Some(protocol::Method::Cold), 10));
        assert!(command_line().try_get_matches_from(["baton", "demo", "--migrations", "3"]).is_err(), "nobody would count them");
    }

    /// What a renderer complains about, if this machine has it.
    fn complaints(program: &str, arguments: &[&str], page: &str) -> Option<String> {
        let mut command = Command::new(program);
        command.args(arguments).env("LC_ALL", "C.UTF-8").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().ok()?;
        child.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        // groff writes the page to stdout and complaints to stderr; a lint has nothing but complaints.
        let said = if program == "groff" { output.stderr } else { [output.stdout, output.stderr].concat() };
        assert!(program != "groff" || output.status.success(), "groff failed");
        Some(String::from_utf8_lossy(&said).into_owned())
    }

    #[test]
    fn the_pages_render_without_warnings() {
        // Debian's man calls groff so.
        let renderers =
            [("groff", &["-man", "-ww", "-Kutf8", "-Tutf8", "-rLL=100n"][..]), ("mandoc", &["-T", "lint", "-W", "warning"])];
        let mut tried = 0;
        for (command, page) in headless::manual::all(command_line()).unwrap() {
            for (program, arguments) in renderers {
                let Some(said) = complaints(program, arguments, &page) else { continue };
                tried += 1;
                assert!(said.trim().is_empty(), "{program} on the page of \"{command}\": {said}");
            }
        }
        if tried == 0 {
            output::say("skipped: neither groff nor mandoc is here to render the pages");
        }
    }
}

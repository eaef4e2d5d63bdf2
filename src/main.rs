//! The command line of baton: one subcommand, one call.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use baton::{agent, headless, lab, ui};
use clap::{CommandFactory, Parser, Subcommand};
use config::Config;
use protocol::Failure;

/// Move a running radio program from one server to another without dropping it.
#[derive(Parser)]
#[command(name = "baton", version, arg_required_else_help = true)]
struct Cli {
    /// Cluster file; without it, the running lab's.
    #[arg(long, short, global = true, env = "BATON_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Which running lab, when there are several and no --config is given.
    #[arg(long = "in", global = true, value_name = "LAB")]
    lab: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The full-screen console.
    Console(ui::ConsoleArgs),
    /// The agent of one host.
    Agent(agent::Args),
    /// A lab with its console; with --headless, a lab that migrates and prints one JSON document.
    Demo(Demo),
    /// A lab in the foreground: namespaces, switches, software radios, agents.
    Lab(lab::Args),
    /// One operator command: DS, KL, M, MB, DSR, KR, end; go, cancel.
    Do(headless::order::Args),
    /// What every host says of itself.
    Status(headless::status::Args),
    /// Whether an order may begin: every precondition.
    Check(headless::check::Args),
    /// What an order would do, step by step, and how long that is expected to take.
    Plan(headless::plan::Args),
    /// Records of past orders.
    Runs(Runs),
    /// Receives a video stream over UDP and says how long it was interrupted.
    Recorder(headless::recorder::Args),
    /// The D2D process: modem between tun and samples (started by an agent).
    D2d(modem::Args),
    /// The USRP process: samples between the radio and the D2D process (started by an agent).
    Usrp(radio::Args),
    /// Software N210s that stock UHD tools accept.
    N210(n210::Args),
    /// Shell completions on stdout.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// The manual page on stdout.
    Man,
}

/// `baton runs`: without a subcommand, the list.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
struct Runs {
    #[command(subcommand)]
    command: Option<OfRuns>,
    #[command(flatten)]
    list: headless::runs::Args,
}

#[derive(Subcommand)]
enum OfRuns {
    #[command(flatten)]
    Report(headless::runs::Command),
    /// One run as a file: SVG, PNG, text, ANSI, JSON or CSV.
    Export(ui::ExportArgs),
}

impl Runs {
    fn run(self, records: &Path) -> Result<ExitCode, Failure> {
        match self.command {
            None => headless::runs::run(records, &headless::runs::Command::List(self.list)),
            Some(OfRuns::Report(command)) => headless::runs::run(records, &command),
            Some(OfRuns::Export(args)) => ui::export_run(records, &args),
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
    /// Three terminals: the pool's server relays between server3 and server4, which an obstacle keeps apart.
    #[arg(long)]
    relay: bool,
    #[command(flatten)]
    console: ui::ConsoleArgs,
}

impl Demo {
    fn run(&self) -> Result<ExitCode, Failure> {
        let lab = lab::Args { name: "demo".into(), workload: self.workload.clone(), relay: self.relay, ..lab::Args::default() };
        lab::supervise(&lab, |file| match self.headless.headless {
            true => headless::demo::run(file, &self.headless),
            false => ui::run(file, &self.console),
        })
    }
}

/// The cluster file to use: the one named, else the running lab's, whose namespaces this process then joins.
fn cluster(config: Option<PathBuf>, lab: Option<&str>) -> Result<PathBuf, Failure> {
    config.map_or_else(|| lab::enter(lab), Ok)
}

/// Where the records are: the cluster's, else those that labs leave in the user's state folder, whether or not one runs.
fn records(config: Option<PathBuf>) -> Result<PathBuf, Failure> {
    config.map_or_else(lab::records_folder, |file| Ok(Config::load(&file)?.records))
}

fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let Cli { config, lab: name, command } = cli;
    match command {
        Command::Console(args) => ui::run(&cluster(config, name.as_deref())?, &args),
        Command::Agent(args) => agent::run(&cluster(config, name.as_deref())?, &args),
        Command::Demo(args) => args.run(),
        Command::Lab(args) => lab::run(&args, name.as_deref()),
        Command::Do(args) => headless::order::run(&cluster(config, name.as_deref())?, &args),
        Command::Status(args) => headless::status::run(&cluster(config, name.as_deref())?, &args),
        Command::Runs(args) => args.run(&records(config)?),
        Command::Recorder(args) => headless::recorder::run(&args),
        Command::Check(args) => headless::check::run(&cluster(config, name.as_deref())?, &args),
        Command::Plan(args) => headless::plan::run(&cluster(config, name.as_deref())?, &args),
        Command::D2d(args) => modem::run(&args),
        Command::Usrp(args) => radio::run(&args),
        Command::N210(args) => {
            // Radios of a lab are told through a socket inside it.
            if args.command.is_some() && name.is_some() {
                lab::enter(name.as_deref())?;
            }
            n210::run(&args)
        }
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "baton", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
        Command::Man => headless::write_man(Cli::command()),
    }
}

fn main() -> ExitCode {
    // No logging set-up and no runtime here: a lab forks into new namespaces first, which only a single thread may do.
    let cli = Cli::parse();
    run(cli).unwrap_or_else(|failure| {
        eprintln!("baton: {failure}");
        if let Some(hint) = &failure.hint {
            eprintln!("       {hint}");
        }
        ExitCode::from(failure.exit_code())
    })
}

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
    command: CliCommand,
}

#[derive(Subcommand)]
enum CliCommand {
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
    /// What every host reports.
    Status(headless::status::Args),
    /// Whether an order may begin: every precondition.
    Check(headless::check::Args),
    /// Sets right who owns the radio, where the agents cannot agree by themselves.
    Repair(headless::repair::Args),
    /// What an order would do, step by step, and how long that is expected to take.
    Plan(headless::plan::Args),
    /// Records of past orders.
    Runs(Runs),
    /// Receives a video stream over UDP and measures how long it was interrupted.
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

/// Where the records are: in the folder of the cluster file, or without one in the user's state folder, where labs keep them.
fn records(config: Option<PathBuf>) -> Result<PathBuf, Failure> {
    config.map_or_else(lab::records_folder, |file| Ok(Config::load(&file)?.records))
}

fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let Cli { config, lab: name, command } = cli;
    match command {
        CliCommand::Console(args) => ui::run(&cluster(config, name.as_deref())?, &args),
        CliCommand::Agent(args) => agent::run(&cluster(config, name.as_deref())?, &args),
        CliCommand::Demo(args) => args.run(),
        CliCommand::Lab(args) => lab::run(&args, name.as_deref()),
        CliCommand::Do(args) => headless::order::run(&cluster(config, name.as_deref())?, &args),
        CliCommand::Status(args) => headless::status::run(&cluster(config, name.as_deref())?, &args),
        CliCommand::Runs(args) => args.run(&records(config)?),
        CliCommand::Recorder(args) => headless::recorder::run(&args),
        CliCommand::Check(args) => headless::check::run(&cluster(config, name.as_deref())?, &args),
        CliCommand::Repair(args) => headless::repair::run(&cluster(config, name.as_deref())?, &args),
        CliCommand::Plan(args) => headless::plan::run(&cluster(config, name.as_deref())?, &args),
        CliCommand::D2d(args) => modem::run(&args),
        CliCommand::Usrp(args) => radio::run(&args),
        CliCommand::N210(args) => {
            // The command socket of a lab's radios is inside the lab.
            if args.command.is_some() && name.is_some() {
                lab::enter(name.as_deref())?;
            }
            n210::run(&args)
        }
        CliCommand::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "baton", &mut script);
            headless::write_out(&script)
        }
        CliCommand::Man => headless::write_man(Cli::command()),
    }
}

fn main() -> ExitCode {
    // No logging set-up and no runtime here: a lab forks into new namespaces first, which only a single thread may do.
    let cli = Cli::parse();
    run(cli).unwrap_or_else(|failure| {
        output::say(&format!("baton: {failure}"));
        if let Some(hint) = &failure.hint {
            output::say(&format!("       {hint}"));
        }
        ExitCode::from(failure.exit_code())
    })
}

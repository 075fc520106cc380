//! How fast is the release binary? Real tokens, load from a process of its own over loopback,
//! a floor beside it that does only what cannot be left out.
//!
//! Run it by `cargo xtask bench`; `docs/reference/benchmark.md` says what each figure is.
//! Figures travel between machines only as ratios.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]

mod control;
mod figures;
mod growth;
mod job;
mod load;
mod measure;
mod mint;
mod policies;
mod process;
mod report;
mod scenario;
mod stage;
mod subject;
mod yardstick;

use clap::{Parser, Subcommand};

use job::Job;
use measure::Pace;
use mint::Mint;
use report::Report;
use scenario::{Choices, Scenario};

/// Measure Segura's release build.
#[derive(Parser)]
#[command(name = "cargo xtask bench", args_conflicts_with_subcommands = true)]
struct Options {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    choices: Choices,
    #[command(flatten)]
    pace: Pace,
    /// Only these jobs, separated by commas; the controls are left out.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Job>,
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// The load generator; the benchmark starts it.
    #[command(hide = true)]
    Load,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    match options.command {
        Some(Command::Load) => load::main(),
        None => conduct(&options),
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn conduct(options: &Options) -> anyhow::Result<()> {
    let pace = options.pace.resolve();
    let chosen: Vec<Job> =
        if options.only.is_empty() { Job::ALL.to_vec() } else { options.only.clone() };
    let mint = Mint::open(&pace, &chosen).await?;
    let mut report = Report::default();
    for scenario in options.choices.scenarios() {
        for &job in chosen.iter().filter(|job| fits(**job, &scenario)) {
            eprintln!("{job} on {scenario}");
            report.add(measure::measure(job, &scenario, &mint, &pace).await?);
        }
    }
    report.compare();
    if options.only.is_empty() {
        eprintln!("negative control");
        report.control(control::run(&mint).await?);
    }
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    report.verdict()
}

/// Those to which connections do not matter are measured once.
const fn fits(job: Job, scenario: &Scenario) -> bool {
    job.is_load() || scenario.is_first_of_its_connections()
}

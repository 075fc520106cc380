//! How fast is the release binary? Real tokens, load from this process over loopback,
//! processor time read from the server's own account in `/proc`.
//!
//! Run it by `cargo xtask bench`. Figures travel between machines only as ratios.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod figures;
mod job;
mod load;
mod process;

use clap::Parser;

use figures::Report;
use job::Job;

/// Measure Segura's release build.
#[derive(Parser)]
struct Options {
    /// One round of three seconds a job; otherwise three rounds of eight.
    #[arg(long)]
    short: bool,
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Only this job.
    #[arg(long)]
    only: Option<Job>,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let pace = if options.short { job::Pace::short() } else { job::Pace::long() };
    let mut report = Report::default();
    for job in Job::all().iter().filter(|job| options.only.is_none_or(|only| only == **job)) {
        report.add(job.measure(&pace).await?);
    }
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    Ok(())
}

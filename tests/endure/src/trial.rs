//! The trials, in one list.
//!
//! Adding a trial: a file beside `kill.rs` with its `TRIAL`, a line in [`TRIALS`], a
//! section in `docs/reference/endurance.md`.

mod bodies;
mod canary;
mod disk;
mod flood;
mod inflight;
mod kill;
mod overload;
mod postgres;
mod powercut;
mod replay;
mod rolling;
mod soak;

use std::pin::Pin;

use acceptance::Database;
use anyhow::Context;
use serde_json::json;

use crate::plan::Options;
use crate::report::Report;

/// Every trial, in the order in which they run.
pub(crate) const TRIALS: &[Trial] = &[
    kill::TRIAL,
    powercut::TRIAL,
    replay::TRIAL,
    rolling::TRIAL,
    postgres::TRIAL,
    inflight::TRIAL,
    flood::TRIAL,
    bodies::TRIAL,
    disk::TRIAL,
    overload::TRIAL,
    soak::TRIAL,
    canary::TRIAL,
];

/// One trial.
pub(crate) struct Trial {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// What it proves, in a line.
    pub(crate) about: &'static str,
    /// The databases that it knows.
    pub(crate) databases: &'static [Database],
    /// Try it once.
    pub(crate) run: Run,
}

/// How a trial is run: it fills in its report. An error is a trial that could not be held.
pub(crate) type Run = for<'t> fn(&'t Course<'t>, &'t mut Report) -> Running<'t>;
pub(crate) type Running<'t> = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send + 't>>;

/// What a run is given.
pub(crate) struct Course<'t> {
    /// What was asked for.
    pub(crate) options: &'t Options,
    /// On which database.
    pub(crate) database: Database,
    /// The seed of every choice.
    pub(crate) seed: u64,
}

/// Both.
pub(crate) const BOTH: &[Database] = &[Database::Sqlite, Database::Postgres];

/// Hold a trial on each database that is wanted; whether nothing was lost.
pub(crate) async fn run(trial: &Trial, options: &Options) -> anyhow::Result<bool> {
    println!("\n{}: {}", trial.name, trial.about);
    let (mut runs, mut lost) = (Vec::new(), 0);
    for database in options.databases(trial.databases) {
        let course = Course { options, database, seed: options.seed() };
        println!("  on {database:?}, --seed {}", course.seed);
        let mut report = Report::new(trial.name, database, course.seed);
        if let Err(error) = (trial.run)(&course, &mut report).await {
            report.loss(format!("the trial could not be held to its end: {error:#}"));
        }
        report.print();
        lost += report.lost();
        runs.push(report.json());
    }
    std::fs::create_dir_all(&options.output).context("the folder for the JSON")?;
    let path = options.output.join(format!("{}.json", trial.name));
    let document =
        json!({"trial": trial.name, "about": trial.about, "short": options.short, "runs": runs});
    std::fs::write(&path, serde_json::to_string_pretty(&document)?).context("the JSON")?;
    println!("  {}", path.display());
    Ok(lost == 0)
}

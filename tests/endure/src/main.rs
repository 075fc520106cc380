//! The long trials: the real binary under load while its world breaks, from outside.
//!
//! Run by `cargo xtask endure`. Each trial is a file in `trial/` and a line in
//! [`trial::TRIALS`]; it says what it proves in one line, reports what it tried and
//! counted, and any loss makes this program end with 1. The short forms run in the suite.

#![expect(clippy::print_stdout, reason = "a trial says how it goes while it runs")]

mod check;
mod gauge;
mod ledger;
mod load;
mod plan;
mod report;
mod scene;
mod trial;

use std::process::ExitCode;

use clap::Parser;

use plan::Options;
use trial::{TRIALS, Trial};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    if options.list {
        for trial in TRIALS {
            println!("{:<10} {}", trial.name, trial.about);
        }
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(program) = options.program.clone() {
        acceptance::cli::use_binary(std::path::absolute(program)?);
    }
    let mut lost = Vec::new();
    for trial in chosen(&options)? {
        if !trial::run(trial, &options).await? {
            lost.push(trial.name);
        }
    }
    if lost.is_empty() {
        println!("\nnothing was lost");
        return Ok(ExitCode::SUCCESS);
    }
    println!("\nLOST: {}", lost.join(", "));
    Ok(ExitCode::FAILURE)
}

fn chosen(options: &Options) -> anyhow::Result<Vec<&'static Trial>> {
    let Some(name) = &options.name else { return Ok(TRIALS.iter().collect()) };
    let found: Vec<_> = TRIALS.iter().filter(|trial| trial.name == name).collect();
    let names: Vec<_> = TRIALS.iter().map(|trial| trial.name).collect();
    anyhow::ensure!(
        !found.is_empty(),
        "there is no trial `{name}`: use one of {}",
        names.join(", ")
    );
    Ok(found)
}

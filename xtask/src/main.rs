//! Developer commands: `cargo xtask --help`.
//!
//! Whatever CI runs is here, so that a developer runs the same thing by the same
//! name. Nothing here ships.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a developer's command talks")]

mod bench;
mod demo;
mod dist;
mod endure;
mod packages;
mod postgres;
mod run;
mod sizes;
mod suite;
mod tools;

use clap::{Parser, Subcommand};

/// Developer commands of Segura.
#[derive(Parser)]
#[command(name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure the release build: exchanges, deliveries, reads, start, idle memory, exec.
    Bench(bench::Options),
    /// Build Segura and run the main job from nothing, on loopback; leaves nothing behind.
    Demo(demo::Options),
    /// Build the static binary and write its SHA-256 into the action's checksums.json.
    Dist(dist::Options),
    /// Hold the long trials against the release build: kills, power cuts, replays, restarts.
    Endure(endure::Options),
    /// Fail on a source file of more than 600 lines.
    Sizes,
    /// Run every check and every test, as CI does; installs what is missing or says how.
    Test(suite::Options),
    /// Install the outside tools that the tests use, into target/tools.
    Tools,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Bench(options) => bench::run(&options),
        Command::Demo(options) => demo::run(&options),
        Command::Dist(options) => dist::run(&options),
        Command::Endure(options) => endure::run(&options),
        Command::Sizes => sizes::check(),
        Command::Test(options) => suite::run(&options),
        Command::Tools => tools::install().map(|_| ()),
    }
}

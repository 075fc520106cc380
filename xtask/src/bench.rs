//! `cargo xtask bench`: build the release binary and let `bench/` measure it.

use crate::run;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// One short round of each job instead of three long ones.
    #[arg(long)]
    short: bool,
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Build and measure.
///
/// # Errors
/// When the build or a job fails.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    run::check(run::command("cargo").args([
        "build",
        "--release",
        "--package",
        "segura",
        "--package",
        "bench",
    ]))?;
    let program = run::target().join("release/bench");
    let mut bench = run::command(&program.display().to_string());
    if options.short {
        bench.arg("--short");
    }
    if options.json {
        bench.arg("--json");
    }
    run::check(&mut bench)
}

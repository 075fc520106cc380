//! `cargo xtask endure`: build the release binary and break the world around it.

use crate::postgres::Cluster;
use crate::{packages, run};

/// Which trials; everything else is passed on to them.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// What the trials take: NAME, --short, --list, --database, --cycles N, --seed N, …
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

/// Build the release, start a scratch PostgreSQL and hold the trials.
///
/// # Errors
/// When the build fails, a trial cannot be held, or anything is lost.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    packages::ensure(packages::TRIALS)?;
    run::check(run::command("cargo").args([
        "build",
        "--release",
        "--quiet",
        "--package",
        "segura",
        "--package",
        "endure",
    ]))?;
    let cluster = Cluster::start()?;
    let mut trials = run::command(&run::target().join("release/endure").display().to_string());
    run::check(
        trials
            .args(&options.arguments)
            .arg("--output")
            .arg(run::target().join("endure"))
            .env("SEGURA_TEST_POSTGRES", cluster.url())
            .envs(cluster.places()),
    )
}

/// The short forms that the suite holds. Not `powercut` and `disk`, which mount file systems:
/// that is refused to many a machine that runs tests, even to its root. Not `overload`: a
/// load that is three times what the server can do takes a machine that does nothing else.
const SHORT: [&str; 9] =
    ["kill", "inflight", "flood", "replay", "rolling", "postgres", "bodies", "soak", "canary"];

/// Short forms, with the binaries that the tests just built.
///
/// # Errors
/// As [`run()`].
pub(crate) fn short(cluster: &Cluster) -> anyhow::Result<()> {
    for name in SHORT {
        let mut trial = run::command(&run::target().join("debug/endure").display().to_string());
        run::check(
            trial
                .args([name, "--short"])
                .args((!run::is_root()).then_some("--without-root"))
                .arg("--output")
                .arg(run::target().join("endure/short"))
                .env("SEGURA_TEST_POSTGRES", cluster.url())
                .envs(cluster.places()),
        )?;
    }
    Ok(())
}

//! Every check and every test, in the order in which they fail fastest.

use std::time::Instant;

use crate::postgres::Cluster;
use crate::tools::Tools;
use crate::{demo, endure, packages, run, sizes, tools};

/// What to leave out. CI leaves nothing out.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only tests whose name contains this (skips the lints).
    filter: Option<String>,
    /// Only the test binary of this package, such as `segura-store`.
    #[arg(long, short)]
    package: Option<String>,
}

/// Run the suite.
///
/// # Errors
/// At the first check that fails.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let started = Instant::now();
    packages::ensure(packages::TESTS)?;
    packages::ensure(packages::TRIALS)?;
    let tools = tools::install()?;
    let whole = options.filter.is_none() && options.package.is_none();
    if whole {
        lints(&tools)?;
    }
    tests(options, &tools)?;
    if whole {
        demo::run(&demo::Options::default())?;
    }
    println!("\nall checks passed in {} s", started.elapsed().as_secs());
    Ok(())
}

fn lints(tools: &Tools) -> anyhow::Result<()> {
    sizes::check()?;
    run::check(run::command("cargo").args(["fmt", "--all", "--check"]))?;
    run::check(run::command("cargo").env("PATH", tools.path()).args([
        "deny",
        "--log-level",
        "error",
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ]))?;
    run::check(run::command("cargo").args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ]))?;
    run::check(run::command("cargo").env("RUSTDOCFLAGS", "-D warnings").args([
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
        "--quiet",
    ]))
}

fn tests(options: &Options, tools: &Tools) -> anyhow::Result<()> {
    let cluster = Cluster::start()?;
    // The acceptance tests and the trials drive the real binary, which cargo does not build
    // for them.
    let binaries = ["--package", "segura", "--package", "endure"];
    run::check(run::command("cargo").args(["build", "--quiet"]).args(binaries))?;
    let mut test = run::command("cargo");
    test.arg("test").env("PATH", tools.path());
    match &options.package {
        Some(package) => test.args(["--package", package]),
        None => test.arg("--workspace"),
    };
    test.args(["--no-fail-fast", "--quiet"]);
    if let Some(filter) = &options.filter {
        test.args(["--", filter]);
    }
    run::check(
        test.env("SEGURA_TEST_POSTGRES", cluster.url())
            .env("SEGURA_TEST_NODE_MODULES", tools.node_modules()),
    )?;
    if options.filter.is_none() && options.package.is_none() {
        endure::short(&cluster)?;
    }
    Ok(())
}

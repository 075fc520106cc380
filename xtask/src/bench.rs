//! `cargo xtask bench`: build the release binary and let `bench/` measure it.

use crate::postgres::Cluster;
use crate::run;

/// What to measure.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// The benchmark's own arguments; `--help` lists them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Build and measure.
///
/// # Errors
/// When the build or a job fails, or the figures are not to be believed.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    run::check(run::command("cargo").args([
        "build",
        "--release",
        "--package",
        "segura",
        "--package",
        "bench",
    ]))?;
    let mut bench = run::command(&run::target().join("release/bench").display().to_string());
    bench.args(&options.arguments);
    let cluster = if wants_postgres(&options.arguments) && !has_cluster() {
        Some(Cluster::start()?)
    } else {
        None
    };
    if let Some(cluster) = &cluster {
        bench.env(CLUSTER, cluster.url());
    }
    run::check(&mut bench)
}

fn wants_postgres(arguments: &[String]) -> bool {
    const NAMES: [&str; 3] = ["--full", "both", "postgres"];
    let value = |argument: &String| argument.rsplit('=').next().unwrap_or_default().to_owned();
    arguments.iter().any(|argument| NAMES.contains(&value(argument).as_str()))
}

fn has_cluster() -> bool {
    #[expect(clippy::disallowed_methods, reason = "how a cluster is named; xtask is the edge")]
    let named = std::env::var_os(CLUSTER);
    named.is_some()
}

const CLUSTER: &str = "SEGURA_TEST_POSTGRES";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_made_when_the_arguments_need_one() {
        let wants = |line: &str| {
            wants_postgres(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        };
        assert!(wants("--database both --short"));
        assert!(wants("--database=postgres"));
        assert!(wants("--full"));
        assert!(!wants("--short --policies 1,10000"));
    }
}

//! What we publish for platforms parses, lints clean, and is built from its source.

use std::process::Command;

use acceptance::Run;

use crate::runners::{node_modules, root, tool_path};

/// Every workflow that we run or show.
const WORKFLOWS: [&str; 3] = [
    ".github/workflows/ci.yml",
    "pipelines-examples/github/.github/workflows/deploy.yml",
    "pipelines-examples/github/.github/workflows/familiar.yml",
];

fn tool(name: &str, arguments: &[&str]) -> Run {
    Run::of(
        Command::new(name)
            .current_dir(root())
            .env("PATH", tool_path())
            .env("NODE_PATH", node_modules())
            .args(arguments),
    )
}

#[test]
fn zizmor_finds_nothing() {
    let run = tool(
        "zizmor",
        &[
            "--offline",
            "--no-progress",
            "--persona=auditor",
            ".github",
            "actions/github/action.yml",
            "pipelines-examples/github",
        ],
    );
    assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
}

#[test]
fn actionlint_finds_nothing() {
    for workflow in WORKFLOWS {
        let run = tool("actionlint", &[workflow]);
        assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
    }
}

#[test]
fn the_platforms_schemas_accept_our_files() {
    let schema = |name: &str, transform: &[&str], files: &[&str]| {
        let arguments: Vec<&str> =
            ["--builtin-schema", name].iter().chain(transform).chain(files).copied().collect();
        let run = tool("check-jsonschema", &arguments);
        assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
    };
    schema("vendor.github-actions", &[], &["actions/github/action.yml"]);
    schema("vendor.github-workflows", &[], &WORKFLOWS);
    schema(
        "vendor.gitlab-ci",
        &["--data-transform", "gitlab-ci"],
        &["pipelines-examples/gitlab/.gitlab-ci.yml"],
    );
}

#[test]
fn the_actions_bundle_is_fresh() {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("action");
    let run = Run::of(Command::new("cp").arg("-r").arg(root().join("actions/github")).arg(&copy));
    assert_eq!(run.code, 0, "{run:?}");
    std::os::unix::fs::symlink(node_modules(), copy.join("node_modules")).expect("a link");

    let run = Run::of(
        Command::new("node").env("PATH", tool_path()).arg(copy.join("build.mjs")).arg("--check"),
    );

    assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
}

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

/// The component as GitLab makes a job of it: the inputs are pasted into the text.
fn component(inputs: &[(&str, &str)]) -> String {
    let template = std::fs::read_to_string(root().join("actions/gitlab/templates/secrets.yml"))
        .expect("the component");
    let (spec, mut job) = {
        let (spec, job) = template.split_once("\n---\n").expect("two documents");
        (spec.to_owned(), job.to_owned())
    };
    for (name, value) in inputs {
        assert!(spec.contains(&format!("\n    {name}:\n")), "no input {name}");
        job = job.replace(&format!("$[[ inputs.{name} ]]"), value);
    }
    assert!(!job.contains("$[["), "an input has no value: {job}");
    job
}

#[test]
fn whatever_an_input_holds_stays_one_value() {
    let awkward = [
        r#"echo "a: b" #c 'd' \n %e @f `g` [$H] {i}"#,
        r#""quoted" 'too'"#,
        "[a] > B; {c}: d",
        "  - & * ! | > % @ `",
        "$X ${Y} $$Z",
        "",
    ];
    for value in awkward {
        let job = component(&[
            ("job", "segura-exec"),
            ("stage", "deploy"),
            ("vault-url", "https://segura.example.com"),
            ("secrets", value),
            ("command", value),
            ("ca-cert", value),
            ("binary-path", value),
            ("download-url", value),
        ]);
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("job.yml");
        std::fs::write(&file, &job).expect("the folder takes files");

        let run = tool(
            "check-jsonschema",
            &["--builtin-schema", "vendor.gitlab-ci", file.to_str().expect("a path")],
        );
        assert_eq!(run.code, 0, "{value}: {}\n{}", run.stdout, run.stderr);

        let read: serde_json::Value = serde_saphyr::from_str(&job).expect("YAML");
        let variables = &read["segura-exec"]["variables"];
        for raw in ["SEGURA_SECRETS", "SEGURA_COMMAND"] {
            assert_eq!(variables[raw], serde_json::json!({"expand": false, "value": value}));
        }
        for expanded in ["SEGURA_BINARY", "SEGURA_CA_CERT", "SEGURA_DOWNLOAD_URL"] {
            assert_eq!(variables[expanded], value, "{expanded}");
        }
    }
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

//! Outside tools that the tests use: pinned, installed once into `target/tools`,
//! each from its own registry by its own client.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::run;

/// Go programs: the name of each, and its package at a version.
const GO_PROGRAMS: [(&str, &str); 2] = [
    ("act", "github.com/nektos/act@v0.2.87"),
    ("actionlint", "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"),
];
const CARGO_DENY: &str = "0.20.2";

/// Where the tools were put.
pub(crate) struct Tools {
    folder: PathBuf,
}

impl Tools {
    /// `PATH` with our tools first; Node 24 among them, as the action's runner has it.
    pub(crate) fn path(&self) -> String {
        let own = ["bin", "node_modules/.bin", "node_modules/node/bin", "python/bin"]
            .map(|part| self.folder.join(part).display().to_string())
            .join(":");
        #[expect(clippy::disallowed_methods, reason = "the path is added to; xtask is the edge")]
        let path = std::env::var("PATH").unwrap_or_default();
        format!("{own}:{path}")
    }

    /// The folder of installed Node packages.
    pub(crate) fn node_modules(&self) -> PathBuf {
        self.folder.join("node_modules")
    }
}

/// Install what is missing. A second run installs nothing.
///
/// # Errors
/// When a registry's client is not here or refuses.
pub(crate) fn install() -> anyhow::Result<Tools> {
    let folder = run::root().join("target/tools");
    std::fs::create_dir_all(folder.join("bin"))?;
    node(&folder).context("the Node tools; Node 20 or newer with npm is needed")?;
    python(&folder).context("the Python tools; python3 with venv is needed")?;
    go(&folder).context("the Go tools; Go 1.26 or newer is needed")?;
    cargo_deny(&folder)?;
    Ok(Tools { folder })
}

fn node(folder: &Path) -> anyhow::Result<()> {
    let manifest = run::root().join("tests/tools");
    let stamp = Stamp::of(&folder.join("node.stamp"), &[manifest.join("package-lock.json")])?;
    if stamp.is_current() && folder.join("node_modules").exists() {
        return Ok(());
    }
    for file in ["package.json", "package-lock.json", ".npmrc"] {
        std::fs::copy(manifest.join(file), folder.join(file))?;
    }
    run::check(run::command("npm").current_dir(folder).args([
        "ci",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]))?;
    stamp.write()
}

fn python(folder: &Path) -> anyhow::Result<()> {
    let requirements = run::root().join("tests/tools/requirements.txt");
    let stamp = Stamp::of(&folder.join("python.stamp"), std::slice::from_ref(&requirements))?;
    if stamp.is_current() && folder.join("python/bin/zizmor").exists() {
        return Ok(());
    }
    run::check(run::command("python3").args(["-m", "venv"]).arg(folder.join("python")))?;
    run::check(
        run::command(&folder.join("python/bin/pip").display().to_string())
            .args(["install", "--quiet", "--requirement"])
            .arg(&requirements),
    )?;
    stamp.write()
}

fn go(folder: &Path) -> anyhow::Result<()> {
    for (name, package) in GO_PROGRAMS {
        if !folder.join("bin").join(name).exists() {
            run::check(
                run::command("go").env("GOBIN", folder.join("bin")).args(["install", package]),
            )?;
        }
    }
    Ok(())
}

/// Built without optimisation: it runs for a second, and its build would take seven minutes.
fn cargo_deny(folder: &Path) -> anyhow::Result<()> {
    let current = |program: &Path| {
        run::output(std::process::Command::new(program).arg("--version"))
            .is_ok_and(|version| version.contains(CARGO_DENY))
    };
    if current(&folder.join("bin/cargo-deny")) || current(Path::new("cargo-deny")) {
        return Ok(());
    }
    run::check(
        run::command("cargo")
            .args([
                "install",
                "cargo-deny",
                "--locked",
                "--quiet",
                "--version",
                CARGO_DENY,
                "--root",
            ])
            .arg(folder)
            .env("CARGO_TARGET_DIR", folder.join("build"))
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "0"),
    )?;
    std::fs::remove_dir_all(folder.join("build")).context("removing the build of cargo-deny")
}

/// Remembers which version of a manifest was installed.
struct Stamp {
    file: PathBuf,
    wanted: String,
}

impl Stamp {
    fn of(file: &Path, manifests: &[PathBuf]) -> anyhow::Result<Self> {
        let mut wanted = String::new();
        for manifest in manifests {
            wanted += &std::fs::read_to_string(manifest)
                .with_context(|| format!("reading {}", manifest.display()))?;
        }
        Ok(Self { file: file.to_owned(), wanted })
    }

    fn is_current(&self) -> bool {
        std::fs::read_to_string(&self.file).is_ok_and(|found| found == self.wanted)
    }

    fn write(&self) -> anyhow::Result<()> {
        std::fs::write(&self.file, &self.wanted).map_err(Into::into)
    }
}

//! Debian packages that the tests need: installed when we are root, named when not.

use anyhow::bail;

use crate::run;

/// A program, the Debian package that brings it, and what it is for.
pub(crate) struct Need {
    package: &'static str,
    present: fn() -> bool,
    reason: &'static str,
}

/// What the tests need.
pub(crate) const TESTS: &[Need] = &[
    Need {
        package: "postgresql",
        present: || crate::postgres::programs().is_some(),
        reason: "the whole suite runs on PostgreSQL as well as on SQLite",
    },
    Need {
        package: "rsync",
        present: || run::exists("rsync"),
        reason: "gitlab-ci-local copies the project with it",
    },
    Need {
        package: "python3-venv",
        present: || run::exists("python3") && has_venv(),
        reason: "zizmor and check-jsonschema come from the Python registry",
    },
];

/// What the trials need, in their short forms as well.
pub(crate) const TRIALS: &[Need] = &[
    Need {
        package: "postgresql",
        present: || crate::postgres::programs().is_some(),
        reason: "trials run on PostgreSQL as well as on SQLite",
    },
    Need {
        package: "haproxy",
        present: || run::exists("haproxy") || std::path::Path::new("/usr/sbin/haproxy").exists(),
        reason: "the trial of rolling restarts puts it before two servers",
    },
    Need {
        package: "libfaketime",
        present: has_faketime,
        reason: "the trial of replays moves the servers' clock with it",
    },
];

/// It lies in the folder of the machine's kind, `/usr/lib/x86_64-linux-gnu/faketime`.
fn has_faketime() -> bool {
    let kinds = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    kinds.into_iter().any(|kind| kind.path().join("faketime/libfaketime.so.1").exists())
}

fn has_venv() -> bool {
    run::output(
        std::process::Command::new("python3")
            .args(["-c", "import venv, ensurepip"])
            .stderr(std::process::Stdio::null()),
    )
    .is_ok()
}

/// Make sure that every package is there.
///
/// # Errors
/// When one is missing and we may not install it: the message is the command to run.
pub(crate) fn ensure(needs: &[Need]) -> anyhow::Result<()> {
    let missing: Vec<&Need> = needs.iter().filter(|need| !(need.present)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|need| need.package).collect();
    println!("Debian packages are needed that are not here:");
    for need in &missing {
        println!("  {:<14} {}", need.package, need.reason);
    }
    if !run::is_root() || !run::exists("apt-get") {
        bail!(
            "install them, then run this again:\n\n    sudo apt-get install --yes {}\n",
            names.join(" ")
        );
    }
    println!("We are root, so they are installed now.");
    run::check(run::command("apt-get").args(["update", "--quiet"]))?;
    run::check(
        run::command("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["install", "--yes", "--quiet", "--no-install-recommends"])
            .args(&names),
    )
}

//! The release binary: static, stripped, with its SHA-256 in the action and the
//! component, so that a tag of either names the exact program it runs.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::run;

const TARGET: &str = "x86_64-unknown-linux-gnu";
const SYSTEM: &str = "linux-x64";

/// What to build and where to put it.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Build and print the checksum, but leave checksums.json and the component as they are.
    #[arg(long)]
    keep_checksums: bool,
}

/// Build, copy to `target/dist`, and write the checksums.
///
/// # Errors
/// When the build fails or a file cannot be written.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let version = version()?;
    // Static linking on the gnu target starts fastest and runs on any Linux.
    run::check(run::command("cargo").env("RUSTFLAGS", "-C target-feature=+crt-static").args([
        "build",
        "--release",
        "--package",
        "segura",
        "--target",
        TARGET,
    ]))?;
    let built = run::target().join(TARGET).join("release/segura");
    let name = format!("segura-{version}-{SYSTEM}");
    let folder = run::target().join("dist");
    std::fs::create_dir_all(&folder)?;
    let file: PathBuf = folder.join(&name);
    std::fs::copy(&built, &file).context("the build made no binary")?;
    let bytes = std::fs::read(&file)?;
    let sha256 = hex(&Sha256::digest(&bytes));
    println!("{sha256}  {} ({} kB)", file.display(), bytes.len() / 1000);
    if options.keep_checksums {
        return Ok(());
    }
    write_table(&version, &name, &sha256)?;
    write_component(&version, &sha256)
}

fn write_table(version: &str, name: &str, sha256: &str) -> anyhow::Result<()> {
    let path = run::root().join("actions/github/checksums.json");
    let mut table: Value = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
    if table["version"] != version {
        table = json!({"version": version, "files": {}});
    }
    table["files"][SYSTEM] = json!({"name": name, "sha256": sha256});
    std::fs::write(&path, serde_json::to_string_pretty(&table)? + "\n")?;
    println!("wrote actions/github/checksums.json");
    Ok(())
}

fn write_component(version: &str, sha256: &str) -> anyhow::Result<()> {
    let path = run::root().join("actions/gitlab/templates/secrets.yml");
    replace_values(&path, &[("SEGURA_VERSION:", version), ("SEGURA_SHA256_LINUX_X64:", sha256)])?;
    println!("wrote actions/gitlab/templates/secrets.yml");
    Ok(())
}

/// Replace what follows each key on its line.
fn replace_values(path: &Path, values: &[(&str, &str)]) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(path)?;
    let mut replaced = String::new();
    for line in text.lines() {
        let value = values.iter().find(|(key, _)| line.trim_start().starts_with(key));
        match value {
            Some((key, value)) => {
                let indent = line.len() - line.trim_start().len();
                writeln!(replaced, "{:indent$}{key} \"{value}\"", "")?;
            }
            None => writeln!(replaced, "{line}")?,
        }
    }
    std::fs::write(path, replaced).map_err(Into::into)
}

fn version() -> anyhow::Result<String> {
    let manifest: toml::Table = std::fs::read_to_string(run::root().join("Cargo.toml"))?.parse()?;
    let version = manifest["workspace"]["package"]["version"].as_str();
    version.map(str::to_owned).context("the workspace has a version")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

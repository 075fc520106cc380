//! No source file over 600 lines; functions are clippy's (`too_many_lines`, 80).

use anyhow::bail;

use crate::run;

const LONGEST_FILE: usize = 600;

/// Fail with the list of files that are too long.
pub(crate) fn check() -> anyhow::Result<()> {
    let listed = run::output(run::command("git").args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "*.rs",
        "*.mjs",
    ]))?;
    let long: Vec<String> = listed
        .lines()
        .filter(|path| !path.contains("/dist/"))
        .filter_map(|path| {
            let lines = std::fs::read_to_string(run::root().join(path)).ok()?.lines().count();
            (lines > LONGEST_FILE).then(|| format!("  {path}: {lines} lines"))
        })
        .collect();
    if !long.is_empty() {
        bail!(
            "files over {LONGEST_FILE} lines; split each by its reasons to change:\n{}",
            long.join("\n")
        );
    }
    println!("sizes: no source file over {LONGEST_FILE} lines");
    Ok(())
}

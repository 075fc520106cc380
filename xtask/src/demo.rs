//! The main job from nothing: what the README's first command runs.
//!
//! Every line it prints as a command is run as printed, by the binary just built,
//! against a `segura dev` world in a scratch folder. A step whose outcome is not the
//! one that the text promises fails the demo.

mod picture;
mod script;
mod world;

use std::path::PathBuf;

use crate::run;
use script::Script;
use world::DevWorld;

/// How to show it.
#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Also write what was printed as a picture, as the README shows it.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// Build and run the demo.
///
/// # Errors
/// When the build fails or a step does not end as promised.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    eprintln!("Building segura (the first time takes some minutes) …");
    run::check(run::command("cargo").args(["build", "--quiet", "--package", "segura"]))?;
    let world = DevWorld::start()?;
    let mut script = Script::new(&world);
    script::play(&mut script)?;
    if let Some(file) = &options.svg {
        std::fs::write(file, picture::svg(script.printed()))?;
        println!("wrote {}", file.display());
    }
    Ok(())
}

//! What to try, and for how long.

use std::path::PathBuf;

use acceptance::Database;

/// Break the world of a running Segura and look whether anything is lost.
#[derive(clap::Parser)]
pub(crate) struct Options {
    /// Only this trial; without it all of them.
    pub(crate) name: Option<String>,
    /// Say which trials there are, and do nothing.
    #[arg(long)]
    pub(crate) list: bool,
    /// A few seconds of each trial instead of minutes.
    #[arg(long)]
    pub(crate) short: bool,
    /// On which databases, where a trial knows more than one.
    #[arg(long, value_enum, default_value = "both")]
    database: Databases,
    /// How many cycles, instead of the trial's own number.
    #[arg(long, value_name = "N")]
    pub(crate) cycles: Option<u32>,
    /// The `segura` under trial, instead of the one beside this program.
    #[arg(long, value_name = "PATH")]
    pub(crate) program: Option<PathBuf>,
    /// Repeats the choices of an earlier run, which printed it.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Leave out what only root may do, knowing that it is then not tried.
    #[arg(long)]
    pub(crate) without_root: bool,
    /// Where the JSON goes.
    #[arg(long, value_name = "FOLDER", default_value = "target/endure")]
    pub(crate) output: PathBuf,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Databases {
    Both,
    Postgres,
    Sqlite,
}

impl Options {
    /// Those of a trial's databases that are wanted.
    pub(crate) fn databases(&self, known: &'static [Database]) -> Vec<Database> {
        let wanted = |database: &Database| match self.database {
            Databases::Both => true,
            Databases::Postgres => *database == Database::Postgres,
            Databases::Sqlite => *database == Database::Sqlite,
        };
        known.iter().copied().filter(wanted).collect()
    }

    /// How often: as told, or the number of the short or of the long form.
    pub(crate) fn cycles(&self, short: u32, long: u32) -> u32 {
        self.cycles.unwrap_or(if self.short { short } else { long })
    }

    /// The seed of every choice.
    pub(crate) fn seed(&self) -> u64 {
        self.seed.unwrap_or_else(|| fastrand::u64(..))
    }
}

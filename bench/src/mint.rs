//! Identity tokens, minted before anything is measured: an RS256 signature costs more than
//! everything the server does with it.
//!
//! A token is spent once in a database. Each job has a server and a database of its own, so
//! that one pool of tokens serves them all.

use std::io::Write;
use std::path::PathBuf;
use std::thread;

use acceptance::TokenIssuer;
use acceptance::world::AUDIENCE;
use anyhow::Context;
use segura_model::{Algorithm, Clock, SystemClock};
use segura_plugins::sample;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::job::Job;
use crate::measure::Resolved;

/// The issuer, and files of its tokens.
pub(crate) struct Mint {
    issuer: TokenIssuer,
    folder: TempDir,
}

impl Mint {
    /// Start the issuer, and mint tokens for a warm-up and each round if a job spends any.
    pub(crate) async fn open(pace: &Resolved, jobs: &[Job]) -> anyhow::Result<Self> {
        let issuer = TokenIssuer::start(Algorithm::RS256).await;
        let folder = tempfile::Builder::new().prefix("segura-bench-").tempdir()?;
        let der = issuer.key().rsa_public_der().context("the issuer has an RSA key")?;
        std::fs::write(folder.path().join(KEY), der)?;
        let mint = Self { issuer, folder };
        if !jobs.iter().any(|job| job.spends_tokens()) {
            return Ok(mint);
        }
        mint.fill(0, WARM_UP)?;
        for round in 1..=pace.rounds {
            eprintln!("minting {} tokens, {round} of {}", pace.tokens, pace.rounds);
            mint.fill(round, pace.tokens)?;
        }
        Ok(mint)
    }

    /// Who signed.
    pub(crate) const fn issuer(&self) -> &TokenIssuer {
        &self.issuer
    }

    /// The issuer's key, SubjectPublicKeyInfo in DER.
    pub(crate) fn public_key(&self) -> PathBuf {
        self.folder.path().join(KEY)
    }

    /// The tokens of a round, one a line; those of the warm-up are round 0.
    pub(crate) fn tokens(&self, round: usize) -> PathBuf {
        self.folder.path().join(format!("tokens-{round}"))
    }

    /// A new file in the mint's folder.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// One token more.
    pub(crate) fn token(&self) -> String {
        self.issuer.token(&claims())
    }

    fn fill(&self, round: usize, count: usize) -> anyhow::Result<()> {
        let (claims, threads) = (claims(), thread::available_parallelism()?.get());
        let part = || -> Vec<String> {
            (0..count.div_ceil(threads)).map(|_| self.issuer.token(&claims)).collect()
        };
        let parts: Vec<Vec<String>> = thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(part)).collect();
            running.into_iter().filter_map(|thread| thread.join().ok()).collect()
        });
        let mut file = std::io::BufWriter::new(std::fs::File::create(self.tokens(round))?);
        for token in parts.iter().flatten() {
            writeln!(file, "{token}")?;
        }
        Ok(file.flush()?)
    }
}

/// A job of GitHub's, whose token lives as long as the benchmark may take.
fn claims() -> Value {
    const LIFE: i64 = 6 * 3600;
    let mut claims = sample::github();
    claims["aud"] = json!(AUDIENCE);
    claims["exp"] = json!(SystemClock.now().0 + LIFE);
    claims
}

const KEY: &str = "issuer.der";
const WARM_UP: usize = 2_000;

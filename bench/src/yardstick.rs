//! One RS256 verification on one core, with a parsed key: what a machine is measured by.
//!
//! It is in every exchange and cannot be made cheaper, so that figures of two machines, or
//! of two hours on a noisy one, compare after division by it.

use anyhow::{Context, ensure};
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::figures::middle;
use crate::mint::Mint;
use crate::process::processor_time;

/// Checks one signature again and again.
pub(crate) struct Yardstick {
    key: ParsedPublicKey,
    input: String,
    signature: Vec<u8>,
}

impl Yardstick {
    /// With a token of the mint.
    pub(crate) fn new(mint: &Mint) -> anyhow::Result<Self> {
        let der = std::fs::read(mint.public_key())?;
        let key = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).ok();
        let token = mint.token();
        let (input, signature) = token.rsplit_once('.').context("a compact token")?;
        Ok(Self {
            key: key.context("the mint's key is RSA")?,
            input: input.to_owned(),
            signature: URL_SAFE_NO_PAD.decode(signature)?,
        })
    }

    /// Microseconds for one verification: the median of batches, about 0.1 s in all. It is
    /// processor time, as the server's is, so that a busy machine does not count.
    pub(crate) fn measure(&self) -> anyhow::Result<f64> {
        const BATCHES: usize = 50;
        const BATCH: u32 = 100;
        let own = std::process::id();
        let mut times = Vec::with_capacity(BATCHES);
        for _ in 0..BATCHES {
            let before = processor_time(own)?;
            for _ in 0..BATCH {
                let verified = self.key.verify_sig(self.input.as_bytes(), &self.signature);
                ensure!(verified.is_ok(), "a token of the mint does not verify");
            }
            let used = processor_time(own)?.saturating_sub(before);
            times.push(used.as_secs_f64() * 1e6 / f64::from(BATCH));
        }
        Ok(middle(times))
    }
}

//! Chance, from AWS-LC.
//!
//! The only real implementation of [`Random`]: everything else takes one as a value,
//! so that tests are exact. AWS-LC seeds its generator from the operating system and
//! reseeds it after a fork.

use segura_model::Random;

/// The cryptographic random generator of AWS-LC.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("AWS-LC gives randomness or the process cannot go on");
    }
}

#[cfg(test)]
mod tests {
    use segura_model::random::make_bytes;

    use super::*;

    #[test]
    fn two_draws_differ() {
        assert_ne!(make_bytes::<32>(&SystemRandom), make_bytes::<32>(&SystemRandom));
    }
}

//! Chance comes in as a value.

/// A source of unpredictable bytes. The real one is `segura_vault::SystemRandom`.
pub trait Random: Send + Sync {
    /// Fill `bytes` with random data.
    ///
    /// # Panics
    /// When the operating system cannot give randomness: nothing safe can follow.
    fn fill(&self, bytes: &mut [u8]);
}

/// An array of random bytes.
pub fn make_bytes<const N: usize>(random: &dyn Random) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    bytes
}

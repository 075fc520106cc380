//! The MAC over a chain's head.
//!
//! Without the keyring nobody can make a head or a receipt that verifies. HMAC-SHA256
//! under a subkey of its own, over chain, sequence number and record hash, each after
//! its length.

use segura_model::ChainId;
use segura_store::HeadMac;

use crate::codec::Context;
use crate::keyring::{HashKey, Hashing, Keyring};

/// The key that authenticates heads and receipts of the ledger.
pub struct LedgerMac(HashKey);

impl LedgerMac {
    /// The key of this keyring.
    pub fn new(keyring: &Keyring) -> Self {
        Self(keyring.hashing(Hashing::LedgerHead))
    }
}

impl HeadMac for LedgerMac {
    fn mac(&self, chain: &ChainId, seq: i64, hash: &[u8; 32]) -> [u8; 32] {
        let head = Context::new("segura ledger head 1")
            .part(&chain.to_bytes())
            .part(&seq.to_be_bytes())
            .part(hash);
        self.0.hash(head.bytes())
    }
}

#[cfg(test)]
mod tests {
    use segura_model::Timestamp;

    use super::*;
    use crate::random::SystemRandom;

    #[test]
    fn every_part_of_a_head_is_authenticated() {
        let keyring = Keyring::make(&SystemRandom, Timestamp(0));
        let mac = LedgerMac::new(&keyring);
        let [chain, other] = [1, 2].map(|id| ChainId::from_bytes([id; 16]));
        let head = mac.mac(&chain, 1, &[7; 32]);
        assert_eq!(head, LedgerMac::new(&keyring).mac(&chain, 1, &[7; 32]));
        assert_ne!(head, mac.mac(&other, 1, &[7; 32]));
        assert_ne!(head, mac.mac(&chain, 2, &[7; 32]));
        assert_ne!(head, mac.mac(&chain, 1, &[8; 32]));
        let stranger = Keyring::make(&SystemRandom, Timestamp(0));
        assert_ne!(head, LedgerMac::new(&stranger).mac(&chain, 1, &[7; 32]));
    }
}

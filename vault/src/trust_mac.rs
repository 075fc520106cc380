//! The MAC in the rows that decide trust.
//!
//! Without the keyring nobody can write an issuer entry, a policy, an operator or an epoch
//! that counts. HMAC-SHA256 under a subkey of its own, of the first generation, so that
//! rolling the root key leaves every row as it is.

use segura_store::RowMac;

use crate::codec::Context;
use crate::keyring::{HashKey, Hashing, Keyring};

/// The key that authenticates the rows that decide trust.
pub struct TrustMac(HashKey);

impl TrustMac {
    /// The key of this keyring.
    pub fn new(keyring: &Keyring) -> Self {
        Self(keyring.hashing(Hashing::TrustRow))
    }
}

impl RowMac for TrustMac {
    fn mac(&self, row: &[u8]) -> [u8; 32] {
        self.0.hash(Context::new("segura trust row 1").part(row).bytes())
    }
}

#[cfg(test)]
mod tests {
    use segura_model::Timestamp;

    use super::*;
    use crate::random::SystemRandom;

    #[test]
    fn a_row_s_mac_is_of_one_keyring_and_outlives_a_roll() {
        let mut keyring = Keyring::make(&SystemRandom, Timestamp(0));
        let mac = TrustMac::new(&keyring).mac(b"row");
        keyring.roll(&SystemRandom, Timestamp(60)).unwrap();
        assert_eq!(mac, TrustMac::new(&keyring).mac(b"row"));
        assert_ne!(mac, TrustMac::new(&keyring).mac(b"another"));
        let stranger = Keyring::make(&SystemRandom, Timestamp(0));
        assert_ne!(mac, TrustMac::new(&stranger).mac(b"row"));
    }
}

//! Heads and receipts: proofs that leave the database, as text.
//!
//! Each is a chain, a number, a hash and a MAC: 88 bytes as base64url after a prefix that
//! says which of the two it is. Their MACs differ in purpose, so that neither passes for
//! the other.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use segura_model::ChainId;
use serde::{Deserialize, Serialize};

use super::encoding::{Hash, receipt_digest};

/// Who authenticates the head of a chain: the keyring, which this crate cannot see.
pub trait HeadMac: Send + Sync {
    /// A MAC over the head of a chain.
    fn mac(&self, chain: &ChainId, seq: i64, hash: &[u8; 32]) -> [u8; 32];
}

/// The newest record of a chain, authenticated. Text form: `head_…`, to be kept outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Head {
    /// The chain.
    pub chain: ChainId,
    /// The number of its newest record, from 1.
    pub seq: i64,
    /// That record's hash.
    pub hash: [u8; 32],
    /// The MAC over all three.
    pub mac: [u8; 32],
}

/// Proof that a record is in the ledger. Text form: `rcp_…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Receipt {
    /// The chain.
    pub chain: ChainId,
    /// The record's number in it.
    pub seq: i64,
    /// The record's hash.
    pub hash: [u8; 32],
    /// A MAC over all three, of another purpose than a head's.
    pub mac: [u8; 32],
}

/// The text is not a head or a receipt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not {what}: expected `{prefix}` and 118 characters of base64url")]
pub struct ProofError {
    what: &'static str,
    prefix: &'static str,
}

impl Head {
    /// The head of a chain, authenticated.
    pub(crate) fn make(mac: &dyn HeadMac, chain: ChainId, seq: i64, hash: Hash) -> Self {
        Self { chain, seq, hash, mac: mac.mac(&chain, seq, &hash) }
    }

    /// Whether this broker made it.
    pub fn is_authentic(&self, mac: &dyn HeadMac) -> bool {
        same(&self.mac, &mac.mac(&self.chain, self.seq, &self.hash))
    }
}

impl Receipt {
    /// A receipt for a record.
    pub(crate) fn make(mac: &dyn HeadMac, chain: ChainId, seq: i64, hash: Hash) -> Self {
        Self { chain, seq, hash, mac: mac.mac(&chain, seq, &receipt_digest(&hash)) }
    }

    /// Whether this broker made it.
    pub fn is_authentic(&self, mac: &dyn HeadMac) -> bool {
        same(&self.mac, &mac.mac(&self.chain, self.seq, &receipt_digest(&self.hash)))
    }
}

fn same(left: &Hash, right: &Hash) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(left, right).is_ok()
}

macro_rules! text_form {
    ($name:ident, $prefix:literal, $what:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut bytes = [0; 88];
                bytes[..16].copy_from_slice(&self.chain.to_bytes());
                bytes[16..24].copy_from_slice(&self.seq.to_be_bytes());
                bytes[24..56].copy_from_slice(&self.hash);
                bytes[56..].copy_from_slice(&self.mac);
                write!(f, concat!($prefix, "{}"), URL_SAFE_NO_PAD.encode(bytes))
            }
        }

        impl FromStr for $name {
            type Err = ProofError;

            fn from_str(text: &str) -> Result<Self, ProofError> {
                let parse = |text: &str| {
                    let mut bytes = [0; 88];
                    let encoded = text.strip_prefix($prefix).filter(|text| text.len() == 118)?;
                    URL_SAFE_NO_PAD.decode_slice(encoded, &mut bytes).ok()?;
                    Some(Self {
                        chain: ChainId::from_bytes(bytes[..16].try_into().ok()?),
                        seq: i64::from_be_bytes(bytes[16..24].try_into().ok()?),
                        hash: bytes[24..56].try_into().ok()?,
                        mac: bytes[56..].try_into().ok()?,
                    })
                };
                parse(text).ok_or(ProofError { what: $what, prefix: $prefix })
            }
        }

        impl TryFrom<String> for $name {
            type Error = ProofError;

            fn try_from(text: String) -> Result<Self, ProofError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(proof: $name) -> Self {
                proof.to_string()
            }
        }
    };
}

text_form!(Head, "head_", "the head of a chain");
text_form!(Receipt, "rcp_", "a receipt");

#[cfg(test)]
mod tests {
    use super::*;

    struct Sum;

    impl HeadMac for Sum {
        fn mac(&self, chain: &ChainId, seq: i64, hash: &Hash) -> Hash {
            super::super::encoding::sha256(
                &[&chain.to_bytes(), seq.to_be_bytes().as_slice(), hash].concat(),
            )
        }
    }

    #[test]
    fn proofs_read_back_from_their_text() {
        let chain = ChainId::from_bytes([3; 16]);
        let receipt = Receipt::make(&Sum, chain, 9, [4; 32]);
        assert_eq!(receipt.to_string().parse::<Receipt>().unwrap(), receipt);
        let head = Head::make(&Sum, chain, 9, [4; 32]);
        assert_eq!(head.to_string().parse::<Head>().unwrap(), head);
        assert!(receipt.is_authentic(&Sum) && head.is_authentic(&Sum));
    }

    #[test]
    fn a_receipt_does_not_pass_for_a_head() {
        let receipt = Receipt::make(&Sum, ChainId::from_bytes([3; 16]), 9, [4; 32]);
        let Receipt { chain, seq, hash, mac } = receipt;
        assert!(!Head { chain, seq, hash, mac }.is_authentic(&Sum));
        assert!(receipt.to_string().parse::<Head>().is_err());
        assert!("rcp_".parse::<Receipt>().is_err());
        assert!("rcp_é".parse::<Receipt>().is_err());
    }
}

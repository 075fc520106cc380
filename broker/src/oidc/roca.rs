//! Keys made by the flawed generator of CVE-2017-15361 ("ROCA").
//!
//! Its primes are powers of 65537 modulo many small primes, so its moduli are too.
//! A modulus whose residue is such a power for every prime up to 167 is one of those
//! keys, whose private half can be computed. A sound modulus passes for one with a
//! chance of about one in a thousand million.

/// Whether a big-endian RSA modulus bears the fingerprint.
pub(super) fn is_fingerprinted(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|&prime| is_power_of_generator(residue(modulus, prime), prime))
}

fn residue(modulus: &[u8], prime: u32) -> u32 {
    modulus.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime)
}

fn is_power_of_generator(value: u32, prime: u32) -> bool {
    let generator = 65_537 % prime;
    let mut power = 1;
    loop {
        if power == value {
            return true;
        }
        power = power * generator % prime;
        if power == 1 {
            return false;
        }
    }
}

/// The 38 odd primes up to 167.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_modulus_that_is_a_power_of_the_generator_is_fingerprinted() {
        // 65537 itself is its own first power modulo every prime; a flawed modulus looks so.
        assert!(is_fingerprinted(&65_537_u32.to_be_bytes()));
        assert!(is_fingerprinted(&[1]));
    }

    #[test]
    fn another_number_is_not() {
        assert!(!is_fingerprinted(&3_u32.to_be_bytes()));
        assert!(!is_fingerprinted(&[0xff; 256]));
    }
}

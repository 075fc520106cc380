//! One version of a secret, encrypted.
//!
//! A fresh data key seals the fields once; a wrapping key seals the data key. Both
//! seals authenticate where the version belongs (broker, path, number, wrapping key),
//! so a row that was moved, rolled back or copied from another broker does not open.
//! Each blob is `form (1) ‖ nonce (12) ‖ ciphertext ‖ tag (16)`.

use segura_model::{BrokerId, Random, SecretPath};

use crate::aead::{AeadKey, RawKey};
use crate::codec::Context;
use crate::fields::Fields;
use crate::keyring::{Keyring, Unsealed};
use crate::wrapping::{Kek, KekId, WrappingKeys};

const FORM: u8 = 1;

/// One version of a secret as it is stored: ciphertext only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedVersion {
    /// The wrapping key that sealed the data key.
    pub kek: KekId,
    /// The data key, sealed.
    pub wrapped_key: Vec<u8>,
    /// The fields, sealed under the data key.
    pub ciphertext: Vec<u8>,
}

/// A version does not open. Says which and why, never what.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("version {version} of `{path}` does not open: {fault}")]
pub struct Unopenable {
    /// Which secret.
    pub path: SecretPath,
    /// Which version.
    pub version: u32,
    /// Why.
    pub fault: OpenFault,
}

/// Why a version does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenFault {
    /// The fields were damaged, or sealed for another place.
    #[error("its ciphertext is damaged or belongs elsewhere")]
    Ciphertext,
    /// The data key was damaged, or sealed for another place.
    #[error("its data key is damaged or belongs elsewhere")]
    DataKey,
    /// What opened is not fields: a later version wrote it.
    #[error("it is in a form that this version does not read")]
    Form,
    /// The wrapping key is not stored, or does not open.
    #[error("wrapping key {0} is missing or does not open")]
    WrappingKey(KekId),
}

/// Seals and opens versions.
pub struct Envelopes {
    broker: BrokerId,
    keys: WrappingKeys,
}

impl Envelopes {
    /// The envelopes of this keyring's broker.
    pub fn new(keyring: &Keyring) -> Self {
        Self { broker: keyring.broker(), keys: WrappingKeys::new(keyring) }
    }

    /// Take the keys of a keyring that was rolled; `sealing` is the generation that seals.
    pub fn adopt(&self, keyring: &Keyring, sealing: u32) {
        self.keys.adopt(keyring, sealing);
    }

    /// A fresh wrapping key, sealed to be stored under this number.
    pub fn make_kek(&self, id: KekId, random: &dyn Random) -> Vec<u8> {
        self.keys.make(id, random)
    }

    /// Open a sealed wrapping key.
    pub fn open_kek(&self, id: KekId, sealed: &[u8]) -> Result<Kek, OpenFault> {
        self.keys.open(id, sealed).map_err(|_: Unsealed| OpenFault::WrappingKey(id))
    }

    /// Keep a wrapping key whose row is committed, so that what it wraps opens.
    pub fn keep_kek(&self, kek: Kek) {
        self.keys.keep(kek);
    }

    /// Whether a wrapping key is kept.
    pub fn has_kek(&self, id: KekId) -> bool {
        self.keys.find(id).is_some()
    }

    /// Seal the fields of a version.
    ///
    /// The caller counts the seal against [`SEAL_BOUND`](crate::SEAL_BOUND) in the
    /// transaction that stores it.
    pub fn seal(
        &self,
        path: &SecretPath,
        version: u32,
        fields: &Fields,
        kek: &Kek,
        random: &dyn Random,
    ) -> SealedVersion {
        let place = Place { broker: self.broker, path, version, kek: kek.id() };
        place.seal(fields, kek, random)
    }

    /// Open a version that was stored at this path under this number.
    pub fn open(
        &self,
        path: &SecretPath,
        version: u32,
        sealed: &SealedVersion,
    ) -> Result<Fields, Unopenable> {
        let place = Place { broker: self.broker, path, version, kek: sealed.kek };
        self.keys
            .find(sealed.kek)
            .ok_or(OpenFault::WrappingKey(sealed.kek))
            .and_then(|kek| place.open(sealed, &kek))
            .map_err(|fault| Unopenable { path: path.clone(), version, fault })
    }
}

/// Where a version belongs: what both seals authenticate.
struct Place<'a> {
    broker: BrokerId,
    path: &'a SecretPath,
    version: u32,
    kek: KekId,
}

impl Place<'_> {
    fn seal(&self, fields: &Fields, kek: &Kek, random: &dyn Random) -> SealedVersion {
        let key = RawKey::make(random);
        let ciphertext =
            AeadKey::gcm(&key).seal(self.of_fields().bytes(), &fields.encode(), random);
        let wrapped_key = kek.key().seal(self.of_key().bytes(), key.expose(), random);
        SealedVersion {
            kek: self.kek,
            wrapped_key: formed(&wrapped_key),
            ciphertext: formed(&ciphertext),
        }
    }

    fn open(&self, sealed: &SealedVersion, kek: &Kek) -> Result<Fields, OpenFault> {
        let wrapped_key = unformed(&sealed.wrapped_key)?;
        let ciphertext = unformed(&sealed.ciphertext)?;
        let opened =
            kek.key().open(self.of_key().bytes(), wrapped_key).map_err(|_| OpenFault::DataKey)?;
        // EXPOSE: the key moves into the cipher.
        let key = RawKey::from_slice(opened.expose()).ok_or(OpenFault::DataKey)?;
        let opened = AeadKey::gcm(&key)
            .open(self.of_fields().bytes(), ciphertext)
            .map_err(|_| OpenFault::Ciphertext)?;
        Fields::decode(&opened).ok_or(OpenFault::Form)
    }

    fn of_fields(&self) -> Context {
        self.context("segura secret version 1")
    }

    fn of_key(&self) -> Context {
        self.context("segura data key 1")
    }

    fn context(&self, tag: &'static str) -> Context {
        Context::new(tag)
            .part(&self.broker.to_bytes())
            .part(self.path.as_str().as_bytes())
            .number(u64::from(self.version))
            .number(u64::from(self.kek.0))
    }
}

fn formed(blob: &[u8]) -> Vec<u8> {
    [&[FORM], blob].concat()
}

fn unformed(bytes: &[u8]) -> Result<&[u8], OpenFault> {
    match bytes.split_first() {
        Some((&FORM, blob)) => Ok(blob),
        _ => Err(OpenFault::Form),
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_map;
    use proptest::prelude::*;
    use segura_model::Timestamp;

    use super::*;
    use crate::fields::tests::{exposed, fields};
    use crate::random::SystemRandom;

    fn envelopes(keyring: &Keyring) -> (Envelopes, Kek) {
        let envelopes = Envelopes::new(keyring);
        let [one, two] = [1, 2]
            .map(KekId)
            .map(|id| envelopes.open_kek(id, &envelopes.make_kek(id, &SystemRandom)).unwrap());
        envelopes.keep_kek(one.clone());
        envelopes.keep_kek(two);
        (envelopes, one)
    }

    fn seal(envelopes: &Envelopes, path: &SecretPath, value: &str) -> SealedVersion {
        let kek = envelopes.keys.find(KekId(1)).unwrap();
        envelopes.seal(path, 3, &fields(&[("value", value)]), &kek, &SystemRandom)
    }

    fn path(text: &str) -> SecretPath {
        text.parse().unwrap()
    }

    fn setting() -> (Envelopes, SecretPath, SealedVersion) {
        let (envelopes, _) = envelopes(&Keyring::make(&SystemRandom, Timestamp(0)));
        let path = path("db/prod/password");
        let sealed = seal(&envelopes, &path, "canary-7f3a");
        (envelopes, path, sealed)
    }

    #[test]
    fn a_version_opens_where_it_was_sealed() {
        let (envelopes, path, sealed) = setting();
        let opened = envelopes.open(&path, 3, &sealed).unwrap();
        assert_eq!(exposed(&opened), [("value".to_owned(), "canary-7f3a".to_owned())]);
    }

    #[test]
    fn a_version_moved_to_another_path_or_number_does_not_open() {
        let (envelopes, here, sealed) = setting();
        assert!(envelopes.open(&here, 3, &sealed).is_ok());
        let places = [
            ("db/prod/passwore", 3),
            ("db/prod/Password", 3),
            ("db/prod", 3),
            ("db/prod/password", 2),
            ("db/prod/password", 4),
        ];
        for (there, version) in places {
            let error = envelopes.open(&path(there), version, &sealed).unwrap_err();
            assert_eq!(error.fault, OpenFault::DataKey, "{there}@{version}");
        }
    }

    #[test]
    fn a_version_under_another_wrapping_key_does_not_open() {
        let (envelopes, path, sealed) = setting();
        let moved = SealedVersion { kek: KekId(2), ..sealed.clone() };
        assert_eq!(envelopes.open(&path, 3, &moved).unwrap_err().fault, OpenFault::DataKey);
        let lost = SealedVersion { kek: KekId(9), ..sealed };
        let fault = envelopes.open(&path, 3, &lost).unwrap_err().fault;
        assert_eq!(fault, OpenFault::WrappingKey(KekId(9)));
    }

    #[test]
    fn a_version_of_another_broker_does_not_open() {
        // The worst case: the other broker holds the very same wrapping key.
        let random = SystemRandom;
        let raw = RawKey::make(&random);
        let kek = Kek::new(KekId(1), &raw);
        let path = path("a");
        let of = |broker| Place { broker, path: &path, version: 1, kek: KekId(1) };
        let [one, two] = [Timestamp(1), Timestamp(2)].map(|now| BrokerId::make(now, &random));
        let sealed = of(one).seal(&fields(&[("a", "1")]), &kek, &random);
        assert!(of(one).open(&sealed, &kek).is_ok());
        assert_eq!(of(two).open(&sealed, &kek).unwrap_err(), OpenFault::DataKey);
    }

    #[test]
    fn the_data_key_of_one_version_does_not_open_another() {
        let (envelopes, path, sealed) = setting();
        let again = seal(&envelopes, &path, "other");
        let mixed = SealedVersion { ciphertext: again.ciphertext, ..sealed };
        assert_eq!(envelopes.open(&path, 3, &mixed).unwrap_err().fault, OpenFault::Ciphertext);
    }

    #[test]
    fn no_flipped_byte_and_no_cut_opens() {
        let (envelopes, path, sealed) = setting();
        let fails = |sealed: &SealedVersion| envelopes.open(&path, 3, sealed).is_err();
        for at in 0..sealed.ciphertext.len() {
            let mut changed = sealed.clone();
            changed.ciphertext[at] ^= 0x10;
            assert!(fails(&changed), "ciphertext byte {at}");
            changed.ciphertext.truncate(at);
            assert!(fails(&changed), "ciphertext cut at {at}");
        }
        for at in 0..sealed.wrapped_key.len() {
            let mut changed = sealed.clone();
            changed.wrapped_key[at] ^= 0x10;
            assert!(fails(&changed), "wrapped key byte {at}");
            changed.wrapped_key.truncate(at);
            assert!(fails(&changed), "wrapped key cut at {at}");
        }
        let long = SealedVersion { ciphertext: [&sealed.ciphertext[..], &[0]].concat(), ..sealed };
        assert!(fails(&long));
    }

    #[test]
    fn what_does_not_open_is_named_by_path_and_version_and_nothing_else() {
        let (envelopes, path, mut sealed) = setting();
        sealed.ciphertext[20] ^= 1;
        let error = envelopes.open(&path, 3, &sealed).unwrap_err();
        assert_eq!(
            error.to_string(),
            "version 3 of `db/prod/password` does not open: its ciphertext is damaged or belongs elsewhere"
        );
        assert!(!format!("{error:?}").contains("canary"));
    }

    #[test]
    fn two_seals_of_the_same_fields_share_nothing() {
        let (envelopes, path, one) = setting();
        let two = seal(&envelopes, &path, "canary-7f3a");
        assert_ne!(one.ciphertext[1..13], two.ciphertext[1..13]);
        assert_ne!(one.ciphertext[13..], two.ciphertext[13..]);
        assert_ne!(one.wrapped_key[13..], two.wrapped_key[13..]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_fields_at_any_place_read_back(
            map in btree_map("[A-Za-z0-9._-]{1,64}", "(?s).{0,100}", 1..=8),
            at in "[a-z0-9]{1,64}(/[A-Za-z0-9]{1,20}){0,5}",
            version in 1_u32..,
        ) {
            let (envelopes, kek) = envelopes(&Keyring::make(&SystemRandom, Timestamp(0)));
            let pairs: Vec<(&str, &str)> = map.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let (at, fields) = (path(&at), fields(&pairs));
            let sealed = envelopes.seal(&at, version, &fields, &kek, &SystemRandom);
            let opened = envelopes.open(&at, version, &sealed).unwrap();
            prop_assert_eq!(exposed(&opened), exposed(&fields));
        }
    }
}

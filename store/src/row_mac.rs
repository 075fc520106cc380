//! The MAC in each row that decides whom the broker believes and who may do what.
//!
//! Without the keyring nobody can write such a row, whatever else they may do to the
//! database. It covers the table, the row's key and every other column, each after its
//! length, so no row passes for another. A row that does not check is treated as absent and
//! said so in the log. The trap: an older row with its MAC, put back, checks; so does a
//! table that a row was taken from.

use std::fmt;

use crate::ledger::encoding::Encoder;
use crate::readers::read;
use crate::{Store, StoreError, issuer_keys, issuers, meta, operators, policies};

/// Who authenticates rows: the keyring, which this crate cannot see.
pub trait RowMac: Send + Sync {
    /// A MAC over a row's encoding.
    fn mac(&self, row: &[u8]) -> [u8; 32];
}

/// A row that is there and does not check.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RefusedRow {
    /// The table.
    pub table: &'static str,
    /// The row's key, as somebody unknown wrote it.
    pub id: String,
}

impl fmt::Display for RefusedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Escaped: whoever planted the row chose the text.
        write!(f, "{} {:?}", self.table, self.id)
    }
}

/// What is stored under a key, where absence and forgery differ in what they mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked<T> {
    /// Nothing is.
    Absent,
    /// This, and it checks.
    Found(T),
    /// Something that does not check.
    Refused,
}

impl Store {
    /// Every row that does not check, in all tables that decide trust.
    pub async fn refused_rows(&self, mac: &dyn RowMac) -> Result<Vec<RefusedRow>, StoreError> {
        let mut all = refused(&read!(self, |conn| issuers::rows(conn))?, mac);
        all.extend(refused(&read!(self, |conn| issuer_keys::rows(conn))?, mac));
        all.extend(refused(&read!(self, |conn| policies::rows(conn))?, mac));
        all.extend(refused(&read!(self, |conn| operators::rows(conn))?, mac));
        all.extend(refused(&read!(self, |conn| meta::rows(conn))?, mac));
        Ok(all)
    }
}

/// A row that carries a MAC.
pub(crate) trait Authenticated: Sized {
    /// The table.
    const TABLE: &'static str;

    /// The row's key.
    fn id(&self) -> &str;

    /// Every other column but the MAC. A new column is a new encoding.
    fn columns(&self, to: &mut Encoder);

    /// The MAC as stored.
    fn mac(&self) -> &[u8];
}

/// The MAC of a row.
pub(crate) fn make<R: Authenticated>(row: &R, mac: &dyn RowMac) -> Vec<u8> {
    mac.mac(&encoded(row)).to_vec()
}

/// The row, if it checks; else the log says that it is left out.
pub(crate) fn check<R: Authenticated>(row: R, mac: &dyn RowMac) -> Option<R> {
    if is_authentic(&row, mac) {
        return Some(row);
    }
    tracing::error!(
        table = R::TABLE,
        id = ?row.id(),
        "a row that this broker did not write is treated as absent"
    );
    None
}

/// What is kept of a row that was found, if it checks.
pub(crate) fn found<R, T>(row: Option<R>, mac: &dyn RowMac) -> Result<Option<T>, StoreError>
where
    R: Authenticated,
    T: TryFrom<R, Error = StoreError>,
{
    row.and_then(|row| check(row, mac)).map(T::try_from).transpose()
}

/// What is kept of those rows that check.
pub(crate) fn listed<R, T>(rows: Vec<R>, mac: &dyn RowMac) -> Result<Vec<T>, StoreError>
where
    R: Authenticated,
    T: TryFrom<R, Error = StoreError>,
{
    rows.into_iter().filter_map(|row| check(row, mac)).map(T::try_from).collect()
}

/// Those of the rows that do not check.
fn refused<R: Authenticated>(rows: &[R], mac: &dyn RowMac) -> Vec<RefusedRow> {
    let refused = rows.iter().filter(|row| !is_authentic(*row, mac));
    refused.map(|row| RefusedRow { table: R::TABLE, id: row.id().to_owned() }).collect()
}

fn is_authentic<R: Authenticated>(row: &R, mac: &dyn RowMac) -> bool {
    let expected = mac.mac(&encoded(row));
    aws_lc_rs::constant_time::verify_slices_are_equal(row.mac(), &expected).is_ok()
}

fn encoded<R: Authenticated>(row: &R) -> Vec<u8> {
    let mut bytes = Encoder::new(b"segura trust row 1");
    bytes.part(R::TABLE.as_bytes());
    bytes.part(row.id().as_bytes());
    row.columns(&mut bytes);
    bytes.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::encoding::sha256;

    struct Sum;

    impl RowMac for Sum {
        fn mac(&self, row: &[u8]) -> [u8; 32] {
            sha256(row)
        }
    }

    struct Row<const TABLE: usize>(&'static str, &'static str, Vec<u8>);

    impl<const TABLE: usize> Authenticated for Row<TABLE> {
        const TABLE: &'static str = ["one", "two"][TABLE];

        fn id(&self) -> &str {
            self.0
        }

        fn columns(&self, to: &mut Encoder) {
            to.part(self.1.as_bytes());
        }

        fn mac(&self) -> &[u8] {
            &self.2
        }
    }

    #[test]
    fn a_mac_is_of_one_row_of_one_table() {
        let made = make(&Row::<0>("a", "bc", Vec::new()), &Sum);
        assert!(check(Row::<0>("a", "bc", made.clone()), &Sum).is_some());
        assert!(check(Row::<0>("b", "bc", made.clone()), &Sum).is_none());
        assert!(check(Row::<0>("ab", "c", made.clone()), &Sum).is_none());
        assert!(check(Row::<1>("a", "bc", made.clone()), &Sum).is_none());
        assert!(check(Row::<0>("a", "bc", made[..31].to_vec()), &Sum).is_none());
        assert!(check(Row::<0>("a", "bc", Vec::new()), &Sum).is_none());
    }

    #[test]
    fn a_refused_row_is_named_on_one_line() {
        let row = RefusedRow { table: "policies", id: "x\nforged line".to_owned() };
        assert_eq!(row.to_string(), r#"policies "x\nforged line""#);
    }
}

//! Counting strangers in bounded space (design, decision 10).
//!
//! A stranger, even with a valid token of a public platform, cannot fill the disk: what it
//! sends becomes a count by issuer entry, reason and network, at most [`ROWS`] of them a
//! minute and one for the rest. When the minute is over, each count becomes one record of
//! the ledger. Counts of a server that died are taken up by whichever runs next.

use std::collections::{BTreeMap, HashSet};

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use segura_model::audit::{Actor, Event, Outcome, Record};
use segura_model::{ClientNetwork, Timestamp};

use crate::backend::on_backend;
use crate::schema::tallies;
use crate::writer::Tally;
use crate::{StoreError, Tx};

/// How many different counts a minute has room for.
const ROWS: usize = 1000;
/// The reason code of the one row for what found no room.
const OVERFLOW: &str = "overflow";
/// For how many minutes the counts of another chain are left to their server.
const GRACE: i64 = 5;

/// What is counted together: issuer entry (empty: unknown), reason code, network.
pub(crate) type Key = (String, String, String);

/// Counts of one minute, sorted by key.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) minute: i64,
    pub(crate) rows: BTreeMap<Key, i64>,
}

/// Which counts the minute under way has rows for.
#[derive(Debug, Default)]
pub(crate) struct Book {
    minute: i64,
    keys: HashSet<Key>,
}

/// A row of the table.
#[derive(Clone, Copy, Debug, Insertable)]
#[diesel(table_name = tallies)]
pub(crate) struct NewRow<'a> {
    pub(crate) chain: &'a str,
    pub(crate) minute: i64,
    pub(crate) issuer: &'a str,
    pub(crate) code: &'a str,
    pub(crate) network: &'a str,
    pub(crate) count: i64,
}

impl Book {
    /// Count tallies at `now`; what finds no row left counts as overflow.
    pub(crate) fn count<'a>(
        &mut self,
        now: i64,
        tallies: impl Iterator<Item = &'a Tally>,
    ) -> Counts {
        let minute = minute(now);
        if minute != self.minute {
            *self = Self { minute, keys: HashSet::new() };
        }
        let mut rows = BTreeMap::new();
        for tally in tallies {
            *rows.entry(self.key(tally)).or_insert(0) += 1;
        }
        Counts { minute, rows }
    }

    fn key(&mut self, tally: &Tally) -> Key {
        let issuer = tally.issuer.as_ref().map_or("", |issuer| issuer.as_str());
        let network = ClientNetwork::of(tally.client).to_string();
        let key = (issuer.to_owned(), tally.code.clone(), network);
        if self.keys.contains(&key) {
            return key;
        }
        if self.keys.len() == ROWS {
            return (String::new(), OVERFLOW.to_owned(), String::new());
        }
        self.keys.insert(key.clone());
        key
    }
}

impl Counts {
    /// The rows to add to the table.
    pub(crate) fn rows<'a>(&'a self, chain: &'a str) -> impl Iterator<Item = NewRow<'a>> {
        self.rows.iter().map(move |((issuer, code, network), count)| NewRow {
            chain,
            minute: self.minute,
            issuer,
            code,
            network,
            count: *count,
        })
    }
}

/// Minute, issuer entry, reason code, network, count.
type Row = (i64, String, String, String, i64);

/// The minute that a moment is in.
pub(crate) const fn minute(now: i64) -> i64 {
    now.div_euclid(60)
}

/// Turn the counts of minutes that are over into records: those of `chain` before
/// `minute`, and those that another server left behind.
pub(crate) async fn close(tx: &mut Tx, chain: &str, minute: i64) -> Result<(), StoreError> {
    let own = tallies::chain.eq(chain).and(tallies::minute.lt(minute));
    let left_behind = tallies::minute.lt(minute.min(self::minute(tx.now().0)) - GRACE);
    let delete = diesel::delete(tallies::table.filter(own.or(left_behind))).returning((
        tallies::minute,
        tallies::issuer,
        tallies::code,
        tallies::network,
        tallies::count,
    ));
    let mut rows = on_backend!(tx.conn(), |conn| delete.get_results::<Row>(conn).await)?;
    rows.sort_unstable();
    for (minute, issuer, code, network, count) in rows {
        let issuer = match issuer.as_str() {
            "" => None,
            id => Some(id.parse().map_err(StoreError::corrupt("an issuer entry's id"))?),
        };
        let at = Timestamp(minute * 60);
        let mut record =
            Record::new(Event::Summary, Outcome::Refused, at, Actor::Stranger { issuer });
        record.code = Some(code);
        record.detail = serde_json::json!({ "count": count, "seconds": 60 });
        if !network.is_empty() {
            record.detail["network"] = network.into();
        }
        tx.record(&record)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(client: &str, code: &str) -> Tally {
        Tally { issuer: None, code: code.to_owned(), client: client.parse().unwrap() }
    }

    #[test]
    fn neighbours_count_together() {
        let mut book = Book::default();
        let tallies = [
            tally("192.0.2.1", "token-expired"),
            tally("192.0.2.200", "token-expired"),
            tally("::ffff:192.0.2.7", "token-expired"),
            tally("2001:db8::1", "token-expired"),
            tally("2001:db8::ffff:1", "token-expired"),
        ];
        let counts = book.count(90, tallies.iter());
        let networks: Vec<_> = counts.rows.iter().map(|(key, n)| (key.2.as_str(), *n)).collect();
        assert_eq!(networks, [("192.0.2.0/24", 3), ("2001:db8::/64", 2)]);
        assert_eq!(counts.minute, 1);
    }

    #[test]
    fn a_minute_has_room_for_so_many_counts_and_one_for_the_rest() {
        let mut book = Book::default();
        let many: Vec<_> =
            (0..ROWS + 20).map(|n| tally("192.0.2.1", &format!("code-{n}"))).collect();
        let counts = book.count(0, many.iter());
        assert_eq!(counts.rows.len(), ROWS + 1);
        let overflow = (String::new(), OVERFLOW.to_owned(), String::new());
        assert_eq!(counts.rows[&overflow], 20);
        assert_eq!(book.count(60, many.iter()).rows.len(), ROWS + 1);
    }
}

//! `segura audit tail`: records as they are written.
//!
//! Asks again and again for the last few seconds and leaves out what it has shown:
//! nodes have clocks of their own, and a record may be written a moment after a later
//! one.

use std::collections::BTreeMap;
use std::time::Duration;

use segura_model::api::audit::AuditOrder;
use segura_model::api::{AuditQuery, AuditRow};
use segura_model::{ChainId, Clock, SystemClock, Timestamp};
use segura_sdk::Operator;

use super::filter::Filter;
use super::rows;
use crate::context::Context;
use crate::error::CliError;
use crate::print::{self, Format};

/// Print records as they are written, until interrupted. With --json, one object a line.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura audit tail
  segura audit tail --event refusal --json | jq .record.code")]
pub(crate) struct Args {
    #[command(flatten)]
    filter: Filter,
}

/// Run `segura audit tail`.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), CliError> {
    let operator = context.operator()?;
    let mut query = args.filter.query();
    query.order = Some(AuditOrder::Oldest);
    query.since = query.since.or(Some(SystemClock.now()));
    context.block_on(follow(&operator, query, context.format()))
}

async fn follow(
    operator: &Operator,
    mut query: AuditQuery,
    format: Format,
) -> Result<(), CliError> {
    let mut shown = Shown::default();
    loop {
        let page = operator.audit_list(&query).await?;
        for row in &page.records {
            if shown.is_new(row) {
                show(row, format)?;
            }
        }
        query.after = page.next;
        if query.after.is_none() {
            query.since = query.since.max(shown.forget_old());
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// The records of the last few seconds that were shown.
#[derive(Default)]
struct Shown(BTreeMap<(ChainId, i64), Timestamp>);

impl Shown {
    fn is_new(&mut self, row: &AuditRow) -> bool {
        self.0.insert((row.chain, row.seq), row.at).is_none()
    }

    /// Forget what is too old to come again; from when on to ask.
    fn forget_old(&mut self) -> Option<Timestamp> {
        let since = self.0.values().max()?.plus(-OVERLAP);
        self.0.retain(|_, at| *at >= since);
        Some(since)
    }
}

fn show(row: &AuditRow, format: Format) -> Result<(), CliError> {
    match format {
        Format::Json => print::json_line(row),
        Format::Person => print::text(&rows::line(row)),
    }
}

const PAUSE: Duration = Duration::from_secs(1);
/// Seconds by which clocks and commits may differ.
const OVERLAP: i64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn row(seq: i64, at: i64) -> AuditRow {
        AuditRow {
            chain: ChainId::from_bytes([0; 16]),
            seq,
            hash: String::new(),
            at: Timestamp(at),
            event: "read".to_owned(),
            outcome: "released".to_owned(),
            record: None,
        }
    }

    #[test]
    fn a_record_is_shown_once_and_a_late_one_too() {
        let mut shown = Shown::default();
        assert!(shown.is_new(&row(1, 100)) && shown.is_new(&row(2, 110)));
        assert_eq!(shown.forget_old(), Some(Timestamp(105)));
        assert!(!shown.is_new(&row(2, 110)));
        assert!(shown.is_new(&row(3, 106)), "written late by another node");
        assert_eq!(shown.0.len(), 2, "what cannot come again is forgotten");
    }
}

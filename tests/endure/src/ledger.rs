//! The ledger as an auditor reads it, over the API.

use std::collections::HashMap;

use acceptance::wire::{Wire, get, send};
use anyhow::{Context, ensure};
use segura_model::ChainId;
use segura_model::api::{AuditPage, AuditRow, HeadAnswer, VerifyAnswer};
use segura_store::ledger::Head;
use serde_json::json;

use crate::report::Report;
use crate::scene::Scene;

/// How far the ledger went at some moment.
pub(crate) struct Mark(HashMap<ChainId, i64>);

impl Mark {
    /// Here and now.
    pub(crate) async fn set(scene: &Scene, node: usize) -> anyhow::Result<Self> {
        let mut wire = Wire::connect(scene.port(node)).await?;
        let reply = wire.ask(&get("/api/v2/audit/head", &scene.operator)).await?;
        let answer: HeadAnswer = serde_json::from_value(reply.body).context("the heads")?;
        let heads = answer.heads.iter().map(|head| head.parse::<Head>());
        let heads = heads.map(|head| head.map(|head| (head.chain, head.seq)));
        Ok(Self(heads.collect::<Result<_, _>>()?))
    }

    /// Whether a record was written later.
    pub(crate) fn is_before(&self, row: &AuditRow) -> bool {
        self.0.get(&row.chain).is_none_or(|seq| row.seq > *seq)
    }
}

/// Every record since a moment, in seconds since 1970; 0 for all there are.
pub(crate) async fn read(scene: &Scene, node: usize, since: i64) -> anyhow::Result<Vec<AuditRow>> {
    let mut wire = Wire::connect(scene.port(node)).await?;
    let (mut rows, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v2/audit?order=oldest&limit=1000&since={since}{after}");
        let reply = wire.ask(&get(&path, &scene.operator)).await?;
        ensure!(reply.status == 200, "the ledger cannot be read: {reply:?}");
        let page: AuditPage = serde_json::from_value(reply.body).context("a page")?;
        let is_last = page.records.len() < 1000;
        rows.extend(page.records);
        match page.next {
            Some(next) if !is_last => after = format!("&after={next}"),
            _ => return Ok(rows),
        }
    }
}

/// Verify every chain.
pub(crate) async fn verify(
    scene: &Scene,
    node: usize,
    report: &mut Report,
) -> anyhow::Result<VerifyAnswer> {
    let mut wire = Wire::connect(scene.port(node)).await?;
    let request = send("POST", "/api/v2/audit/verify", &scene.operator, &json!({}));
    let reply = wire.ask(&request).await?;
    ensure!(reply.status == 200, "the ledger cannot be verified: {reply:?}");
    let answer: VerifyAnswer = serde_json::from_value(reply.body).context("the verification")?;
    for problem in &answer.problems {
        report.loss(format!("the ledger does not verify: {} {:?}", problem.what, problem.chain));
    }
    Ok(answer)
}

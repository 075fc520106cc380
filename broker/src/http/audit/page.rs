//! `GET /api/v2/audit`: records, by any of their marks.

use actix_web::web::{Data, Json};
use segura_model::api::audit::AuditOrder;
use segura_model::api::{AuditPage, AuditQuery, AuditRow};
use segura_store::ledger::{LedgerFilter, LedgerOrder, LedgerRow};

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::{StrictQuery, page_size};
use crate::service::hex::hex;

/// Read a page of the ledger.
pub(super) async fn audit_page(
    app: Data<App>,
    StrictQuery(query): StrictQuery<AuditQuery>,
) -> Result<Json<AuditPage>, ApiError> {
    let limit = page_size(query.limit);
    let page = app.audit.page(&filter(query), limit).await?;
    Ok(Json(AuditPage { records: page.rows.into_iter().map(row).collect(), next: page.next }))
}

fn filter(query: AuditQuery) -> LedgerFilter {
    LedgerFilter {
        event: query.event,
        outcome: query.outcome,
        issuer: query.issuer,
        subject: query.subject,
        operator: query.operator,
        path: query.path,
        session: query.session,
        denial: query.denial,
        client: None,
        since: query.since,
        until: query.until,
        order: match query.order {
            Some(AuditOrder::Oldest) => LedgerOrder::OldestFirst,
            Some(AuditOrder::Newest) | None => LedgerOrder::NewestFirst,
        },
        after: query.after,
    }
}

fn row(row: LedgerRow) -> AuditRow {
    let LedgerRow { chain, seq, hash, at, event, outcome, record } = row;
    AuditRow { chain, seq, hash: hex(&hash), at, event, outcome, record }
}

//! `POST /api/v2/audit/verify`: read the whole ledger again. Changes nothing.

use actix_web::web::{Data, Json};
use segura_model::api::{VerifyAnswer, VerifyProblem, VerifyRequest};
use segura_store::ledger::{Problem, ProblemKind};

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::StrictJson;

/// Ten thousand heads.
const LIMIT: usize = 4 * 1024 * 1024;

/// Verify the ledger.
pub(super) async fn audit_verify(
    app: Data<App>,
    StrictJson(request): StrictJson<VerifyRequest, LIMIT>,
) -> Result<Json<VerifyAnswer>, ApiError> {
    let report = app.audit.verify(&request.heads).await?;
    Ok(Json(VerifyAnswer {
        chains: report.chains,
        records: report.records,
        problems: report.problems.iter().map(problem).collect(),
    }))
}

fn problem(problem: &Problem) -> VerifyProblem {
    VerifyProblem {
        chain: problem.chain,
        // Records are counted from 1; 0 is the chain itself.
        seq: (problem.seq > 0).then_some(problem.seq),
        code: code(&problem.what).to_owned(),
        what: problem.what.to_string(),
    }
}

const fn code(kind: &ProblemKind) -> &'static str {
    match kind {
        ProblemKind::BeyondHead => "beyond-head",
        ProblemKind::Body => "body-edited",
        ProblemKind::BodyMissing => "body-missing",
        ProblemKind::ChainsMissing { .. } => "chains-removed",
        ProblemKind::Edited => "edited",
        ProblemKind::Encoding { .. } => "encoding-unknown",
        ProblemKind::ForeignHead => "foreign-head",
        ProblemKind::Head => "head-edited",
        ProblemKind::KeptHeadDiffers => "kept-head-differs",
        ProblemKind::KeptHeadMissing | ProblemKind::Truncated { .. } => "truncated",
        ProblemKind::Missing { .. } => "removed",
        ProblemKind::Moved { .. } => "reordered",
        ProblemKind::Predecessor => "predecessor-edited",
        ProblemKind::Register => "register-edited",
        ProblemKind::Unlinked => "unlinked",
        ProblemKind::Unregistered => "unregistered",
    }
}

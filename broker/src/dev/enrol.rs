//! Tell the dev broker to trust the dev issuers, as an operator would.

use std::net::{IpAddr, Ipv4Addr};

use segura_model::id::RequestId;
use segura_model::issuer::IssuerDraft;
use segura_model::{Clock, Random};
use segura_plugins::platform::{PLATFORMS, Platform};
use serde_json::json;

use super::issuers::Issuers;
use super::world::DevError;
use crate::app::App;
use crate::service::Origin;
use crate::service::access::Operator;
use crate::service::trust::policies::Run;

/// Enrol an issuer a platform, with the platform's name for its id.
pub(super) async fn enrol(
    app: &App,
    issuers: &Issuers,
    operator: &Operator,
    (clock, random): (&dyn Clock, &dyn Random),
) -> Result<(), DevError> {
    let drafts = PLATFORMS.iter().map(|platform| draft(*platform, issuers)).collect();
    let request = RequestId::make(clock.now(), random);
    let origin = Origin { client: IpAddr::V4(Ipv4Addr::LOCALHOST), request };
    app.trust.issuers_apply(drafts, Run::Real, operator, origin).await?;
    Ok(())
}

fn draft(platform: &dyn Platform, issuers: &Issuers) -> IssuerDraft {
    let draft = json!({
        "issuer": platform.id(),
        "preset": platform.id(),
        "iss": issuers.iss(platform.id()),
        "audiences": [issuers.audience(platform.preset())],
        "insecure_loopback": true,
    });
    serde_json::from_value(draft).expect("our own issuers are well-formed")
}

//! What waits for its turn, and what is asked after the wait.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use segura_model::Classify;
use segura_model::api::ExplainRequest;
use segura_model::issuer::IssuerDraft;
use segura_model::policy::PolicyDraft;
use serde_json::json;

use super::super::TrustError;
use super::super::policies::Run;
use crate::service::access::Operator;
use crate::service::testing::{DEPLOY, World, origin};

/// How many policies an answer speaks of.
type Asked<'w> = Pin<Box<dyn Future<Output = Result<usize, TrustError>> + 'w>>;

/// All that takes a turn, asked by this operator.
fn all<'w>(world: &'w World, by: &'w Operator) -> Vec<Asked<'w>> {
    let trust = &world.app.trust;
    let drafts = PolicyDraft::parse_documents(DEPLOY).unwrap();
    let issuer = json!({ "issuer": "own", "preset": "oidc", "iss": "https://ci.example" });
    let issuer: IssuerDraft = serde_json::from_value(issuer).unwrap();
    let token = Some(world.token("1", &json!({})));
    let ask = ExplainRequest { token, ..ExplainRequest::default() };
    vec![
        Box::pin(trust.policies_list(by, origin()).map(|listed| Ok(listed?.len()))),
        Box::pin(trust.explain(ask, by, origin()).map(|told| Ok(told?.trace.policies.len()))),
        Box::pin(trust.policies_apply(drafts, Run::Dry, by, origin()).map(|dry| Ok(dry?.len()))),
        Box::pin(
            trust.issuers_apply(vec![issuer], Run::Dry, by, origin()).map(|dry| Ok(dry?.len())),
        ),
    ]
}

#[test]
fn what_takes_a_while_is_done_beside_the_event_loop_and_one_at_a_time() {
    let broker = tokio::runtime::Runtime::new().unwrap();
    let world = broker.block_on(World::with_job());
    // A worker that may compute one thing beside its event loop, and computes another.
    let mut worker = tokio::runtime::Builder::new_current_thread();
    let worker = worker.enable_all().max_blocking_threads(1).build().unwrap();
    let soon = Duration::from_millis(300);
    for kind in 0..all(&world, &world.admin).len() {
        worker.block_on(async {
            let (release, held) = std::sync::mpsc::channel::<()>();
            let other = tokio::task::spawn_blocking(move || held.recv());
            let asked = || all(&world, &world.admin).swap_remove(kind);
            let (mut first, mut second) = (asked(), asked());
            let early = tokio::time::timeout(soon, &mut first).await;
            assert!(early.is_err(), "{kind} is not on the event loop");
            assert_eq!(world.app.trust.turns.0.available_permits(), 0, "{kind}");
            assert!(tokio::time::timeout(soon, &mut second).await.is_err());
            release.send(()).unwrap();
            other.await.unwrap().unwrap();
            assert_eq!((first.await.unwrap(), second.await.unwrap()), (1, 1), "{kind}");
        });
    }
}

#[tokio::test]
async fn a_credential_that_was_rotated_during_the_wait_is_told_nothing() {
    let world = World::with_job().await;
    let turn = Arc::clone(&world.app.trust.turns.0).acquire_owned().await.unwrap();
    let mut waiting = all(&world, &world.admin);
    for asked in &mut waiting {
        let early = tokio::time::timeout(Duration::from_millis(100), asked).await;
        assert!(early.is_err(), "it is somebody else's turn");
    }
    let name = world.admin.name.clone();
    world.app.operators.rotate(name, None, &world.admin, origin()).await.unwrap();
    drop(turn);
    for asked in waiting {
        assert_eq!(asked.await.unwrap_err().class().code, "operator-unknown");
    }
    assert_eq!(world.app.trust.turns.0.available_permits(), 1, "who is refused holds no turn");
}

#[tokio::test]
async fn who_leaves_while_waiting_holds_no_turn() {
    let world = World::with_job().await;
    let turn = Arc::clone(&world.app.trust.turns.0).acquire_owned().await.unwrap();
    for mut asked in all(&world, &world.admin) {
        assert!(futures::poll!(&mut asked).is_pending());
    }
    drop(turn);
    for asked in all(&world, &world.admin) {
        assert_eq!(asked.await.unwrap(), 1);
    }
}

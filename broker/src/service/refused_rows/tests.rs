//! Somebody writes the database with no key of this broker's: nothing comes of it.

use segura_model::api::EpochScope;
use segura_model::policy::PolicyDraft;
use segura_model::{Classify, Role};
use segura_store::{BoxFuture, StoreError, StoredIssuer, StoredOperator, StoredPolicy, Tx};
use serde_json::json;

use crate::service::epochs;
use crate::service::testing::{DEPLOY, NOON, World, origin};

/// A row of this policy, as its author would have had it stored.
fn row(policy: &str) -> StoredPolicy {
    let draft = PolicyDraft::parse_documents(policy).unwrap().remove(0);
    StoredPolicy {
        name: draft.policy.clone(),
        issuer: draft.issuer.clone(),
        body: serde_json::to_string(&draft).unwrap(),
        changed_at: NOON,
        changed_by: "root".to_owned(),
    }
}

/// Write behind the broker's back, and have it see the change.
async fn intrude<F>(world: &World, work: F)
where
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<(), StoreError>> + Send + 'static,
{
    world.intrude(work).await;
    world.core.snapshots.poll().await.unwrap();
    world.app.check_rows().await;
}

async fn code(world: &World, jti: &str, wanted: &str) -> &'static str {
    let delivered = world.deliver(world.token(jti, &json!({})), jti, &[wanted]).await;
    delivered.map(drop).unwrap_err().class().code
}

/// The names of the refused rows.
fn refused(world: &World) -> Vec<String> {
    world.app.refused_rows().iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_planted_policy_grants_nothing_and_harms_no_other() {
    let world = World::with_job().await;
    world.put("hr/pay", &[("value", "x")]).await;
    let planted = DEPLOY.replace("payments-deploy", "planted").replace("db/prod/*", "**");
    intrude(&world, move |tx| Box::pin(async move { tx.policy_put(&row(&planted)).await })).await;
    assert_eq!(code(&world, "1", "hr/pay").await, "secret-not-granted");
    world.deliver(world.token("2", &json!({})), "2", &["db/prod/password"]).await.unwrap();
    assert_eq!(refused(&world), [r#"policies "planted""#]);
    let planted = "planted".parse().unwrap();
    world.app.trust.policy_remove(planted, &world.admin, origin()).await.unwrap();
    world.app.check_rows().await;
    assert_eq!(refused(&world), Vec::<String>::new());
}

#[tokio::test]
async fn a_policy_that_was_edited_grants_nothing_until_it_is_applied_again() {
    let world = World::with_job().await;
    let edited = DEPLOY.replace("db/prod/*", "**");
    intrude(&world, move |tx| Box::pin(async move { tx.policy_put(&row(&edited)).await })).await;
    for node in [&world.core, &world.bare_node().await] {
        assert!(node.snapshots.held().policies.is_empty());
    }
    assert_eq!(code(&world, "1", "db/prod/password").await, "access-refused");
    world.apply(DEPLOY).await;
    world.deliver(world.token("2", &json!({})), "2", &["db/prod/password"]).await.unwrap();
    world.app.check_rows().await;
    assert_eq!(refused(&world), Vec::<String>::new());
}

#[tokio::test]
async fn an_issuer_whose_iss_was_edited_vouches_for_nobody() {
    let world = World::new().await;
    let policy = "policy: own-job\nissuer: own\nclaims: { sub: job-1 }\nread: ['app/login']\n";
    world.apply(policy).await;
    world.put("app/login", &[("value", "x")]).await;
    world.deliver(world.own_token("0", &json!({})), "0", &["app/login"]).await.unwrap();
    let evil = json!({ "iss": "https://evil.example" });
    let mut entry = world.app.trust.issuer(&"own".parse().unwrap()).await.unwrap();
    entry.iss = "https://evil.example".parse().unwrap();
    let issuer = StoredIssuer { entry, changed_at: NOON, changed_by: "root".to_owned() };
    intrude(&world, move |tx| Box::pin(async move { tx.issuer_put(&issuer).await })).await;
    let delivered = world.deliver(world.own_token("1", &evil), "1", &["app/login"]).await;
    assert_eq!(delivered.map(drop).unwrap_err().class().code, "access-refused");
    assert_eq!(refused(&world), [r#"issuers "own""#]);
}

#[tokio::test]
async fn an_operator_whose_role_was_raised_is_nobody() {
    let world = World::new().await;
    let (auditor, token) = world.operator(Role::Auditor).await;
    world.app.operators.authenticate(&token, origin()).await.unwrap();
    let all = world.app.operators.list().await.unwrap();
    let stored = all.into_iter().find(|operator| operator.name == auditor.name).unwrap();
    let raised = StoredOperator { role: Role::Admin, ..stored };
    intrude(&world, move |tx| {
        Box::pin(async move { tx.operator_add(&raised).await.map(|added| assert!(added)) })
    })
    .await;
    let known = world.app.operators.authenticate(&token, origin()).await;
    assert_eq!(known.unwrap_err().class().code, "operator-unknown");
    // The others still work, and can clear it away.
    world.app.operators.authenticate(&world.admin_token, origin()).await.unwrap();
    world.app.operators.remove(auditor.name, &world.admin, origin()).await.unwrap();
    world.app.check_rows().await;
    assert_eq!(refused(&world), Vec::<String>::new());
}

#[tokio::test]
async fn sessions_stay_over_when_their_epoch_is_lowered() {
    let world = World::with_job().await;
    let delivered = world.deliver(world.token("1", &json!({})), "1", &["app/login"]).await;
    let token = delivered.unwrap().token;
    let read = async || {
        let wanted = "app/login".parse().unwrap();
        world.app.reads.read(&token, wanted, origin()).await.map(drop)
    };
    read().await.unwrap();
    let all = EpochScope::All;
    world.app.epochs.raise(all, &world.admin, origin()).await.unwrap();
    assert_eq!(read().await.unwrap_err().class().code, "session-epoch");
    intrude(&world, |tx| Box::pin(tx.meta_put(epochs::KEY, "{}"))).await;
    assert_eq!(read().await.unwrap_err().class().code, "session-epoch");
    // Raising another one mends the row, and lets nothing of before live again.
    let other = EpochScope::Policy("other".parse().unwrap());
    world.app.epochs.raise(other, &world.admin, origin()).await.unwrap();
    assert_eq!(read().await.unwrap_err().class().code, "session-epoch");
    world.app.check_rows().await;
    assert!(!refused(&world).contains(&r#"meta "epochs""#.to_owned()));
    let fresh = world.deliver(world.token("2", &json!({})), "2", &["app/login"]).await.unwrap();
    world.app.reads.read(&fresh.token, "app/login".parse().unwrap(), origin()).await.unwrap();
}

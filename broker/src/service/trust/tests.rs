//! Applying, pinning, explaining.

use std::collections::BTreeMap;

use segura_model::api::{Change, ExplainRequest};
use segura_model::audit::Event;
use segura_model::issuer::IssuerDraft;
use segura_model::policy::PolicyDraft;
use segura_model::{Classify, DenialId};
use serde_json::json;

use super::TrustError;
use super::policies::Run;
use crate::service::refusals::Refusing;
use crate::service::testing::{DEPLOY, URL, World, origin};

const PENDING: &str = "
policy: pending-one
issuer: github
anchor: pending
claims: { repository: acme/payments }
read: ['db/prod/*']
";

fn drafts(text: &str) -> Vec<PolicyDraft> {
    PolicyDraft::parse_documents(text).unwrap()
}

#[tokio::test]
async fn an_apply_says_what_it_does_and_records_the_difference() {
    let world = World::new().await;
    let apply = async |text: &str, run| {
        let applied = world.app.trust.policies_apply(drafts(text), run, &world.admin, origin());
        applied.await.unwrap().remove(0).change
    };
    assert_eq!(apply(DEPLOY, Run::Dry).await, Change::Created);
    assert!(
        world.app.trust.policies_list(&world.admin, origin()).await.unwrap().is_empty(),
        "a dry run is dry"
    );
    assert_eq!(apply(DEPLOY, Run::Real).await, Change::Created);
    assert_eq!(apply(DEPLOY, Run::Real).await, Change::Unchanged);
    let changed = DEPLOY.replace("session: 15m", "session: 20m");
    assert_eq!(apply(&changed, Run::Dry).await, Change::Replaced);
    assert_eq!(apply(&changed, Run::Real).await, Change::Replaced);
    let records = world.records(Event::PolicyApply).await;
    assert_eq!(records.len(), 2);
    assert_eq!(
        records[1].detail["diff"],
        json!([{ "at": "session", "before": "15m", "after": "20m" }])
    );
}

#[tokio::test]
async fn a_file_is_applied_whole_or_not_at_all() {
    let world = World::new().await;
    let broken =
        format!("{DEPLOY}---\npolicy: b\nissuer: github\nclaims: {{ rfe: x }}\nread: [a]\n");
    let trust = &world.app.trust;
    let error =
        trust.policies_apply(drafts(&broken), Run::Real, &world.admin, origin()).await.unwrap_err();
    assert!(error.to_string().contains("`rfe`"), "{error}");
    let twice = format!("{DEPLOY}---\n{DEPLOY}");
    let error =
        trust.policies_apply(drafts(&twice), Run::Real, &world.admin, origin()).await.unwrap_err();
    assert!(matches!(error, TrustError::Duplicate(_)));
    let nowhere = DEPLOY.replace("github", "nowhere");
    let error = trust
        .policies_apply(drafts(&nowhere), Run::Real, &world.admin, origin())
        .await
        .unwrap_err();
    assert!(matches!(error, TrustError::PolicyIssuer { .. }));
    assert!(error.to_string().contains("policy `payments-deploy`: "), "{error}");
    assert!(trust.policies_list(&world.admin, origin()).await.unwrap().is_empty());
    assert!(world.records(Event::PolicyApply).await.is_empty());
}

#[tokio::test]
async fn a_thousand_policies_are_applied_together_and_no_more() {
    let world = World::with_job().await;
    let many = |count: usize| -> Vec<PolicyDraft> {
        let named = |at| DEPLOY.replace("payments-deploy", &format!("p{at}"));
        (0..count).flat_map(|at| drafts(&named(at))).collect()
    };
    let apply = async |drafts, run| {
        world.app.trust.policies_apply(drafts, run, &world.admin, origin()).await
    };
    for run in [Run::Dry, Run::Real] {
        let error = apply(many(1001), run).await.unwrap_err();
        assert_eq!(error.class().code, "applied-too-many");
    }
    // Beside the one that is there already.
    let mut policies = many(999);
    policies.insert(500, drafts(DEPLOY).remove(0));
    let applied = apply(policies.clone(), Run::Real).await.unwrap();
    for (at, (applied, draft)) in applied.iter().zip(&policies).enumerate() {
        let change = if at == 500 { Change::Unchanged } else { Change::Created };
        assert_eq!((&applied.policy, applied.change), (&draft.policy, change));
    }
    assert_eq!(world.records(Event::PolicyApply).await.len(), 1000, "999 and that of the job");
    let number = world.core.snapshots.held().change;
    apply(policies.clone(), Run::Real).await.unwrap();
    assert_eq!(world.core.snapshots.held().change, number, "nothing changed");
    assert_eq!(world.core.snapshots.held().policies.len(), 1000);
    policies[998] = drafts(DEPLOY).remove(0);
    let error = apply(policies, Run::Real).await.unwrap_err();
    assert_eq!(error.class().code, "applied-twice");
}

#[tokio::test]
async fn a_pending_policy_grants_nothing_until_the_ids_seen_are_pinned() {
    let world = World::with_job().await;
    let trust = &world.app.trust;
    trust.policy_remove("payments-deploy".parse().unwrap(), &world.admin, origin()).await.unwrap();
    world.apply(PENDING).await;
    let name = || "pending-one".parse().unwrap();
    let pin = async |ids: &[(&str, &str)]| {
        let ids: BTreeMap<String, String> =
            ids.iter().map(|(claim, id)| ((*claim).to_owned(), (*id).to_owned())).collect();
        trust.policy_pin(name(), ids, &world.admin, origin()).await
    };
    let unclear = pin(&[]).await.unwrap_err();
    assert_eq!(unclear.class().code, "pin-unclear");

    let wanted = &["db/prod/password"];
    let refused = world.deliver(world.token("1", &json!({})), "k", wanted).await.unwrap_err();
    assert_eq!(refused.class().code, "access-refused");
    let view = trust.policy(&name()).await.unwrap();
    let reason = view.pending.unwrap();
    assert!(reason.contains("seen: repository_id=456789"), "{reason}");
    let denial = trust.denial(refused.refusal().unwrap().denial, &world.admin).await.unwrap();
    let note = denial.trace.unwrap().policies[0].note.clone().unwrap();
    assert!(note.contains("segura policy pin pending-one"), "{note}");

    // Somebody took the name: now there is a choice, and it is the operator's.
    let thief = world.token("2", &json!({ "repository_id": "666" }));
    assert!(world.deliver(thief, "k", wanted).await.is_err());
    let unclear = pin(&[]).await.unwrap_err().to_string();
    assert!(unclear.contains("repository_id=456789 ") && unclear.contains("=666"), "{unclear}");

    let ids = [("repository_id", "456789"), ("repository_owner_id", "123456")];
    let pinned = pin(&ids).await.unwrap();
    assert_eq!(pinned.pending, None);
    world.deliver(world.token("3", &json!({})), "k", wanted).await.unwrap();
    let again = pin(&ids).await.unwrap_err();
    assert!(matches!(again, TrustError::NotPending(_)));
    assert_eq!(world.records(Event::PolicyPin).await.len(), 1);
}

#[tokio::test]
async fn one_set_of_ids_seen_needs_no_repeating() {
    let world = World::new().await;
    world.apply(PENDING).await;
    assert!(world.deliver(world.token("1", &json!({})), "k", &["db/prod/a"]).await.is_err());
    let name = "pending-one".parse().unwrap();
    let pinned = world.app.trust.policy_pin(name, BTreeMap::new(), &world.admin, origin()).await;
    assert_eq!(pinned.unwrap().pending, None);
}

#[tokio::test]
async fn an_issuer_is_not_changed_under_its_policies() {
    let world = World::with_job().await;
    let trust = &world.app.trust;
    let apply = async |draft: serde_json::Value| {
        let draft: IssuerDraft = serde_json::from_value(draft).unwrap();
        trust.issuers_apply(vec![draft], Run::Real, &world.admin, origin()).await
    };
    // Another preset has other claims, and the policy would mean nothing.
    let gitlab = json!({
        "issuer": "github", "preset": "gitlab", "iss": "https://gitlab.example",
        "audiences": ["https://segura.example"],
    });
    assert!(matches!(apply(gitlab).await, Err(TrustError::Policies(_))));
    let twin = json!({
        "issuer": "github-2", "preset": "github", "audiences": ["https://segura.example"],
    });
    assert!(matches!(apply(twin).await, Err(TrustError::IssuerSet(_))));
    let in_use = trust.issuer_remove("github".parse().unwrap(), &world.admin, origin()).await;
    assert!(matches!(in_use, Err(TrustError::IssuerInUse { .. })));
    trust.issuer_remove("own".parse().unwrap(), &world.admin, origin()).await.unwrap();
    assert_eq!(trust.issuers_list().await.unwrap().len(), 1);
    assert_eq!(world.records(Event::IssuerApply).await.len(), 2);
    assert_eq!(world.records(Event::IssuerRemove).await.len(), 1);
}

#[tokio::test]
async fn explain_spends_nothing_and_takes_a_token_or_claims() {
    let world = World::with_job().await;
    let token = world.token("1", &json!({}));
    let ask = ExplainRequest { token: Some(token.clone()), ..ExplainRequest::default() };
    let ask = ExplainRequest { secrets: vec!["db/prod/root".parse().unwrap()], ..ask };
    let answer = world.app.trust.explain(ask, &world.admin, origin()).await.unwrap();
    assert!(answer.trace.policies[0].matched && !answer.trace.secrets[0].granted);

    let claims = |claims: serde_json::Value| {
        let claims = segura_model::Claims::parse(claims.to_string().as_bytes()).unwrap();
        let issuer = Some("github".parse().unwrap());
        ExplainRequest { claims: Some(claims), issuer, ..ExplainRequest::default() }
    };
    // Neither the issuer's URL nor times are among what nobody signed.
    let mut sample = segura_plugins::sample::github_pull_request_target();
    let ask = claims(sample.clone());
    let answer = world.app.trust.explain(ask.clone(), &world.admin, origin()).await.unwrap();
    assert!(!answer.trace.policies[0].matched);
    sample["iss"] = json!("https://elsewhere.example.com");
    assert!(matches!(
        world.app.trust.explain(claims(sample), &world.admin, origin()).await,
        Err(TrustError::Claims { .. })
    ));
    let both = ExplainRequest { token: Some(token.clone()), ..ask };
    assert!(matches!(
        world.app.trust.explain(both, &world.admin, origin()).await,
        Err(TrustError::Ask)
    ));

    let seen = world.app.whoami.whoami(&token, origin()).await.unwrap();
    assert!(seen.policies[0].matches);
    let fork = world.app.whoami.whoami(&world.fork_token("2"), origin()).await.unwrap();
    assert!(fork.policies.is_empty());
    world.deliver(token, "k", &["db/prod/password"]).await.unwrap();
}

#[tokio::test]
async fn an_unknown_refusal_says_where_it_may_have_gone() {
    let world = World::new().await;
    let error =
        world.app.trust.denial(DenialId::from_bytes([7; 16]), &world.admin).await.unwrap_err();
    assert_eq!(error.class().code, "denial-not-found");
    assert!(error.to_string().contains("--event summary"));
}

#[tokio::test]
async fn ids_are_seen_whoever_else_pins_them() {
    let world = World::with_job().await;
    world.apply(PENDING).await;
    let seen = async || {
        let name = "pending-one".parse().unwrap();
        world.app.trust.policy(&name).await.unwrap().pending.unwrap()
    };
    // Refused as the owner of what another policy pins.
    let elsewhere = world.token("1", &json!({ "ref": "refs/heads/other" }));
    assert!(world.deliver(elsewhere, "k", &["db/prod/password"]).await.is_err());
    assert!(seen().await.contains("seen: repository_id=456789"), "{}", seen().await);

    // Granted by another policy.
    world.apply(&PENDING.replace("['db/prod/*']", "['db/**']")).await;
    assert!(!seen().await.contains("seen"));
    world.deliver(world.token("2", &json!({})), "k", &["db/prod/password"]).await.unwrap();
    assert!(seen().await.contains("seen: repository_id=456789"));

    let pin = async |name: &str| {
        let name = name.parse().unwrap();
        world.app.trust.policy_pin(name, BTreeMap::new(), &world.admin, origin()).await
    };
    let active = pin("payments-deploy").await.unwrap_err();
    assert!(matches!(active, TrustError::NotPending(_)));
    assert!(active.to_string().contains("active already"), "{active}");
    assert!(matches!(pin("none").await, Err(TrustError::PolicyNotFound(_))));
    assert_eq!(pin("pending-one").await.unwrap().pending, None);
}

#[tokio::test]
async fn the_servers_urls_are_the_audiences_unless_others_are_named() {
    let world = World::new().await;
    let applied = async |draft: serde_json::Value| {
        let draft: IssuerDraft = serde_json::from_value(draft).unwrap();
        let (by, from) = (&world.admin, origin());
        let applied = world.app.trust.issuers_apply(vec![draft], Run::Dry, by, from).await;
        let entry = applied.unwrap().remove(0).entry;
        entry.audiences.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let gitlab = json!({ "issuer": "gitlab", "preset": "gitlab" });
    assert_eq!(applied(gitlab.clone()).await, [URL]);
    let mut named = gitlab;
    named["audiences"] = json!(["other"]);
    assert_eq!(applied(named).await, ["other"]);
    let azure = json!({ "issuer": "azure", "preset": "azure-devops",
        "iss": "https://vstoken.dev.azure.com/0cb6cf06-6e44-4a04-a8e5-3a2f1b0e7d51" });
    assert_eq!(applied(azure).await, ["api://AzureADTokenExchange"]);
}

#[tokio::test]
async fn an_issuer_change_that_would_disarm_a_policy_is_refused() {
    let world = World::new().await;
    world.apply("policy: own-job\nissuer: own\nclaims: { sub: job-1 }\nread: ['a']\n").await;
    let apply = async |shared: bool, run| {
        let draft: IssuerDraft = serde_json::from_value(json!({
            "issuer": "own", "preset": "oidc", "iss": "https://ci.example", "shared": shared,
            "algorithms": ["ES256"],
        }))
        .unwrap();
        world.app.trust.issuers_apply(vec![draft], run, &world.admin, origin()).await
    };
    for run in [Run::Dry, Run::Real] {
        let error = apply(true, run).await.unwrap_err();
        assert_eq!(error.class().code, "issuer-disarms");
        assert!(error.to_string().contains("own-job"), "{error}");
    }
    assert!(!world.app.trust.issuer(&"own".parse().unwrap()).await.unwrap().shared);
    apply(false, Run::Real).await.unwrap();
    world
        .app
        .trust
        .policy_remove("own-job".parse().unwrap(), &world.admin, origin())
        .await
        .unwrap();
    apply(true, Run::Real).await.unwrap();
    // Pending before and after: nothing is lost.
    world.apply("policy: own-job\nissuer: own\nclaims: { sub: job-1 }\nread: ['a']\n").await;
    apply(true, Run::Real).await.unwrap();
}

#[tokio::test]
async fn an_entry_names_files_of_the_listed_folders_only() {
    let world = World::new().await;
    let apply = async |keys: serde_json::Value, run| {
        let draft: IssuerDraft = serde_json::from_value(json!({
            "issuer": "cluster", "preset": "kubernetes", "iss": "https://cluster.example",
            "keys": keys,
        }))
        .unwrap();
        world.app.trust.issuers_apply(vec![draft], run, &world.admin, origin()).await
    };
    let uri = "https://elsewhere.example/keys";
    for run in [Run::Dry, Run::Real] {
        for (key, keys) in [
            ("bearer_token_file", json!({ "jwks_uri": uri, "bearer_token_file": "/etc/passwd" })),
            ("ca_file", json!({ "discovery": true, "ca_file": "/etc/segura/issuers-2/ca.pem" })),
            ("jwks_file", json!({ "jwks_file": "/etc/segura/guard.key" })),
        ] {
            let error = apply(keys, run).await.unwrap_err();
            assert_eq!(error.class().code, "issuer-invalid");
            let said = error.to_string();
            for part in [key, "server.issuer_files", "/etc/segura/issuers"] {
                assert!(said.contains(part), "{part} in {said}");
            }
        }
    }
    let inside = json!({ "jwks_file": "/etc/segura/issuers/cluster.jwks" });
    apply(inside, Run::Real).await.unwrap();
}

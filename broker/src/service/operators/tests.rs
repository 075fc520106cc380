//! Operators come and go, and the last administrator stays.

use segura_model::api::EpochScope;
use segura_model::audit::{Actor, Event};
use segura_model::duration::Seconds;
use segura_model::policy::PolicyDraft;
use segura_model::{Class, Classify, Clock, OperatorName, Role, SecretText};
use segura_vault::SystemRandom;

use super::{Namesake, OperatorsError, recover};
use crate::service::access::{Operator, Permission};
use crate::service::testing::{DEPLOY, World, origin, put_of};
use crate::service::trust::policies::Run;

async fn who(world: &World, token: &SecretText) -> Result<Operator, OperatorsError> {
    world.app.operators.authenticate(token, origin()).await
}

fn name(text: &str) -> OperatorName {
    text.parse().unwrap()
}

#[tokio::test]
async fn an_operator_is_known_until_its_token_expires() {
    let world = World::new().await;
    assert_eq!(who(&world, &world.admin_token).await.unwrap(), world.admin);
    let (author, token) = world.operator(Role::Author).await;
    assert_eq!(who(&world, &token).await.unwrap(), author);
    world.clock.advance(90 * 24 * 3600);
    assert_eq!(who(&world, &token).await.unwrap_err().class().code, "operator-unknown");
}

#[tokio::test]
async fn what_is_no_operators_token_is_refused_in_one_way() {
    let world = World::new().await;
    let (_, token) = world.operator(Role::Author).await;
    world.app.operators.remove(name("an-author"), &world.admin, origin()).await.unwrap();
    let changed = format!("{}x", world.admin_token.expose());
    let mut told = std::collections::BTreeSet::new();
    for token in [token, SecretText::new(changed), SecretText::new("sgr_x"), SecretText::new("")] {
        told.insert(who(&world, &token).await.unwrap_err().to_string());
    }
    assert_eq!(told.len(), 1);
    assert_eq!(world.records(Event::Refusal).await.len(), 4);
}

#[tokio::test]
async fn a_rotated_token_works_and_the_old_one_does_not() {
    let world = World::new().await;
    let (author, old) = world.operator(Role::Author).await;
    let operators = &world.app.operators;
    let week = Some(Seconds::new(7 * 24 * 3600));
    let new = operators.rotate(author.name.clone(), week, &author, origin()).await.unwrap();
    assert!(who(&world, &old).await.is_err());
    let found = who(&world, &new.token).await.unwrap();
    assert_eq!(found.expires_at, world.clock.now().plus(7 * 24 * 3600));

    let other = operators.rotate(name("root"), None, &author, origin()).await.unwrap_err();
    assert!(matches!(other, OperatorsError::Forbidden { .. }), "not somebody else's");
    // Whom an administrator gave a week does not give itself more.
    let longer = Some(Seconds::new(8 * 24 * 3600));
    let more = operators.rotate(author.name.clone(), longer, &found, origin()).await.unwrap_err();
    assert!(matches!(more, OperatorsError::Outlives(until) if until == found.expires_at));
    world.clock.advance(24 * 3600);
    let own = operators.rotate(author.name.clone(), None, &found, origin()).await.unwrap();
    assert_eq!(own.operator.expires_at, found.expires_at);
    let admin = operators.rotate(name("root"), None, &world.admin, origin()).await.unwrap();
    assert_eq!(admin.operator.expires_at, world.clock.now().plus(90 * 24 * 3600));
    let root = admin.operator;
    operators.rotate(author.name.clone(), None, &root, origin()).await.unwrap();
    let forever = Some(Seconds::new(400 * 24 * 3600));
    let error = operators.rotate(author.name, forever, &root, origin()).await.unwrap_err();
    assert!(matches!(error, OperatorsError::Life));
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let world = World::new().await;
    let operators = &world.app.operators;
    let root = name("root");
    world.operator(Role::Author).await;
    let remove = operators.remove(root.clone(), &world.admin, origin()).await;
    assert!(matches!(remove, Err(OperatorsError::LastAdmin(_))));
    world.operator(Role::Admin).await;
    // An administrator whose token has expired helps nobody.
    world.clock.advance(89 * 24 * 3600);
    let rotated = operators.rotate(root.clone(), None, &world.admin, origin()).await;
    let admin = rotated.unwrap().operator;
    world.clock.advance(2 * 24 * 3600);
    let remove = operators.remove(root.clone(), &admin, origin()).await;
    assert!(matches!(remove, Err(OperatorsError::LastAdmin(_))));
    let other = operators.rotate(name("an-admin"), None, &admin, origin()).await.unwrap().operator;
    operators.remove(root.clone(), &admin, origin()).await.unwrap();
    let gone = operators.remove(root, &other, origin()).await;
    assert!(matches!(gone, Err(OperatorsError::NotFound(_))));
}

#[tokio::test]
async fn every_change_is_in_the_ledger_with_who_made_it() {
    let world = World::new().await;
    world.operator(Role::Auditor).await;
    let taken =
        segura_model::api::OperatorAdd { name: name("an-auditor"), role: Role::Admin, ttl: None };
    let error = world.app.operators.add(taken, &world.admin, origin()).await.unwrap_err();
    assert!(matches!(error, OperatorsError::NameTaken(_)));
    let records = world.records(Event::OperatorAdd).await;
    assert_eq!(records.len(), 2, "the first one and the auditor");
    assert_eq!(records[1].actor, Actor::from(&world.admin));
    assert_eq!(records[1].detail["name"], "an-auditor");
}

#[tokio::test]
async fn recovery_makes_an_administrator_and_says_so() {
    let world = World::new().await;
    let (_, old) = world.operator(Role::Author).await;
    let recover = |who, namesake| {
        let (writer, keyring, clock) = (&world.core.writer, &world.keyring, &*world.clock);
        recover(writer, keyring, name(who), namesake, clock, &SystemRandom)
    };
    let refused = recover("an-author", Namesake::Refuse).await.unwrap_err();
    assert_eq!(refused.class().code, "operator-exists");
    assert!(refused.to_string().contains("author, with a credential until"), "{refused}");
    who(&world, &old).await.unwrap();
    assert!(world.records(Event::OperatorRecover).await.is_empty());

    for (who, namesake) in [("an-author", Namesake::Replace), ("somebody-new", Namesake::Refuse)] {
        let made = recover(who, namesake).await.unwrap();
        let found = world.app.operators.authenticate(&made.token, origin()).await.unwrap();
        assert_eq!(found.role, Role::Admin);
    }
    assert!(who(&world, &old).await.is_err());
    let records = world.records(Event::OperatorRecover).await;
    assert_eq!(records[0].detail["before"]["role"], "author");
    assert_eq!(records[0].actor, Actor::Server);
}

#[tokio::test]
async fn a_role_that_does_not_allow_it_is_told_and_recorded() {
    let world = World::new().await;
    let (auditor, _) = world.operator(Role::Auditor).await;
    let operators = &world.app.operators;
    operators.demand(&auditor, Permission::AuditRead, origin()).await.unwrap();
    let error = operators.demand(&auditor, Permission::SecretWrite, origin()).await.unwrap_err();
    assert_eq!(error.to_string(), "operator `an-auditor` is auditor and may not write secrets");
    assert_eq!(world.records(Event::Refusal).await[0].actor, Actor::from(&auditor));
}

#[tokio::test]
async fn a_credential_that_is_tried_all_day_is_kept_whole_so_often_and_then_counted() {
    let world = World::new().await;
    let (auditor, _) = world.operator(Role::Auditor).await;
    let refuse = async |operator: &Operator| {
        let refused = world.app.operators.demand(operator, Permission::SecretWrite, origin()).await;
        assert_eq!(refused.unwrap_err().class().code, "role-forbids");
    };
    for _ in 0..35 {
        refuse(&auditor).await;
    }
    assert_eq!(world.records(Event::Refusal).await.len(), 30);
    let (author, _) = world.operator(Role::Author).await;
    let denied = world.app.operators.demand(&author, Permission::AuditRead, origin()).await;
    assert!(denied.is_err());
    assert_eq!(world.records(Event::Refusal).await.len(), 31, "another has its own");

    // The next minute closes the count, and the next hour begins anew.
    world.clock.advance(3600);
    refuse(&auditor).await;
    assert_eq!(world.records(Event::Refusal).await.len(), 32);
    let summaries = world.records(Event::Summary).await;
    assert_eq!(summaries.len(), 1);
    assert_eq!(summaries[0].code.as_deref(), Some("role-forbids"));
    assert_eq!(summaries[0].detail["count"], 5);
}

#[tokio::test]
async fn a_request_does_not_outlive_its_operator() {
    let world = World::with_job().await;
    let (author, _) = world.operator(Role::Author).await;
    world.app.operators.remove(name("an-author"), &world.admin, origin()).await.unwrap();
    assert_eq!(writes(&world, &author).await, ["operator-unknown"; 5]);
    assert_eq!(world.records(Event::Refusal).await.len(), 5);
    assert_eq!(world.records(Event::SecretRemove).await.len(), 0);

    // One of the same name is another.
    let (app, path) = (&world.app, || "new/one".parse().unwrap());
    let (namesake, _) = world.operator(Role::Author).await;
    assert!(app.secrets.put(path(), put_of(&[("value", "x")]), &author, origin()).await.is_err());
    app.secrets.put(path(), put_of(&[("value", "x")]), &namesake, origin()).await.unwrap();
}

/// Try all kinds of writes as this operator; the codes of the refusals.
async fn writes(world: &World, by: &Operator) -> [&'static str; 5] {
    let (app, path) = (&world.app, || "new/one".parse().unwrap());
    let drafts = PolicyDraft::parse_documents(DEPLOY).unwrap();
    let apply = app.trust.policies_apply(drafts, Run::Real, by, origin()).await;
    let put = app.secrets.put(path(), put_of(&[("value", "x")]), by, origin()).await;
    let remove = app.secrets.remove("app/login".parse().unwrap(), by, origin()).await;
    let raise = app.epochs.raise(EpochScope::All, by, origin()).await;
    let rotate = app.operators.rotate(by.name.clone(), None, by, origin()).await;
    [
        apply.unwrap_err().class().code,
        put.unwrap_err().class().code,
        remove.unwrap_err().class().code,
        raise.unwrap_err().class().code,
        rotate.unwrap_err().class().code,
    ]
}

#[tokio::test]
async fn a_request_does_not_outlive_its_credential() {
    let world = World::with_job().await;
    let (leaked, _) = world.operator(Role::Admin).await;
    let operators = &world.app.operators;
    let answer = operators.rotate(leaked.name.clone(), None, &world.admin, origin()).await;
    let new = answer.unwrap();
    assert_eq!(writes(&world, &leaked).await, ["operator-unknown"; 5]);
    let read = world.app.secrets.read("app/login".parse().unwrap(), &leaked, origin()).await;
    assert_eq!(read.unwrap_err().class(), Class::unauthenticated("operator-unknown"));
    assert_eq!(who(&world, &new.token).await.unwrap(), new.operator, "it is still the only one");
    assert_eq!(world.records(Event::Refusal).await.len(), 6);
    assert_eq!(world.records(Event::SecretRead).await.len(), 0);

    // Nor does it renew itself when its time is over.
    world.clock.advance(90 * 24 * 3600);
    assert_eq!(writes(&world, &new.operator).await, ["operator-unknown"; 5]);
}

//! Who is told what of a refusal.

use segura_model::Role;
use serde_json::json;

use crate::service::access::Operator;
use crate::service::delivery::DeliveryError;
use crate::service::refusals::Refusing;
use crate::service::testing::{World, origin};

#[tokio::test]
async fn a_refusal_tells_of_other_records_only_who_may_read_them() {
    let world = World::with_job().await;
    let (author, _) = world.operator(Role::Author).await;
    let (auditor, _) = world.operator(Role::Auditor).await;
    let token = world.token("1", &json!({}));
    let given = world.deliver(token.clone(), "k", &["db/prod/password"]).await.unwrap();
    let session = given.session.to_string();
    let replayed = world.deliver(token, "other", &["db/prod/password"]).await.unwrap_err();
    let gone = "app/login".parse().unwrap();
    world.app.secrets.remove(gone, &world.admin, origin()).await.unwrap();
    let missing = world.deliver(world.token("2", &json!({})), "k", &["app/login"]).await;
    let told = async |error: &DeliveryError, by: &Operator| {
        let denial = world.app.trust.denial(error.refusal().unwrap().denial, by).await.unwrap();
        assert!(denial.reasons[0].fix.is_some());
        json!({ "record": denial.record, "reasons": denial.reasons }).to_string()
    };

    for (error, sentence, others) in [
        (&replayed, "was spent before", [session.as_str(), "given db/prod/password"]),
        (&missing.unwrap_err(), "no secret at `app/login`", ["removed at", "operator root"]),
    ] {
        let (author, auditor) = (told(error, &author).await, told(error, &auditor).await);
        assert!(author.contains(sentence) && auditor.contains(sentence), "{author} {auditor}");
        for other in others {
            assert!(!author.contains(other) && auditor.contains(other), "{author} {auditor}");
        }
    }
}

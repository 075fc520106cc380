//! A row that decides trust and was planted or edited with SQL is not there.

use segura_model::{OperatorId, Role};
use segura_store::{Checked, IssuerKeys, RefusedRow, StoreError, StoredOperator, StoredPolicy, Tx};

use crate::catalogue::issuer;
use crate::on_each_backend;
use crate::world::{Chance, NOON, TestMac, World, github};

fn policy(name: &str, body: &str) -> StoredPolicy {
    StoredPolicy {
        name: name.parse().unwrap(),
        issuer: github(),
        body: body.to_owned(),
        changed_at: NOON,
        changed_by: "alice".to_owned(),
    }
}

fn operator(name: &str, role: Role, hash: u8) -> StoredOperator {
    StoredOperator {
        id: OperatorId::make(NOON, &Chance),
        name: name.parse().unwrap(),
        role,
        token_hash: [hash; 32],
        expires_at: NOON.plus(100),
        created_at: NOON,
        rotated_at: NOON,
    }
}

/// An issuer entry with its keys, two policies, two operators and a fact.
async fn fill(world: &World) {
    world
        .writer
        .run(|tx: &mut Tx| {
            Box::pin(async move {
                tx.issuer_put(&issuer()).await?;
                tx.policy_put(&policy("one", "{\"read\":[\"app\"]}")).await?;
                tx.policy_put(&policy("two", "{\"read\":[\"db\"]}")).await?;
                tx.operator_add(&operator("alice", Role::Admin, 1)).await?;
                tx.operator_add(&operator("audrey", Role::Auditor, 2)).await?;
                tx.meta_put("epochs", "7").await
            })
        })
        .await
        .unwrap();
    let keys = IssuerKeys {
        issuer: github(),
        source: "here".to_owned(),
        key_set: "{}".to_owned(),
        fetched_at: NOON,
    };
    world.writer.issuer_keys_put(keys).await.unwrap();
    assert_eq!(refused(world).await, []);
}

async fn refused(world: &World) -> Vec<(&'static str, String)> {
    let rows = world.store.refused_rows(&TestMac).await.unwrap();
    rows.into_iter().map(|RefusedRow { table, id }| (table, id)).collect()
}

async fn policies(world: &World) -> Vec<String> {
    let policies = world.store.policy_list(&TestMac).await.unwrap();
    policies.into_iter().map(|policy| policy.name.to_string()).collect()
}

/// The policies as a unit of work sees them.
async fn policies_inside(world: &World) -> Vec<String> {
    let listed: Result<_, StoreError> =
        world.writer.run(|tx| Box::pin(async move { tx.policy_list().await })).await;
    listed.unwrap().into_iter().map(|policy| policy.name.to_string()).collect()
}

on_each_backend! {
    async fn an_inserted_policy(world: &World) {
        fill(world).await;
        world
            .sql(
                "INSERT INTO policies (name, issuer, body, changed_at, changed_by)
                 SELECT 'planted', issuer, body, changed_at, changed_by
                 FROM policies WHERE name = 'one'",
            )
            .await;
        assert_eq!(policies(world).await, ["one", "two"]);
        assert_eq!(policies_inside(world).await, ["one", "two"]);
        let planted = "planted".parse().unwrap();
        assert_eq!(world.store.policy_find(&planted, &TestMac).await.unwrap(), None);
        assert_eq!(refused(world).await, [("policies", "planted".to_owned())]);
    }

    async fn a_copied_policy_under_another_name(world: &World) {
        fill(world).await;
        world
            .sql(
                "INSERT INTO policies (name, issuer, body, changed_at, changed_by, mac)
                 SELECT 'planted', issuer, body, changed_at, changed_by, mac
                 FROM policies WHERE name = 'one'",
            )
            .await;
        assert_eq!(policies(world).await, ["one", "two"]);
    }

    async fn an_edited_list_of_what_a_policy_reads(world: &World) {
        fill(world).await;
        world.sql("UPDATE policies SET body = '{\"read\":[\"**\"]}' WHERE name = 'one'").await;
        assert_eq!(policies(world).await, ["two"]);
        // Writing it again mends it.
        let put = world.writer.run(|tx: &mut Tx| {
            Box::pin(async move { tx.policy_put(&policy("one", "{}")).await })
        });
        put.await.unwrap();
        assert_eq!(policies(world).await, ["one", "two"]);
        assert_eq!(refused(world).await, []);
    }

    async fn macs_that_changed_places(world: &World) {
        fill(world).await;
        world
            .sql(
                "CREATE TABLE kept AS SELECT name, mac FROM policies;
                 UPDATE policies SET mac =
                     (SELECT kept.mac FROM kept WHERE kept.name <> policies.name);
                 DROP TABLE kept",
            )
            .await;
        assert_eq!(policies(world).await, Vec::<String>::new());
    }

    async fn an_edited_issuer(world: &World) {
        fill(world).await;
        world.sql("UPDATE issuers SET body = replace(body, 'token.actions', 'evil')").await;
        assert!(world.store.issuer_find(&github(), &TestMac).await.unwrap().is_none());
        assert!(world.store.issuer_list(&TestMac).await.unwrap().is_empty());
        assert_eq!(refused(world).await, [("issuers", "github".to_owned())]);
        // One that does not even parse takes nothing down.
        world.sql("INSERT INTO issuers (id, body, changed_at, changed_by)
            VALUES ('x', '{', 0, 'x')").await;
        assert!(world.store.issuer_list(&TestMac).await.unwrap().is_empty());
    }

    async fn planted_keys_of_an_issuer(world: &World) {
        fill(world).await;
        assert!(world.store.issuer_keys_find(&github(), &TestMac).await.unwrap().is_some());
        world.sql("UPDATE issuer_keys SET key_set = '{\"keys\":[]}'").await;
        assert!(world.store.issuer_keys_find(&github(), &TestMac).await.unwrap().is_none());
    }

    async fn a_role_that_was_raised(world: &World) {
        fill(world).await;
        let found = world.store.operator_find_by_hash(&[2; 32], &TestMac).await.unwrap().unwrap();
        world.sql("UPDATE operators SET role = 'admin' WHERE name = 'audrey'").await;
        assert_eq!(world.store.operator_find_by_hash(&[2; 32], &TestMac).await.unwrap(), None);
        let found = world.store.operator_find_by_id(found.id, &TestMac).await;
        assert_eq!(found.unwrap(), None);
        let listed = world.store.operator_list(&TestMac).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(refused(world).await.len(), 1);
        // The name is free for who is added anew, and the row can be removed.
        let mended: Result<_, StoreError> = world
            .writer
            .run(|tx| {
                Box::pin(async move {
                    let name = "audrey".parse().unwrap();
                    let rotated = tx.operator_rotate(&name, &[9; 32], NOON, NOON).await?;
                    let added = tx.operator_add(&operator("audrey", Role::Auditor, 3)).await?;
                    Ok((rotated, added))
                })
            })
            .await;
        assert_eq!(mended.unwrap(), (false, true));
        assert_eq!(refused(world).await, []);
    }

    async fn a_lengthened_life_of_a_token(world: &World) {
        fill(world).await;
        world.sql("UPDATE operators SET expires_at = expires_at + 1 WHERE name = 'alice'").await;
        assert_eq!(world.store.operator_find_by_hash(&[1; 32], &TestMac).await.unwrap(), None);
    }

    async fn a_lowered_fact(world: &World) {
        fill(world).await;
        let found = world.store.meta_check("epochs", &TestMac).await.unwrap();
        assert_eq!(found, Checked::Found("7".to_owned()));
        world.sql("UPDATE meta SET value = '6' WHERE key = 'epochs'").await;
        assert_eq!(
            world.store.meta_check("epochs", &TestMac).await.unwrap(),
            Checked::Refused
        );
        let inside: Result<_, StoreError> =
            world.writer.run(|tx| Box::pin(async move { tx.meta_check("epochs").await })).await;
        assert_eq!(inside.unwrap(), Checked::Refused);
        assert_eq!(world.store.meta_check("none", &TestMac).await.unwrap(), Checked::Absent);
    }
}

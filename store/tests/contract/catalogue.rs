//! What administrators write: issuers, policies, operators, keys, certificates.

use segura_model::issuer::KeySource;
use segura_model::{Algorithm, IssuerEntry, OperatorId, PolicyName, Role, Spend, Timestamp};
use segura_store::{
    Certificate, CertificateRole, ChangeNumber, IssuerKeys, KeyringMade, ShownCredential,
    StoreError, StoredIssuer, StoredOperator, StoredPolicy, Tx, WrappingKey,
};

use crate::on_each_backend;
use crate::world::{Chance, NOON, TestMac, World, github, options};

pub(crate) fn issuer() -> StoredIssuer {
    let entry = IssuerEntry {
        id: github(),
        preset: "github".to_owned(),
        iss: "https://token.actions.githubusercontent.com".parse().unwrap(),
        audiences: vec!["https://vault.example".parse().unwrap()],
        algorithms: vec![Algorithm::RS256],
        max_age: 600,
        spend: Spend::Once,
        keys: KeySource::Discovery { ca_file: None, bearer_token_file: None },
        insecure_loopback: false,
        shared: true,
    };
    StoredIssuer { entry, changed_at: NOON, changed_by: "alice".to_owned() }
}

fn policy(body: &str) -> StoredPolicy {
    StoredPolicy {
        name: "payments".parse().unwrap(),
        issuer: github(),
        body: body.to_owned(),
        changed_at: NOON,
        changed_by: "alice".to_owned(),
    }
}

fn operator(name: &str, hash: u8) -> StoredOperator {
    StoredOperator {
        id: OperatorId::make(NOON, &Chance),
        name: name.parse().unwrap(),
        role: Role::Admin,
        token_hash: [hash; 32],
        expires_at: NOON.plus(100),
        created_at: NOON,
        rotated_at: NOON,
    }
}

fn keys() -> IssuerKeys {
    IssuerKeys {
        issuer: github(),
        source: "https://token.actions.githubusercontent.com/.well-known/jwks".to_owned(),
        key_set: "{\n  \"keys\": []\n}".to_owned(),
        fetched_at: NOON,
    }
}

async fn put_issuer(world: &World) {
    world
        .writer
        .run(|tx: &mut Tx| Box::pin(async move { tx.issuer_put(&issuer()).await }))
        .await
        .unwrap();
}

on_each_backend! {
    async fn an_issuer_entry_reads_back_whole(world: &World) {
        put_issuer(world).await;
        let found = world.store.issuer_find(&github(), &TestMac).await.unwrap().unwrap();
        assert_eq!(
            serde_json::to_value(&found.entry).unwrap(),
            serde_json::to_value(issuer().entry).unwrap()
        );
        assert_eq!((found.changed_at, found.changed_by.as_str()), (NOON, "alice"));
        assert_eq!(world.store.issuer_list(&TestMac).await.unwrap().len(), 1);
        let removed: Result<_, StoreError> = world
            .writer
            .run(|tx| {
                Box::pin(async move {
                    Ok((tx.issuer_remove(&github()).await?, tx.issuer_remove(&github()).await?))
                })
            })
            .await;
        assert_eq!(removed.unwrap(), (true, false));
        assert!(world.store.issuer_find(&github(), &TestMac).await.unwrap().is_none());
    }

    async fn an_issuer_s_keys_do_not_outlive_its_entry(world: &World) {
        put_issuer(world).await;
        let number = world.store.change_number().await.unwrap();
        world.writer.issuer_keys_put(keys()).await.unwrap();
        let later = IssuerKeys { fetched_at: NOON.plus(60), ..keys() };
        world.writer.issuer_keys_put(later.clone()).await.unwrap();
        assert_eq!(world.store.change_number().await.unwrap(), number);
        assert_eq!(world.store.issuer_keys_find(&github(), &TestMac).await.unwrap(), Some(later));
        put_issuer(world).await;
        assert_eq!(world.store.issuer_keys_find(&github(), &TestMac).await.unwrap(), None);
    }

    async fn a_policy_is_replaced_never_merged(world: &World) {
        for body in ["{\"one\":1}", "{\"two\":2}"] {
            let policy = policy(body);
            let put = world.writer.run(|tx: &mut Tx| {
                Box::pin(async move { tx.policy_put(&policy).await })
            });
            put.await.unwrap();
        }
        let found = world.store.policy_find(&"payments".parse().unwrap(), &TestMac).await.unwrap();
        assert_eq!(found, Some(policy("{\"two\":2}")));
        assert_eq!(world.store.policy_list(&TestMac).await.unwrap(), [policy("{\"two\":2}")]);
    }

    async fn many_policies_are_written_and_found_together(world: &World) {
        let many = |body: &str| -> Vec<StoredPolicy> {
            // In another order than their names'; more than one statement takes.
            (0..2100).rev().map(|at| StoredPolicy {
                name: format!("p{at:04}").parse().unwrap(),
                ..policy(body)
            }).collect()
        };
        let put = async |policies: Vec<StoredPolicy>| {
            world.writer.run(|tx: &mut Tx| {
                Box::pin(async move { tx.policy_put_all(&policies).await })
            }).await
        };
        let before = world.store.change_number().await.unwrap();
        put(many("{\"one\":1}")).await.unwrap();
        assert_eq!(world.store.change_number().await.unwrap().0, before.0 + 1);
        put(many("{\"two\":2}").split_off(1050)).await.unwrap();

        let mut names: Vec<PolicyName> =
            many("").into_iter().map(|policy| policy.name).collect();
        names.push("none".parse().unwrap());
        let found = world.store.policy_find_all(&names, &TestMac).await.unwrap();
        assert_eq!(found, world.store.policy_list(&TestMac).await.unwrap());
        assert_eq!(found.len(), 2100);
        for (at, policy) in found.iter().enumerate() {
            let body = if at < 1050 { "{\"two\":2}" } else { "{\"one\":1}" };
            assert_eq!((policy.name.as_str(), &*policy.body), (&*format!("p{at:04}"), body));
        }
        let inside = world.writer.run(|tx: &mut Tx| {
            Box::pin(async move { tx.policy_find_all(&names).await })
        });
        assert_eq!(inside.await.unwrap(), found);
        let after = world.store.changes_since(ChangeNumber(before.0 + 1)).await.unwrap();
        assert!(!after.complete, "it is more than the feed tells at once");
    }

    async fn an_operator_s_name_is_taken_once(world: &World) {
        let (alice, bob) = (operator("alice", 1), operator("bob", 2));
        let twin = operator("alice", 3);
        let added: Result<_, StoreError> = world
            .writer
            .run({
                let (alice, bob) = (alice.clone(), bob.clone());
                move |tx| {
                    Box::pin(async move {
                        Ok([
                            tx.operator_add(&bob).await?,
                            tx.operator_add(&alice).await?,
                            tx.operator_add(&twin).await?,
                        ])
                    })
                }
            })
            .await;
        assert_eq!(added.unwrap(), [true, true, false]);
        assert!(world.store.has_operators().await.unwrap());
        let of_nobody = operator("carol", 3).id;
        assert_eq!(world.store.operator_find_by_id(of_nobody, &TestMac).await.unwrap(), None);
        let found = world.store.operator_find_by_id(bob.id, &TestMac).await.unwrap();
        assert_eq!(found.as_ref(), Some(&bob));
        assert_eq!(world.store.operator_list(&TestMac).await.unwrap(), [alice.clone(), bob]);
        let found = world.store.operator_find_by_hash(&[1; 32], &TestMac).await.unwrap();
        assert_eq!(found, Some(alice));
    }

    async fn a_rotated_token_is_the_only_one(world: &World) {
        let alice = operator("alice", 1);
        let name = alice.name.clone();
        let rotated: Result<_, StoreError> = world
            .writer
            .run(move |tx| {
                Box::pin(async move {
                    tx.operator_add(&alice).await?;
                    let end = NOON.plus(500);
                    tx.operator_rotate(&alice.name, &[4; 32], end, NOON.plus(1)).await
                })
            })
            .await;
        assert!(rotated.unwrap());
        assert_eq!(world.store.operator_find_by_hash(&[1; 32], &TestMac).await.unwrap(), None);
        let found = world.store.operator_find_by_hash(&[4; 32], &TestMac).await.unwrap().unwrap();
        assert_eq!((found.expires_at, found.rotated_at), (NOON.plus(500), NOON.plus(1)));
        let removed: Result<bool, StoreError> = world
            .writer
            .run(move |tx| Box::pin(async move { tx.operator_remove(&name).await }))
            .await;
        assert!(removed.unwrap());
        assert_eq!(world.store.operator_find_by_hash(&[4; 32], &TestMac).await.unwrap(), None);
    }

    async fn a_credential_that_was_rotated_or_expired_holds_no_more(world: &World) {
        let alice = operator("alice", 1);
        let bob = StoredOperator { expires_at: NOON, ..operator("bob", 2) };
        let shown = |of: &StoredOperator| ShownCredential {
            id: of.id,
            name: of.name.clone(),
            role: of.role,
            token_hash: of.token_hash,
        };
        let (first, expired) = (shown(&alice), shown(&bob));
        let second = ShownCredential { token_hash: [4; 32], ..first.clone() };
        let other_role = ShownCredential { role: Role::Auditor, ..second.clone() };
        let judged: Result<_, StoreError> = world
            .writer
            .run(move |tx| {
                Box::pin(async move {
                    tx.operator_add(&alice).await?;
                    tx.operator_add(&bob).await?;
                    let mut judged = vec![tx.credential_demand(&first).await.is_ok()];
                    tx.operator_rotate(&alice.name, &[4; 32], NOON.plus(9), NOON).await?;
                    for shown in [first, second.clone(), other_role, expired] {
                        judged.push(tx.credential_demand(&shown).await.is_ok());
                    }
                    tx.operator_remove(&alice.name).await?;
                    judged.push(tx.credential_demand(&second).await.is_ok());
                    Ok(judged)
                })
            })
            .await;
        assert_eq!(judged.unwrap(), [true, false, true, false, false, false]);
    }

    async fn of_two_inits_one_wins(world: &World) {
        let (one, two) = tokio::join!(
            world.store.keyring_make(b"one", NOON),
            world.store.keyring_make(b"two", NOON),
        );
        let stored = world.store.keyring_load().await.unwrap().unwrap();
        let results = [one.unwrap(), two.unwrap()];
        assert!(results.contains(&KeyringMade::Made), "{results:?}");
        assert!(results.contains(&KeyringMade::Exists(stored)), "{results:?}");

        world
            .writer
            .run(|tx: &mut Tx| Box::pin(tx.keyring_replace(b"three", NOON)))
            .await
            .unwrap();
        assert_eq!(world.store.keyring_load().await.unwrap().unwrap(), b"three");
    }

    async fn wrapping_keys_count_their_seals(world: &World) {
        let key = |id: &str, made_at: Timestamp| WrappingKey {
            id: id.to_owned(),
            wrapped: vec![1, 2],
            seals: 0,
            made_at,
        };
        let (old, new) = (key("b", NOON), key("a", NOON.plus(1)));
        let counted: Result<_, StoreError> = world
            .writer
            .run({
                let (old, new) = (old.clone(), new.clone());
                move |tx| {
                    Box::pin(async move {
                        tx.wrapping_key_add(&new).await?;
                        tx.wrapping_key_add(&old).await?;
                        tx.wrapping_key_count("a", 3).await?;
                        let counts = (
                            tx.wrapping_key_count("a", 2).await?,
                            tx.wrapping_key_count("c", 1).await?,
                        );
                        Ok(counts)
                    })
                }
            })
            .await;
        assert_eq!(counted.unwrap(), (Some(5), None));
        let list = world.store.wrapping_key_list().await.unwrap();
        assert_eq!(list, [old, WrappingKey { seals: 5, ..new }]);
    }

    async fn the_newest_certificate_of_a_role_counts(world: &World) {
        let leaf = |made_at: i64| Certificate {
            role: CertificateRole::Leaf,
            pem: "-----BEGIN CERTIFICATE-----\n".to_owned(),
            sealed_key: vec![1],
            made_at: NOON.plus(made_at),
            expires_at: NOON.plus(made_at + 90),
        };
        world
            .writer
            .run(move |tx: &mut Tx| {
                Box::pin(async move {
                    tx.certificate_add(&leaf(2)).await?;
                    tx.certificate_add(&leaf(1)).await
                })
            })
            .await
            .unwrap();
        let newest = world.store.certificate_newest(CertificateRole::Leaf).await.unwrap();
        assert_eq!(newest, Some(leaf(2)));
        let none = world.store.certificate_newest(CertificateRole::Authority).await.unwrap();
        assert_eq!(none, None);
        let trimmed = world.writer.run(move |tx: &mut Tx| {
            Box::pin(async move {
                let other = Certificate { role: CertificateRole::Authority, ..leaf(0) };
                tx.certificate_add(&other).await?;
                tx.certificate_add(&leaf(3)).await?;
                let trim = [3, 2, 2].map(|keep| (CertificateRole::Leaf, keep));
                let mut gone = Vec::new();
                for (role, keep) in trim {
                    gone.push(tx.certificate_trim(role, keep).await?);
                }
                Ok::<_, StoreError>(gone)
            })
        });
        assert_eq!(trimmed.await.unwrap(), [0, 1, 0]);
        let newest = world.store.certificate_newest(CertificateRole::Leaf).await.unwrap();
        assert_eq!(newest, Some(leaf(3)));
        let other = world.store.certificate_newest(CertificateRole::Authority).await.unwrap();
        assert!(other.is_some(), "of another role");
    }

    async fn a_reader_reads_and_does_not_write(world: &World) {
        put_issuer(world).await;
        let reader = segura_store::Store::open(&world.url, options(segura_store::OpenMode::Reader));
        let reader = reader.await.unwrap();
        assert_eq!(reader.issuer_list(&TestMac).await.unwrap().len(), 1);
        reader.ping().await.unwrap();
        assert!(matches!(reader.migrate().await, Err(StoreError::ReadOnly)));
        let made = reader.keyring_make(b"x", NOON).await;
        assert!(matches!(made, Err(StoreError::ReadOnly)));
    }
}

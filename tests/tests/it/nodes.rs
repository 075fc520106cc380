//! Two servers on one PostgreSQL are one broker; one data directory has one server.

use acceptance::world::Answer;
use acceptance::{Database, Run, segura};

use crate::main_job::{claims, github_world};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_share_keyring_sessions_and_changes() {
    let (mut world, issuer) = github_world(Database::Postgres).await;
    world.add_node().await;
    let delivered = world.deliver(&issuer.token(&claims()), &["db/prod/password"]).await;
    let session = delivered.body["session"]["token"].as_str().expect("a session").to_owned();
    let read = async |node: usize| {
        let url = format!("{}/api/v2/a2a/secrets/db/prod/password", world.url_of(node));
        Answer::of(world.http().get(url).bearer_auth(&session)).await.status
    };
    assert_eq!(read(1).await, 200, "the second server opens the first one's session");

    let end = format!("{}/api/v2/sessions/self/end", world.url_of(0));
    let _ = Answer::of(world.http().post(end).bearer_auth(&session)).await;
    assert_eq!(read(1).await, 401, "an end on one is an end on the other");

    let next = world
        .deliver_with_key(
            1,
            &issuer.token(&claims()),
            "request-key-on-node-1",
            &["db/prod/password"],
        )
        .await;
    assert_eq!(next.status, 200);
    world.administer(&["policy", "rm", "payments-deploy"]);
    let after = world
        .deliver_with_key(1, &issuer.token(&claims()), "request-key-later", &["db/prod/password"])
        .await;
    assert_eq!(after.status, 403, "a policy removed on one is removed on the other: {after:?}");
    world.administer(&["audit", "verify"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_on_one_data_directory_is_refused() {
    let (world, _issuer) = github_world(Database::Sqlite).await;

    let second = Run::of(
        segura().args(["server", "--config"]).arg(world.config()).args(["--listen", "127.0.0.1:0"]),
    );

    assert_ne!(second.code, 0);
    assert!(second.stderr.contains("is held by process"), "{}", second.stderr);
}

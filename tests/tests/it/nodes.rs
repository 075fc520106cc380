//! Two servers on one PostgreSQL are one broker; one data directory has one server; one
//! that stops is missed by nobody.

use std::process::Command;
use std::time::{Duration, Instant};

use acceptance::wire::{Wire, send};
use acceptance::world::{Answer, request_key};
use acceptance::{Database, Run, World, segura};
use serde_json::json;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_says_so_serves_on_and_then_closes_what_is_idle() {
    const READY: &[u8] = b"GET /readyz HTTP/1.1\r\nhost: test\r\n\r\n";
    let mut world = World::prepare(Database::Sqlite).await;
    world.speak_plain();
    // It drains for longer than this test takes on a busy machine, and would wait for idle
    // clients for ever.
    world.set("limits.drain_time=15s");
    world.set("limits.keep_alive=10m");
    world.set("limits.shutdown_time=10m");
    world.add_node().await;
    let port = world.nodes()[0].port();
    let (mut idle, mut busy) = (connect(port).await, connect(port).await);
    assert_eq!(idle.ask(READY).await.expect("an answer").status, 200);
    assert!(!busy.ask(READY).await.expect("an answer").closes);

    let signalled = Instant::now();
    let pid = world.nodes()[0].pid().to_string();
    let _ = Run::of(Command::new("kill").args(["-TERM", &pid])).ok();

    let leaving = loop {
        let reply = connect(port).await.ask(READY).await.expect("it serves on");
        if reply.status != 200 {
            break reply;
        }
    };
    assert_eq!(leaving.status, 503);
    let own = leaving.body["checks"].as_array().expect("a list of checks");
    assert!(own.contains(&json!({"name": "server", "state": "down"})), "{leaving:?}");
    let body = json!({"token": "x", "request_key": request_key(), "secrets": []});
    let reply = busy.ask(&send("POST", "/api/v2/deliveries", "", &body)).await;
    let reply = reply.expect("requests are served until the end");
    assert!(reply.closes, "its answer is the connection's last: {reply:?}");

    // An idle connection, kept by a client that is asleep, holds nothing up.
    world.stop();
    let took = signalled.elapsed();
    assert!(took >= Duration::from_secs(15), "it left after {took:?}");
    assert!(took < Duration::from_mins(5), "it waited for an idle connection: {took:?}");
    assert!(idle.ask(READY).await.is_err());
}

async fn connect(port: u16) -> Wire {
    Wire::connect(port).await.expect("the server takes connections")
}

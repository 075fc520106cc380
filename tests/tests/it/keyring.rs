//! The keyring: rolled under two servers at work, and put under another guard.

use std::os::unix::fs::PermissionsExt;

use acceptance::world::{Answer, text};
use acceptance::{Database, Run, World, on_each_database, segura};

use crate::main_job::{claims, github_world};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_roll_reaches_every_server_and_breaks_nothing_on_the_way() {
    let (mut world, issuer) = github_world(Database::Postgres).await;
    world.add_node().await;
    let old = world.deliver(&issuer.token(&claims()), &["db/prod/password"]).await;
    let old = old.body["session"]["token"].as_str().expect("a session").to_owned();
    let read = async |world: &World, node: usize, token: &str| {
        let url = format!("{}/api/v2/a2a/secrets/db/prod/password", world.url_of(node));
        Answer::of(world.http().get(url).bearer_auth(token)).await.status
    };

    let mut roll = world.admin(&["keyring", "roll", "--json"]);
    let rolling = tokio::task::spawn_blocking(move || Run::of(&mut roll));
    let mut given = 0;
    // As long as it takes, and at least once on each server.
    while !rolling.is_finished() || given < 2 {
        let node = given % 2;
        let key = format!("request-key-of-roll-{given}");
        let token = issuer.token(&claims());
        let answer = world.deliver_with_key(node, &token, &key, &["db/prod/password"]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let session = answer.body["session"]["token"].as_str().expect("a session");
        assert_eq!(read(&world, 1 - node, session).await, 200, "what one seals the other opens");
        given += 1;
    }
    let rolled = rolling.await.expect("it ran").ok().json();
    assert_eq!(rolled["generation"], 2);
    assert_eq!(rolled["wrapping_keys"].as_array().map(Vec::len), Some(2), "{rolled}");

    let on_second = |world: &World, arguments: &[&str]| {
        Run::of(world.admin(arguments).env("SEGURA_URL", world.url_of(1))).ok()
    };
    assert_eq!(on_second(&world, &["keyring", "show", "--json"]).json()["generation"], 2);
    let value = text(&world.write("value", "new"));
    on_second(&world, &["secret", "put", "db/prod/new", &format!("value=@{value}")]);
    let shown = world.administer(&["keyring", "show", "--json"]).json();
    assert_eq!(shown["wrapping_keys"][1]["seals"], 1, "new seals use the new key: {shown}");
    for node in [0, 1] {
        assert_eq!(read(&world, node, &old).await, 200, "what was sealed before still opens");
    }
    assert_eq!(world.administer(&["secret", "get", "db/prod/new"]).stdout.trim_end(), "new");
    assert_eq!(world.ledger(&["--event", "keyring.roll"]).len(), 2);
    world.administer(&["audit", "verify"]);

    world.stop();
    world.add_node().await;
    assert_eq!(read(&world, 0, &old).await, 200, "after a start too");
    assert_eq!(world.administer(&["secret", "get", "db/prod/new"]).stdout.trim_end(), "new");
}

on_each_database! {
    async fn another_guard_opens_the_same_keys(database: Database) {
        let (mut world, _issuer) = github_world(database).await;
        world.stop();
        let rewrap = |world: &World, arguments: &[&str]| {
            let mut command = segura();
            command.args(["keyring", "rewrap", "--json", "--config"]).arg(world.config());
            Run::of(command.args(arguments))
        };
        let refused = rewrap(&world, &["--new-key-file", "/no/such/folder/guard.key"]);
        assert_ne!(refused.code, 0);

        let key = text(&world.path("guard-2.key"));
        assert_eq!(rewrap(&world, &["--new-key-file", &key]).ok().json()["made"], true);
        let mode = std::fs::metadata(&key).expect("made").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let old_guard = rewrap(&world, &["--new-key-file", &text(&world.path("guard-3.key"))]);
        assert_ne!(old_guard.code, 0, "the old guard opens nothing any more");
        assert!(old_guard.stderr.contains("does not open"), "{old_guard:?}");
        assert!(!world.path("guard-3.key").exists(), "and nothing is left behind");
        name_guard(&world, "key_file", &key);
        world.add_node().await;
        let read = |world: &World| world.administer(&["secret", "get", "db/prod/password"]).stdout;
        assert_eq!(read(&world).trim_end(), "correct horse battery staple");
        assert_eq!(world.ledger(&["--event", "keyring.rewrap"]).len(), 1);

        world.stop();
        let phrase = world.write("phrase", "a passphrase that is long enough, surely");
        std::fs::set_permissions(&phrase, PermissionsExt::from_mode(0o600)).expect("ours");
        let phrase = text(&phrase);
        let _ = rewrap(&world, &["--new-passphrase-file", &phrase]).ok();
        name_guard(&world, "passphrase_file", &phrase);
        world.add_node().await;
        let shown = world.administer(&["keyring", "show", "--json"]).json();
        assert_eq!(shown["guard"], "a passphrase");
        assert_eq!(read(&world).trim_end(), "correct horse battery staple");
        world.administer(&["audit", "verify"]);
    }
}

/// Name another guard in the configuration file.
fn name_guard(world: &World, setting: &str, path: &str) {
    let config = std::fs::read_to_string(world.config()).expect("init wrote it");
    let is_guard = |line: &str| line.starts_with("key_file = ") || line.starts_with("passphrase");
    let lines = config
        .lines()
        .map(|line| if is_guard(line) { format!("{setting} = {path:?}") } else { line.to_owned() });
    let changed = lines.collect::<Vec<_>>().join("\n");
    assert_ne!(changed, config);
    std::fs::write(world.config(), changed).expect("it is ours");
}

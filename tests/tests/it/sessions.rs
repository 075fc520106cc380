//! Sessions called off together, and secrets that are older than they should be.

use std::time::{Duration, Instant};

use acceptance::on_each_database;
use acceptance::world::{Answer, text};

use crate::main_job::{claims, github_world};

on_each_database! {
    async fn sessions_of_a_kind_are_called_off_together(database: Database) {
        let (world, issuer) = github_world(database).await;
        let subject = claims()["sub"].as_str().expect("a subject").to_owned();
        let scopes: [&[&str]; 4] = [
            &["--policy", "payments-deploy"],
            &["--issuer", "github", "--subject", &subject],
            &["--issuer", "github"],
            &["--all"],
        ];
        let url = format!("{}/api/v2/a2a/secrets/db/prod/password", world.url());
        let read = async |token: &str| {
            Answer::of(world.http().get(&url).bearer_auth(token)).await.status
        };
        for scope in scopes {
            let delivered = world.deliver(&issuer.token(&claims()), &["db/prod/password"]).await;
            let token = delivered.body["session"]["token"].as_str().expect("a session").to_owned();
            assert_eq!(read(&token).await, 200, "a job that asks anew is let in: {scope:?}");
            for elsewhere in [&["--policy", "another"][..], &["--issuer", "another"]] {
                let revoke = [&["session", "revoke", "--json"], elsewhere].concat();
                let answer = world.administer(&revoke).json();
                assert_eq!((&answer["sessions"], &answer["known"]), (&0.into(), &false.into()));
            }
            assert_eq!(read(&token).await, 200, "another's are another's: {scope:?}");

            let run = world.administer(&[&["session", "revoke"], scope].concat());

            assert!(run.stdout.contains("1 was open"), "{run:?}");
            let again = world.administer(&[&["session", "revoke", "--json"], scope].concat());
            assert_eq!(again.json()["known"], true, "{scope:?}");
            assert_eq!(read(&token).await, 401, "{scope:?}");
        }
        let raised = world.ledger(&["--event", "epoch.raise"]);
        assert!(raised.iter().any(|record| record["record"]["detail"]["sessions"] == 1));
        let open = world.administer(&["session", "ls", "--json"]).json();
        assert_eq!(open["sessions"].as_array().map(Vec::len), Some(0), "{open}");
    }
}

on_each_database! {
    async fn a_secret_past_its_maximum_age_is_shown(database: Database) {
        let (world, _issuer) = github_world(database).await;
        let value = text(&world.write("value", "old"));
        let field = format!("value=@{value}");
        world.administer(&["secret", "put", "db/old", "--max-age", "1s", &field]);
        world.administer(&["secret", "put", "db/new", "--max-age", "1h", &field]);
        let began = Instant::now();
        let listed = loop {
            let listed = world.administer(&["secret", "ls", "--overdue", "--json"]).json();
            if listed["secrets"].as_array().is_some_and(|secrets| !secrets.is_empty()) {
                break listed;
            }
            assert!(began.elapsed() < Duration::from_mins(1), "it gets older than a second");
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        let paths: Vec<_> = listed["secrets"].as_array().into_iter().flatten().collect();
        assert_eq!(paths.len(), 1, "{listed}");
        assert_eq!((&paths[0]["path"], &paths[0]["overdue"]), (&"db/old".into(), &true.into()));
        let history = world.administer(&["secret", "history", "db/old", "--json"]).json();
        assert_eq!(history["overdue"], true);
        let got = world.administer(&["secret", "get", "db/old"]);
        assert_eq!(got.stdout.trim_end(), "old", "it is given still");
        assert!(got.stderr.contains("warning: db/old is older than 1s"), "{got:?}");

        // Words about it do not make the value younger.
        let all = world.administer(&["secret", "ls", "--json"]).json();
        assert_eq!(all["secrets"].as_array().map(Vec::len), Some(4), "{all}");
        world.administer(&["secret", "put", "db/old", &field, "--max-age", "1h"]);
        let none = world.administer(&["secret", "ls", "--overdue"]);
        assert!(none.stdout.contains("no secrets"), "{none:?}");
    }
}

//! Policies by the thousand: a folder of them is applied in one command.

use std::fmt::Write;

use acceptance::world::text;
use acceptance::{Run, TokenIssuer, World, on_each_database};
use segura_model::Algorithm;
use serde_json::Value;

use crate::main_job::claims;

/// Policies of as many repositories; the samples' repository, 456789, is the last.
fn file(numbers: std::ops::Range<u32>, last: u32) -> String {
    numbers.fold(String::new(), |mut file, number| {
        let repository = if number == last { 456_789 } else { 1_000_000 + number };
        let _ = write!(
            file,
            "---\npolicy: team-{number}\nissuer: github\nanchor: {{ repository_id: \
             \"{repository}\", repository_owner_id: \"123456\" }}\nclaims: {{ ref: \
             refs/heads/main }}\nread: [\"team-{number}/*\"]\n"
        );
        file
    })
}

fn list(answer: &Value) -> &Vec<Value> {
    answer["policies"].as_array().expect("a list")
}

on_each_database! {
    async fn more_policies_than_a_request_takes_are_applied_by_one_command(database: Database) {
        const ALL: u32 = 2_100;
        let world = World::start(database).await;
        let issuer = TokenIssuer::start(Algorithm::RS256).await;
        world.enrol("github", "github", &issuer);
        world.put_secret("team-2099/password", "hunter2-canary");
        let folder = world.path("policies");
        std::fs::create_dir(&folder).expect("a folder");
        let put = |name: &str, file: &str| std::fs::write(folder.join(name), file).expect("written");
        put("a.yaml", &file(0..1_500, ALL - 1));
        put("b.yaml", &file(1_500..ALL, ALL - 1));
        let apply = |world: &World, more: &[&str]| {
            let folder = text(&folder);
            let all = [&["policy", "apply", "-f", &folder], more].concat();
            Run::of(&mut world.admin(&all))
        };

        // A mistake in the last one leaves all unapplied.
        put("c.yaml", "policy: wrong\nissuer: github\nclaims: { rfe: x }\nread: [a]\n");
        let refused = apply(&world, &[]);
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.stderr.contains("`rfe`") && refused.stderr.contains("c.yaml"), "{refused:?}");
        let listed = |world: &World| {
            list(&world.administer(&["policy", "ls", "--json"]).json()).len()
        };
        assert_eq!(listed(&world), 0);
        std::fs::remove_file(folder.join("c.yaml")).expect("removed");

        let dry = apply(&world, &["--dry-run", "--json"]).ok().json();
        assert_eq!(list(&dry).len(), ALL as usize);
        assert_eq!(listed(&world), 0, "a dry run is dry");

        let applied = apply(&world, &["--json"]).ok().json();
        assert_eq!(applied["policies"][2_099]["policy"], "team-2099");
        assert_eq!(applied["policies"][2_099]["change"], "created");
        assert_eq!(listed(&world), ALL as usize);
        let given = world.deliver(&issuer.token(&claims()), &["team-2099/password"]).await;
        assert_eq!(given.status, 200, "{given:?}");

        let again = apply(&world, &["--json"]).ok().json();
        assert!(list(&again).iter().all(|policy| policy["change"] == "unchanged"));
    }
}

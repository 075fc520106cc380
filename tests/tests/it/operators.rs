//! Operators: a second `init`, roles, recovery.

use acceptance::{Run, World, on_each_database, segura};

on_each_database! {
    async fn a_second_init_changes_nothing_and_says_so(database: Database) {
        let world = World::start(database).await;
        let before = std::fs::read(world.credential()).expect("the first credential");
        let mut again = segura();
        again
            .args(["init", "--url", acceptance::world::AUDIENCE, "--data-dir"])
            .arg(world.path("data"))
            .arg("--config")
            .arg(world.config())
            .arg("--credential-file")
            .arg(world.path("second.token"));

        let run = Run::of(&mut again);

        assert!(format!("{}{}", run.stdout, run.stderr).contains("already"), "{run:?}");
        assert!(!world.path("second.token").exists());
        assert_eq!(std::fs::read(world.credential()).expect("still there"), before);
    }
}

on_each_database! {
    async fn roles_bound_what_an_operator_does(database: Database) {
        let world = World::start(database).await;
        world.put_secret("db/prod/password", "for admins only");
        let author = world.path("author.token");
        world.administer(&["operator", "add", "alice", "--role", "author", "--credential-file", &acceptance::world::text(&author)]);
        let as_author = |arguments: &[&str]| {
            Run::of(world.admin(arguments).env("SEGURA_TOKEN_FILE", &author))
        };

        assert_eq!(as_author(&["secret", "get", "db/prod/password"]).code, 4, "an author reads no value");
        assert_eq!(as_author(&["operator", "ls"]).code, 4);
        assert_eq!(as_author(&["secret", "ls"]).code, 0);

        world.administer(&["operator", "rm", "alice"]);
        assert_eq!(as_author(&["secret", "ls"]).code, 3, "a removed operator is nobody");
        let read = world.administer(&["secret", "get", "db/prod/password"]).stdout;
        assert_eq!(read.trim_end(), "for admins only");
    }
}

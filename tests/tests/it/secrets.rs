//! Writing secrets: what a new version takes with it is said.

use acceptance::{Run, World, on_each_database};

on_each_database! {
    async fn a_write_says_what_is_lost_by_it(database: Database) {
        let world = World::start(database).await;
        let put = |arguments: &[&str]| {
            let mut line = vec!["secret", "put", "db/app", "--json"];
            line.extend(arguments);
            Run::of(&mut world.admin(&line)).ok()
        };
        let first = put(&["user=u", "password=canary-1", "--expires-at", "2001-01-01"]);
        assert_eq!(first.json()["expired"], true, "{first:?}");

        let second = put(&["password=canary-2"]);
        assert_eq!(second.json()["dropped_fields"][0], "user", "{second:?}");
        assert_eq!(second.json()["expired"], true, "kept: {second:?}");
        for told in ["user", "--clear expires_at", "--version"] {
            assert!(second.stderr.contains(told), "{told}: {second:?}");
        }
        assert!(!second.stderr.contains("canary"), "{second:?}");

        let third = put(&["password=canary-3", "--clear", "expires_at"]);
        assert_eq!(third.json()["expired"], false, "{third:?}");
        assert!(third.json()["dropped_fields"].is_null(), "{third:?}");
        assert!(!third.stderr.contains("expired"), "{third:?}");
    }
}

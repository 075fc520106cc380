//! Whatever is done to the ledger behind the store's back is found and named.

use segura_store::Head;
use segura_store::ledger::{self, ProblemKind};

use crate::on_each_backend;
use crate::world::{TestMac, World, delivery, done, read_record};

/// Eight records after the server's start: numbers 1 to 9.
async fn write_nine(world: &World) {
    for token in 0..8 {
        done(world.writer.submit(delivery(token, 1)).await);
    }
    assert!(world.verify().await.is_clean());
}

/// What verification finds after `sql`.
async fn found_after(world: &World, sql: &str) -> Vec<(i64, ProblemKind)> {
    write_nine(world).await;
    world.sql(sql).await;
    problems(world).await
}

async fn problems(world: &World) -> Vec<(i64, ProblemKind)> {
    let report = world.verify().await;
    assert_eq!(report.unlisted, 0);
    report.problems.into_iter().map(|problem| (problem.seq, problem.what)).collect()
}

on_each_backend! {
    async fn an_edited_column(world: &World) {
        let found = found_after(world, "UPDATE ledger SET subject = 'x' WHERE seq = 4").await;
        assert_eq!(found, [(4, ProblemKind::Edited)]);
    }

    async fn an_edited_time_of_the_last_record(world: &World) {
        let found = found_after(world, "UPDATE ledger SET at = at + 1 WHERE seq = 9").await;
        assert_eq!(found, [(9, ProblemKind::Edited)]);
    }

    async fn an_edited_body(world: &World) {
        let sql = "UPDATE ledger SET body = replace(body, 'db/prod', 'db/test') WHERE seq = 4";
        assert_eq!(found_after(world, sql).await, [(4, ProblemKind::Body)]);
    }

    async fn an_edited_index_of_paths(world: &World) {
        let sql = "UPDATE ledger_paths SET path = 'db/test' WHERE seq = 4";
        assert_eq!(found_after(world, sql).await, [(4, ProblemKind::Edited)]);
    }

    async fn a_path_hidden_from_searches(world: &World) {
        let sql = "DELETE FROM ledger_paths WHERE seq = 9";
        assert_eq!(found_after(world, sql).await, [(9, ProblemKind::Edited)]);
    }

    async fn an_edited_hash(world: &World) {
        let sql = "UPDATE ledger SET hash = body_digest WHERE seq = 4";
        // Which of the two was changed cannot be known, so both are named.
        let expected = [(4, ProblemKind::Edited), (5, ProblemKind::Unlinked)];
        assert_eq!(found_after(world, sql).await, expected);
    }

    async fn an_encoding_that_is_not_known(world: &World) {
        let sql = "UPDATE ledger SET encoding = 7 WHERE seq IN (4, 9)";
        let unknown = ProblemKind::Encoding { number: 7 };
        assert!(unknown.to_string().contains("encoding 7, not known here"), "{unknown}");
        assert_eq!(found_after(world, sql).await, [(4, unknown.clone()), (9, unknown)]);
    }

    async fn a_digest_that_is_none(world: &World) {
        let sql = "UPDATE ledger SET body_digest = hash || hash WHERE seq = 4";
        let found = found_after(world, sql).await;
        assert_eq!(found, [(4, ProblemKind::Edited), (4, ProblemKind::Body)]);
    }

    async fn a_record_put_before_the_first(world: &World) {
        let sql = "INSERT INTO ledger (chain, seq, encoding, at, event, outcome, body_digest, hash)
            SELECT chain, 0, encoding, at, event, outcome, body_digest, hash
            FROM ledger WHERE seq = 4";
        assert_eq!(found_after(world, sql).await, [(0, ProblemKind::Unlinked)]);
    }

    async fn a_record_that_was_removed(world: &World) {
        let found = found_after(world, "DELETE FROM ledger WHERE seq = 4").await;
        assert_eq!(found, [(4, ProblemKind::Missing { last: 4 })]);
    }

    async fn the_first_records_removed(world: &World) {
        let found = found_after(world, "DELETE FROM ledger WHERE seq <= 3").await;
        assert_eq!(found, [(1, ProblemKind::Missing { last: 3 })]);
    }

    async fn a_removed_record_with_the_rest_moved_up(world: &World) {
        let sql = "DELETE FROM ledger WHERE seq = 8; DELETE FROM ledger_paths WHERE seq = 8;
            UPDATE ledger SET seq = 8 WHERE seq = 9; UPDATE ledger_paths SET seq = 8 WHERE seq = 9";
        let found = found_after(world, sql).await;
        assert_eq!(found[0], (8, ProblemKind::Edited));
        assert!(found.contains(&(9, ProblemKind::Truncated { last: 9 })), "{found:?}");
    }

    async fn two_neighbours_that_changed_places(world: &World) {
        let found = found_after(world, &swap(4, 5)).await;
        let expected =
            [(4, ProblemKind::Moved { from: 5 }), (5, ProblemKind::Moved { from: 4 })];
        assert_eq!(found, expected);
    }

    async fn two_records_that_changed_places(world: &World) {
        let found = found_after(world, &swap(3, 7)).await;
        let expected =
            [(3, ProblemKind::Moved { from: 7 }), (7, ProblemKind::Moved { from: 3 })];
        assert_eq!(found, expected);
    }

    async fn a_chain_cut_short(world: &World) {
        let found = found_after(world, "DELETE FROM ledger WHERE seq > 6").await;
        assert_eq!(found[0], (7, ProblemKind::Truncated { last: 9 }));
    }

    /// Whoever can restore an old head with its MAC leaves no trace inside the database.
    async fn a_chain_cut_short_with_its_head_shows_against_one_kept_outside(world: &World) {
        write_nine(world).await;
        let old = world.head().await;
        world.record(read_record()).await;
        let kept = world.head().await;
        world.sql(&format!("DELETE FROM ledger WHERE seq > {}", old.seq)).await;
        world.sql(&format!("DELETE FROM ledger_paths WHERE seq > {}", old.seq)).await;
        world.sql(&set_head(world, old)).await;
        assert!(world.verify().await.is_clean());
        let report = world.verify_against(kept).await;
        let found: Vec<_> =
            report.problems.into_iter().map(|problem| (problem.seq, problem.what)).collect();
        assert_eq!(found, [(kept.seq, ProblemKind::KeptHeadMissing)]);
    }

    async fn a_record_past_the_head(world: &World) {
        write_nine(world).await;
        let old = world.head().await;
        world.record(read_record()).await;
        world.sql(&set_head(world, old)).await;
        assert_eq!(problems(world).await, [(10, ProblemKind::BeyondHead)]);
    }

    async fn a_head_that_is_not_ours(world: &World) {
        write_nine(world).await;
        let forged = Head { mac: [0; 32], ..world.head().await };
        world.sql(&set_head(world, forged)).await;
        assert_eq!(problems(world).await, [(9, ProblemKind::Head)]);
        let report = world.verify_against(forged).await;
        assert_eq!(report.problems.last().unwrap().what, ProblemKind::ForeignHead);
    }

    async fn a_rewritten_history_differs_from_a_head_kept_outside(world: &World) {
        write_nine(world).await;
        let head = world.head().await;
        let other = ledger_head_of_another_history(head);
        let report = world.verify_against(other).await;
        assert_eq!(report.problems[0].what, ProblemKind::KeptHeadDiffers);
    }

    async fn records_of_a_chain_that_is_not_registered(world: &World) {
        let sql = "UPDATE ledger SET chain = '01ARZ3NDEKTSV4RRFFQ69G5FAV' WHERE seq = 9";
        let found = found_after(world, sql).await;
        assert!(found.contains(&(9, ProblemKind::Unregistered)), "{found:?}");
        assert!(found.contains(&(9, ProblemKind::Truncated { last: 9 })), "{found:?}");
    }

    async fn an_edited_line_of_the_register(world: &World) {
        let found = found_after(world, "UPDATE chains SET started_at = started_at - 60").await;
        assert_eq!(found, [(0, ProblemKind::Register)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_chain_that_was_removed() {
    let world = three_starts().await;
    world.sql("DELETE FROM ledger WHERE chain = (SELECT id FROM chains WHERE number = 2)").await;
    world.sql("DELETE FROM chains WHERE number = 2").await;
    let report = world.verify().await;
    let what: Vec<_> = report.problems.iter().map(|problem| &problem.what).collect();
    assert_eq!(what, [&ProblemKind::ChainsMissing { first: 2, last: 2 }]);
    world.end().await;
}

/// The next server start wrote down where the chain stood, so that the head's MAC, which
/// whoever restores an old head has, is not all there is.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_chain_cut_short_with_its_head_shows_against_the_next_one() {
    let world = World::sqlite().await;
    write_nine(&world).await;
    let old = world.head().await;
    world.record(read_record()).await;
    let world = world.restart().await;
    assert!(world.verify().await.is_clean());
    world.sql(&format!("DELETE FROM ledger WHERE seq > {}", old.seq)).await;
    world.sql(&format!("DELETE FROM ledger_paths WHERE seq > {}", old.seq)).await;
    world.sql(&set_head(&world, old)).await;
    let report = world.verify().await;
    let found: Vec<_> =
        report.problems.into_iter().map(|problem| (problem.seq, problem.what)).collect();
    assert_eq!(found, [(old.seq + 1, ProblemKind::Predecessor)]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_problem_says_which_record_and_what() {
    let world = World::sqlite().await;
    write_nine(&world).await;
    world.sql("UPDATE ledger SET subject = 'x' WHERE seq = 4").await;
    let report = ledger::verify(&world.store, &TestMac, None).await.unwrap();
    let chain = world.head().await.chain;
    assert_eq!(
        report.problems[0].to_string(),
        format!("chain {chain} record 4: was changed after it was written")
    );
    world.end().await;
}

async fn three_starts() -> World {
    let world = World::sqlite().await;
    world.record(read_record()).await;
    let world = world.restart().await;
    world.record(read_record()).await;
    let world = world.restart().await;
    assert!(world.verify().await.is_clean());
    world
}

/// SQL that lets two records change places.
fn swap(one: i64, other: i64) -> String {
    ["ledger", "ledger_paths"]
        .map(|table| {
            format!(
                "UPDATE {table} SET seq = -1 WHERE seq = {one};
                 UPDATE {table} SET seq = {one} WHERE seq = {other};
                 UPDATE {table} SET seq = {other} WHERE seq = -1;"
            )
        })
        .concat()
}

/// SQL that stores a head.
fn set_head(world: &World, head: Head) -> String {
    let hex = |bytes: &[u8]| {
        let hex = bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        match world.store.backend() {
            segura_store::Backend::Postgres => format!("'\\x{hex}'"),
            segura_store::Backend::Sqlite => format!("x'{hex}'"),
        }
    };
    format!(
        "UPDATE chains SET head_seq = {}, head_hash = {}, head_mac = {} WHERE id = '{}'",
        head.seq,
        hex(&head.hash),
        hex(&head.mac),
        head.chain
    )
}

/// A head that this broker made, of a record that is not the one in the ledger.
fn ledger_head_of_another_history(head: Head) -> Head {
    use segura_store::HeadMac;
    let hash = [1; 32];
    Head { hash, mac: TestMac.mac(&head.chain, head.seq, &hash), ..head }
}

//! The README's files do what it says when they are applied as they are printed.

use acceptance::{Database, World};

/// The YAML blocks that name their file and the command that applies it.
fn applied() -> Vec<(String, Vec<String>, &'static str)> {
    const README: &str = include_str!("../../../README.md");
    let blocks = README.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let applied = blocks.filter_map(|block| {
        let (file, command) = block.lines().next()?.strip_prefix("# ")?.split_once(", applied")?;
        let command = command.split('`').nth(1)?.strip_prefix("segura ")?;
        let words = command.split(' ').map(str::to_owned).collect();
        Some((file.to_owned(), words, block))
    });
    applied.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_files_apply_as_printed_and_draw_no_warning() {
    let world = World::start(Database::Sqlite).await;
    let applied = applied();
    let files: Vec<&str> = applied.iter().map(|(file, ..)| file.as_str()).collect();
    assert_eq!(files, ["github.yaml", "payments.yaml"]);
    for (file, command, block) in &applied {
        let path = acceptance::world::text(&world.write(file, block));
        let words = command.iter().map(|word| if word == file { path.as_str() } else { word });
        let run = world.administer(&words.collect::<Vec<_>>());
        let told = format!("{}{}", run.stdout, run.stderr);
        assert!(!told.contains("warning"), "{file}: {told}");
    }
    let shown = world.administer(&["policy", "ls", "--json"]).json();
    assert!(shown["policies"][0]["pending"].is_null(), "it grants: {shown}");
}

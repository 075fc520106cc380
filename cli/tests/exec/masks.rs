//! What of a value is hidden, and what `segura export` refuses because that cannot be.

use serde_json::json;

use crate::fake::{Fake, TOKEN};
use crate::{Run, exec, run, segura};

/// `segura export` of one value; what it printed, and what it wrote for later steps.
fn export(value: &str, more: &[&str]) -> (Run, String) {
    let broker = Fake::with_value(value);
    let folder = tempfile::tempdir().expect("a folder");
    let env = folder.path().join("env");
    let mut command = segura(&broker);
    command.env("GITHUB_ENV", &env).env("RUNNER_TEMP", folder.path()).env("MY_TOKEN", TOKEN);
    command.args(["export", "--token-env", "MY_TOKEN", "--secret", "a > P"]).args(more);
    let run = run(&mut command);
    (run, std::fs::read_to_string(env).unwrap_or_default())
}

#[test]
fn a_value_without_a_line_to_mask_is_not_exported() {
    let (refused, written) = export("123\n456\n789", &[]);
    assert_eq!((refused.code, written.as_str()), (2, ""), "{}", refused.err);
    assert!(refused.err.contains("the value for P"), "{}", refused.err);
    assert!(refused.err.contains("--allow-unmasked"), "{}", refused.err);

    let (taken, written) = export("123\n456\n789", &["--allow-unmasked"]);
    assert!(taken.code == 0 && written.contains("\n123\n456\n789\n"), "{}", taken.err);

    let (taken, _) = export("123\n4567\n89", &[]);
    assert_eq!(taken.code, 0, "{}", taken.err);
    assert!(taken.out.starts_with("::add-mask::4567\n"), "{}", taken.out);
}

#[test]
fn a_password_inside_json_is_masked_by_itself() {
    let value = json!({"user": "app", "password": "S3cr3t", "private_key": "a key\nand more\n"});
    let (taken, _) = export(&value.to_string(), &[]);
    for mask in ["::add-mask::S3cr3t\n", "::add-mask::a key\n", "::add-mask::and more\n"] {
        assert!(taken.out.contains(mask), "{}", taken.out);
    }
    assert!(!taken.out.contains("::app\n"), "{}", taken.out);

    let broker = Fake::with_value(&value.to_string());
    let script = r#"printf '%s\n' "$P"; echo S3cr3t app"#;
    let told = run(exec(&broker, "a > P").args(["sh", "-c", script]));
    assert_eq!(told.out, "***\n*** app\n");
}

//! Secrets among the settings: where they may come from, and that no message has them.

use super::*;

#[test]
fn a_secret_is_never_in_the_file_or_on_the_command_line() {
    let inline =
        SMALL.replace("key_file = \"guard.key\"", "passphrase = \"correct horse battery\"");
    let said = problems(load(&inline));
    assert!(
        said.contains("guard.passphrase_file") && said.contains("SEGURA_GUARD__PASSPHRASE"),
        "{said}"
    );
    assert!(!said.contains("correct horse"), "{said}");

    let url = SMALL.to_owned() + "[database]\nurl = \"postgres://u:hunter2@db.example/segura\"\n";
    let said = problems(load(&url));
    assert!(said.contains("database.password_file") && !said.contains("hunter2"), "{said}");
    let url = SMALL.to_owned()
        + "[database]\nurl = \"postgres://u@db.example/segura?password=hunter2\"\n";
    assert!(!problems(load(&url)).contains("hunter2"));

    let written = Written::new();
    let said = problems(written.load(SMALL, &[], &[("guard.passphrase", "correct horse battery")]));
    assert!(said.contains("guard.passphrase_file") && !said.contains("correct horse"), "{said}");
}

#[test]
fn a_secret_comes_from_the_environment_or_a_file_of_its_own() {
    let written = Written::new();
    let without = SMALL.replace("key_file = \"guard.key\"", "");
    let vars = [("SEGURA_GUARD__PASSPHRASE", "correct horse battery")];
    let config = written.load(&without, &vars, &[]).unwrap();
    assert!(matches!(config.guard, GuardSource::Passphrase(_)));
    assert!(!format!("{config:?}").contains("horse"));

    let database = "database = \"postgres://u@db.example/segura\"\n".to_owned() + SMALL;
    let vars = [("SEGURA_DATABASE__PASSWORD", "p@ss/word")];
    let config = written.load(&database, &vars, &[]).unwrap();
    let DatabaseUrl::Postgres(url) = &config.database else { panic!("{:?}", config.database) };
    // EXPOSE: a test compares it.
    assert_eq!(url.expose(), "postgres://u:p%40ss%2Fword@db.example/segura");

    let path = written.file("password", "hunter2\n", 0o600);
    let file = SMALL.to_owned()
        + "[database]\nurl = \"postgres://u@db.example/segura\"\npassword_file = \"password\"\n";
    let config = written.load(&file, &[], &[]).unwrap();
    let DatabaseUrl::Postgres(url) = &config.database else { panic!("{:?}", config.database) };
    // EXPOSE: a test compares it.
    assert_eq!(url.expose(), "postgres://u:hunter2@db.example/segura");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = problems(written.load(&file, &[], &[]));
    assert!(said.contains("chmod 600"), "{said}");
}

#[test]
fn of_the_databases_passwords_the_one_that_stands_highest_counts() {
    const URL: (&str, &str) = ("SEGURA_DATABASE__URL", "postgres://u@db.example/segura");
    const INLINE: (&str, &str) = ("SEGURA_DATABASE__URL", "postgres://u:inline@db.example/segura");
    const PARAMETER: (&str, &str) = (
        "SEGURA_DATABASE__URL",
        "postgres://u@db.example/segura?options=-c%20a&password=inline&sslmode=require",
    );
    const WORD: (&str, &str) = ("SEGURA_DATABASE__PASSWORD", "word");
    let written = Written::new();
    let [of_file, of_env, of_flag] = ["of-file", "of-env", "of-flag"]
        .map(|name| written.file(name, name, 0o600).display().to_string());
    let text = format!("{SMALL}[database]\npassword_file = \"{of_file}\"\n");
    let env_file = ("SEGURA_DATABASE__PASSWORD_FILE", of_env.as_str());
    let flag_file = [("database.password_file", of_flag.as_str())];
    let url = |vars: &[(&str, &str)], flags: &[(&str, &str)]| {
        let config = written.load(&text, vars, flags).unwrap();
        let DatabaseUrl::Postgres(url) = &config.database else { panic!("{:?}", config.database) };
        // EXPOSE: a test compares it.
        url.expose().replace("db.example/segura", "")
    };
    assert_eq!(url(&[URL], &[]), "postgres://u:of-file@");
    assert_eq!(url(&[INLINE], &[]), "postgres://u:inline@");
    assert_eq!(
        url(&[PARAMETER], &[]),
        "postgres://u@?options=-c%20a&password=inline&sslmode=require"
    );
    assert_eq!(url(&[URL, WORD], &[]), "postgres://u:word@");
    assert_eq!(url(&[URL, env_file], &[]), "postgres://u:of-env@");
    for vars in [&[URL][..], &[INLINE], &[URL, WORD], &[URL, env_file], &[INLINE, WORD, env_file]] {
        assert_eq!(url(vars, &flag_file), "postgres://u:of-flag@", "{vars:?}");
    }
    assert_eq!(
        url(&[PARAMETER], &flag_file),
        "postgres://u:of-flag@?options=-c%20a&sslmode=require",
        "the driver would take the parameter"
    );
}

#[test]
fn two_passwords_of_the_database_that_stand_equally_high_are_refused() {
    const INLINE: (&str, &str) = ("SEGURA_DATABASE__URL", "postgres://u:hunter2@db.example/s");
    const TWICE: (&str, &str) =
        ("SEGURA_DATABASE__URL", "postgres://u:hunter2@db.example/s?password=hunter2");
    const URL: (&str, &str) = ("SEGURA_DATABASE__URL", "postgres://u@db.example/s");
    const WORD: (&str, &str) = ("SEGURA_DATABASE__PASSWORD", "hunter2");
    const FILE: (&str, &str) = ("SEGURA_DATABASE__PASSWORD_FILE", "/run/password");
    let (word, file) = ("`database.password`", "`database.password_file`");
    for (vars, named) in [
        (&[INLINE, WORD][..], ["`database.url`", word]),
        (&[INLINE, FILE], ["`database.url`", file]),
        (&[URL, WORD, FILE], [word, file]),
        (&[TWICE], ["`database.url`", "keep one"]),
    ] {
        let said = problems(Written::new().load(SMALL, vars, &[]));
        assert!(named.iter().all(|named| said.contains(named)), "{vars:?}: {said}");
        assert!(said.contains("twice") && !said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_password_that_cannot_be_told_from_the_address_is_refused_unprinted() {
    for url in [
        "postgres://u:/s3cret?x@127.0.0.1:9/db",
        "postgres://u:12/s3cret?x@127.0.0.1:9/db",
        "postgres://u:12345?s3cret@127.0.0.1:9/db",
        "postgres://u:s3/cret@127.0.0.1:9/db",
    ] {
        let said = problems(Written::new().load(SMALL, &[("SEGURA_DATABASE__URL", url)], &[]));
        assert!(said.contains("percent-encode / ? # @") && !said.contains("s3"), "{said}");
    }
    let encoded = [("SEGURA_DATABASE__URL", "postgres://u:%2Fs3cret%3Fx@127.0.0.1:9/db")];
    let config = Written::new().load(SMALL, &encoded, &[]).unwrap();
    assert_eq!(config.database.to_string(), "postgres://127.0.0.1:9/db");
}

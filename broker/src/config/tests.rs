//! Settings as an operator writes them.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use segura_plugins::MapEnv;

use super::*;

struct Written {
    directory: tempfile::TempDir,
}

impl Written {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn load(&self, text: &str, vars: &[(&str, &str)], flags: &[(&str, &str)]) -> Loaded {
        let path = self.file("segura.toml", text, 0o644);
        let flags: Vec<_> = flags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Config::load(Some(&path), &MapEnv::new(vars.iter().copied()), &flags)
    }
}

type Loaded = Result<Config, ConfigErrors>;

const NOW: Timestamp = Timestamp(1_795_521_600);
const SMALL: &str = r#"
[server]
url = ["https://Segura.example.com/", "https://10.0.0.7:8443"]
data_dir = "data"
[guard]
key_file = "guard.key"
"#;

fn load(text: &str) -> Loaded {
    Written::new().load(text, &[], &[])
}

/// Every problem, one a line.
fn problems(loaded: Loaded) -> String {
    loaded.expect_err("problems").to_string()
}

#[test]
fn a_small_file_is_enough() {
    let written = Written::new();
    let config = written.load(SMALL, &[], &[]).unwrap();
    let urls: Vec<_> = config.server.urls.iter().map(ServerUrl::as_str).collect();
    assert_eq!(urls, ["https://segura.example.com", "https://10.0.0.7:8443"]);
    assert_eq!(config.server.listen.to_string(), "0.0.0.0:8443");
    assert_eq!(config.server.metrics_listen.unwrap().to_string(), "127.0.0.1:9464");
    assert_eq!(config.server.data_dir, written.directory.path().join("data"), "beside the file");
    assert_eq!(config.tls, Tls::Managed);
    assert_eq!(config.limits.min_free_disk, Size(256 << 20));
    assert_eq!(config.limits.workers, None);
    assert!(
        matches!(config.database, DatabaseUrl::Sqlite(path) if path.ends_with("data/segura.db"))
    );
}

#[test]
fn issuer_entries_may_name_files_in_folders_of_the_servers() {
    let written = Written::new();
    let folders = |text: &str, vars: &[(&str, &str)]| {
        written.load(text, vars, &[]).unwrap().server.issuer_files.to_string()
    };
    let beside = |name: &str| written.directory.path().join(name).display().to_string();
    assert_eq!(folders(SMALL, &[]), beside("data/issuers"));
    let listed = SMALL.replace("[guard]", "issuer_files = [\"trust\", \"/run/account\"]\n[guard]");
    assert_eq!(folders(&listed, &[]), format!("{}, /run/account", beside("trust")));
    let vars = [("SEGURA_SERVER__ISSUER_FILES", "/a, /b")];
    assert_eq!(folders(SMALL, &vars), "/a, /b");
}

#[test]
fn the_environment_stands_over_the_file_and_flags_over_that() {
    let written = Written::new();
    let vars = [
        ("SEGURA_SERVER__LISTEN", "127.0.0.1:1"),
        ("SEGURA_SERVER__URL", "https://a.example, https://b.example"),
        ("SEGURA_LIMITS__QUEUE", "7"),
        ("SEGURA_URL", "https://is-for-the-client.example"),
        ("OTHER__THING", "x"),
    ];
    let config = written.load(SMALL, &vars, &[("server.listen", "127.0.0.1:2")]).unwrap();
    assert_eq!(config.server.listen.port(), 2);
    assert_eq!(config.server.urls.len(), 2);
    assert_eq!(config.limits.queue, 7);
}

#[test]
fn an_unknown_setting_names_the_nearest() {
    let text = SMALL.to_owned() + "[limit]\nqueue = 1\n[telemetry]\nlevle = \"info\"\n";
    let said = problems(load(&text));
    assert!(said.contains("limit: there is no such setting; the nearest is `limits`"), "{said}");
    assert!(
        said.contains(
            "telemetry.levle: there is no such setting; the nearest is `telemetry.level`"
        ),
        "{said}"
    );
    let written = Written::new();
    let said = problems(written.load(SMALL, &[("SEGURA_SERVER__LISTN", "x")], &[]));
    assert!(said.contains("the nearest is `SEGURA_SERVER__LISTEN`"), "{said}");
    let said = problems(written.load(SMALL, &[], &[("server.lissten", "x")]));
    assert!(said.contains("the nearest is `server.listen`"), "{said}");
}

#[test]
fn a_variable_with_one_underscore_is_not_passed_over() {
    let written = Written::new();
    let said = problems(written.load(SMALL, &[("SEGURA_SERVER_LISTEN", "127.0.0.1:1")], &[]));
    assert!(said.contains("SEGURA_SERVER__LISTEN"), "{said}");
    // What Kubernetes sets for a service called `segura-server`.
    let cluster =
        [("SEGURA_SERVER_PORT", "tcp://10.0.0.1:8443"), ("SEGURA_SERVER_SERVICE_HOST", "x")];
    assert!(written.load(SMALL, &cluster, &[]).is_ok());
}

#[test]
fn what_was_expected_is_said() {
    let written = Written::new();
    for (setting, value, expected) in [
        ("server.listen", ":8443", "127.0.0.1:8443"),
        ("server.metrics_listen", "localhost:9464", "127.0.0.1:8443"),
        ("limits.queue", "-1", "a whole number"),
    ] {
        let said = problems(written.load(SMALL, &[], &[(setting, value)]));
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn every_problem_is_told_at_once() {
    let said = problems(load(
        r#"
[server]
listen = "everywhere"
trusted_proxies = ["10.0.0.0/99"]
[limits]
queue = 0
header_time = "5"
min_free_disk = "lots"
connections = "many"
[telemetry]
level = "loud"
format = "xml"
"#,
    ));
    for place in [
        "server.url",
        "server.listen",
        "server.trusted_proxies",
        "guard.key_file",
        "limits.queue",
        "limits.header_time",
        "limits.min_free_disk",
        "limits.connections",
        "telemetry.level",
        "telemetry.format",
    ] {
        assert!(said.contains(&format!("\n  {place}")), "{place} in {said}");
    }
}

#[test]
fn a_file_that_is_no_toml_says_where() {
    let said = problems(load("[server]\nurl = [\n"));
    assert!(said.contains("segura.toml") && said.contains("line"), "{said}");
    let said = problems(load("[guard]\npassphrase = hunter2\n"));
    assert!(said.contains("segura.toml: line 2, column 14: "), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    assert_eq!(said.lines().count(), 2, "what such a file lacks is not told: {said}");
    let missing = Config::load(Some(Path::new("/nowhere/segura.toml")), &MapEnv::default(), &[]);
    assert!(problems(missing).contains("/nowhere/segura.toml"));
}

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

#[test]
fn plain_http_is_for_loopback_unless_someone_understands() {
    let off = SMALL.to_owned() + "[tls]\nmode = \"off\"\n";
    let said = problems(load(&off));
    assert!(said.contains("tls.mode") && said.contains("i understand"), "{said}");
    let words = |text: &str| {
        off.replace("[guard]", &format!("allow_plaintext_on_a_network = \"{text}\"\n[guard]"))
    };
    assert!(load(&words("yes")).is_err());
    assert_eq!(load(&words("i understand")).unwrap().tls, Tls::Off);
    let local = off.replace("[guard]", "listen = \"127.0.0.1:0\"\n[guard]");
    assert_eq!(load(&local).unwrap().tls, Tls::Off);
}

#[test]
fn a_given_certificate_is_two_files() {
    let tls = |text: &str| load(&(SMALL.to_owned() + "[tls]\n" + text));
    assert!(matches!(tls("cert_file = \"a\"\nkey_file = \"b\"").unwrap().tls, Tls::Files { .. }));
    for text in [
        "cert_file = \"a\"",
        "key_file = \"b\"",
        "mode = \"files\"",
        "mode = \"managed\"\ncert_file = \"a\"\nkey_file = \"b\"",
        "mode = \"off\"\ncert_file = \"a\"\nkey_file = \"b\"",
        "mode = \"on\"",
    ] {
        assert!(problems(tls(text)).contains("tls."), "{text}");
    }
}

#[test]
fn one_guard_opens_the_keyring() {
    let two = SMALL.to_owned() + "passphrase_file = \"x\"\n";
    assert!(problems(load(&two)).contains("one guard"));
}

#[test]
fn a_look_at_the_machine_finds_what_is_missing() {
    let written = Written::new();
    let config = written.load(SMALL, &[], &[]).unwrap();
    let places = |config: &Config| -> Vec<String> {
        config.check(NOW).into_iter().map(|problem| problem.place).collect()
    };
    assert_eq!(places(&config), ["server.data_dir", "guard.key_file"]);

    std::fs::create_dir(written.directory.path().join("data")).unwrap();
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";
    for mode in [0o644, 0o660] {
        written.file("guard.key", key, mode);
        assert_eq!(places(&config), ["guard.key_file"], "others can read or change it");
    }
    written.file("guard.key", "too short", 0o600);
    assert_eq!(places(&config), ["guard.key_file"], "it is no key");
    written.file("guard.key", key, 0o640);
    assert_eq!(places(&config), [""; 0]);
    let shared = std::fs::Permissions::from_mode(0o770);
    std::fs::set_permissions(written.directory.path().join("data"), shared).unwrap();
    assert_eq!(places(&config), ["server.data_dir"], "others can write to it");
}

#[test]
fn a_look_reads_the_address_of_the_database_as_the_server_does() {
    let written = Written::new();
    let said = |url: &str| {
        let text = format!("{SMALL}[database]\nurl = {url:?}\n");
        let config = written.load(&text, &[], &[]).unwrap();
        let of_database = |problem: &Problem| problem.place == "database.url";
        config.check(NOW).into_iter().find(of_database).map(|problem| problem.message)
    };
    assert!(said("postgres://u@db.example/s?sslmode=prefer").unwrap().contains("verify-full"));
    assert!(said("postgres://u@db.example/s?no_such=1").is_some());
    assert_eq!(said("postgres://u@db.example/s?sslmode=disable"), None);
    assert_eq!(said("postgres://u@db.example/s"), None);
}

#[test]
fn a_url_of_a_port_where_nobody_listens_is_worth_a_word() {
    let warnings = |flags: &[(&str, &str)]| {
        let config = Written::new().load(SMALL, &[], flags).unwrap();
        config.warnings().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let url = ("server.url", "https://a.example");
    let said = warnings(&[url]);
    assert!(said[0].contains("port 443") && said[0].contains("listens on 8443"), "{said:?}");
    assert_eq!(warnings(&[("server.url", "https://a.example:8443")]), [""; 0]);
    assert_eq!(warnings(&[url, ("server.listen", "0.0.0.0:443")]), [""; 0]);
    assert_eq!(warnings(&[url, ("server.listen", "127.0.0.1:0")]), [""; 0]);
    assert_eq!(warnings(&[url, ("server.trusted_proxies", "10.0.0.0/8")]), [""; 0]);
    assert_eq!(warnings(&[]), [""; 0], "one of two is enough");
}

#[test]
fn traces_are_off_until_a_collector_is_named() {
    let traces = |text: &str| load(&format!("{SMALL}[telemetry]\n{text}"));
    let read = |text: &str| traces(text).unwrap().telemetry.traces;
    assert_eq!(load(SMALL).unwrap().telemetry.traces, None);
    assert_eq!(read("trace_ratio = 0.5"), None);
    for (endpoint, url) in [
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
        ("https://otel.example/tenant/", "https://otel.example/tenant/v1/traces"),
    ] {
        let read = read(&format!("otlp_endpoint = {endpoint:?}")).unwrap();
        assert_eq!((read.url.as_str(), read.ca_file, read.ratio), (url, None, 1.0));
    }
    let whole = "otlp_endpoint = \"https://a.example\"\notlp_ca_file = \"ca.pem\"\n";
    for (ratio, value) in [("0", 0.0), ("0.25", 0.25), ("1.0", 1.0)] {
        let read = read(&format!("{whole}trace_ratio = {ratio}")).unwrap();
        assert!((read.ratio - value).abs() < f64::EPSILON);
        assert!(read.ca_file.unwrap().is_absolute(), "it counts from the file");
    }
    for (bad, place) in [
        ("otlp_endpoint = \"127.0.0.1:4318\"", "otlp_endpoint"),
        ("otlp_endpoint = \"grpc://a.example\"", "otlp_endpoint"),
        ("otlp_endpoint = \"https://user:hunter2@a.example\"", "otlp_endpoint"),
        ("otlp_endpoint = \"https://a.example/?key=hunter2\"", "otlp_endpoint"),
        ("otlp_endpoint = \"http://a.example\"\notlp_ca_file = \"ca.pem\"", "otlp_ca_file"),
        ("trace_ratio = 1.5", "trace_ratio"),
        ("trace_ratio = nan", "trace_ratio"),
        ("trace_ratio = true", "trace_ratio"),
    ] {
        let said = problems(traces(bad));
        assert!(
            said.contains(&format!("telemetry.{place}")) && !said.contains("hunter2"),
            "{said}"
        );
    }
}

#[test]
fn a_look_at_traces_finds_a_missing_authority_and_a_readable_way() {
    let written = Written::new();
    let at = |endpoint: &str, more: &[(&str, &str)]| {
        let endpoint = [("telemetry.otlp_endpoint", endpoint)];
        written.load(SMALL, &[], &[&endpoint, more].concat()).unwrap()
    };
    let missing = at("https://a.example", &[("telemetry.otlp_ca_file", "/nowhere/ca.pem")]);
    let problems = missing.check(NOW);
    assert!(problems.iter().any(|it| it.place == "telemetry.otlp_ca_file"), "{problems:?}");
    let warned = |endpoint: &str| {
        let warnings = at(endpoint, &[]).warnings();
        warnings.iter().any(|it| it.place == "telemetry.otlp_endpoint")
    };
    assert!(warned("http://otel.example:4318"));
    for fine in ["http://127.0.0.1:4318", "http://[::1]:4318", "http://localhost:4318"] {
        assert!(!warned(fine), "{fine}");
    }
    assert!(!warned("https://otel.example"));
}

#[test]
fn what_the_file_shows_of_a_limit_is_its_default() {
    for key in keys::KEYS.iter().filter(|key| key.section == "limits") {
        assert_eq!(key.default, Some(key.example.trim_matches('"')), "{}", key.path());
    }
}

#[test]
fn every_setting_has_its_variable_and_its_line() {
    let file = template(&[]);
    for key in keys::KEYS {
        assert!(keys::find(key.section, key.name).is_some());
        let secret = matches!(key.form, keys::Form::Secret { .. });
        let line = file.contains(&format!("\n#{} = ", key.name));
        assert!(line != secret, "{}: secrets are not in the file", key.path());
        assert!(key.doc.lines().all(|line| line.len() <= 88), "{}", key.path());
    }
}

#[test]
fn the_documentation_lists_exactly_the_settings_that_there_are() {
    let page = include_str!("../../../docs/reference/configuration.md");
    let rows = page.lines().filter(|line| line.starts_with("| `") && line.contains("__"));
    let rows: Vec<Vec<&str>> = rows.map(|row| row.split(" | ").collect()).collect();
    let documented: Vec<_> =
        rows.iter().map(|row| (row[0].trim_start_matches("| "), row[1])).collect();
    let names =
        keys::KEYS.iter().map(|key| [key.path(), key.variable()].map(|it| format!("`{it}`")));
    let known: Vec<_> = names.collect();
    let known: Vec<_> = known.iter().map(|[path, name]| (path.as_str(), name.as_str())).collect();
    assert_eq!(documented, known);
    for (row, key) in rows.iter().zip(keys::KEYS) {
        let default = key.default.filter(|default| !default.is_empty());
        let said = default.map(|default| format!("`{default}`"));
        assert!(said.is_none_or(|said| row[2].starts_with(&said)), "{row:?}");
    }
}

//! Settings as an operator writes them.

mod checking;
mod secrets;

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

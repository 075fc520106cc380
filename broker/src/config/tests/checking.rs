//! What `segura config check` finds beyond the settings themselves.

use super::*;

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

//! A certificate that is given to `init`: what no server could show stops it, and what
//! callers would refuse is said.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::{refused, segura};

/// A certificate and its key, in files.
fn write(folder: &Path, name: &str, last_year: i32) -> [String; 2] {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    params.not_after = date_time_ymd(last_year, 1, 1);
    let certificate = params.self_signed(&key).expect("a certificate");
    let files = [("crt", certificate.pem()), ("key", key.serialize_pem())];
    files.map(|(kind, pem)| {
        let path = folder.join(format!("{name}.{kind}"));
        std::fs::write(&path, pem).expect("written");
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("it is ours");
        path.display().to_string()
    })
}

/// `init` with these two files, into a folder that is not there yet.
fn init<'a>(config: &'a str, cert: &'a str, key: &'a str) -> Vec<&'a str> {
    let url = "--url=https://segura.example:8443";
    vec!["init", url, "--config", config, "--tls-cert", cert, "--tls-key", key]
}

#[test]
fn files_that_no_server_could_show_stop_init_before_anything_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("etc/segura.toml").display().to_string();
    let [cert, key] = write(folder.path(), "segura.example", 3000);
    let [_, other] = write(folder.path(), "other.example", 3000);
    let nowhere = folder.path().join("nowhere.pem").display().to_string();
    for (cert, key, told_of) in [
        (&nowhere, &key, &nowhere),
        (&cert, &nowhere, &nowhere),
        (&key, &key, &key),
        (&cert, &cert, &cert),
        (&cert, &other, &other),
    ] {
        let told = refused(&init(&config, cert, key), 2);
        assert!(told.contains("  tls.") && told.contains(told_of.as_str()), "{told}");
        assert!(!folder.path().join("etc").exists(), "nothing is made");
    }
    let told = refused(&init(&config, &cert, &other), 2);
    assert!(told.contains("not that of the certificate") && told.contains(&cert), "{told}");
    std::fs::set_permissions(&key, Permissions::from_mode(0o644)).expect("it is ours");
    let told = refused(&init(&config, &cert, &key), 2);
    assert!(told.contains("chmod 600"), "{told}");
    assert!(!folder.path().join("etc").exists(), "nothing is made");
}

#[test]
fn a_certificate_that_callers_would_refuse_is_warned_of() {
    for (name, last_year, warnings) in [
        ("segura.example", 3000, &[][..]),
        ("segura.example", 2001, &["expired at 2001-01-01"][..]),
        ("other.example", 3000, &["not for `segura.example`"]),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("segura.toml").display().to_string();
        let [cert, key] = write(folder.path(), name, last_year);
        let made = segura(&init(&config, &cert, &key));
        let told = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "{told}");
        assert_eq!(told.matches("warning: tls.cert_file").count(), warnings.len(), "{told}");
        assert!(warnings.iter().all(|warning| told.contains(warning)), "{told}");
        let checked = segura(&["config", "check", "--config", &config]);
        assert_eq!(checked.status.success(), warnings.is_empty(), "{checked:?}");
    }
}

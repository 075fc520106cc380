//! Every setting, once.

/// One setting.
pub(super) struct Key {
    pub(super) section: &'static str,
    pub(super) name: &'static str,
    pub(super) form: Form,
    /// The value when nothing is said, as text.
    pub(super) default: Option<&'static str>,
    /// What the commented file shows, as TOML.
    pub(super) example: &'static str,
    /// What the commented file says, in lines of at most 85 characters.
    pub(super) doc: &'static str,
}

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A whole number.
    Count,
    /// Texts; commas between them in the environment and in flags.
    List,
    /// A number, whole or not.
    Number,
    /// A secret: from the environment only. In a file it has this other key.
    Secret {
        /// The key that names a file with it.
        file_key: &'static str,
    },
    /// A text.
    Text,
}

impl Key {
    /// `server.listen`.
    pub(super) fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// `SEGURA_SERVER__LISTEN`.
    pub(super) fn variable(&self) -> String {
        format!("{PREFIX}{}__{}", self.section, self.name).to_ascii_uppercase()
    }
}

/// The setting at `section.name`.
pub(super) fn find(section: &str, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.section == section && key.name == name)
}

/// What every variable of ours begins with.
pub(super) const PREFIX: &str = "SEGURA_";

/// The words that allow plain HTTP where others can listen.
pub(super) const UNDERSTOOD: &str = "i understand";

const fn key(
    section: &'static str,
    name: &'static str,
    form: Form,
    default: Option<&'static str>,
    example: &'static str,
    doc: &'static str,
) -> Key {
    Key { section, name, form, default, example, doc }
}

/// Section by section, in the order of the commented file.
pub(super) const KEYS: &[Key] = &[
    key(
        "server",
        "url",
        Form::List,
        None,
        r#"["https://segura.example.com"]"#,
        "The addresses under which callers know this server. They are the names in its
certificate and the audiences that tokens for it have; never taken from `Host`.",
    ),
    key(
        "server",
        "listen",
        Form::Text,
        Some("0.0.0.0:8443"),
        r#""0.0.0.0:8443""#,
        "Where it listens.",
    ),
    key(
        "server",
        "metrics_listen",
        Form::Text,
        Some("127.0.0.1:9464"),
        r#""127.0.0.1:9464""#,
        "Where `/metrics` is, apart from everything else; \"off\" for nowhere.",
    ),
    key(
        "server",
        "data_dir",
        Form::Text,
        Some("/var/lib/segura"),
        r#""/var/lib/segura""#,
        "The directory of the embedded database. Paths in this file count from the file.",
    ),
    key(
        "server",
        "trusted_proxies",
        Form::List,
        Some(""),
        r#"["10.0.0.0/8"]"#,
        "The proxies whose `X-Forwarded-For` names the caller. Without any, the caller is
the TCP peer.",
    ),
    key(
        "server",
        "issuer_files",
        Form::List,
        Some(""),
        r#"["/etc/segura/issuers", "/var/run/secrets/kubernetes.io/serviceaccount"]"#,
        "The folders in which issuer entries may name files: keys, authorities, tokens to
send. Without any, `issuers` in `server.data_dir`.",
    ),
    key(
        "server",
        "allow_plaintext_on_a_network",
        Form::Text,
        Some(""),
        r#""i understand""#,
        "With `tls.mode = \"off\"`, plain HTTP is served on loopback only, unless this says
\"i understand\": whoever is on the path then reads every secret.",
    ),
    key(
        "database",
        "url",
        Form::Text,
        Some(""),
        r#""postgres://segura@db.example.com/segura""#,
        "PostgreSQL, for more than one node. Without it, the database is a file in
`server.data_dir`. The short form `database = \"postgres://…\"` does too.",
    ),
    key(
        "database",
        "password_file",
        Form::Text,
        Some(""),
        r#""/run/secrets/segura-database-password""#,
        "The file with the database user's password.",
    ),
    key(
        "database",
        "password",
        Form::Secret { file_key: "password_file" },
        None,
        "",
        "The database user's password.",
    ),
    key(
        "guard",
        "key_file",
        Form::Text,
        Some(""),
        r#""/etc/segura/guard.key""#,
        "What opens the keyring: a file of 32 random bytes (raw, hex or base64) …",
    ),
    key(
        "guard",
        "passphrase_file",
        Form::Text,
        Some(""),
        r#""/run/secrets/segura-passphrase""#,
        "… or a file with a passphrase. Keep it apart from the database and its backups.",
    ),
    key(
        "guard",
        "passphrase",
        Form::Secret { file_key: "passphrase_file" },
        None,
        "",
        "The passphrase that opens the keyring.",
    ),
    key(
        "tls",
        "mode",
        Form::Text,
        Some(""),
        r#""managed""#,
        "\"managed\": a certificate of the broker's own private authority, renewed by itself
(`segura ca show`). \"files\": the one below. \"off\": plain HTTP.",
    ),
    key(
        "tls",
        "cert_file",
        Form::Text,
        Some(""),
        r#""/etc/segura/tls.crt""#,
        "A given certificate with its chain, PEM; a changed file is picked up.",
    ),
    key(
        "tls",
        "key_file",
        Form::Text,
        Some(""),
        r#""/etc/segura/tls.key""#,
        "Its private key, PEM.",
    ),
    key("limits", "connections", Form::Count, Some("8192"), "8192", "Connections at once."),
    key(
        "limits",
        "connections_per_address",
        Form::Count,
        Some("1024"),
        "1024",
        "Connections at once of one address (of IPv6: one /64). Those of
`server.trusted_proxies` are not counted.",
    ),
    key(
        "limits",
        "handshakes",
        Form::Count,
        Some("256"),
        "256",
        "TLS handshakes at once, per worker.",
    ),
    key(
        "limits",
        "backlog",
        Form::Count,
        Some("1024"),
        "1024",
        "Connections that wait to be accepted.",
    ),
    key(
        "limits",
        "header_time",
        Form::Text,
        Some("5s"),
        r#""5s""#,
        "For a TLS handshake, and for the head of a request.",
    ),
    key("limits", "body_time", Form::Text, Some("10s"), r#""10s""#, "For the body of a request."),
    key(
        "limits",
        "keep_alive",
        Form::Text,
        Some("75s"),
        r#""75s""#,
        "How long an idle connection is kept.",
    ),
    key(
        "limits",
        "drain_time",
        Form::Text,
        Some("0s"),
        r#""0s""#,
        "Behind a balancer: how long a server that stops still serves while `/readyz` says
503. Give the balancer time to notice, twice its checks' interval and more: \"10s\".",
    ),
    key(
        "limits",
        "shutdown_time",
        Form::Text,
        Some("20s"),
        r#""20s""#,
        "How long running requests have when the server stops.",
    ),
    key("limits", "workers", Form::Count, Some("0"), "0", "Event loops; 0 is one per processor."),
    key(
        "limits",
        "requests",
        Form::Count,
        Some("2048"),
        "2048",
        "Requests of jobs served at once; one more is answered with 503. So is what comes
while those that were let in wait too long.",
    ),
    key(
        "limits",
        "queue",
        Form::Count,
        Some("4096"),
        "4096",
        "Requests that wait for the database's writer; one more is answered with 503.",
    ),
    key(
        "limits",
        "min_free_disk",
        Form::Text,
        Some("256 MiB"),
        r#""256 MiB""#,
        "With less free disk under `server.data_dir`, exchanges stop while operators still
can work.",
    ),
    key(
        "limits",
        "keys_max_stale",
        Form::Text,
        Some("24h"),
        r#""24h""#,
        "How long an issuer's keys are trusted after it last answered.",
    ),
    key(
        "telemetry",
        "level",
        Form::Text,
        Some("info"),
        r#""info""#,
        "What is logged: error, warn, info, debug or trace.",
    ),
    key(
        "telemetry",
        "format",
        Form::Text,
        Some("json"),
        r#""json""#,
        "How: \"json\", one object a line, or \"text\".",
    ),
    key(
        "telemetry",
        "otlp_endpoint",
        Form::Text,
        Some(""),
        r#""http://127.0.0.1:4318""#,
        "Traces: the collector that spans are sent to, by OTLP over HTTP, at `/v1/traces`
under this address. Without it there are none.",
    ),
    key(
        "telemetry",
        "otlp_ca_file",
        Form::Text,
        Some(""),
        r#""/etc/segura/collector-ca.pem""#,
        "The authority that vouches for the collector, PEM, in place of the system's.",
    ),
    key(
        "telemetry",
        "trace_ratio",
        Form::Number,
        Some("1"),
        "1",
        "Which part of the requests is traced, 0 to 1. For a request that continues its
caller's trace (`traceparent`) the caller has decided.",
    ),
];

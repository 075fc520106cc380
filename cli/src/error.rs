//! Why a command failed: one enum, classified once; the exit code follows.
//!
//! Each variant says what failed and what was expected; [`CliError::hint`] says what
//! to do. They are read by tired people at night.

use std::io;
use std::path::{Path, PathBuf};

use segura_broker::config::ConfigErrors;
use segura_broker::dev::{DevError, MintError};
use segura_broker::local::LocalError;
use segura_broker::net::{ListenError, ListenFault};
use segura_broker::service::operators::OperatorsError;
use segura_broker::startup::StartError;
use segura_model::policy::PolicyFileError;
use segura_model::wanted::WantedError;
use segura_model::{Class, Classify};
use segura_plugins::{PlatformError, TokenShapeError};
use segura_sdk::SdkError;
use segura_store::{AccessFault, StoreError};

use crate::exec::ExecError;
use crate::files::shown;
use crate::unwritable;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error("cancelled: nothing was done")]
    Cancelled,
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    #[error(transparent)]
    Dev(#[from] DevError),
    #[error("the stored credentials in {} cannot be read as TOML", path.display())]
    CredentialsUnreadable { path: PathBuf },
    #[error("{} holds no token", shown(path))]
    EmptyToken { path: PathBuf },
    #[error(transparent)]
    Exec(#[from] ExecError),
    #[error("{} is larger than {limit} bytes", shown(path))]
    FileTooLarge { path: PathBuf, limit: u64 },
    #[error("{name}: {why}")]
    IssuerFile { name: String, why: String },
    #[error("the ledger does not verify: {problems} problem(s), listed above")]
    LedgerBroken { problems: usize },
    #[error("the log cannot be set up")]
    Logger(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("there is no home directory: neither XDG_CONFIG_HOME nor HOME is set")]
    NoHome,
    #[error("no operator credential for {url}")]
    NoToken { url: String },
    #[error("{} holds no operator's credential: {why}", shown(path))]
    NotAnOperator { path: PathBuf, why: &'static str },
    #[error("no broker is named")]
    NoUrl,
    #[error("{} is not UTF-8 text", shown(path))]
    NotText { path: PathBuf },
    #[error(transparent)]
    Local(#[from] LocalError),
    #[error(transparent)]
    Mint(#[from] MintError),
    #[error("{name}: {fault}")]
    PolicyFile { name: String, fault: PolicyFileError },
    #[error("{} can be read by others: its mode must be 0600", path.display())]
    ReadableByOthers { path: PathBuf },
    #[error("cannot read {}", shown(path))]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the asynchronous runtime cannot start")]
    Runtime {
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Sdk(#[from] SdkError),
    #[error(
        "{} is there already and says something else than {}: nothing was changed",
        path.display(), flags.join(", ")
    )]
    SettingsDiffer { path: PathBuf, flags: Vec<String> },
    #[error(transparent)]
    Start(#[from] StartError),
    /// What was asked for makes no sense, in a sentence that says what does.
    #[error("{0}")]
    Usage(String),
    #[error("cannot write {}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the stored login, {}, cannot be read", path.display())]
    StoredLogin {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot write to standard error")]
    Stderr {
        #[source]
        source: io::Error,
    },
    #[error("cannot write to standard output")]
    Stdout {
        #[source]
        source: io::Error,
    },
}

impl CliError {
    /// What to do about it, if there is something to say.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Config(_) => "a setting is given in the file, as SEGURA_SECTION__NAME, or by \
                 --url, --listen, --data-dir and --set SECTION.NAME=VALUE; `segura init` writes a \
                 file in which each is explained"
                .to_owned(),
            Self::CredentialsUnreadable { path } => {
                format!("remove {} and run `segura login` again", path.display())
            }
            Self::EmptyToken { .. } => {
                "a token is one line: did the command that should have written it fail?".to_owned()
            }
            Self::LedgerBroken { .. } => "keep the database as it is, and a copy of it; compare \
                 with a head that was kept outside (`segura audit verify --head`)"
                .to_owned(),
            Self::NoToken { .. } => "name a file that holds one with --token-file or \
                 SEGURA_TOKEN_FILE, or store one with `segura login`"
                .to_owned(),
            Self::NotText { .. } => "name the file that was meant; what is not text is stored \
                 encoded, as `base64 -w0` does it"
                .to_owned(),
            Self::NotAnOperator { .. } => "an operator's credential is one line, `sgo_…`, as \
                 `segura init`, `operator add` and `operator rotate` give it"
                .to_owned(),
            Self::NoUrl => "name it with --url or SEGURA_URL, or run `segura login`; to try \
                 things without one, run `segura dev`"
                .to_owned(),
            Self::ReadableByOthers { path } => format!(
                "take the token in it for known: `segura operator rotate` it, then \
                 `chmod 600 {}`",
                path.display()
            ),
            Self::Local(LocalError::OtherInit) => {
                "use its guard (the key file or passphrase) and its operator's \
                 credential; this run left nothing behind"
                    .to_owned()
            }
            Self::Local(LocalError::GuardMissing(_)) => GUARD.to_owned(),
            Self::Local(LocalError::Operators(OperatorsError::Namesake { .. })) => {
                "give --replace if that is meant, or choose a name that nobody has".to_owned()
            }
            Self::Sdk(error) => return sdk_hint(error),
            Self::SettingsDiffer { .. } => {
                "`init` never changes a file that is there: edit it, or \
                 leave these flags out; --config with another name makes another one"
                    .to_owned()
            }
            Self::StoredLogin { .. } => {
                "let its owner run this, or do without it: name the broker \
                 with --url or SEGURA_URL and the token with --token-file or SEGURA_TOKEN_FILE; \
                 XDG_CONFIG_HOME names another folder"
                    .to_owned()
            }
            Self::Local(LocalError::Start(error)) | Self::Start(error) => {
                return start_hint(error);
            }
            Self::Exec(error) => return exec_hint(error),
            Self::Write { path, source }
            | Self::Local(LocalError::Write { path, source })
            | Self::Dev(DevError::Local(LocalError::Write { path, source })) => {
                return unwritable::hint(path, source);
            }
            Self::Dev(DevError::Io { path, source }) if path.starts_with('/') => {
                return unwritable::hint(Path::new(path), source);
            }
            _ => return None,
        })
    }
}

impl Classify for CliError {
    fn class(&self) -> Class {
        match self {
            Self::Cancelled => Class::bad_request("cancelled"),
            Self::Config(error) => error.class(),
            Self::CredentialsUnreadable { .. } | Self::StoredLogin { .. } => {
                Class::bad_request("credentials-unreadable")
            }
            Self::EmptyToken { .. } => Class::bad_request("token-empty"),
            Self::Exec(error) => error.class(),
            Self::FileTooLarge { .. } => Class::too_large("file-too-large"),
            Self::IssuerFile { .. } => Class::bad_request("issuer-file-malformed"),
            Self::LedgerBroken { .. } => Class::conflict("ledger-broken"),
            Self::Logger(_) => Class::internal("logger"),
            Self::NoHome => Class::bad_request("no-home"),
            Self::NoToken { .. } => Class::unauthenticated("no-credential"),
            Self::NoUrl => Class::bad_request("no-url"),
            Self::NotAnOperator { .. } => Class::unauthenticated("not-an-operator-token"),
            Self::NotText { .. } => Class::bad_request("not-text"),
            Self::Dev(error) => error.class(),
            Self::Local(error) => error.class(),
            Self::Mint(error) => error.class(),
            Self::PolicyFile { fault, .. } => fault.class(),
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                // Not "not there", 6: that is what the broker says of a secret.
                Class::bad_request("file-not-found")
            }
            Self::Read { .. } => Class::bad_request("file-unreadable"),
            Self::ReadableByOthers { .. } => Class::forbidden("credentials-readable-by-others"),
            Self::Runtime { .. } => Class::internal("runtime"),
            Self::Sdk(error) => error.class(),
            Self::SettingsDiffer { .. } => Class::conflict("settings-differ"),
            Self::Start(error) => error.class(),
            Self::Stderr { .. } => Class::internal("stderr"),
            Self::Stdout { .. } => Class::internal("stdout"),
            Self::Usage(_) => Class::bad_request("usage"),
            Self::Write { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => {
                Class::conflict("file-exists")
            }
            Self::Write { .. } => Class::bad_request("cannot-write"),
        }
    }
}

/// What opens a keyring.
const GUARD: &str = "the guard (`guard.key_file`, `guard.passphrase_file`) must be the one that \
     the last `segura keyring rewrap` put this database's keyring under, or else that of \
     `segura init`; a database put back from a backup opens with the guard of that time";

fn exec_hint(error: &ExecError) -> Option<String> {
    let hint = match error {
        ExecError::Platform(PlatformError::NotAToken { why: TokenShapeError::Empty, .. }) => {
            "did the step that should have written it fail?"
        }
        ExecError::Platform(PlatformError::NotAToken {
            why: TokenShapeError::Credential, ..
        }) => {
            "`segura whoami`, `exec` and `export` are for jobs: --token-file job.token; an \
             operator's role and expiry are in `segura operator ls`"
        }
        ExecError::AmbiguousField { .. }
        | ExecError::Mask { .. }
        | ExecError::NotForEnvironment { .. } => {
            "the values were fetched, so this job's token is spent: correct it and run the job \
             again, unless its session is kept (`--session-file`)"
        }
        ExecError::Bindings { place, fault: WantedError::Arrow(line) }
            if place.starts_with("--secret") && !line.contains('>') =>
        {
            "the whole of it stands in quotes, as in --secret 'db/prod/password > DB_PASSWORD': a \
             bare `>` is taken by the shell"
        }
        ExecError::Program(error) => return error.hint(),
        _ => return None,
    };
    Some(hint.to_owned())
}

fn start_hint(error: &StartError) -> Option<String> {
    Some(match error {
        StartError::Keyring(_) => GUARD.to_owned(),
        StartError::Guard(_) => "put the key file or the passphrase's file back where the \
             settings name it (`guard.key_file`, `guard.passphrase_file`), from the copy that is \
             kept apart from the backups, or correct the setting; without it nobody opens what \
             is stored"
            .to_owned(),
        StartError::Listen(error) => return listen_hint(error),
        StartError::NotInitialised { .. } => "most likely that setting is mistyped, or the \
             folder's volume is not mounted, or another configuration file was meant \
             (--config): correct it. Only for a new broker, run `segura init` with these settings"
            .to_owned(),
        StartError::Database { fault, .. } => access_hint(*fault).to_owned(),
        StartError::Store(StoreError::Locked { .. }) => {
            "the embedded database has one server at a time; PostgreSQL has many".to_owned()
        }
        _ => return None,
    })
}

const fn access_hint(fault: AccessFault) -> &'static str {
    match fault {
        AccessFault::Files => {
            "the folder, and each `segura.db*` in it, must belong to the user that the server \
             runs as (`chown -R`) and be writable: was a command run there as root?"
        }
        AccessFault::NoDatabase => {
            "correct the name at the end of `database.url`, or make the database: \
             `createdb --owner USER NAME`"
        }
        AccessFault::NotADatabase => {
            "name the right folder, or put a backup back in its place; keep the file that is \
             there until it is understood"
        }
        AccessFault::Privilege => {
            "the user in `database.url` must own the database, or be granted CREATE on its schema"
        }
        AccessFault::Refused => {
            "check the user in `database.url`, its password (`database.password_file`, or \
             SEGURA_DATABASE__PASSWORD), and that pg_hba.conf lets that user in from here"
        }
        AccessFault::Silent => {
            "check host and port in `database.url`, that PostgreSQL runs and listens there \
             (`listen_addresses`), and that no firewall stands between"
        }
        AccessFault::Tls => {
            "PostgreSQL must offer TLS (`ssl = on`) with a certificate for the host in \
             `database.url`, of an authority that the system or `sslrootcert` knows; \
             `?sslmode=disable` does without, where nobody else is on the way"
        }
    }
}

fn listen_hint(error: &ListenError) -> Option<String> {
    let port = error.port();
    Some(match error.fault() {
        ListenFault::Forbidden => "under systemd, `AmbientCapabilities=CAP_NET_BIND_SERVICE` in \
             the unit; else `setcap cap_net_bind_service=+ep` on the program's file, or a port \
             from 1024 on, which --url then names"
            .to_owned(),
        ListenFault::InUse => format!(
            "`ss -ltnp 'sport = :{port}'`, as root, says which: stop it (is it a server of \
             Segura that runs already?), or choose another port"
        ),
        ListenFault::NotHere => "`ip address` shows which there are; 0.0.0.0 is all of IPv4, \
             [::] all of IPv6"
            .to_owned(),
        ListenFault::Other => return None,
    })
}

fn sdk_hint(error: &SdkError) -> Option<String> {
    Some(match error {
        SdkError::CaPem => {
            "`segura ca show > ca.pem` on the server writes the right file".to_owned()
        }
        SdkError::Connect { proxy: None, .. } | SdkError::Timeout { proxy: None, .. } => {
            "check the URL, its port too, and that the broker runs there; a proxy is used only \
             if HTTPS_PROXY names one"
                .to_owned()
        }
        SdkError::Connect { host, .. } | SdkError::Timeout { host, .. } => {
            let port = |(_, port): &(&str, &str)| port.parse::<u16>().is_ok();
            let host = host.rsplit_once(':').filter(port).map_or(host.as_str(), |(host, _)| host);
            format!("check the proxy; to go around it, add {host} to NO_PROXY")
        }
        SdkError::Refused(problem) if problem.code == "no-such-route" => {
            "check the URL: https://HOST[:PORT], without a path that the broker does not have"
                .to_owned()
        }
        SdkError::Refused(problem) if problem.code == "operator-unknown" => {
            "the credential is unknown, expired or was replaced: check which one is used \
             (--token-file, SEGURA_TOKEN_FILE, `segura login`). If it is lost, an admin gives a \
             new one: `segura operator rotate NAME`; if no admin is left, on the server's \
             machine: `segura operator recover NAME`"
                .to_owned()
        }
        SdkError::Refused(problem)
            if problem.status == 401 && !problem.code.starts_with("token-") =>
        {
            "the credential is unknown, expired or ended: check which one is used \
             (--token-file, SEGURA_TOKEN_FILE, `segura login`)"
                .to_owned()
        }
        SdkError::Stranger { .. } => {
            "check that --url names the broker and not a proxy's or another server's page"
                .to_owned()
        }
        SdkError::Untrusted { .. } => "a broker made by `segura init` has its own authority: \
             `segura ca show > ca.pem` there, then --ca-cert ca.pem or SEGURA_CA_CERT here"
            .to_owned(),
        SdkError::WrongName { .. } => "call the broker by a URL that it was made for: its \
             private authority signs only for the hosts that `segura init --url` was given; \
             for another name it needs a certificate of your own (`tls.cert_file`), or a new \
             database, whose authority is new"
            .to_owned(),
        SdkError::WrongScheme { expected, .. } => {
            let scheme = if *expected == "TLS" { "http" } else { "https" };
            format!("check the URL, its port too: perhaps it begins with {scheme}://")
        }
        SdkError::Url { .. } => "use https://HOST[:PORT]; plain http is only for loopback: \
             http://127.0.0.1:PORT"
            .to_owned(),
        _ => return None,
    })
}

//! The world: a scratch folder, issuers, a mint, and a broker that trusts them.

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use actix_web::web::Data;
use rustix::process::geteuid;
use segura_model::{Class, Classify, Clock, OperatorName, Random};
use segura_plugins::platform::PLATFORMS;
use segura_plugins::{Env, MapEnv};
use serde::Serialize;
use tokio::net::UnixListener;

use super::enrol::enrol;
use super::issuers::{self, Issuers};
use super::mint::{self, Mint};
use crate::config::{Config, ConfigErrors};
use crate::local::{LocalError, Sources, initialise};
use crate::net::ReservedPort;
use crate::service::authority::AuthorityError;
use crate::service::trust::TrustError;
use crate::startup::{self, Server, StartError, World};

/// Why there is no world.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// Its settings were refused; ours, so a fault.
    #[error("the dev world's settings are refused")]
    Config(#[from] ConfigErrors),
    /// The folder is somebody else's, who could put another world in its place.
    #[error("{0} belongs to another user: a dev world wants a folder of its own, and makes it")]
    Foreign(PathBuf),
    /// The folder holds something else.
    #[error("{0} is not empty: a dev world wants a folder of its own, and makes it")]
    Occupied(PathBuf),
    /// Its data could not be made.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// Its authority cannot be shown.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// Its issuers cannot be enrolled.
    #[error("the dev issuers cannot be enrolled")]
    Enrol(#[from] TrustError),
    /// Its broker does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A file or socket could not be made.
    #[error("cannot make {path}")]
    Io {
        /// What was to be made.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl Classify for DevError {
    fn class(&self) -> Class {
        match self {
            Self::Authority(error) => error.class(),
            Self::Config(_) => Class::internal("dev-settings"),
            Self::Enrol(error) => error.class(),
            Self::Foreign(_) => Class::forbidden("folder-foreign"),
            Self::Io { .. } => Class::bad_request("cannot-write"),
            Self::Local(error) => error.class(),
            Self::Occupied(_) => Class::conflict("folder-not-empty"),
            Self::Start(error) => error.class(),
        }
    }
}

/// What a world is made with.
pub struct DevOptions {
    /// Its folder; must not exist, or be empty.
    pub folder: PathBuf,
    /// The broker's port on loopback; 0 takes a free one.
    pub port: u16,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
}

/// Where everything is.
#[derive(Clone, Debug, Serialize)]
pub struct Facts {
    /// The broker, `https://127.0.0.1:PORT`; also the audience of its tokens.
    pub url: String,
    /// The PEM file of its certificate authority.
    pub ca_cert: PathBuf,
    /// The file with the administrator's credential.
    pub token_file: PathBuf,
    /// The socket that mints tokens.
    pub socket: PathBuf,
    /// The folder of it all.
    pub folder: PathBuf,
    /// The issuer entries, which are named like the platforms.
    pub issuers: Vec<&'static str>,
}

/// A world that is ready to run.
pub struct DevWorld {
    facts: Facts,
    server: Server,
    issuers: (TcpListener, Data<Issuers>),
    mint: (UnixListener, Arc<Mint>),
    _reserved: Option<ReservedPort>,
}

impl DevWorld {
    /// Make a world: nothing is served before [`DevWorld::run_until`].
    pub async fn make(options: DevOptions) -> Result<Self, DevError> {
        let DevOptions { folder, port, clock, random } = options;
        make_folder(&folder)?;
        let reserved = if port == 0 { Some(reserve()?) } else { None };
        let port = reserved.as_ref().map_or(port, ReservedPort::port);
        let facts = Facts {
            url: format!("https://127.0.0.1:{port}"),
            ca_cert: folder.join("ca.pem"),
            token_file: folder.join("admin.token"),
            socket: folder.join("mint.sock"),
            issuers: PLATFORMS.iter().map(|platform| platform.id()).collect(),
            folder,
        };
        let listener = TcpListener::bind("127.0.0.1:0").map_err(at("a loopback port"))?;
        let address = listener.local_addr().map_err(at("a loopback port"))?;
        let issuers = Data::new(Issuers::make(address.port(), &facts.url));

        let config = config(&facts, port)?;
        let sources = Sources { clock: clock.clone(), random: random.clone() };
        let made = initialise(&config, World::Dev, operator(), &sources).await?;
        let env = MapEnv::default();
        let server =
            startup::build_world(World::Dev, config, clock.clone(), random.clone(), &env).await?;
        let Some(credential) = made.credential else {
            return Err(DevError::Occupied(facts.folder));
        };
        // EXPOSE: the file is where this world's credential lives.
        write_private(&facts.token_file, credential.token.expose())?;
        write_private(&facts.ca_cert, &server.app().authority.show().await?.pem)?;
        let sources = (&*clock, &*random);
        enrol(server.app(), &issuers, &credential.operator, sources).await?;
        let mint = Mint { issuers: issuers.clone(), clock, random };
        let socket =
            mint::listen(&facts.socket).map_err(at(&facts.socket.display().to_string()))?;
        let (issuers, mint) = ((listener, issuers), (socket, Arc::new(mint)));
        Ok(Self { facts, server, issuers, mint, _reserved: reserved })
    }

    /// Where everything is.
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Serve issuers, mint and broker until `stop` completes.
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> Result<(), DevError> {
        let issuers = issuers::serve(self.issuers.0, self.issuers.1).map_err(at("the issuers"))?;
        let handle = issuers.handle();
        let issuers = tokio::spawn(issuers);
        let mint = tokio::spawn(mint::serve(self.mint.0, self.mint.1));
        let served = self.server.run_until(stop).await;
        mint.abort();
        handle.stop(false).await;
        drop(issuers.await);
        served.map_err(Into::into)
    }
}

/// A folder for this user only, also if it was there before.
fn make_folder(path: &Path) -> Result<(), DevError> {
    let io = || at(&path.display().to_string());
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io())?;
    if std::fs::metadata(path).map_err(io())?.uid() != geteuid().as_raw() {
        return Err(DevError::Foreign(path.to_owned()));
    }
    if std::fs::read_dir(path).map_err(io())?.next().is_some() {
        return Err(DevError::Occupied(path.to_owned()));
    }
    std::fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(io())
}

/// The broker's port stands in its certificate before it can be listened on.
fn reserve() -> Result<ReservedPort, DevError> {
    ReservedPort::take().map_err(at("a loopback port"))
}

fn config(facts: &Facts, port: u16) -> Result<Config, DevError> {
    let text = |path: PathBuf| path.display().to_string();
    let settings = [
        ("server.url", facts.url.clone()),
        ("server.listen", format!("127.0.0.1:{port}")),
        ("server.metrics_listen", "off".to_owned()),
        ("server.data_dir", text(facts.folder.join("data"))),
        ("guard.key_file", text(facts.folder.join("guard.key"))),
        ("limits.min_free_disk", "1 MiB".to_owned()),
    ];
    let flags = settings.map(|(name, value)| (name.to_owned(), value));
    Ok(Config::load(None, &MapEnv::default() as &dyn Env, &flags)?)
}

fn operator() -> OperatorName {
    "dev".parse().expect("`dev` is an operator's name")
}

fn write_private(path: &Path, text: &str) -> Result<(), DevError> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let open = || std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = open().and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(at(&path.display().to_string()))
}

fn at(path: &str) -> impl FnOnce(std::io::Error) -> DevError + use<> {
    let path = path.to_owned();
    move |source| DevError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_others_could_enter_is_closed_and_a_full_one_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
        make_folder(folder.path()).unwrap();
        assert_eq!(std::fs::metadata(folder.path()).unwrap().mode() & 0o777, 0o700);
        std::fs::write(folder.path().join("file"), "").unwrap();
        assert!(matches!(make_folder(folder.path()), Err(DevError::Occupied(_))));
    }
}

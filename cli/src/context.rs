//! What every command is given: the environment as a value, the global flags, and
//! how to reach the broker with them.
//!
//! The order is the same everywhere: flag, then variable, then what `segura login`
//! stored. A stored credential goes only to the URL it was stored for.

mod used;

use std::cell::OnceCell;
use std::ffi::OsString;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use segura_model::SecretText;
use segura_model::duration::DurationError;
use segura_plugins::{Env, MapEnv};
use segura_sdk::{Client, ClientOptions, Operator, ProxySettings};

use crate::cli::Globals;
use crate::credentials::{self, Credentials};
use crate::error::CliError;
use crate::files;
use crate::print::{self, Format};

/// What a command runs with.
pub(crate) struct Context {
    pub(crate) env: MapEnv,
    pub(crate) globals: Globals,
    stored: OnceCell<Credentials>,
}

/// The environment of this process. Variables that are not UTF-8 are left out: no
/// name or value that Segura reads can be such.
pub(crate) fn environment() -> MapEnv {
    MapEnv::new(
        std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }),
    )
}

/// The `PATH` of this process, which a child has from it; text or not.
pub(crate) fn search_path() -> Option<OsString> {
    std::env::vars_os().find(|(name, _)| name == "PATH").map(|(_, path)| path)
}

impl Context {
    pub(crate) fn new(env: MapEnv, globals: Globals) -> Self {
        Self { env, globals, stored: OnceCell::new() }
    }

    /// How to write results.
    pub(crate) fn format(&self) -> Format {
        if self.globals.json { Format::Json } else { Format::Person }
    }

    /// A client without a token: deliveries, exchanges, and what is public.
    pub(crate) fn client(&self) -> Result<Client, CliError> {
        Ok(Client::new(&self.client_options()?)?)
    }

    /// The same, and the options it was made with.
    pub(crate) fn client_and_options(&self) -> Result<(Client, ClientOptions), CliError> {
        let options = self.client_options()?;
        Ok((Client::new(&options)?, options))
    }

    /// A client that presents an operator's credential.
    pub(crate) fn operator(&self) -> Result<Operator, CliError> {
        self.operator_within(None)
    }

    /// The same, for an answer that takes the server minutes.
    pub(crate) fn patient_operator(&self) -> Result<Operator, CliError> {
        self.operator_within(Some(MINUTES))
    }

    fn operator_within(&self, timeout: Option<Duration>) -> Result<Operator, CliError> {
        let mut options = self.client_options()?;
        options.timeout = options.timeout.max(timeout.unwrap_or_default());
        let token = self.operator_token(&options.url)?;
        Ok(Client::new(&options)?.operator(token))
    }

    /// Whether a broker is named, by flag, variable or login. A login that cannot be read
    /// names none.
    pub(crate) fn knows_broker(&self) -> bool {
        self.url().is_ok_and(|url| url.is_some())
    }

    /// The token file that was named: by flag, then by variable.
    pub(crate) fn token_file(&self) -> Option<PathBuf> {
        let flag = self.globals.token_file.clone();
        flag.or_else(|| self.env.filled("SEGURA_TOKEN_FILE").map(PathBuf::from))
    }

    /// The stored credentials; none are stored for a user without a home. Read when first
    /// needed: a job that is given all it needs is not stopped by a home of somebody else.
    fn stored(&self) -> Result<&Credentials, CliError> {
        if let Some(stored) = self.stored.get() {
            return Ok(stored);
        }
        let stored = credentials::path(&self.env)
            .map_or_else(|_| Ok(Credentials::default()), |path| Credentials::load(&path))?;
        Ok(self.stored.get_or_init(|| stored))
    }

    /// Run a client's future. One thread: a call waits for one answer.
    #[expect(clippy::unused_self, reason = "how futures run belongs to what a command runs with")]
    pub(crate) fn block_on<T, E: Into<CliError>>(
        &self,
        future: impl Future<Output = Result<T, E>>,
    ) -> Result<T, CliError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| CliError::Runtime { source })?;
        let result = runtime.block_on(future);
        // A name that is still looked up is for a call that was given up.
        runtime.shutdown_background();
        result.map_err(Into::into)
    }

    /// Run a server's future: its database needs more than one thread.
    #[expect(clippy::unused_self, reason = "how futures run belongs to what a command runs with")]
    pub(crate) fn block_on_server<T, E: Into<CliError>>(
        &self,
        future: impl Future<Output = Result<T, E>>,
    ) -> Result<T, CliError> {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|source| CliError::Runtime { source })?
            .block_on(future)
            .map_err(Into::into)
    }

    /// Where the broker is, by flag, variable or login.
    fn client_options(&self) -> Result<ClientOptions, CliError> {
        let url = self.url()?.ok_or(CliError::NoUrl)?;
        let mut options = ClientOptions::new(url);
        options.ca_pem = self.ca_pem(&options.url)?;
        options.proxy = ProxySettings::from_vars(|name| self.env.var(name));
        options.timeout = self.timeout()?;
        options.patience = options.timeout;
        options.on_wait = Some(print::waiting);
        options.user_agent = String::from(concat!("segura/", env!("CARGO_PKG_VERSION")));
        Ok(options)
    }

    /// How long to try to reach the broker, in all.
    pub(crate) fn timeout(&self) -> Result<Duration, CliError> {
        let from_env = || self.env.filled("SEGURA_TIMEOUT").map(|text| text.parse()).transpose();
        let said = match self.globals.timeout {
            Some(said) => Some(said),
            None => from_env().map_err(|error: DurationError| {
                CliError::Usage(format!("SEGURA_TIMEOUT: {error}"))
            })?,
        };
        match said.map(|said| u64::try_from(said.count()).unwrap_or(0)) {
            Some(0) => Err(CliError::Usage("--timeout is at least 1s".to_owned())),
            Some(seconds) => Ok(Duration::from_secs(seconds)),
            None => Ok(USUAL),
        }
    }

    fn url(&self) -> Result<Option<String>, CliError> {
        match self.globals.url.clone().or_else(|| self.env.filled("SEGURA_URL")) {
            Some(named) => Ok(Some(named)),
            None => Ok(self.stored()?.current().map(|login| login.url.clone())),
        }
    }

    fn ca_pem(&self, url: &str) -> Result<Option<Vec<u8>>, CliError> {
        let flag = self.globals.ca_cert.clone();
        if let Some(path) = flag.or_else(|| self.env.filled("SEGURA_CA_CERT").map(PathBuf::from)) {
            return files::read_bytes(&path, CA_LIMIT).map(Some);
        }
        if url.starts_with("http://") {
            return Ok(None);
        }
        match self.stored() {
            Ok(stored) => Ok(stored
                .login(url)
                .and_then(|login| login.ca_pem.as_ref())
                .map(|pem| pem.clone().into_bytes())),
            Err(error) => {
                // The broker is named otherwise, and its certificate may well be public.
                print::warning(&format!("{error}: what authority it trusts is not known"));
                Ok(None)
            }
        }
    }

    fn operator_token(&self, url: &str) -> Result<SecretText, CliError> {
        match self.token_file() {
            Some(path) => files::read_operator_token(&path),
            None => self
                .stored()?
                .login(url)
                .map(|login| login.token.clone())
                .ok_or_else(|| CliError::NoToken { url: url.to_owned() }),
        }
    }
}

/// A broker that restarts is back by then, and whoever watches a pipeline still there.
const USUAL: Duration = Duration::from_secs(30);
const MINUTES: Duration = Duration::from_mins(15);
const CA_LIMIT: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_waits_for_as_long_as_was_said() {
        let globals = Globals { url: Some("http://127.0.0.1:1".to_owned()), ..Globals::default() };
        for (said, patience) in [("10m", Duration::from_mins(10)), ("", USUAL)] {
            let env = MapEnv::new([("SEGURA_TIMEOUT".to_owned(), said.to_owned())]);
            let context = Context::new(env, globals.clone());
            let options = context.client_options().unwrap();
            assert_eq!((options.timeout, options.patience), (patience, patience));
        }
    }
}

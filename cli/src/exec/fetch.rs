//! From an identity token to values: one delivery, or reads by a session that was kept.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use segura_model::api::{DeliveryAnswer, DeliveryRequest, SecretQuery};
use segura_model::wanted::{Binding, WantedSecret};
use segura_model::{Classify, Clock, Kind, SystemClock};
use segura_plugins::{IdToken, Supply};
use segura_sdk::{Client, make_request_key};
use tokio::time::{Instant, timeout_at};

use super::identity::Identity;
use super::kept::{self, Kept, KeptFile};
use super::session::{self, After, END_TIME, OpenSession};
use super::signals::Signals;
use super::values::Given;
use super::{ExecError, audience};
use crate::error::CliError;
use crate::print;

/// What the broker gave.
pub(crate) struct Fetched {
    pub(crate) given: Vec<Given>,
    pub(crate) session: OpenSession,
    /// The file in which the session is kept, if it is.
    pub(crate) kept: Option<(KeptFile, Kept)>,
    /// Listened to since the token was spent, if it was.
    pub(crate) signals: Option<Signals>,
}

/// Trade the job's identity for what the bindings want. `session_file` is where the
/// user wants the session kept; a platform may have a place of its own. `within` bounds
/// the wait for a broker that is away.
pub(crate) async fn fetch(
    client: &Client,
    identity: &Identity<'_>,
    bindings: &[Binding],
    session_file: Option<&Path>,
    within: Duration,
) -> Result<Fetched, CliError> {
    let deadline = Instant::now() + within;
    let wanted = unique(bindings);
    let mut file = open_kept(client, identity, session_file, deadline.into_std())?;
    let kept = file.as_mut().and_then(KeptFile::read);
    // They are the job's still, whatever becomes of the session that they came by.
    let files = kept.as_ref().map(|kept| kept.files.clone()).unwrap_or_default();
    let before = match kept {
        Some(kept) => by_kept_session(client, identity.supply(), kept, &wanted).await?,
        None => None,
    };
    if let Some(Before::Given(given, kept)) = before {
        let session = open_session(client, &kept, After::Keep);
        let kept = file.map(|file| (file, kept));
        return Ok(Fetched { given, session, kept, signals: None });
    }

    let (answer, signals) = ask(client, identity, wanted, deadline).await?;
    let kept = Kept {
        url: client.url().to_owned(),
        id: answer.session.id,
        token: answer.session.token,
        expires_at: answer.session.expires_at,
        files,
    };
    let after = if file.is_some() { After::Keep } else { After::End };
    let session = open_session(client, &kept, after);
    if let Some(file) = &mut file {
        if let Some(Before::TooOld(old)) = before {
            // Nobody could end it any more once the file has forgotten it.
            session::end(client.session(old.token), old.expires_at).await;
        }
        file.write(&kept)?;
    }
    let given = answer.secrets.into_iter();
    let given = given.map(|one| Given { wanted: one.wanted, fields: one.fields }).collect();
    let kept = file.map(|file| (file, kept));
    Ok(Fetched { given, session, kept, signals: Some(signals) })
}

/// A delivery for this job's token, and the signals that are listened to from then on.
async fn ask(
    client: &Client,
    identity: &Identity<'_>,
    wanted: Vec<WantedSecret>,
    deadline: Instant,
) -> Result<(DeliveryAnswer, Signals), CliError> {
    let token = identity.token().await.map_err(ExecError::Platform)?;
    // Until now a signal has nothing to leave behind; from here on it has a session.
    let mut signals = Signals::listen().map_err(ExecError::Signals)?;
    let delivery = deliver(client, identity, &token, wanted, deadline);
    match signals.interrupt(delivery, END_TIME).await {
        Ok(answer) => Ok((answer?, signals)),
        Err((signal, late)) => Err(give_back(client, signal, late).await),
    }
}

/// A signal came first: end the session of an answer that arrived all the same.
async fn give_back(
    client: &Client,
    signal: Signal,
    late: Option<Result<DeliveryAnswer, CliError>>,
) -> CliError {
    if let Some(Ok(answer)) = late {
        let session = client.session(answer.session.token);
        session::end(session, answer.session.expires_at).await;
    }
    ExecError::Signalled(signal).into()
}

/// Where this job's session is kept, or would be.
pub(crate) fn kept_paths(client: &Client, identity: &Identity<'_>) -> Vec<PathBuf> {
    match identity.session_place() {
        Some(place) if identity.supply() == Supply::OnePerJob => kept::paths(&place, client.url()),
        _ => Vec::new(),
    }
}

fn open_kept(
    client: &Client,
    identity: &Identity<'_>,
    session_file: Option<&Path>,
    deadline: std::time::Instant,
) -> Result<Option<KeptFile>, ExecError> {
    if let Some(path) = session_file {
        let mut file = KeptFile::open(path, deadline)?;
        file.refuse_others()?;
        return Ok(Some(file));
    }
    let mut refused = None;
    for path in kept_paths(client, identity) {
        match KeptFile::open(&path, deadline) {
            Ok(file) => return Ok(Some(file)),
            Err(error) => refused = Some(error),
        }
    }
    if let Some(error) = refused {
        print::warning(&format!(
            "{error}; the session is not kept, and this job's token is spent by this call"
        ));
    }
    Ok(None)
}

/// What became of the session in the file.
enum Before {
    /// It gave what is wanted.
    Given(Vec<Given>, Kept),
    /// It lives, and is too old for what is wanted; a new one is not.
    TooOld(Kept),
}

/// Read by the session that was kept. A session that is over is `None`; a secret that is
/// refused is an error, because a new session would be refused it as well.
async fn by_kept_session(
    client: &Client,
    supply: Supply,
    kept: Kept,
    wanted: &[WantedSecret],
) -> Result<Option<Before>, CliError> {
    if kept.url != client.url() || kept.expires_at <= SystemClock.now() {
        return Ok(None);
    }
    let session = client.session(kept.token.clone());
    let mut given = Vec::with_capacity(wanted.len());
    for one in wanted {
        let query = SecretQuery {
            version: one.version,
            field: one.field.clone(),
            ..SecretQuery::default()
        };
        match session.read(&one.path, &query).await {
            Ok(answer) => given.push(Given { wanted: one.clone(), fields: answer.fields }),
            Err(error) if error.class().kind == Kind::Unauthenticated => return Ok(None),
            Err(error) if error.code() == TOO_OLD && supply != Supply::OnePerJob => {
                return Ok(Some(Before::TooOld(kept)));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some(Before::Given(given, kept)))
}

/// One delivery, tried until the time is over. Where the platform gives a token whenever
/// it is asked, each round has a new one: a broker may be away for longer than one lives.
async fn deliver(
    client: &Client,
    identity: &Identity<'_>,
    token: &IdToken,
    wanted: Vec<WantedSecret>,
    deadline: Instant,
) -> Result<DeliveryAnswer, CliError> {
    let mut request = new_request(token, wanted);
    let left = deadline.saturating_duration_since(Instant::now());
    let client = client.with_patience(patience(identity.supply(), left));
    let mut error = match client.deliver(&request).await {
        Ok(answer) => return Ok(answer),
        Err(error) => error,
    };
    loop {
        let spent = error.code() == REPLAYED;
        if spent && identity.supply() == Supply::OnePerJob {
            return Err(ExecError::TokenSpent(Box::new(error)).into());
        }
        let away = error.class().kind == Kind::Unavailable && !error.is_lasting();
        if !away || Instant::now() + PAUSE >= deadline {
            audience::explain(&error, &request.token, client.url());
            return Err(error.into());
        }
        tokio::time::sleep(PAUSE).await;
        if identity.supply() != Supply::OnePerJob {
            let token = identity.token().await.map_err(ExecError::Platform)?;
            if !token.text().matches(&request.token) {
                request = new_request(&token, request.secrets);
            }
        }
        match timeout_at(deadline, client.deliver(&request)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(now)) => error = now,
            Err(_) => return Err(error.into()),
        }
    }
}

/// How long to go on with one token.
fn patience(supply: Supply, left: Duration) -> Duration {
    match supply {
        Supply::OnePerJob => left,
        Supply::OnDemand | Supply::Standing => left.min(ONE_TOKEN),
    }
}

fn new_request(token: &IdToken, secrets: Vec<WantedSecret>) -> DeliveryRequest {
    DeliveryRequest { token: token.text().clone(), request_key: make_request_key(), secrets }
}

fn open_session(client: &Client, kept: &Kept, after: After) -> OpenSession {
    let session = client.session(kept.token.clone());
    OpenSession { id: kept.id, session, expires_at: kept.expires_at, after }
}

/// Each wanted secret once, in the order in which they are first named.
fn unique(bindings: &[Binding]) -> Vec<WantedSecret> {
    let mut wanted: Vec<WantedSecret> = Vec::with_capacity(bindings.len());
    for binding in bindings {
        if !wanted.contains(&binding.wanted) {
            wanted.push(binding.wanted.clone());
        }
    }
    wanted
}

/// The shortest-lived token lasts some minutes; where a new one is to be had, it is time.
const ONE_TOKEN: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_secs(1);
/// What the broker calls a token that was spent before.
const REPLAYED: &str = "token-replayed";
/// What it says of a session that lives longer than the policy of a secret allows.
const TOO_OLD: &str = "session-too-old";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_token_that_can_be_had_anew_is_given_up_before_the_time() {
        let all = Duration::from_mins(10);
        assert_eq!(patience(Supply::OnePerJob, all), all);
        for supply in [Supply::OnDemand, Supply::Standing] {
            assert_eq!(patience(supply, all), Duration::from_mins(1));
            assert_eq!(patience(supply, Duration::from_secs(2)), Duration::from_secs(2));
        }
    }

    #[test]
    fn a_secret_for_two_variables_is_wanted_once() {
        let bindings = ["b > X", "a > Y", "b > Z:file", "b#f > W"];
        let bindings: Vec<Binding> = bindings.iter().map(|line| line.parse().unwrap()).collect();
        let wanted: Vec<_> = unique(&bindings).iter().map(ToString::to_string).collect();
        assert_eq!(wanted, ["b", "a", "b#f"]);
    }
}

//! The end of a session that was kept for later calls of the same job.
//!
//! For the step that comes last, failed job or not: `after_script` on GitLab, the post
//! step of the GitHub action. It may come twice, or when there was never a session;
//! neither is an error.

use std::path::{Path, PathBuf};
use std::time::Instant;

use segura_model::SessionId;
use segura_sdk::Client;
use serde::Serialize;
use serde_json::json;

use super::fetch::kept_paths;
use super::identity::{Identity, IdentityArgs};
use super::kept::KeptFile;
use super::session::{self, END_TIME};
use crate::context::Context;
use crate::error::CliError;
use crate::print::{self, Format};

/// End the session that is kept in this file.
pub(crate) fn end_in_file(path: &Path, context: &Context) -> Result<(), CliError> {
    let client = context.client()?;
    if let Some(mut file) = KeptFile::find(path, Instant::now() + END_TIME)? {
        file.refuse_others()?;
    }
    end_in(&[path.to_owned()], &client, context)
}

/// End the session that this job keeps at its platform's place.
pub(crate) fn end_own(context: &Context) -> Result<(), CliError> {
    let client = context.client()?;
    let identity = Identity::find(&IdentityArgs::default(), client.url(), context)?;
    end_in(&kept_paths(&client, &identity), &client, context)
}

fn end_in(paths: &[PathBuf], client: &Client, context: &Context) -> Result<(), CliError> {
    let mut sessions = Vec::new();
    for path in paths {
        if let Some(file) = KeptFile::find(path, Instant::now() + END_TIME)? {
            sessions.extend(end_one(file, client, context)?);
        }
    }
    if context.format() == Format::Json {
        return print::result(Format::Json, &json!({"sessions": sessions}), |_| String::new());
    }
    for Ended { id, .. } in sessions.iter().filter(|one| one.ended) {
        print::note(&format!("ended {id}"));
    }
    if sessions.is_empty() {
        print::note("no session is kept here: there is nothing to end");
    }
    Ok(())
}

/// A session that was kept, and whether the broker knows that it is over.
#[derive(Serialize)]
struct Ended {
    id: SessionId,
    ended: bool,
}

/// The session in the file, if there was one.
fn end_one(
    mut file: KeptFile,
    client: &Client,
    context: &Context,
) -> Result<Option<Ended>, CliError> {
    let Some(kept) = file.read() else {
        // A call that failed before it had a session leaves an empty file.
        file.remove()?;
        return Ok(None);
    };
    if kept.url != client.url() {
        // Its token is not for whoever is named now.
        return Err(CliError::Usage(format!(
            "the session that is kept here is {}'s: name that broker with --url",
            kept.url
        )));
    }
    for values in &kept.files {
        // Already gone is gone.
        let _ = std::fs::remove_file(values);
    }
    file.remove()?;
    let session = client.session(kept.token);
    let ended = context
        .block_on(async { Ok::<_, CliError>(session::end(session, kept.expires_at).await) })?;
    Ok(Some(Ended { id: kept.id, ended }))
}

//! The session behind the values: said to live, and ended.
//!
//! Ending it is a courtesy that the broker does not depend on: it takes two seconds at
//! most and never changes what the job's outcome is.

use std::time::Duration;

use segura_model::{Classify, Clock, Kind, SessionId, SystemClock, Timestamp};
use segura_sdk::Session;

use crate::print;

/// The session by which the values came.
pub(crate) struct OpenSession {
    pub(crate) id: SessionId,
    pub(crate) session: Session,
    /// When it ends by itself.
    pub(crate) expires_at: Timestamp,
    pub(crate) after: After,
}

/// What becomes of a session when this call is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// It ends.
    End,
    /// It stays, in a file, for later calls of the same job.
    Keep,
}

impl OpenSession {
    /// Tell the broker from time to time that the job still runs, until the session
    /// is over or nobody waits any more.
    pub(crate) async fn keep_alive(&self) {
        loop {
            tokio::time::sleep(HEARTBEAT).await;
            if SystemClock.now() >= self.expires_at {
                return;
            }
            match self.session.heartbeat().await {
                Err(error) if is_final(error.class().kind) => {
                    print::warning(
                        "the broker has ended this job's session; the command keeps the values \
                         that it has",
                    );
                    return;
                }
                // A broker that is away will be asked again.
                _ => {}
            }
        }
    }

    /// The call is over.
    pub(crate) async fn close(self) {
        if self.after == After::End {
            end(self.session, self.expires_at).await;
        }
    }
}

/// End a session now, if that goes quickly; whether it is over.
pub(crate) async fn end(session: Session, expires_at: Timestamp) -> bool {
    let why = match tokio::time::timeout(END_TIME, session.end()).await {
        Ok(Ok(_)) => return true,
        // It was over already, by whatever hand.
        Ok(Err(error)) if is_final(error.class().kind) => return true,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer within 2 seconds".to_owned(),
    };
    print::warning(&format!(
        "the session could not be ended ({why}); it ends by itself at {expires_at}"
    ));
    false
}

const fn is_final(kind: Kind) -> bool {
    matches!(kind, Kind::Forbidden | Kind::NotFound | Kind::Unauthenticated)
}

const HEARTBEAT: Duration = Duration::from_mins(1);
/// How long ending a session may take.
pub(crate) const END_TIME: Duration = Duration::from_secs(2);

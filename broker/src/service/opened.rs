//! Sessions whose token was opened lately: a job that reads ten secrets shows one token
//! ten times, and reading its claims costs more than all else about a read.
//!
//! They are kept under the token's digest and the change number under which the workload
//! was read, so that today's issuer entry counts, and never the token itself. That the
//! session still lives is asked of the store at every use, and its expiry of the clock.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use segura_model::SecretText;
use segura_store::ChangeNumber;

use super::byte_cache::{ByteCache, Ticket, Weigh};
use super::ticket::Session;

/// Bytes of opened sessions that are kept: about a thousand.
const BYTES: usize = 8 * 1024 * 1024;

/// The digest of a token, and the change number it was opened under.
pub(crate) type Key = ([u8; 32], ChangeNumber);

/// The sessions that were opened lately.
pub(crate) struct OpenedSessions(ByteCache<Key, Kept>);

#[derive(Clone)]
struct Kept {
    session: Arc<Session>,
    weight: usize,
}

impl Weigh for Kept {
    fn weight(&self) -> usize {
        self.weight
    }
}

impl Default for OpenedSessions {
    fn default() -> Self {
        Self(ByteCache::new(BYTES))
    }
}

impl OpenedSessions {
    /// The key of this token under this number.
    pub(crate) fn key(token: &SecretText, change: ChangeNumber) -> Key {
        let mut hash = [0; 32];
        // EXPOSE: a digest of a token with 128 bits of chance tells nothing of it.
        hash.copy_from_slice(digest(&SHA256, token.expose().as_bytes()).as_ref());
        (hash, change)
    }

    /// The session, or a ticket to keep it with once the token was opened.
    pub(crate) fn find(&self, key: &Key) -> Result<Arc<Session>, Ticket> {
        self.0.find(key).map(|kept| kept.session)
    }

    /// Keep a session that was opened; `size` is that of its token, in bytes.
    pub(crate) fn keep(&self, ticket: Ticket, key: Key, session: Arc<Session>, size: usize) {
        // The claims, read: names, values and the tree that holds them, estimated high.
        self.0.put(ticket, key, Kept { session, weight: 512 + 3 * size });
    }
}

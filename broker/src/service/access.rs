//! What each role of operator may do: the one table.
//!
//! A route names a [`Permission`] (`http/routes.rs`), a permission names its roles here, and
//! nothing else decides by a role what a request may do. Two places look at one for another
//! reason: somebody must stay who can administer (`operators/changes.rs`), and what was let
//! in under a role is not written under another (`base.rs`). A test walks every route with
//! every role against this table.
//!
//! Adding a permission: a variant, its roles below, the route that asks for it.

use segura_model::audit::Actor;
use segura_model::{OperatorId, OperatorName, Role, Timestamp};
use segura_store::ShownCredential;

const ADMIN: &[Role] = &[Role::Admin];
const ADMIN_AUDITOR: &[Role] = &[Role::Admin, Role::Auditor];
const ADMIN_AUTHOR: &[Role] = &[Role::Admin, Role::Author];
const EVERYONE: &[Role] = &[Role::Admin, Role::Auditor, Role::Author];

/// Something that an operator may be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Read and verify the ledger.
    AuditRead,
    /// Refuse every session that is open now.
    EpochRaise,
    /// Read issuer entries.
    IssuerRead,
    /// Apply and remove issuer entries. An entry names files and hosts that the
    /// server reads, and whom it believes: administrators only.
    IssuerWrite,
    /// Read which keys there are, never a key.
    KeyringRead,
    /// Give the keyring a new generation.
    KeyringRoll,
    /// List operators.
    OperatorRead,
    /// Rotate a credential: an administrator anyone's, everyone their own.
    OperatorRotate,
    /// Add and remove operators.
    OperatorWrite,
    /// Read policies, explain decisions, open refusals.
    PolicyRead,
    /// Apply, pin and remove policies.
    PolicyWrite,
    /// Read names, versions and metadata of secrets, never a value.
    SecretList,
    /// Read the value of a secret.
    SecretRead,
    /// Write and remove secrets. Says nothing about reading them.
    SecretWrite,
    /// Ask who one is.
    SelfRead,
    /// End somebody's session.
    SessionEnd,
    /// List sessions, and ask about one by its token.
    SessionRead,
}

impl Permission {
    /// The roles that have it.
    pub const fn roles(self) -> &'static [Role] {
        match self {
            Self::EpochRaise
            | Self::IssuerWrite
            | Self::KeyringRoll
            | Self::OperatorWrite
            | Self::SecretRead
            | Self::SessionEnd => ADMIN,
            Self::AuditRead | Self::KeyringRead | Self::OperatorRead | Self::SessionRead => {
                ADMIN_AUDITOR
            }
            Self::PolicyWrite | Self::SecretWrite => ADMIN_AUTHOR,
            Self::IssuerRead
            | Self::OperatorRotate
            | Self::PolicyRead
            | Self::SecretList
            | Self::SelfRead => EVERYONE,
        }
    }

    /// What it lets one do, as a refusal words it: "may not …".
    pub const fn verb(self) -> &'static str {
        match self {
            Self::AuditRead => "read the ledger",
            Self::EpochRaise => "raise an epoch",
            Self::IssuerRead => "read issuer entries",
            Self::IssuerWrite => "change issuer entries",
            Self::KeyringRead => "read which keys there are",
            Self::KeyringRoll => "roll the keyring",
            Self::OperatorRead => "list operators",
            Self::OperatorRotate => "rotate this credential",
            Self::OperatorWrite => "change operators",
            Self::PolicyRead => "read policies",
            Self::PolicyWrite => "change policies",
            Self::SecretList => "list secrets",
            Self::SecretRead => "read the value of a secret",
            Self::SecretWrite => "write secrets",
            Self::SelfRead => "ask who it is",
            Self::SessionEnd => "end a session",
            Self::SessionRead => "read sessions",
        }
    }
}

/// An operator who proved who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Its id.
    pub id: OperatorId,
    /// Its name.
    pub name: OperatorName,
    /// Its role.
    pub role: Role,
    /// The keyed hash of its credential, which every write asks for again.
    pub token_hash: [u8; 32],
    /// When its credential stops working.
    pub expires_at: Timestamp,
}

impl Operator {
    /// Whether it may.
    pub fn may(&self, permission: Permission) -> bool {
        permission.roles().contains(&self.role)
    }
}

impl From<&Operator> for ShownCredential {
    fn from(operator: &Operator) -> Self {
        let Operator { id, name, role, token_hash, expires_at: _ } = operator.clone();
        Self { id, name, role, token_hash }
    }
}

impl From<&Operator> for Actor {
    fn from(operator: &Operator) -> Self {
        Self::Operator { id: operator.id, name: operator.name.clone(), role: operator.role }
    }
}

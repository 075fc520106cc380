//! Wanted secrets, from ciphertext to values, all of them or none.
//!
//! What is missing is collected to the end, so that one refusal names it all. What does
//! not open is another matter: a fault of ours, which ends the request.

use std::sync::Arc;

use segura_model::api::{FieldValues, SecretFault, SecretFaultKind};
use segura_model::audit::ReleasedPath;
use segura_model::wanted::WantedSecret;
use segura_model::{SecretPath, Timestamp};
use segura_vault::{Fields, SealedSecret, SecretsError};
use tracing::Instrument;

use super::Core;
use crate::telemetry::TRACES;

/// A secret with its values.
#[derive(Debug)]
pub struct OpenedSecret {
    /// As it was asked for.
    pub wanted: WantedSecret,
    /// What is known of it besides.
    pub sealed: Arc<SealedSecret>,
    /// The values: the field that was named, or all.
    pub fields: FieldValues,
}

impl OpenedSecret {
    /// What the ledger says of it: never a value.
    pub(crate) fn released(&self) -> ReleasedPath {
        ReleasedPath {
            path: self.wanted.path.clone(),
            version: Some(self.sealed.version()),
            fields: self.fields.names().cloned().collect(),
        }
    }
}

/// Why one secret was not opened.
pub(crate) enum NotOpened {
    /// It, or what was named of it, is not there.
    Fault(SecretFaultKind),
    /// It is there and does not open, or the store failed.
    Failed(SecretsError),
}

impl From<SecretsError> for NotOpened {
    fn from(error: SecretsError) -> Self {
        match error {
            SecretsError::Expired { .. } => Self::Fault(SecretFaultKind::Expired),
            other => Self::Failed(other),
        }
    }
}

/// Open one secret.
pub(crate) async fn open(
    core: &Core,
    wanted: &WantedSecret,
    now: Timestamp,
) -> Result<OpenedSecret, NotOpened> {
    let span = tracing::info_span!(target: TRACES, "open");
    open_untraced(core, wanted, now).instrument(span).await
}

async fn open_untraced(
    core: &Core,
    wanted: &WantedSecret,
    now: Timestamp,
) -> Result<OpenedSecret, NotOpened> {
    let WantedSecret { path, field, version } = wanted;
    let Some(sealed) = core.snapshots.secret(&core.vault, path, *version).await? else {
        return Err(NotOpened::Fault(missing(core, path, *version).await?));
    };
    let fields = core.vault.open(&sealed, now)?;
    let fields = match field {
        None => FieldValues::new(fields.into_map()),
        Some(name) => only(fields, name).ok_or(NotOpened::Fault(SecretFaultKind::MissingField))?,
    };
    Ok(OpenedSecret { wanted: wanted.clone(), sealed, fields })
}

/// What to say of a wanted secret that cannot be given.
pub(crate) fn fault(wanted: &WantedSecret, why: SecretFaultKind) -> SecretFault {
    let path = &wanted.path;
    let detail = match why {
        SecretFaultKind::Expired => format!("`{path}` is past its expiry"),
        SecretFaultKind::Missing => format!("there is no secret at `{path}`"),
        SecretFaultKind::MissingField => format!("`{wanted}`: the secret has no such field"),
        SecretFaultKind::MissingVersion => format!("`{wanted}`: the secret has no such version"),
        SecretFaultKind::NotGranted => format!("`{path}` is not granted, whether it exists or not"),
        SecretFaultKind::Other | SecretFaultKind::Unreadable => format!("`{path}` cannot be read"),
    };
    SecretFault { path: path.clone(), why, detail }
}

async fn missing(
    core: &Core,
    path: &SecretPath,
    version: Option<u32>,
) -> Result<SecretFaultKind, SecretsError> {
    let exists =
        version.is_some() && core.snapshots.secret(&core.vault, path, None).await?.is_some();
    Ok(if exists { SecretFaultKind::MissingVersion } else { SecretFaultKind::Missing })
}

fn only(fields: Fields, name: &segura_model::FieldName) -> Option<FieldValues> {
    let value = fields.into_map().remove(name)?;
    Some([(name.clone(), value)].into_iter().collect())
}

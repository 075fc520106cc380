//! What becomes of operators, as units of work: each is one transaction with its record.

use segura_model::audit::Record;
use segura_model::duration::Seconds;
use segura_model::{OperatorId, OperatorName, Random, Role, SecretText, Timestamp};
use segura_store::{BoxFuture, StoreError, StoredOperator, Tx};
use segura_vault::OperatorTokens;
use serde_json::json;

use super::{LONGEST_LIFE, Namesake, OperatorsError, SHORTEST_LIFE, USUAL_LIFE};
use crate::service::access::Operator;

/// An operator to add.
pub(super) struct NewOperator {
    pub(super) name: OperatorName,
    pub(super) role: Role,
    pub(super) life: i64,
}

impl NewOperator {
    /// Its token, and the unit of work that adds it.
    pub(super) fn unit(
        self,
        tokens: &OperatorTokens,
        random: &dyn Random,
        mut record: Record,
    ) -> (
        SecretText,
        impl for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<Operator, OperatorsError>>
        + Send
        + 'static,
    ) {
        let (token, hash) = tokens.make(random);
        let id = OperatorId::make(record.at, random);
        let new = stored(self.name, self.role, hash, self.life, id, record.at);
        record.detail = described(&new);
        (token, move |tx: &mut Tx| -> BoxFuture<'_, _> { Box::pin(add(tx, new, record)) })
    }
}

async fn add(tx: &mut Tx, new: StoredOperator, record: Record) -> Result<Operator, OperatorsError> {
    if !tx.operator_add(&new).await? {
        return Err(OperatorsError::NameTaken(new.name));
    }
    tx.record(&record)?;
    Ok(operator(new))
}

/// Remove an operator, unless nobody could administer any more.
pub(super) async fn remove(
    tx: &mut Tx,
    name: OperatorName,
    mut record: Record,
) -> Result<(), OperatorsError> {
    let all = tx.operator_list().await?;
    let goes = all.iter().find(|operator| operator.name == name);
    let works = |operator: &&StoredOperator| {
        operator.role == Role::Admin && operator.expires_at > record.at
    };
    if !all.iter().filter(works).any(|operator| operator.name != name) {
        return Err(OperatorsError::LastAdmin(name));
    }
    // A row that does not check is in no list, and goes all the same.
    record.detail = goes.map_or_else(|| json!({ "name": name, "refused": true }), described);
    if !tx.operator_remove(&name).await? {
        return Err(OperatorsError::NotFound(name));
    }
    Ok(tx.record(&record)?)
}

/// Add an operator, in the place of whoever has the name if `namesake` says so.
pub(super) async fn replace(
    tx: &mut Tx,
    new: StoredOperator,
    namesake: Namesake,
    mut record: Record,
) -> Result<Operator, OperatorsError> {
    let before = tx.operator_find(&new.name).await?;
    if let Some(StoredOperator { role, expires_at, .. }) = before {
        if namesake == Namesake::Refuse {
            return Err(OperatorsError::Namesake { name: new.name, role, expires_at });
        }
        tx.operator_remove(&new.name).await?;
    }
    tx.operator_add(&new).await?;
    record.detail = json!({ "after": described(&new), "before": before.as_ref().map(described) });
    tx.record(&record)?;
    Ok(operator(new))
}

/// Give an operator the token with this hash, and its old one no more.
pub(super) async fn rotate(
    tx: &mut Tx,
    name: OperatorName,
    hash: [u8; 32],
    term: Term,
    mut record: Record,
) -> Result<Operator, OperatorsError> {
    let Some(before) = tx.operator_find(&name).await? else {
        return Err(OperatorsError::NotFound(name));
    };
    let expires_at = term.ends(record.at, before.expires_at)?;
    if !tx.operator_rotate(&name, &hash, expires_at, record.at).await? {
        return Err(OperatorsError::NotFound(name));
    }
    let rotated = tx.operator_find(&name).await?;
    let rotated =
        rotated.ok_or(StoreError::Invalid("an operator that was just rotated is gone"))?;
    record.detail = described(&rotated);
    tx.record(&record)?;
    Ok(operator(rotated))
}

/// For how long a rotated token works.
#[derive(Clone, Copy)]
pub(super) struct Term {
    pub(super) life: i64,
    /// Whether the request said so, or it is the usual one.
    pub(super) asked: bool,
    /// Whether the time that is left of the old token is all there is.
    pub(super) inherited: bool,
}

impl Term {
    fn ends(self, now: Timestamp, before: Timestamp) -> Result<Timestamp, OperatorsError> {
        let wanted = now.plus(self.life);
        match (self.inherited && wanted > before, self.asked) {
            (false, _) => Ok(wanted),
            (true, false) => Ok(before),
            (true, true) => Err(OperatorsError::Outlives(before)),
        }
    }
}

/// An operator as it is stored.
pub(super) fn stored(
    name: OperatorName,
    role: Role,
    token_hash: [u8; 32],
    life: i64,
    id: OperatorId,
    now: Timestamp,
) -> StoredOperator {
    let expires_at = now.plus(life);
    StoredOperator { id, name, role, token_hash, expires_at, created_at: now, rotated_at: now }
}

/// An operator as services know it.
pub(super) fn operator(stored: StoredOperator) -> Operator {
    let StoredOperator { id, name, role, token_hash, expires_at, .. } = stored;
    Operator { id, name, role, token_hash, expires_at }
}

/// What the ledger says of an operator.
fn described(operator: &StoredOperator) -> serde_json::Value {
    let StoredOperator { id, name, role, expires_at, .. } = operator;
    json!({ "id": id, "name": name, "role": role, "expires_at": expires_at })
}

/// How long a token is to live, in seconds, within bounds.
pub(super) fn life(ttl: Option<Seconds>) -> Result<i64, OperatorsError> {
    let life = ttl.map_or(USUAL_LIFE, Seconds::count);
    if (SHORTEST_LIFE..=LONGEST_LIFE).contains(&life) {
        Ok(life)
    } else {
        Err(OperatorsError::Life)
    }
}

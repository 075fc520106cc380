//! Operators: who they are, and how they come and go.
//!
//! A token is looked up by its keyed hash at every request, in the database and not in
//! memory, so that a removed operator is out at once on every node. The last working
//! administrator can be neither removed nor left to expire by a removal; what is left
//! then is recovery, which needs the guard and the machine, and is recorded.

mod changes;

use std::sync::Arc;

use segura_model::api::OperatorAdd;
use segura_model::audit::{Actor, Event, Outcome, Record};
use segura_model::duration::Seconds;
use segura_model::{
    Class, Classify, Clock, OperatorId, OperatorName, Random, Role, SecretText, Timestamp,
};
use segura_store::{StoreError, StoredOperator, Writer};
use segura_vault::{Keyring, OperatorTokens, TokenShapeError};

use self::changes::{NewOperator, Term, life, operator, remove, replace, rotate, stored};
use super::access::{Operator, Permission};
use super::refusals::{Refusal, Refusing, Stranger};
use super::{Core, Origin};

const DAY: i64 = 24 * 3600;
/// How long a token lives unless the request says otherwise.
const USUAL_LIFE: i64 = 90 * DAY;
const LONGEST_LIFE: i64 = 366 * DAY;
const SHORTEST_LIFE: i64 = 60;

/// An operator and its token, to be shown once.
#[derive(Debug)]
pub struct Credential {
    /// Who.
    pub operator: Operator,
    /// The token.
    pub token: SecretText,
}

/// What a recovery does with an operator who has the name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namesake {
    /// Leaves the operator alone, and says who it is.
    Refuse,
    /// Ends the operator's credential, and gives the name to an administrator.
    Replace,
}

/// Why an operator was refused or not changed.
#[derive(Debug, thiserror::Error)]
pub enum OperatorsError {
    /// The role does not allow it.
    #[error("operator `{name}` is {role} and may not {verb}")]
    Forbidden {
        /// Who.
        name: OperatorName,
        /// Its role.
        role: Role,
        /// What it tried.
        verb: &'static str,
        /// Under which the ledger has it.
        refusal: Box<Refusal>,
    },
    /// Nobody could administer any more.
    #[error("`{0}` is the last administrator with a working token: add another one first")]
    LastAdmin(OperatorName),
    /// The life asked for is out of bounds.
    #[error("a token lives a minute to 366 days")]
    Life,
    /// The name is taken.
    #[error("there is an operator `{0}` already: rotate it, or choose another name")]
    NameTaken(OperatorName),
    /// Recovery would take the name from somebody who has it.
    #[error(
        "there is an operator `{name}` already: {role}, with a credential until {expires_at}; \
         recovery would end that credential and make the operator an admin, and nothing was done"
    )]
    Namesake {
        /// Whose name it is.
        name: OperatorName,
        /// The operator's role.
        role: Role,
        /// Until when the credential works.
        expires_at: Timestamp,
    },
    /// There is no such operator.
    #[error("there is no operator `{0}`")]
    NotFound(OperatorName),
    /// A token that would work longer than the one it replaces.
    #[error(
        "this credential works until {0}, and one that replaces it no longer: leave the expiry \
         out, or have an administrator rotate it"
    )]
    Outlives(Timestamp),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The token is nobody's, or of another kind, or its time is over.
    #[error("the operator token is not valid: it may be mistyped, expired, rotated or removed")]
    Unknown {
        /// Under which the ledger has it.
        refusal: Box<Refusal>,
    },
}

impl Classify for OperatorsError {
    fn class(&self) -> Class {
        match self {
            Self::Forbidden { .. } => Class::forbidden("role-forbids"),
            Self::LastAdmin(_) => Class::conflict("last-admin"),
            Self::Life | Self::Outlives(_) => Class::bad_request("token-life"),
            Self::NameTaken(_) | Self::Namesake { .. } => Class::conflict("operator-exists"),
            Self::NotFound(_) => Class::not_found("operator-not-found"),
            Self::Store(error) => error.class(),
            Self::Unknown { .. } => Class::unauthenticated("operator-unknown"),
        }
    }
}

impl Refusing for OperatorsError {
    fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Forbidden { refusal, .. } | Self::Unknown { refusal } => Some(refusal),
            _ => None,
        }
    }
}

/// Why a token is no operator's that works.
#[derive(Debug)]
pub struct Unrecognised {
    class: Class,
    /// For operators.
    why: String,
}

/// Operators and their tokens.
#[derive(Clone)]
pub struct OperatorService {
    core: Arc<Core>,
    tokens: Arc<OperatorTokens>,
}

impl OperatorService {
    /// The service over this core.
    pub const fn new(core: Arc<Core>, tokens: Arc<OperatorTokens>) -> Self {
        Self { core, tokens }
    }

    /// Who presents this token, if it is an operator's that works.
    pub async fn authenticate(
        &self,
        token: &SecretText,
        origin: Origin,
    ) -> Result<Operator, OperatorsError> {
        match self.recognise(token).await? {
            Ok(operator) => Ok(operator),
            Err(unknown) => self.turn_away(unknown, origin).await,
        }
    }

    /// Whose token this is. A refusal is not written yet: that waits for the writer.
    pub async fn recognise(
        &self,
        token: &SecretText,
    ) -> Result<Result<Operator, Unrecognised>, StoreError> {
        // EXPOSE: the token is hashed.
        let (class, why) = match self.tokens.hash(token.expose()) {
            Ok(hash) => match self.find(&hash).await? {
                Some(stored) if stored.expires_at > self.core.clock.now() => {
                    return Ok(Ok(operator(stored)));
                }
                Some(stored) => (
                    Class::unauthenticated("operator-expired"),
                    format!("the token of `{}` expired at {}", stored.name, stored.expires_at),
                ),
                None => (
                    Class::unauthenticated("operator-unknown"),
                    "no operator has this token".to_owned(),
                ),
            },
            Err(shape) => (shape.class(), TokenShapeError::to_string(&shape)),
        };
        Ok(Err(Unrecognised { class, why }))
    }

    /// Refuse whoever was not recognised, and write it down.
    pub async fn turn_away(
        &self,
        unknown: Unrecognised,
        origin: Origin,
    ) -> Result<Operator, OperatorsError> {
        let refusal = self.refuse(unknown.class, unknown.why, origin).await?;
        Err(OperatorsError::Unknown { refusal: Box::new(refusal) })
    }

    /// Whose token has this hash, by a row that checks.
    async fn find(&self, hash: &[u8; 32]) -> Result<Option<StoredOperator>, StoreError> {
        self.core.store().operator_find_by_hash(hash, &*self.core.row_mac).await
    }

    /// Refuse somebody who presents nothing that could be an operator's token.
    pub async fn refuse(
        &self,
        class: Class,
        why: String,
        origin: Origin,
    ) -> Result<Refusal, OperatorsError> {
        Ok(self.core.refusals.stranger(Stranger { origin, issuer: None, class, why }).await?)
    }

    /// Demand a permission of an operator.
    pub async fn demand(
        &self,
        operator: &Operator,
        permission: Permission,
        origin: Origin,
    ) -> Result<(), OperatorsError> {
        if operator.may(permission) {
            return Ok(());
        }
        let (name, role, verb) = (operator.name.clone(), operator.role, permission.verb());
        let class = Class::forbidden("role-forbids");
        let refusal = self.core.refusals.operator(origin, operator, class, verb).await?;
        Err(OperatorsError::Forbidden { name, role, verb, refusal: Box::new(refusal) })
    }

    /// Demand that an operator's credential still holds: some time has gone by since it was
    /// recognised.
    pub async fn demand_still(
        &self,
        operator: &Operator,
        origin: Origin,
    ) -> Result<(), OperatorsError> {
        Ok(self.core.demand_credential(operator, origin).await?)
    }

    /// Every operator, by name.
    pub async fn list(&self) -> Result<Vec<StoredOperator>, OperatorsError> {
        Ok(self.core.store().operator_list(&*self.core.row_mac).await?)
    }

    /// Add an operator.
    pub async fn add(
        &self,
        add: OperatorAdd,
        by: &Operator,
        origin: Origin,
    ) -> Result<Credential, OperatorsError> {
        let record = self.core.record(Event::OperatorAdd, Outcome::Changed, by.into(), origin);
        let new = NewOperator { name: add.name, role: add.role, life: life(add.ttl)? };
        let (token, unit) = new.unit(&self.tokens, &*self.core.random, record);
        Ok(Credential { operator: self.core.run_by(by, origin, unit).await?, token })
    }

    /// Give an operator a new token; the old one ends. An administrator may do that to
    /// anyone, everyone to themselves; but who is no administrator gets no more time by it.
    pub async fn rotate(
        &self,
        name: OperatorName,
        ttl: Option<Seconds>,
        by: &Operator,
        origin: Origin,
    ) -> Result<Credential, OperatorsError> {
        if by.name != name {
            self.demand(by, Permission::OperatorWrite, origin).await?;
        }
        let term = Term {
            life: life(ttl)?,
            asked: ttl.is_some(),
            inherited: !by.may(Permission::OperatorWrite),
        };
        let record = self.core.record(Event::OperatorRotate, Outcome::Changed, by.into(), origin);
        let (token, hash) = self.tokens.make(&*self.core.random);
        let unit =
            self.core.run_by(by, origin, move |tx| Box::pin(rotate(tx, name, hash, term, record)));
        let operator = unit.await?;
        Ok(Credential { operator, token })
    }

    /// Remove an operator.
    pub async fn remove(
        &self,
        name: OperatorName,
        by: &Operator,
        origin: Origin,
    ) -> Result<(), OperatorsError> {
        let record = self.core.record(Event::OperatorRemove, Outcome::Changed, by.into(), origin);
        self.core.run_by(by, origin, move |tx| Box::pin(remove(tx, name, record))).await
    }
}

/// Set up the first administrator, at `segura init`.
pub async fn first(
    writer: &Writer,
    keyring: &Keyring,
    name: OperatorName,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<Credential, OperatorsError> {
    let record = Record::new(Event::OperatorAdd, Outcome::Changed, clock.now(), Actor::Server);
    let new = NewOperator { name, role: Role::Admin, life: USUAL_LIFE };
    let (token, unit) = new.unit(&OperatorTokens::new(keyring), random, record);
    Ok(Credential { operator: writer.run(unit).await?, token })
}

/// Make an administrator of this name: with the guard, on the machine itself. Who has the
/// name already is replaced, whatever the role, if `namesake` says so.
pub async fn recover(
    writer: &Writer,
    keyring: &Keyring,
    name: OperatorName,
    namesake: Namesake,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<Credential, OperatorsError> {
    let record = Record::new(Event::OperatorRecover, Outcome::Changed, clock.now(), Actor::Server);
    let tokens = OperatorTokens::new(keyring);
    let (token, hash) = tokens.make(random);
    let new =
        stored(name, Role::Admin, hash, USUAL_LIFE, OperatorId::make(record.at, random), record.at);
    let operator = writer.run(move |tx| Box::pin(replace(tx, new, namesake, record))).await?;
    Ok(Credential { operator, token })
}

#[cfg(test)]
mod tests;

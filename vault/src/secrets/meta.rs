//! Changes to what is known about a secret besides its values.
//!
//! A write that says nothing about a piece keeps it: the script that rotates a password
//! does not know its owner, and must not lose it.

use segura_model::Timestamp;
use segura_model::name::Tag;
use segura_store::SecretMeta;

use super::SecretsError;

const MAX_OWNER: usize = 128;
const MAX_TAGS: usize = 32;
/// Ten years, in seconds.
const MAX_MAX_AGE: i64 = 3652 * 24 * 60 * 60;

/// What to do with one piece of metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Edit<T> {
    /// Take it away.
    Clear,
    /// Leave it as it is.
    #[default]
    Keep,
    /// Put this in its place.
    Set(T),
}

impl<T> Edit<T> {
    fn apply(self, to: &mut Option<T>) {
        match self {
            Self::Clear => *to = None,
            Self::Keep => (),
            Self::Set(value) => *to = Some(value),
        }
    }
}

impl<T> From<Option<T>> for Edit<T> {
    /// Nothing said keeps.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Keep, Self::Set)
    }
}

/// What to change about a secret besides its values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetaChange {
    /// Who is asked about it: 1–128 bytes of text.
    pub owner: Edit<String>,
    /// Words to find it by: at most 32, all replaced together.
    pub tags: Edit<Vec<Tag>>,
    /// Seconds after which a version should be replaced: up to ten years.
    pub max_age: Edit<i64>,
    /// When it stops being handed out.
    pub expires_at: Edit<Timestamp>,
}

impl MetaChange {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn check(&self) -> Result<(), SecretsError> {
        let owner = match &self.owner {
            Edit::Set(owner) => {
                (1..=MAX_OWNER).contains(&owner.len()) && !owner.chars().any(char::is_control)
            }
            _ => true,
        };
        let tags = !matches!(&self.tags, Edit::Set(tags) if tags.len() > MAX_TAGS);
        let max_age = !matches!(self.max_age, Edit::Set(age) if !(1..=MAX_MAX_AGE).contains(&age));
        match (owner, tags, max_age) {
            (false, ..) => {
                Err(SecretsError::Meta("an owner is 1–128 bytes without control characters"))
            }
            (_, false, _) => Err(SecretsError::Meta("a secret has at most 32 tags")),
            (.., false) => {
                Err(SecretsError::Meta("a maximum age lies between a second and ten years"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn apply(self, mut meta: SecretMeta) -> SecretMeta {
        self.owner.apply(&mut meta.owner);
        self.max_age.apply(&mut meta.max_age);
        self.expires_at.apply(&mut meta.expires_at);
        let mut tags = Some(meta.tags);
        self.tags.apply(&mut tags);
        meta.tags = tags.unwrap_or_default();
        meta.tags.sort();
        meta.tags.dedup();
        meta
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> Tag {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_not_mentioned_is_kept() {
        let before = SecretMeta {
            owner: Some("payments".into()),
            tags: vec![tag("a")],
            max_age: Some(60),
            expires_at: Some(Timestamp(9)),
        };
        assert_eq!(MetaChange::default().apply(before.clone()), before);
        let change = MetaChange {
            owner: Edit::Clear,
            tags: Edit::Set(vec![tag("c"), tag("b"), tag("c")]),
            max_age: Edit::Set(30),
            expires_at: None.into(),
        };
        let after = SecretMeta {
            owner: None,
            tags: vec![tag("b"), tag("c")],
            max_age: Some(30),
            expires_at: Some(Timestamp(9)),
        };
        assert_eq!(change.apply(before), after);
    }

    #[test]
    fn metadata_has_limits() {
        let refused = |change: MetaChange| change.check().is_err();
        let owner = |text: &str| MetaChange { owner: Edit::Set(text.into()), ..Default::default() };
        assert!(refused(owner("")));
        assert!(refused(owner("a\nb")));
        assert!(refused(owner(&"x".repeat(129))));
        assert!(!refused(owner("Payments, on call")));
        let tags = (0..33).map(|n| tag(&format!("t{n}"))).collect();
        assert!(refused(MetaChange { tags: Edit::Set(tags), ..Default::default() }));
        for age in [0, -1, MAX_MAX_AGE + 1] {
            assert!(refused(MetaChange { max_age: Edit::Set(age), ..Default::default() }));
        }
        assert!(!refused(MetaChange::default()));
    }
}

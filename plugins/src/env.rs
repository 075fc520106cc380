//! The environment as a value: the process's own, or a map in tests.
//!
//! Only text: a variable that is not UTF-8 is not one of a platform's. What a child
//! inherits is never built from here, so nothing is lost on the way.

use std::collections::BTreeMap;

/// Where environment variables come from.
pub trait Env: Send + Sync {
    /// The value of a variable, if it is set and text.
    fn var(&self, name: &str) -> Option<String>;

    /// All variables whose name and value are text.
    fn vars(&self) -> Vec<(String, String)>;

    /// The value of a variable that is set to something: CI systems often set a
    /// variable to nothing when they have no value for it.
    fn filled(&self, name: &str) -> Option<String> {
        self.var(name).filter(|value| !value.is_empty())
    }
}

/// An environment that is a map.
#[derive(Clone, Default)]
pub struct MapEnv(BTreeMap<String, String>);

impl MapEnv {
    /// An environment with these variables; of two with one name the later counts.
    pub fn new<K: Into<String>, V: Into<String>>(vars: impl IntoIterator<Item = (K, V)>) -> Self {
        Self(vars.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl Env for MapEnv {
    fn var(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn vars(&self) -> Vec<(String, String)> {
        self.0.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

impl std::fmt::Debug for MapEnv {
    /// Names only: a CI environment is full of secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_is_set_but_not_filled() {
        let env = MapEnv::new([("A", ""), ("B", "x")]);
        assert_eq!(env.var("A").as_deref(), Some(""));
        assert_eq!(env.filled("A"), None);
        assert_eq!(env.filled("B").as_deref(), Some("x"));
        assert_eq!(env.filled("C"), None);
    }

    #[test]
    fn an_environment_prints_names_only() {
        assert_eq!(format!("{:?}", MapEnv::new([("A", "hunter2")])), r#"{"A"}"#);
    }
}

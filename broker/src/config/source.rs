//! Which setting says something, and where its value comes from: for a message about what
//! that value led to.

use std::fmt;

use super::gather::Origin;

/// A setting and where its value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingSource {
    setting: &'static str,
    origin: Origin,
}

impl SettingSource {
    pub(super) const fn new(setting: &'static str, origin: Origin) -> Self {
        Self { setting, origin }
    }
}

impl fmt::Display for SettingSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` (", self.setting)?;
        match &self.origin {
            Origin::Default => f.write_str("its default"),
            Origin::Environment(variable) => write!(f, "from the environment, {variable}"),
            Origin::File(path) => write!(f, "from {}", path.display()),
            Origin::Flag => f.write_str("from the command line"),
        }?;
        f.write_str(")")
    }
}

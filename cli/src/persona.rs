//! The binary answers to several names, as busybox does.
//!
//! A name that is promised to a later tool is refused in words: a script that calls
//! `dsm` must not get another program's behaviour by accident. Any other name, a
//! user's own symlink among them, is `segura`.

use std::ffi::OsStr;
use std::path::Path;

/// Who the binary is in this call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persona {
    /// The whole command line.
    Segura,
    /// A name that this version does not serve yet.
    Reserved(&'static str),
}

impl Persona {
    /// Decide by the name that the program was called with.
    pub(crate) fn of(argv0: Option<&OsStr>) -> Self {
        let name = argv0.map(Path::new).and_then(Path::file_stem).and_then(OsStr::to_str);
        RESERVED
            .iter()
            .find(|reserved| name == Some(reserved))
            .map_or(Self::Segura, |reserved| Self::Reserved(reserved))
    }
}

const RESERVED: [&str; 2] = ["dsm", "segura-agent"];

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> Persona {
        Persona::of(Some(OsStr::new(name)))
    }

    #[test]
    fn a_promised_name_is_not_served_by_another_tool() {
        assert_eq!(of("/usr/local/bin/dsm"), Persona::Reserved("dsm"));
        assert_eq!(of("segura-agent"), Persona::Reserved("segura-agent"));
    }

    #[test]
    fn every_other_name_is_segura() {
        for name in ["segura", "./segura-cli", "/opt/my-link", ""] {
            assert_eq!(of(name), Persona::Segura, "{name}");
        }
        assert_eq!(Persona::of(None), Persona::Segura);
    }
}

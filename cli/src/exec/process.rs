//! What this process does to itself before it holds secrets.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Whether other processes of this user must be able to look into this one's folder
/// in `/proc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Looks {
    /// Yes: a secret's file is behind a path there.
    Needed,
    /// No.
    Refused,
}

/// Leave no core file, and if possible let no process of this user read our memory or
/// our environment, which still holds the platform's token variables.
///
/// The limit is lowered softly: a child that wants core files raises it again. A
/// kernel that refuses either changes nothing for the job, so that is no error.
pub(crate) fn harden(looks: Looks) {
    let limit = getrlimit(Resource::Core);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: limit.maximum });
    #[cfg(target_os = "linux")]
    if looks == Looks::Refused {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = looks;
}

//! CI platforms: what Segura knows of each, runner side and broker side together.
//!
//! One platform is one file, `platform/<name>.rs`, and one folder beside it:
//! `runner.rs` finds the platform and gets a job's identity token, `preset.rs` and
//! `claims.rs` say what the broker may believe of such a token, `sample.rs` makes the
//! claims of a job that never ran. Nothing here decides a policy, and nothing does I/O
//! by itself: environment, files and HTTP come in as values.
//!
//! # Adding a platform
//!
//! Write the file and the folder, implement [`Platform`] on a unit struct, and add it
//! to [`platform::PLATFORMS`]. The vendor's published example claims become a test.

pub mod env;
pub mod error;
pub mod job;
pub mod mask;
pub mod percent;
pub mod platform;
pub mod sample;
pub mod source;
pub mod token;

pub use env::{Env, MapEnv};
pub use error::PlatformError;
pub use job::{Files, Http, HttpError, Job, TokenAnswer, TokenMethod, TokenRequest};
pub use mask::{Masker, ShortValues, Stream};
pub use platform::generic::TokenPlace;
pub use platform::{Platform, SessionPlace, Supply, preset, presets, token_vars};
pub use source::Source;
pub use token::{IdToken, TokenShapeError};

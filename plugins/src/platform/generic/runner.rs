//! A token that was named: `--token-file` or `--token-env`.

use std::path::{Path, PathBuf};

use segura_model::SecretText;

use crate::error::PlatformError;
use crate::job::{Files, Job};
use crate::token::IdToken;

/// Where the caller says that the token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenPlace {
    /// In this file, alone.
    File(PathBuf),
    /// In this variable.
    Var(String),
}

impl TokenPlace {
    /// Take the token from there.
    pub(crate) fn id_token(&self, job: &Job<'_>) -> Result<IdToken, PlatformError> {
        match self {
            Self::File(path) => read_token(path, job.files),
            Self::Var(name) => {
                let missing = || PlatformError::Variable { name: name.clone() };
                let text = SecretText::new(job.env.filled(name).ok_or_else(missing)?);
                let place = format!("the variable {name}");
                IdToken::parse(&text).map_err(|why| PlatformError::NotAToken { place, why })
            }
        }
    }
}

/// Read a file that holds a token and nothing else.
pub(crate) fn read_token(path: &Path, files: &dyn Files) -> Result<IdToken, PlatformError> {
    let unreadable = |source| PlatformError::File { path: path.to_owned(), source };
    let bytes = files.read(path, FILE_LIMIT).map_err(unreadable)?;
    let text =
        bytes.into_text().ok_or_else(|| unreadable(std::io::ErrorKind::InvalidData.into()))?;
    let place = path.display().to_string();
    IdToken::parse(&text).map_err(|why| PlatformError::NotAToken { place, why })
}

/// Room for the largest token and some space around it.
const FILE_LIMIT: usize = 17 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::MapEnv;
    use crate::platform::mint::fake::{FakeFiles, FakeHttp, job};

    fn take(place: &TokenPlace) -> Result<IdToken, PlatformError> {
        let env = MapEnv::new([("TOKEN", "aa.bb.cc"), ("OTHER", "hunter2")]);
        place.id_token(&job(&env, &FakeFiles(Some(("t", "dd.ee.ff\n"))), &FakeHttp::default()))
    }

    #[test]
    fn a_token_is_taken_from_where_it_is_said_to_be() {
        let var = take(&TokenPlace::Var("TOKEN".into())).unwrap();
        assert_eq!(var.text().expose(), "aa.bb.cc");
        let file = take(&TokenPlace::File("t".into())).unwrap();
        assert_eq!(file.text().expose(), "dd.ee.ff");
    }

    #[test]
    fn what_is_not_there_is_named_and_what_is_no_token_is_not_repeated() {
        let missing = take(&TokenPlace::Var("NONE".into())).unwrap_err().to_string();
        assert_eq!(missing, "the variable NONE holds no identity token: it is not set");
        let other = take(&TokenPlace::Var("OTHER".into())).unwrap_err().to_string();
        assert!(other.contains("OTHER") && !other.contains("hunter2"), "{other}");
        assert!(take(&TokenPlace::File("u".into())).is_err());
    }
}

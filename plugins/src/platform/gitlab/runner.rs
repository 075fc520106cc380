//! A GitLab job's token: a variable. And where such a job keeps its session.

use std::path::PathBuf;

use segura_model::SecretText;

use crate::env::Env;
use crate::error::PlatformError;
use crate::platform::SessionPlace;
use crate::token::IdToken;

pub(super) fn id_token(env: &dyn Env) -> Result<IdToken, PlatformError> {
    // A variable that GitLab does not know stays in place as it was written.
    let token = env.filled(ID_TOKEN).filter(|text| !text.starts_with('$')).ok_or_else(|| {
        PlatformError::NotOffered {
            platform: "GitLab CI/CD",
            what: format!("the variable {ID_TOKEN} is not set"),
            advice: ADVICE,
        }
    })?;
    IdToken::parse(&SecretText::new(token))
        .map_err(|why| PlatformError::NotAToken { place: format!("the variable {ID_TOKEN}"), why })
}

/// The runner's own folder for this project's temporary files is shared by the job's
/// `script` and `after_script` on every executor; `/tmp` is not on all of them.
pub(super) fn session_place(env: &dyn Env) -> Option<SessionPlace> {
    let job = env.filled("CI_JOB_ID")?;
    let fits = job.len() <= 64 && job.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let runner = env.filled("RUNNER_TEMP_PROJECT_DIR").map(PathBuf::from);
    let project = env.filled("CI_PROJECT_DIR").map(|folder| PathBuf::from(folder + ".tmp"));
    let builds = env.filled("CI_BUILDS_DIR").map(|folder| PathBuf::from(folder).join("tmp"));
    let system = PathBuf::from(env.filled("TMPDIR").unwrap_or_else(|| "/tmp".to_owned()));
    let folders = [runner, project, builds, Some(system)].into_iter().flatten().collect();
    fits.then_some(SessionPlace { folders, job })
}

pub(super) const ID_TOKEN: &str = "SEGURA_ID_TOKEN";

const ADVICE: &str = "\
Ask for it in the job's YAML, with the broker's URL as the audience:

    id_tokens:
      SEGURA_ID_TOKEN:
        aud: https://segura.example.com

Inside another `segura exec` it is taken away: let the outer one fetch what the inner one needs.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::MapEnv;

    #[test]
    fn the_token_is_the_variable() {
        let token = id_token(&MapEnv::new([(ID_TOKEN, "aa.bb.cc\n")])).unwrap();
        assert_eq!(token.text().expose(), "aa.bb.cc");
    }

    #[test]
    fn a_job_that_did_not_ask_is_told_which_yaml_to_write() {
        for env in [MapEnv::default(), MapEnv::new([(ID_TOKEN, "")])] {
            let text = id_token(&env).unwrap_err().to_string();
            assert!(
                text.contains("    id_tokens:\n      SEGURA_ID_TOKEN:\n        aud: "),
                "{text}"
            );
        }
    }

    #[test]
    fn a_variable_that_is_no_token_is_not_repeated() {
        let text = id_token(&MapEnv::new([(ID_TOKEN, "hunter2")])).unwrap_err().to_string();
        assert!(text.contains(ID_TOKEN) && !text.contains("hunter2"), "{text}");
    }

    #[test]
    fn a_session_is_kept_in_the_runners_own_folder_if_there_is_one() {
        let place = session_place(&MapEnv::new([
            ("CI_JOB_ID", "4711"),
            ("CI_PROJECT_DIR", "/builds/acme/payments"),
            ("TMPDIR", "/scratch"),
        ]));
        let place = place.unwrap();
        assert_eq!(place.job, "4711");
        let folders = ["/builds/acme/payments.tmp", "/scratch"].map(PathBuf::from);
        assert_eq!(place.folders, folders);
    }

    #[test]
    fn a_job_id_that_is_a_path_keeps_no_session() {
        for job in ["", "../x", "a/b"] {
            assert_eq!(session_place(&MapEnv::new([("CI_JOB_ID", job)])), None);
        }
    }
}

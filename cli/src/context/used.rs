//! Which file a failure is due to, and who named it: a variable that was set for another
//! job, or a login of last year, is found only by whoever is told of it.

use std::path::{Path, PathBuf};

use segura_plugins::{Env, PlatformError};
use segura_sdk::SdkError;

use super::Context;
use crate::credentials;
use crate::error::CliError;
use crate::exec::ExecError;

impl Context {
    /// What was used that this error is due to, in words that follow its hint.
    pub(crate) fn used(&self, error: &CliError) -> Option<String> {
        match error {
            CliError::EmptyToken { path }
            | CliError::Exec(ExecError::Platform(PlatformError::File { path, .. }))
            | CliError::FileTooLarge { path, .. }
            | CliError::NotAnOperator { path, .. }
            | CliError::NotText { path }
            | CliError::Read { path, .. } => self.variable_of(path),
            CliError::Sdk(SdkError::CaPem | SdkError::Untrusted { .. }) => self.authority(),
            CliError::Sdk(SdkError::Refused(problem))
                if NOT_LET_IN.contains(&problem.code.as_str()) =>
            {
                self.credential()
            }
            _ => None,
        }
    }

    /// The variable that names this file, unless a flag does.
    fn variable_of(&self, path: &Path) -> Option<String> {
        let flags = [&self.globals.ca_cert, &self.globals.token_file];
        let names = ["SEGURA_CA_CERT", "SEGURA_TOKEN_FILE"];
        let by = |(flag, name): &(&Option<_>, &str)| {
            flag.is_none() && self.env.filled(name).is_some_and(|named| Path::new(&named) == path)
        };
        let (_, name) = flags.into_iter().zip(names).find(by)?;
        Some(format!("{name} names that file"))
    }

    fn authority(&self) -> Option<String> {
        let trusted = |path: &Path, by| {
            format!("only the certificates in {} are trusted here ({by})", path.display())
        };
        if let Some(path) = &self.globals.ca_cert {
            return Some(trusted(path, "--ca-cert"));
        }
        if let Some(path) = self.env.filled("SEGURA_CA_CERT") {
            return Some(trusted(Path::new(&path), "SEGURA_CA_CERT"));
        }
        let url = self.url().ok().flatten()?;
        let stored = self.stored.get()?.login(&url)?.ca_pem.is_some();
        stored.then(|| "only the authority that `segura login` stored is trusted here".to_owned())
    }

    fn credential(&self) -> Option<String> {
        let (path, by) = self.holder()?;
        let used = format!("used was the one in {} ({by})", path.display());
        Some(if by == LOGIN { format!("{used}: run it anew") } else { used })
    }

    /// The file whose credential is presented, once one was, and who named it.
    fn holder(&self) -> Option<(PathBuf, &'static str)> {
        if let Some(path) = &self.globals.token_file {
            return Some((path.clone(), "--token-file"));
        }
        if let Some(path) = self.env.filled("SEGURA_TOKEN_FILE") {
            return Some((path.into(), "SEGURA_TOKEN_FILE"));
        }
        self.stored.get()?;
        Some((credentials::path(&self.env).ok()?, LOGIN))
    }

    /// What to do where the credential that is presented has just been replaced.
    pub(crate) fn outlived(&self) -> Option<String> {
        let (path, by) = self.holder()?;
        let path = path.display();
        Some(if by == LOGIN {
            format!("{path}, from {by}, still holds the old one: run {by} anew")
        } else {
            format!("{path}, which {by} names, still holds the old one: put the new one there")
        })
    }
}

/// What the broker says of a credential that it does not, or no more, let in.
const NOT_LET_IN: [&str; 2] = ["operator-unknown", "operator-expired"];

const LOGIN: &str = "`segura login`";

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use segura_plugins::MapEnv;

    use super::*;
    use crate::cli::Globals;

    fn used(globals: Globals, error: &CliError) -> String {
        let env = MapEnv::new([("SEGURA_CA_CERT", "/v/ca.pem"), ("SEGURA_TOKEN_FILE", "/v/token")]);
        Context::new(env, globals).used(error).unwrap_or_default()
    }

    #[test]
    fn the_variable_that_named_a_file_is_told_and_a_flag_is_not() {
        let unreadable =
            |path: &str| CliError::Read { path: path.into(), source: ErrorKind::NotFound.into() };
        let none = Globals::default;
        assert_eq!(used(none(), &unreadable("/v/token")), "SEGURA_TOKEN_FILE names that file");
        assert_eq!(used(none(), &unreadable("/v/ca.pem")), "SEGURA_CA_CERT names that file");
        assert_eq!(used(none(), &unreadable("/other")), "");
        let flag = Globals { token_file: Some(PathBuf::from("/v/token")), ..none() };
        assert_eq!(used(flag, &unreadable("/v/token")), "");
    }

    #[test]
    fn what_is_trusted_and_which_credential_was_used_is_told() {
        let ca = CliError::Sdk(SdkError::CaPem);
        assert!(used(Globals::default(), &ca).contains("/v/ca.pem are trusted here (SEGURA_CA_"));
        let flag = Globals { ca_cert: Some("/f/ca.pem".into()), ..Globals::default() };
        assert!(used(flag, &ca).contains("/f/ca.pem are trusted here (--ca-cert)"));
        let told = |code| {
            let problem = serde_json::json!({
                "type": "t", "title": "t", "status": 401, "detail": "d", "code": code,
            });
            let refused = SdkError::Refused(Box::new(serde_json::from_value(problem).unwrap()));
            used(Globals::default(), &CliError::Sdk(refused))
        };
        for code in ["operator-unknown", "operator-expired"] {
            assert_eq!(told(code), "used was the one in /v/token (SEGURA_TOKEN_FILE)");
        }
        for code in ["operator-exists", "operator-not-found"] {
            assert_eq!(told(code), "", "the credential is not to blame");
        }
    }

    #[test]
    fn who_replaced_its_own_credential_is_told_where_the_old_one_is() {
        let env = MapEnv::new([("SEGURA_TOKEN_FILE", "/v/token")]);
        let told = Context::new(env.clone(), Globals::default()).outlived().unwrap();
        assert!(told.starts_with("/v/token, which SEGURA_TOKEN_FILE names"), "{told}");
        let flag = Globals { token_file: Some("/f/token".into()), ..Globals::default() };
        let told = Context::new(env, flag).outlived().unwrap();
        assert!(told.starts_with("/f/token, which --token-file names"), "{told}");
    }
}

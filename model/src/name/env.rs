//! Names of environment variables that may carry a secret.
//!
//! Whoever chooses a secret's value must not thereby choose what the job runs, so
//! names that loaders, shells, interpreters and runners obey are refused. The list
//! compares without case, because some of its readers do.

mod powers;

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use self::powers::power;
use super::{NameError, text_type};

/// The name of an environment variable for a secret: `DB_PASSWORD`.
///
/// `[A-Za-z_]` and up to 127 more of `[A-Za-z0-9_]`; never a name that changes how
/// programs load or run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EnvName(String);

text_type!(EnvName, "^[A-Za-z_][A-Za-z0-9_]*$", 128);

const LONGEST: usize = 128;

impl FromStr for EnvName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let refuse = |rule: String| Err(NameError::new("a variable for a secret", text, rule));
        let shaped = text.len() <= LONGEST
            && !text.starts_with(|first: char| first.is_ascii_digit())
            && !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !shaped {
            return refuse(format!(
                "use 1–{LONGEST} of A–Z, a–z, 0–9 and `_`, and do not begin with a digit"
            ));
        }
        match power(text) {
            Some(power) => refuse(format!("{power}; choose another name, such as `APP_SECRET`")),
            None => Ok(Self(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_are_taken() {
        for good in ["DB_PASSWORD", "_x", "a1", "CIRCLE", "PATHS", &"A".repeat(128)] {
            assert!(good.parse::<EnvName>().is_ok(), "{good:?}");
        }
    }

    #[test]
    fn usual_names_of_secrets_are_taken() {
        for good in USUAL.split_whitespace() {
            assert!(good.parse::<EnvName>().is_ok(), "{good}");
        }
    }

    #[test]
    fn names_that_are_none_are_refused() {
        for bad in ["", "1A", "A-B", "A B", "A=B", "A\0", "É", "A\n", &"A".repeat(129)] {
            assert!(bad.parse::<EnvName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_with_power_are_refused_whatever_their_case() {
        for bad in POWERFUL.split_whitespace() {
            for bad in [bad.to_owned(), bad.to_ascii_lowercase()] {
                assert!(bad.parse::<EnvName>().is_err(), "{bad:?}");
            }
        }
    }

    #[test]
    fn the_refusal_says_why_and_what_to_do() {
        assert_eq!(
            "LD_PRELOAD".parse::<EnvName>().unwrap_err().to_string(),
            "`LD_PRELOAD` is not a variable for a secret: the dynamic linker obeys names that \
             begin like this; choose another name, such as `APP_SECRET`"
        );
    }

    const USUAL: &str = "\
        ANSIBLE_BECOME_PASSWORD ANSIBLE_GALAXY_TOKEN ANSIBLE_PRIVATE_KEY_FILE ANSIBLE_SSH_PASS \
        ANSIBLE_VAULT_PASSWORD ANSIBLE_VAULT_PASSWORD_FILE ARM_CLIENT_SECRET AWS_ACCESS_KEY_ID \
        AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_SHARED_CREDENTIALS_FILE AZURE_CLIENT_SECRET \
        BORG_PASSPHRASE BUNDLE_RUBYGEMS__PKG__GITHUB__COM CACHIX_SIGNING_KEY CARGO_REGISTRY_TOKEN \
        CARGO_REGISTRIES_OURS_TOKEN CODECOV_TOKEN COMPOSER_AUTH COSIGN_PASSWORD DATABASE_URL \
        DENO_AUTH_TOKENS DOCKER_AUTH_CONFIG DOCKER_PASSWORD DOCKER_TOKEN GEM_HOST_API_KEY GH_TOKEN \
        GOOGLE_APPLICATION_CREDENTIALS GOPROXY GPG_PRIVATE_KEY GRADLE_PUBLISH_SECRET HELM_KUBETOKEN \
        HEX_API_KEY HOMEBREW_GITHUB_API_TOKEN KUBECONFIG KUBE_TOKEN MAVEN_GPG_PASSPHRASE \
        MAVEN_PASSWORD MVNW_PASSWORD MYSQL_PWD NETRC NODE_AUTH_TOKEN NPM_TOKEN NUGET_API_KEY \
        ORG_GRADLE_PROJECT_signingPassword OTEL_EXPORTER_OTLP_HEADERS PGPASSFILE PGPASSWORD \
        PIP_EXTRA_INDEX_URL PIP_INDEX_URL POETRY_HTTP_BASIC_OURS_PASSWORD POETRY_PYPI_TOKEN_PYPI \
        PULUMI_ACCESS_TOKEN PULUMI_CONFIG_PASSPHRASE RCLONE_CONFIG_PASS RESTIC_PASSWORD \
        RSYNC_PASSWORD SENTRY_AUTH_TOKEN SLACK_WEBHOOK_URL SONAR_TOKEN SSHPASS SSH_PRIVATE_KEY \
        TF_TOKEN_app_terraform_io TF_VAR_db_password TWINE_PASSWORD UV_INDEX_OURS_PASSWORD \
        UV_PUBLISH_TOKEN VAULT_TOKEN YARN_NPM_AUTH_TOKEN";

    const POWERFUL: &str = "\
        ACTIONS_ID_TOKEN_REQUEST_TOKEN ANSIBLE_CONFIG ANSIBLE_LIBRARY ANSIBLE_STRATEGY_PLUGINS \
        AWS_CONFIG_FILE BASHOPTS BASH_ENV BASH_LOADABLES_PATH CARGO_BUILD_RUSTC_WRAPPER \
        CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER CC CGO_CFLAGS CI CI_JOB_TOKEN CMAKE_TOOLCHAIN_FILE \
        COMPILER_PATH CONFIG_SITE CURL_HOME DBUS_SESSION_BUS_ADDRESS DOCKER_HOST DOTNET_STARTUP_HOOKS \
        DYLD_INSERT_LIBRARIES ENV ERL_AFLAGS GCC_EXEC_PREFIX GITHUB_TOKEN GITLAB_CI GIT_SSH_COMMAND \
        GNUPGHOME GOCACHEPROG GOFLAGS HELM_PLUGINS HOME HTTPS_PROXY HTTP_PROXY IFS JAVA_TOOL_OPTIONS \
        JDK_JAVA_OPTIONS KRB5_CONFIG KUBECTL_EXTERNAL_DIFF KUBE_EDITOR LD_PRELOAD LESS LESSCLOSE LESSOPEN \
        LUA_INIT_5_4 MAKEFILES MANPAGER NIX_CONFIG NODE_OPTIONS NODE_PATH NO_PROXY OPENSSL_CONF PATH \
        PERL5LIB PERL5OPT PGSERVICEFILE PGSYSCONFDIR PIP_CONFIG_FILE PIP_FIND_LINKS PROMPT_COMMAND PS4 \
        PSQLRC PSQL_PAGER PYTEST_PLUGINS PYTHONPATH PYTHONSTARTUP RESTIC_PASSWORD_COMMAND RSYNC_RSH \
        RUBYLIB RUBYOPT RUNNER_TEMP RUSTC_WRAPPER SBT_OPTS SEGURA_URL SHELL SHELLOPTS SSH_ASKPASS \
        SSH_SK_PROVIDER SYSTEM_ACCESSTOKEN TAR_OPTIONS TF_CLI_ARGS_apply TF_CLI_CONFIG_FILE TMPDIR \
        TS_NODE_REQUIRE VIMINIT WGETRC YARN_RC_FILENAME YARN_YARN_PATH _JAVA_OPTIONS";
}

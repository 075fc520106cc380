//! Names of environment variables that may carry a secret.
//!
//! Whoever chooses a secret's value must not thereby choose what the job runs, so
//! names that loaders, shells, interpreters and runners obey are refused. The list
//! compares without case, because some of its readers do.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

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

/// What a variable of this name does to programs, if it does.
fn power(name: &str) -> Option<&'static str> {
    let upper = name.to_ascii_uppercase();
    let by_name = POWERS.iter().find(|(_, names)| names.contains(&upper.as_str()));
    let by_prefix = || {
        let covers = |prefixes: &[&str]| prefixes.iter().any(|prefix| upper.starts_with(prefix));
        POWERS_BY_PREFIX.iter().find(|(_, prefixes)| covers(prefixes))
    };
    by_name.or_else(by_prefix).map(|(power, _)| *power)
}

type Power = (&'static str, &'static [&'static str]);

const POWERS: &[Power] = &[
    (
        "the shell runs or splits by what it says",
        &[
            "BASHOPTS",
            "BASH_ENV",
            "BASH_LOADABLES_PATH",
            "BASH_XTRACEFD",
            "CDPATH",
            "COMSPEC",
            "ENV",
            "FPATH",
            "GLOBIGNORE",
            "IFS",
            "INPUTRC",
            "PATHEXT",
            "PROMPT_COMMAND",
            "PS0",
            "PS1",
            "PS2",
            "PS3",
            "PS4",
            "SHELL",
            "SHELLOPTS",
            "ZDOTDIR",
        ],
    ),
    ("programs are looked up by it", &["PATH", "SYSTEMROOT", "WINDIR"]),
    (
        "an interpreter or a compiler takes options or code from it",
        &[
            "CARGO_ENCODED_RUSTFLAGS",
            "CC",
            "CLASSPATH",
            "CXX",
            "DOTNET_ADDITIONAL_DEPS",
            "DOTNET_ROOT",
            "DOTNET_STARTUP_HOOKS",
            "ELIXIR_ERL_OPTIONS",
            "ERL_AFLAGS",
            "ERL_FLAGS",
            "ERL_ZFLAGS",
            "GEM_HOME",
            "GEM_PATH",
            "GOENV",
            "GOFLAGS",
            "GOROOT",
            "GOTOOLCHAIN",
            "GRADLE_OPTS",
            "JAVA_HOME",
            "JAVA_OPTS",
            "JAVA_TOOL_OPTIONS",
            "JDK_JAVA_OPTIONS",
            "JULIA_DEPOT_PATH",
            "JULIA_LOAD_PATH",
            "LUA_CPATH",
            "LUA_INIT",
            "LUA_PATH",
            "MAKEFLAGS",
            "MAVEN_ARGS",
            "MAVEN_OPTS",
            "NODE_EXTRA_CA_CERTS",
            "NODE_OPTIONS",
            "NODE_PATH",
            "NODE_REPL_EXTERNAL_MODULE",
            "PERLLIB",
            "PERL_MB_OPT",
            "PERL_MM_OPT",
            "PHPRC",
            "PHP_INI_SCAN_DIR",
            "PSMODULEPATH",
            "RUBYLIB",
            "RUBYOPT",
            "RUSTC",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTC_WRAPPER",
            "RUSTFLAGS",
            "BUNDLE_GEMFILE",
            "BUNDLE_PATH",
            "CARGO_HOME",
            "RUSTUP_TOOLCHAIN",
            "R_ENVIRON",
            "R_ENVIRON_USER",
            "R_PROFILE",
            "R_PROFILE_USER",
            "_JAVA_OPTIONS",
        ],
    ),
    (
        "a program is started because of it",
        &[
            "BROWSER",
            "EDITOR",
            "EXINIT",
            "GTK_MODULES",
            "LESSCLOSE",
            "LESSOPEN",
            "MANPAGER",
            "PAGER",
            "QT_PLUGIN_PATH",
            "SSH_ASKPASS",
            "SUDO_ASKPASS",
            "VIMINIT",
            "VISUAL",
        ],
    ),
    (
        "the C library or the TLS library obeys it",
        &[
            "CURL_CA_BUNDLE",
            "GCONV_PATH",
            "GLIBC_TUNABLES",
            "HOSTALIASES",
            "LOCALDOMAIN",
            "LOCPATH",
            "NLSPATH",
            "NODE_TLS_REJECT_UNAUTHORIZED",
            "OPENSSL_CONF",
            "OPENSSL_ENGINES",
            "OPENSSL_MODULES",
            "REQUESTS_CA_BUNDLE",
            "RESOLV_HOST_CONF",
            "RES_OPTIONS",
            "SSLKEYLOGFILE",
            "SSL_CERT_DIR",
            "SSL_CERT_FILE",
            "TERMINFO",
        ],
    ),
    (
        "it diverts network traffic",
        &["ALL_PROXY", "FTP_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SOCKS_PROXY"],
    ),
    (
        "programs find their files by it",
        &["HOME", "LOGNAME", "OLDPWD", "PWD", "TEMP", "TMP", "TMPDIR", "USER", "USERPROFILE"],
    ),
    ("tools take it as the sign that they run in CI", &["CI"]),
];

const POWERS_BY_PREFIX: &[Power] = &[
    ("the dynamic linker obeys names that begin like this", &["LD_", "DYLD_"]),
    ("the allocator obeys names that begin like this", &["MALLOC_"]),
    ("the shell takes functions from names that begin like this", &["BASH_FUNC_"]),
    (
        "an interpreter takes options or code from names that begin like this",
        &[
            "CARGO_BUILD_RUST",
            "CORECLR_",
            "COR_",
            "LUA_CPATH_",
            "LUA_INIT_",
            "LUA_PATH_",
            "NPM_CONFIG_",
            "PERL5",
            "PYTHON",
        ],
    ),
    ("git runs commands from names that begin like this", &["GIT_"]),
    ("programs find their files by names that begin like this", &["XDG_"]),
    (
        "the CI platform owns names that begin like this",
        &["ACTIONS_", "CI_", "GITHUB_", "GITLAB_", "RUNNER_", "SYSTEM_"],
    ),
    ("segura itself is set up by names that begin like this", &["SEGURA_"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_are_taken() {
        for good in [
            "DB_PASSWORD",
            "_x",
            "a1",
            "CARGO_REGISTRY_TOKEN",
            "KUBECONFIG",
            "NPM_TOKEN",
            "CIRCLE",
            "PATHS",
            &"A".repeat(128),
        ] {
            assert!(good.parse::<EnvName>().is_ok(), "{good:?}");
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
        for bad in [
            "LD_PRELOAD",
            "ld_preload",
            "DYLD_INSERT_LIBRARIES",
            "PATH",
            "Path",
            "BASH_ENV",
            "ENV",
            "IFS",
            "SHELLOPTS",
            "BASHOPTS",
            "PS4",
            "PROMPT_COMMAND",
            "NODE_OPTIONS",
            "node_path",
            "PYTHONPATH",
            "PYTHONSTARTUP",
            "RUBYOPT",
            "RUBYLIB",
            "PERL5LIB",
            "PERL5OPT",
            "LUA_INIT_5_4",
            "ERL_AFLAGS",
            "BASH_LOADABLES_PATH",
            "CARGO_BUILD_RUSTC_WRAPPER",
            "VIMINIT",
            "JAVA_TOOL_OPTIONS",
            "_JAVA_OPTIONS",
            "JDK_JAVA_OPTIONS",
            "GIT_SSH_COMMAND",
            "GITHUB_TOKEN",
            "RUNNER_TEMP",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
            "CI",
            "CI_JOB_TOKEN",
            "GITLAB_CI",
            "SYSTEM_ACCESSTOKEN",
            "SEGURA_URL",
            "HOME",
            "SHELL",
            "TMPDIR",
            "https_proxy",
            "HTTP_PROXY",
            "NO_PROXY",
        ] {
            assert!(bad.parse::<EnvName>().is_err(), "{bad:?}");
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
}

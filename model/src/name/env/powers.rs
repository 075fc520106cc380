//! Which names of variables have power over programs, and what power.
//!
//! `docs/reference/variables.md` lists them for people; a test holds it to this list.

/// What some names do, and the names, or their beginnings or ends, in capitals.
pub(super) type Power = (&'static str, &'static str);

/// What a variable of this name does to programs, if it does.
pub(super) fn power(name: &str) -> Option<&'static str> {
    let upper = name.to_ascii_uppercase();
    let upper = upper.as_str();
    let find = |powers: &[Power], covers: fn(&str, &str) -> bool| {
        let found = powers
            .iter()
            .find(|(_, names)| names.split_whitespace().any(|part| covers(upper, part)));
        found.map(|(power, _)| *power)
    };
    find(NAMES, |name, whole| name == whole)
        .or_else(|| find(PREFIXES, |name, prefix| name.starts_with(prefix)))
        .or_else(|| find(SUFFIXES, |name, suffix| name.ends_with(suffix)))
        .or_else(|| {
            let secret = || SECRETS.split_whitespace().any(|end| upper.ends_with(end));
            find(TOOLS, |name, prefix| name.starts_with(prefix)).filter(|_| !secret())
        })
}

/// Whole names.
pub(super) const NAMES: &[Power] = &[
    (
        "the shell runs or splits by what it says",
        "\
         BASHOPTS BASH_ENV BASH_LOADABLES_PATH BASH_XTRACEFD CDPATH COMSPEC ENV EXECIGNORE \
         FIGNORE FISH_COMPLETE_PATH FISH_FUNCTION_PATH FISH_USER_PATHS FPATH GLOBIGNORE IFS \
         INPUTRC NULLCMD PATHEXT PROMPT PS0 PS1 PS2 PS3 PS4 READNULLCMD RPROMPT SHELL \
         SHELLOPTS STARSHIP_CONFIG ZDOTDIR ZSH ZSH_CUSTOM",
    ),
    (
        "programs or libraries are looked up by it",
        "\
         AWKLIBPATH AWKPATH CHROME_BIN CHROME_PATH CONFIG_SHELL CUDA_INJECTION64_PATH \
         FIREFOX_BIN GBM_BACKENDS_PATH GDAL_DRIVER_PATH GDAL_PYTHON_DRIVER_PATH \
         GDK_PIXBUF_MODULEDIR GDK_PIXBUF_MODULE_FILE GIO_EXTRA_MODULES GIO_MODULE_DIR \
         GI_TYPELIB_PATH GST_PLUGIN_PATH GST_PLUGIN_SCANNER GST_PLUGIN_SYSTEM_PATH GTK_MODULES \
         GTK_PATH HDF5_PLUGIN_PATH LIBGL_DRIVERS_PATH LIBMYSQL_PLUGINS LIBMYSQL_PLUGIN_DIR \
         LIBPATH LIBVA_DRIVERS_PATH LLDB_DEBUGSERVER_PATH LLVM_SYMBOLIZER_PATH \
         NVTX_INJECTION64_PATH OCL_ICD_FILENAMES OCL_ICD_VENDORS OMP_TOOL_LIBRARIES PATH \
         PERF_EXEC_PATH QML2_IMPORT_PATH QML_IMPORT_PATH QT_PLUGIN_PATH \
         QT_QPA_PLATFORM_PLUGIN_PATH SASL_CONF_PATH SASL_PATH SHLIB_PATH SYSTEMROOT \
         VALGRIND_LAUNCHER VALGRIND_LIB VK_ADD_DRIVER_FILES VK_ADD_LAYER_PATH VK_DRIVER_FILES \
         VK_ICD_FILENAMES VK_LAYER_PATH WINDIR __EGL_VENDOR_LIBRARY_FILENAMES",
    ),
    (
        "an interpreter takes options or code from it",
        "\
         ASPNETCORE_HOSTINGSTARTUPASSEMBLIES BABASHKA_CLASSPATH BABASHKA_PRELOADS BC_ENV_ARGS \
         BUN_INSPECT_PRELOAD BUN_INSTALL BUN_OPTIONS CELERY_CONFIG_MODULE CLASSPATH CONDARC \
         CONDA_EXE CONDA_PREFIX CONDA_PYTHON_EXE COVERAGE_PROCESS_START COVERAGE_RCFILE \
         DENO_CERT DENO_DIR DENO_V8_FLAGS DJANGO_SETTINGS_MODULE ELECTRON_RUN_AS_NODE \
         ELIXIR_ERL_OPTIONS ERL_AFLAGS ERL_FLAGS ERL_LIBS ERL_ROOTDIR ERL_ZFLAGS FLASK_APP \
         GROOVY_CONF GROOVY_HOME GUNICORN_CMD_ARGS HARNESS_PERL HARNESS_PERL_SWITCHES \
         HARNESS_SUBCLASS IPYTHONDIR IRBRC JAVACMD JAVA_HOME JAVA_OPTIONS JAVA_TOOL_OPTIONS \
         JDK_HOME JDK_JAVAC_OPTIONS JRE_HOME JRUBY_HOME JULIA_BINDIR JULIA_DEPOT_PATH \
         JULIA_LOAD_PATH JULIA_PROJECT JUPYTER_CONFIG_DIR JUPYTER_CONFIG_PATH JUPYTER_PATH \
         LUAROCKS_CONFIG LUA_CPATH LUA_INIT LUA_PATH MATLABPATH MONO_CFG_DIR MONO_CONFIG \
         MONO_ENV_OPTIONS MONO_GAC_PREFIX MONO_PATH NODE_COMPILE_CACHE NODE_EXTRA_CA_CERTS \
         NODE_OPTIONS NODE_PATH NODE_REDIRECT_WARNINGS NODE_REPL_EXTERNAL_MODULE \
         NODE_REPL_HISTORY NODE_V8_COVERAGE OCTAVE_PATH OCTAVE_SITE_INITFILE \
         OCTAVE_VERSION_INITFILE OTEL_JAVAAGENT_EXTENSIONS PERLIO PERLIO_DEBUG PERLLIB \
         PERL_LOCAL_LIB_ROOT PHPRC PHP_INI_SCAN_DIR PLTADDONDIR PLTCOLLECTS PRYRC PSMODULEPATH \
         PYENV_ROOT PYENV_VERSION PYTEST_ADDOPTS PYTEST_PLUGINS RBENV_ROOT RBENV_VERSION \
         RUBYGEMS_GEMDEPS RUBYLIB RUBYOPT RUBYPATH RUBYSHELL RUBY_DEBUG_INIT_SCRIPT \
         R_DEFAULT_PACKAGES R_ENVIRON R_ENVIRON_USER R_HOME R_LIBS R_LIBS_SITE R_LIBS_USER \
         R_PROFILE R_PROFILE_USER SBCL_HOME SCALA_HOME TCLLIBPATH TCL_LIBRARY TRUFFLERUBYOPT \
         VIRTUAL_ENV",
    ),
    (
        "a compiler or a build tool takes options, programs or code from it",
        "\
         ACLOCAL ACLOCAL_PATH ANDROID_HOME ANDROID_NDK_HOME ANDROID_SDK_ROOT ANT_ARGS ANT_HOME \
         AR AS AUTOCONF AUTOM4TE AUTOMAKE BAZELISK_BASE_URL BAZELISK_HOME BAZEL_SH \
         CABAL_CONFIG CABAL_DIR CAML_LD_LIBRARY_PATH CARGO CARGO_ENCODED_RUSTFLAGS CARGO_HOME \
         CARGO_INSTALL_ROOT CATALINA_BASE CATALINA_HOME CC CCACHE_COMPILER CCACHE_CONFIGPATH \
         CCACHE_DIR CCACHE_PATH CCACHE_PREFIX CCACHE_PREFIX_CPP CCC_ADD_ARGS \
         CCC_OVERRIDE_OPTIONS CFLAGS CLJ_CONFIG COLLECT_GCC COLLECT_GCC_OPTIONS \
         COLLECT_LTO_WRAPPER COMPILER_PATH CONFIG_SITE CPATH CPLUS_INCLUDE_PATH CPP CPPFLAGS \
         CXX CXXFLAGS C_INCLUDE_PATH DEPENDENCIES_OUTPUT DEVELOPER_DIR FC FFLAGS FLUTTER_ROOT \
         FLUTTER_STORAGE_BASE_URL GCC_COMPARE_DEBUG GCC_EXEC_PREFIX GHCRTS GHC_ENVIRONMENT \
         GHC_PACKAGE_PATH GNUMAKEFLAGS GOAUTH GOBIN GOCACHE GOCACHEPROG GODEBUG GOENV GOFLAGS \
         GOINSECURE GOMODCACHE GONOSUMCHECK GONOSUMDB GOPATH GOROOT GOSUMDB GOTOOLCHAIN \
         GOTOOLDIR GOVCS GOWORK GRADLE_HOME GRADLE_USER_HOME KOTLIN_HOME LD LDEMULATION \
         LDFLAGS LEIN_HOME LIBRARY_PATH LIBTOOL M2 M2_HOME M4 M4PATH MAKE MAKEFILES MAKEFLAGS \
         MAKEPKG_CONF MAKESHELL MAVEN_ARGS MAVEN_BASEDIR MAVEN_CMD_LINE_ARGS MAVEN_CONFIG \
         MAVEN_HOME MFLAGS MVNW_REPOURL NM OBJCOPY OBJC_INCLUDE_PATH OCAMLFIND_CONF OCAMLPATH \
         OPAMROOT RAKEOPT RANLIB REBAR_CACHE_DIR REBAR_CONFIG RUSTFLAGS RUSTFMT SBT_HOME \
         SCONSFLAGS SDKROOT SHELL_ESCAPE STACK_ROOT STACK_YAML STRIP SUNPRO_DEPENDENCIES \
         SWIFT_EXEC TEXINPUTS TEXMFCNF TEXMFHOME TOX_CONFIG_FILE TOX_OVERRIDE \
         USE_BAZEL_VERSION ZIG_GLOBAL_CACHE_DIR ZIG_LIB_DIR",
    ),
    (
        "a package manager takes code, or the place to take it from, by it",
        "\
         APT_CONFIG BUNDLER_SETUP BUNDLE_APP_CONFIG BUNDLE_BIN BUNDLE_GEMFILE BUNDLE_PATH \
         BUNDLE_USER_CONFIG BUNDLE_USER_HOME BUNDLE_USER_PLUGIN COMPOSER COMPOSER_BIN_DIR \
         COMPOSER_HOME COMPOSER_VENDOR_DIR CONDA_ENVS_PATH CONDA_PKGS_DIRS COREPACK_HOME \
         COREPACK_INTEGRITY_KEYS COREPACK_NPM_REGISTRY DEBIAN_FRONTEND DPKG_ROOT \
         ELECTRON_CUSTOM_DIR ELECTRON_MIRROR GEMRC GEM_HOME GEM_PATH HEX_HOME \
         HOMEBREW_API_DOMAIN HOMEBREW_BOTTLE_DOMAIN HOMEBREW_BREW_FILE HOMEBREW_CURLRC \
         HOMEBREW_CURL_PATH HOMEBREW_GIT_PATH IEX_HOME MAMBA_EXE MAMBA_ROOT_PREFIX \
         MIX_ARCHIVES MIX_EXS MIX_HOME MIX_PATH NUGET_CREDENTIALPROVIDERS_PATH \
         NUGET_NETCORE_PLUGIN_PATHS NUGET_NETFX_PLUGIN_PATHS NUGET_PACKAGES NUGET_PLUGIN_PATHS \
         NVM_DIR NVM_NODEJS_ORG_MIRROR PERLBREW_ROOT PERL_CPANM_HOME PERL_CPANM_OPT \
         PERL_MB_OPT PERL_MM_OPT PIPENV_PIPFILE PIPX_BIN_DIR PIPX_DEFAULT_PYTHON PIPX_HOME \
         PNPM_HOME POETRY_CACHE_DIR POETRY_CONFIG_DIR POETRY_DATA_DIR POETRY_HOME \
         POETRY_VIRTUALENVS_PATH PRE_COMMIT_HOME PUB_CACHE PUB_HOSTED_URL RPM_CONFIGDIR \
         SDKMAN_DIR UV_BUILD_CONSTRAINT UV_CACHE_DIR UV_CONFIG_FILE UV_CONSTRAINT UV_ENV_FILE \
         UV_FIND_LINKS UV_INSECURE_HOST UV_INSTALL_DIR UV_OVERRIDE UV_PROJECT_ENVIRONMENT \
         UV_PYTHON UV_PYTHON_INSTALL_DIR UV_PYTHON_INSTALL_MIRROR UV_TOOL_BIN_DIR UV_TOOL_DIR \
         VOLTA_HOME WP_CLI_CONFIG_PATH WP_CLI_PACKAGES_DIR YARN_CACHE_FOLDER \
         YARN_ENABLE_SCRIPTS YARN_GLOBAL_FOLDER YARN_PLUGINS YARN_RC_FILENAME YARN_YARN_PATH \
         ZYPP_CONF",
    ),
    (
        "a program is started, or options are taken, because of it",
        "\
         AUTOSSH_PATH AWS_CONFIG_FILE AWS_DATA_PATH AZURE_CONFIG_DIR AZURE_EXTENSION_DIR \
         BAT_CONFIG_PATH BORG_PASSCOMMAND BOTO_CONFIG BROWSER BUILDX_CONFIG CLOUDSDK_CONFIG \
         CLOUDSDK_ROOT_DIR COMPOSE_ENV_FILES COMPOSE_FILE CONTAINERS_CONF \
         CONTAINERS_CONF_OVERRIDE CURL_HOME CVS_SERVER CYPRESS_RUN_BINARY \
         DBUS_SESSION_BUS_ADDRESS DBUS_STARTER_ADDRESS DBUS_SYSTEM_BUS_ADDRESS DIRENV_CONFIG \
         DOCKER_CONFIG EDITOR EMACSDATA EMACSLOADPATH EMACSPATH EXINIT FCEDIT GH_CONFIG_DIR \
         GNUPGHOME GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES GREP_OPTIONS GROFF_BIN_PATH \
         GROFF_COMMAND_PREFIX GROFF_TMAC_PATH GS_LIB GS_OPTIONS GVIMINIT HELM_BIN \
         HELM_CACHE_HOME HELM_CONFIG_HOME HELM_DATA_HOME HELM_PLUGINS HELM_REPOSITORY_CACHE \
         HELM_REPOSITORY_CONFIG HG HGEDITOR HGMERGE HGRCPATH KREW_ROOT KUBECTL_EXTERNAL_DIFF \
         KUSTOMIZE_PLUGIN_HOME LEFTHOOK_BIN LESS LESSCLOSE LESSECHO LESSEDIT LESSHISTFILE \
         LESSKEY LESSKEYIN LESSKEYIN_SYSTEM LESSKEY_CONTENT LESSKEY_SYSTEM LESSOPEN LFTP_HOME \
         LIBVIRT_DEFAULT_URI LYNX_CFG MAGIC MAILCAPS MAILRC MANLESS MANOPT MANPAGER MANPATH \
         MANROFFOPT MANROFFSEQ MORE MYSQL_HOME NVIM_APPNAME ODBCINI ODBCINSTINI ODBCSYSINI \
         ORACLE_HOME ORACLE_PATH P4CONFIG P4DIFF P4EDITOR P4MERGE P4PAGER PACKER_CONFIG \
         PACKER_CONFIG_DIR PACKER_PLUGIN_PATH PAGER PERF_CONFIG PGSERVICEFILE PGSYSCONFDIR \
         PSQLRC PULUMI_HOME REDISCLI_RCFILE RSYNC_CONNECT_PROG SCREENRC SQLCMDEDITOR SQLCMDINI \
         SQLPATH SSH_ASKPASS_REQUIRE SSH_PKCS11_HELPER SSH_SK_HELPER SSH_SK_PROVIDER SVN_SSH \
         SYSSCREENRC TAPE TAR_OPTIONS TERRAFORM_CONFIG TERRAGRUNT_CONFIG TERRAGRUNT_TFPATH \
         TF_DATA_DIR TF_LOG_PATH TF_PLUGIN_CACHE_DIR TF_REATTACH_PROVIDERS TG_CONFIG \
         TG_TF_PATH TNS_ADMIN VAGRANT_DOTFILE_PATH VAGRANT_HOME VAGRANT_VAGRANTFILE \
         VAULT_CONFIG_PATH VIM VIMINIT VIMRUNTIME VISUAL WGETRC ZIP ZIPOPT",
    ),
    (
        "the C library or the TLS library obeys it",
        "\
         ASAN_OPTIONS ASAN_SYMBOLIZER_PATH AWS_CA_BUNDLE CURL_CA_BUNDLE GCONV_PATH \
         GLIBC_TUNABLES GNUTLS_SYSTEM_PRIORITY_FILE HOSTALIASES KRB5_CONFIG KRB5_KDC_PROFILE \
         KRB5_TRACE LDAPCONF LDAPRC LLVM_PROFILE_FILE LOCALDOMAIN LOCPATH LSAN_OPTIONS \
         MSAN_OPTIONS MSAN_SYMBOLIZER_PATH NLSPATH NODE_TLS_REJECT_UNAUTHORIZED OPENSSL_CONF \
         OPENSSL_CONF_INCLUDE OPENSSL_ENGINES OPENSSL_MODULES PKCS11_MODULE_PATH \
         PKCS11_PROVIDER_MODULE REQUESTS_CA_BUNDLE RESOLV_HOST_CONF RES_OPTIONS SOFTHSM2_CONF \
         SSLKEYLOGFILE SSL_CERT_DIR SSL_CERT_FILE TERMCAP TERMINFO TERMINFO_DIRS TSAN_OPTIONS \
         UBSAN_OPTIONS",
    ),
    (
        "it diverts network traffic, or names the machine that does the work",
        "\
         BUILDKIT_HOST CONTAINER_HOST DOCKER_CERT_PATH DOCKER_CONTEXT DOCKER_HOST \
         DOCKER_TLS_VERIFY",
    ),
    (
        "programs find their files by it",
        "\
         ALLUSERSPROFILE APPDATA HOME HOMEDRIVE HOMEPATH LOCALAPPDATA LOGNAME OLDPWD \
         PROGRAMDATA PROGRAMFILES PWD SYSTEMDRIVE TEMP TMP TMPDIR USER USERPROFILE",
    ),
    ("tools take it as the sign that they run in CI", "CI"),
];

/// What names begin with.
pub(super) const PREFIXES: &[Power] = &[
    ("the dynamic linker obeys names that begin like this", "DYLD_ LD_"),
    ("the allocator obeys names that begin like this", "MALLOC_"),
    ("the shell takes functions from names that begin like this", "BASH_FUNC_"),
    (
        "an interpreter takes options or code from names that begin like this",
        "\
         COMPLUS_ CORECLR_ COR_ DOTNET_ GUILE_ LUA_CPATH_ LUA_INIT_ LUA_PATH_ PERL5 PYTHON \
         TS_NODE_ VIRTUALENV_",
    ),
    (
        "a compiler or a build tool takes options, programs or code from names that begin like this",
        "\
         CARGO_ALIAS_ CARGO_BUILD_ CARGO_CREDENTIAL_ALIAS_ CARGO_HTTP_ CARGO_NET_ \
         CARGO_REGISTRY_GLOBAL_ CARGO_SOURCE_ CARGO_TARGET_ CARGO_UNSTABLE_ CGO_ CMAKE_ \
         DISTCC_ MSBUILD PKG_CONFIG RUSTC RUSTDOC RUSTUP_",
    ),
    (
        "a package manager takes settings from names that begin like this",
        "NPM_CONFIG_ PNPM_CONFIG_",
    ),
    ("git runs commands from names that begin like this", "GIT_"),
    (
        "programs are started by names that begin like this",
        "CLOUDSDK_PYTHON I_MPI_ MAGICK_ OMPI_ PDSH_ PMIX_ PRTE_ TF_CLI_",
    ),
    ("programs find their files by names that begin like this", "XDG_"),
    (
        "the CI platform owns names that begin like this",
        "ACTIONS_ CI_ GITHUB_ GITLAB_ RUNNER_ SYSTEM_",
    ),
    ("segura itself is set up by names that begin like this", "SEGURA_"),
];

/// What names end with.
pub(super) const SUFFIXES: &[Power] = &[
    (
        "tools start programs by names that end like this",
        "\
         _ASKPASS _BINARY_PATH _BROWSER _CMD _COMMAND _CREDENTIAL_PROVIDER _EDITOR \
         _EXECUTABLE_PATH _PAGER _RSH",
    ),
    ("tools take options from names that end like this", "_JAVA_OPTIONS _OPTS"),
    ("names that end like this divert network traffic", "_PROXY"),
];

/// What names begin with that set a tool up, unless they are names of secrets.
pub(super) const TOOLS: &[Power] = &[(
    "a tool takes settings, programs among them, from names that begin like this",
    "ANSIBLE_ HYDRA_ NIX_ PIP_",
)];

/// What names of secrets end with. Package indexes have their password in the URL.
pub(super) const SECRETS: &str =
    "_INDEX_URL _KEY _KEY_FILE _PASS _PASSPHRASE _PASSWORD _PASSWORD_FILE _SECRET _TOKEN";

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// What `docs/reference/variables.md` says after its introduction.
    fn for_people() -> String {
        let mut page = String::new();
        for (title, powers) in [
            ("Whole names", NAMES),
            ("What they begin with", PREFIXES),
            ("What they end with", SUFFIXES),
            ("What they begin with, unless they end like a secret's", TOOLS),
        ] {
            writeln!(page, "\n## {title}").unwrap();
            for (power, names) in powers {
                writeln!(page, "\n{}{}:\n\n```text", power[..1].to_uppercase(), &power[1..])
                    .unwrap();
                let mut column = 0;
                for name in names.split_whitespace() {
                    let gap = match column {
                        0 => "",
                        taken if taken + 1 + name.len() > 118 => "\n",
                        _ => " ",
                    };
                    column = name.len() + if gap == " " { column + 1 } else { 0 };
                    write!(page, "{gap}{name}").unwrap();
                }
                page.push_str("\n```\n");
            }
        }
        writeln!(page, "\nA secret's ends:\n\n```text\n{SECRETS}\n```").unwrap();
        page
    }

    #[test]
    fn the_reference_lists_them() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/variables.md");
        let page = std::fs::read_to_string(path).unwrap();
        let listed = &page[page.find("\n## ").unwrap()..];
        assert_eq!(listed, for_people(), "write what is expected into {path}");
    }

    #[test]
    fn each_is_listed_once_and_in_order() {
        let mut whole = Vec::new();
        for (_, names) in [NAMES, PREFIXES, SUFFIXES, TOOLS].concat() {
            let names: Vec<_> = names.split_whitespace().collect();
            assert!(names.is_sorted(), "{names:?}");
            whole.extend(names);
        }
        let count = whole.len();
        whole.sort_unstable();
        whole.dedup();
        assert_eq!(whole.len(), count);
        assert!(whole.iter().all(|name| name.to_ascii_uppercase() == *name));
    }
}

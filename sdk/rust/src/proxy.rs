//! The way out: `HTTPS_PROXY` and `NO_PROXY`, from a snapshot that is handed in.
//!
//! Loopback never goes through a proxy: there it would name the proxy's own machine.

use std::fmt;

use reqwest::{NoProxy, Proxy};
use segura_model::SecretText;
use url::Url;

use crate::error::SdkError;
use crate::options::is_loopback;

/// Which proxy to use, and for whom not.
#[derive(Clone, Default)]
pub struct ProxySettings {
    // A proxy's URL often holds a password.
    https: Option<SecretText>,
    except: Option<String>,
}

impl ProxySettings {
    /// Connect directly.
    pub fn none() -> Self {
        Self::default()
    }

    /// Take the usual variables from `var`, small letters first as curl does:
    /// `https_proxy`, then `all_proxy`; `no_proxy` lists the exceptions.
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: [&str; 2]| {
            names.into_iter().find_map(|name| var(name).filter(|value| !value.trim().is_empty()))
        };
        Self {
            https: first(["https_proxy", "HTTPS_PROXY"])
                .or_else(|| first(["all_proxy", "ALL_PROXY"]))
                .map(SecretText::new),
            except: first(["no_proxy", "NO_PROXY"]),
        }
    }

    /// The proxy for `base`, and its name for errors (never its password).
    pub(crate) fn resolve(&self, base: &Url) -> Result<Option<(Proxy, String)>, SdkError> {
        let Some(text) = self.https.as_ref().filter(|_| !is_loopback(base)) else {
            return Ok(None);
        };
        // EXPOSE: the HTTP client needs the proxy's credential; it is never printed.
        let url = parse(text.expose()).ok_or(SdkError::Proxy)?;
        let name = format!(
            "{}://{}:{}",
            url.scheme(),
            url.host_str().unwrap_or_default(),
            url.port_or_known_default().unwrap_or_default()
        );
        let except = self.except.as_deref().and_then(NoProxy::from_string);
        let proxy = Proxy::https(url).map_err(|_| SdkError::Proxy)?.no_proxy(except);
        Ok(Some((proxy, name)))
    }
}

impl fmt::Debug for ProxySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxySettings")
            .field("https", &self.https.is_some())
            .field("except", &self.except)
            .finish()
    }
}

/// A bare `proxy.example:3128` means `http://`, as everywhere.
fn parse(text: &str) -> Option<Url> {
    let text = text.trim();
    let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    Url::parse(&full).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(vars: &[(&str, &str)]) -> ProxySettings {
        ProxySettings::from_vars(|name| {
            vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn name(settings: &ProxySettings, base: &str) -> Option<String> {
        let base = Url::parse(base).unwrap();
        settings.resolve(&base).unwrap().map(|(_, name)| name)
    }

    #[test]
    fn the_usual_variables_are_read() {
        let https = settings(&[("HTTPS_PROXY", "http://user:hunter2@proxy.example:3128")]);
        let name = name(&https, "https://segura.example/").unwrap();
        assert_eq!(name, "http://proxy.example:3128");

        let all = settings(&[("all_proxy", "proxy.example:8080")]);
        assert!(all.resolve(&Url::parse("https://segura.example/").unwrap()).unwrap().is_some());
    }

    #[test]
    fn an_empty_variable_means_no_proxy() {
        assert_eq!(name(&settings(&[("https_proxy", "")]), "https://segura.example/"), None);
    }

    #[test]
    fn loopback_is_reached_directly() {
        let https = settings(&[("HTTPS_PROXY", "http://proxy.example:3128")]);
        assert_eq!(name(&https, "https://127.0.0.1:8300/"), None);
    }

    #[test]
    fn a_proxy_that_cannot_be_understood_is_an_error_without_its_text() {
        let odd = settings(&[("HTTPS_PROXY", "socks9://hunter2")]);
        let error = odd.resolve(&Url::parse("https://segura.example/").unwrap()).unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn settings_do_not_print_a_password() {
        let https = settings(&[("HTTPS_PROXY", "http://u:hunter2@proxy.example")]);
        assert!(!format!("{https:?}").contains("hunter2"));
    }
}

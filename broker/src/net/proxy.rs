//! The way out: `HTTPS_PROXY` and `NO_PROXY`, taken from the environment that came in.
//!
//! Only `https` goes through a proxy: plain `http` is for loopback, and a proxy that saw
//! it could change keys on the way. Both spellings are read, lower case first, as `curl`
//! does.

use segura_plugins::Env;
use url::Url;

/// The proxy for outbound `https`, if one is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboundProxy {
    proxy: Option<Url>,
    /// The hosts that are reached directly, as `NO_PROXY` lists them.
    except: String,
}

/// `HTTPS_PROXY` is not the address of a proxy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("HTTPS_PROXY is not the address of a proxy: write http://host:port or https://host:port")]
pub struct ProxyError;

impl OutboundProxy {
    /// What the environment says.
    pub fn from_env(env: &dyn Env) -> Result<Self, ProxyError> {
        let var = |lower: &str, upper: &str| env.filled(lower).or_else(|| env.filled(upper));
        let proxy = match var("https_proxy", "HTTPS_PROXY") {
            Some(text) => Some(parse(&text)?),
            None => None,
        };
        Ok(Self { proxy, except: var("no_proxy", "NO_PROXY").unwrap_or_default() })
    }

    /// As `reqwest` wants it.
    pub(super) fn to_reqwest(&self) -> Result<Option<reqwest::Proxy>, ProxyError> {
        let Some(url) = &self.proxy else { return Ok(None) };
        let proxy = reqwest::Proxy::https(url.as_str()).map_err(|_| ProxyError)?;
        Ok(Some(proxy.no_proxy(reqwest::NoProxy::from_string(&self.except))))
    }
}

fn parse(text: &str) -> Result<Url, ProxyError> {
    // `host:port` alone is common in CI systems, and would parse as a scheme.
    let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let url = Url::parse(&text).map_err(|_| ProxyError)?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        Ok(url)
    } else {
        Err(ProxyError)
    }
}

#[cfg(test)]
mod tests {
    use segura_plugins::MapEnv;

    use super::*;

    fn proxy(vars: &[(&str, &str)]) -> Result<OutboundProxy, ProxyError> {
        OutboundProxy::from_env(&MapEnv::new(vars.iter().copied()))
    }

    #[test]
    fn the_environment_names_the_proxy() {
        assert_eq!(proxy(&[]).unwrap(), OutboundProxy::default());
        let set = proxy(&[("HTTPS_PROXY", "proxy:3128"), ("NO_PROXY", "localhost,.corp")]).unwrap();
        assert_eq!(set.proxy.as_ref().unwrap().as_str(), "http://proxy:3128/");
        assert_eq!(set.except, "localhost,.corp");
        assert!(set.to_reqwest().unwrap().is_some());
        let both = proxy(&[("HTTPS_PROXY", "http://upper:1"), ("https_proxy", "http://lower:1")]);
        assert_eq!(both.unwrap().proxy.unwrap().host_str(), Some("lower"));
    }

    #[test]
    fn plain_http_never_goes_through_a_proxy() {
        assert_eq!(proxy(&[("HTTP_PROXY", "http://proxy:3128")]).unwrap().proxy, None);
    }

    #[test]
    fn what_is_no_proxy_is_refused() {
        for text in ["socks5://proxy:1080", "http://", "file:///tmp/x", "::"] {
            assert!(proxy(&[("HTTPS_PROXY", text)]).is_err(), "{text}");
        }
    }
}

//! What the load generator is told, and what it says in the end.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Which load to send.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Plan {
    pub(crate) target: Target,
    pub(crate) connections: Connections,
    /// How many at once.
    pub(crate) at_once: usize,
    /// How long at most; less when the tokens are used up.
    pub(crate) seconds: f64,
    /// The status that every answer must have.
    pub(crate) wanted: u16,
    pub(crate) template: Template,
    /// A file with an identity token a line, each for one request.
    pub(crate) tokens: Option<PathBuf>,
}

/// Where a server is.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Target {
    pub(crate) port: u16,
    /// The PEM file of who signed its certificate; without one it speaks plain HTTP.
    pub(crate) authority: Option<PathBuf>,
}

/// How connections are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Connections {
    /// Plain HTTP; as many as there are at once, opened before the measurement.
    KeepAlive,
    /// TLS 1.3; a new one for each request, nothing resumed.
    NewTls,
}

/// A request; `@TOKEN@` and `@KEY@` in its body are filled in.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Template {
    /// The request line and the headers but `content-length`, without the line ends.
    pub(crate) head: Vec<String>,
    pub(crate) body: String,
}

impl Template {
    /// A request with a body.
    pub(crate) fn post(path: &str, content_type: &str, body: String) -> Self {
        let head = vec![
            format!("POST {path} HTTP/1.1"),
            "host: 127.0.0.1".to_owned(),
            format!("content-type: {content_type}"),
        ];
        Self { head, body }
    }

    /// A request without one.
    pub(crate) fn get(path: &str) -> Self {
        let head = vec![format!("GET {path} HTTP/1.1"), "host: 127.0.0.1".to_owned()];
        Self { head, body: String::new() }
    }

    /// The same request with a bearer token.
    pub(crate) fn bearer(mut self, token: &str) -> Self {
        self.head.push(format!("authorization: Bearer {token}"));
        self
    }

    /// Its bytes, as request number `number` with this token.
    pub(crate) fn fill(&self, number: usize, token: &str) -> Vec<u8> {
        let key = format!("request-key-{number:08}");
        let body = self.body.replace("@TOKEN@", token).replace("@KEY@", &key);
        let mut text = self.head.join("\r\n");
        if !body.is_empty() {
            text.push_str("\r\ncontent-length: ");
            text.push_str(&body.len().to_string());
        }
        text.push_str("\r\n\r\n");
        text.push_str(&body);
        text.into_bytes()
    }
}

/// What came of it.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Outcome {
    /// Requests answered with the wanted status.
    pub(crate) answered: usize,
    pub(crate) seconds: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_holds_its_token_and_the_length_that_comes_of_it() {
        let template = Template::post("/t", "text/plain", "token=@TOKEN@&key=@KEY@".to_owned());
        let request = String::from_utf8(template.fill(7, "abc")).unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "token=abc&key=request-key-00000007");
        assert!(head.ends_with(&format!("content-length: {}", body.len())), "{head}");
    }

    #[test]
    fn a_request_without_a_body_has_no_length() {
        let request = String::from_utf8(Template::get("/r").bearer("s").fill(0, "")).unwrap();
        assert_eq!(
            request,
            "GET /r HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer s\r\n\r\n"
        );
    }
}

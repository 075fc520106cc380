//! The jobs: what is asked of a server.

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;
use serde_json::json;

use crate::load::{Connections, Template};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Job {
    /// Token to session (RFC 8693).
    Exchange,
    /// Token to one secret in one request.
    Delivery,
    /// Token to ten secrets in one request.
    #[value(name = "delivery-10")]
    #[serde(rename = "delivery-10")]
    Delivery10,
    /// One secret with a session.
    Read,
    /// A forged token.
    Refuse,
    /// `segura exec -- true`, over TLS.
    Exec,
    /// Start of a server to its first answer.
    Start,
    /// Memory of a server that has just started.
    Idle,
    /// `segura policy apply` of all policies, on a server that has none.
    Apply,
    /// The same of one policy that changed, on a server that has all.
    Change,
}

impl Job {
    /// All, in the order of the report.
    pub(crate) const ALL: [Self; 10] = [
        Self::Exchange,
        Self::Delivery,
        Self::Delivery10,
        Self::Read,
        Self::Refuse,
        Self::Exec,
        Self::Start,
        Self::Idle,
        Self::Apply,
        Self::Change,
    ];

    /// Whether it is requests, many at once, that the floor answers as well.
    pub(crate) const fn is_load(self) -> bool {
        !matches!(self, Self::Apply | Self::Change | Self::Exec | Self::Start | Self::Idle)
    }

    /// Whether each request needs a token of its own.
    pub(crate) const fn spends_tokens(self) -> bool {
        matches!(self, Self::Exchange | Self::Delivery | Self::Delivery10)
    }

    /// The status of the answers.
    pub(crate) const fn wanted(self) -> u16 {
        if matches!(self, Self::Refuse) { 403 } else { 200 }
    }

    /// The request; `session` is a session's token, `forged` an identity token that nobody
    /// signed.
    pub(crate) fn template(self, session: &str, forged: &str) -> Template {
        match self {
            Self::Read => Template::get("/api/v2/a2a/secrets/db/prod/password-0").bearer(session),
            Self::Refuse => delivery(forged, 1),
            Self::Delivery10 => delivery("@TOKEN@", 10),
            Self::Exchange => Template::post(
                "/oauth2/token",
                "application/x-www-form-urlencoded",
                "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
                 &subject_token=@TOKEN@\
                 &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt"
                    .to_owned(),
            ),
            _ => delivery("@TOKEN@", 1),
        }
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
    }
}

fn delivery(token: &str, secrets: usize) -> Template {
    let secrets: Vec<String> =
        (0..secrets).map(|number| format!("db/prod/password-{number}")).collect();
    let body = json!({"token": token, "request_key": "@KEY@", "secrets": secrets});
    Template::post("/api/v2/deliveries", "application/json", body.to_string())
}

/// A delivery's request, to open a session by.
pub(crate) fn opening(token: &str) -> Vec<u8> {
    delivery(token, 1).fill(0, "")
}

/// A token with another signature.
pub(crate) fn forge(token: &str) -> String {
    let (signed, signature) = token.split_at(token.len() - 4);
    let other = if signature == "AAAA" { "BBBB" } else { "AAAA" };
    format!("{signed}{other}")
}

/// How many requests there are at once.
pub(crate) const fn at_once(connections: Connections) -> usize {
    match connections {
        Connections::KeepAlive => 64,
        Connections::NewTls => 32,
    }
}

//! A broker and a token service of a few lines: they answer what a test told them to
//! and remember what they were asked.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};

use serde_json::{Value, json};

/// A server on loopback, until the test ends.
pub(crate) struct Fake {
    pub(crate) url: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    asked: Mutex<Vec<Asked>>,
    fields: Mutex<Value>,
    instead: Mutex<VecDeque<Instead>>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) what: String,
    pub(crate) authorization: String,
    pub(crate) body: Value,
}

/// What to do once instead of answering as usual.
pub(crate) enum Instead {
    /// Answer this.
    Answer(u16, Value),
    /// Close the connection without a word.
    Lose,
    /// Answer as usual, but only when told to.
    Later(mpsc::Receiver<()>),
    /// Never answer, and leave the connection open.
    Nothing,
    /// Answer as usual after all.
    Usual,
}

impl Fake {
    /// A broker whose every secret has these fields.
    pub(crate) fn with_fields(fields: Value) -> Self {
        Self::at(([127, 0, 0, 1], 0).into(), fields)
    }

    /// The same at this address.
    pub(crate) fn at(address: SocketAddr, fields: Value) -> Self {
        let listener = TcpListener::bind(address).expect("loopback");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let state = Arc::new(State { fields: Mutex::new(fields), ..State::default() });
        let theirs = Arc::clone(&state);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let state = Arc::clone(&theirs);
                std::thread::spawn(move || serve(&connection, &state));
            }
        });
        Self { url, state }
    }

    /// A broker whose every secret has this one value.
    pub(crate) fn with_value(value: &str) -> Self {
        Self::with_fields(json!({ "value": value }))
    }

    /// At the next request do this instead.
    pub(crate) fn next(&self, instead: Instead) {
        self.state.instead.lock().expect("no panic").push_back(instead);
    }

    /// The requests whose line begins like this: `POST /api/v2/deliveries`.
    pub(crate) fn asked(&self, what: &str) -> Vec<Asked> {
        let asked = self.state.asked.lock().expect("no panic");
        asked.iter().filter(|asked| asked.what.starts_with(what)).cloned().collect()
    }
}

fn serve(connection: &TcpStream, state: &State) {
    let mut reader = BufReader::new(connection);
    while let Some(asked) = read(&mut reader) {
        state.asked.lock().expect("no panic").push(asked.clone());
        let instead = state.instead.lock().expect("no panic").pop_front();
        let (status, body) = match instead {
            Some(Instead::Lose) => return,
            Some(Instead::Answer(status, body)) => (status, body),
            Some(Instead::Nothing) => loop {
                std::thread::park();
            },
            Some(Instead::Later(told)) => {
                let _ = told.recv();
                answer(&asked, state)
            }
            Some(Instead::Usual) | None => answer(&asked, state),
        };
        let kind = if status < 400 { "application/json" } else { "application/problem+json" };
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let mut writer = connection;
        if writer.write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let what = line.rsplit_once(" HTTP/")?.0.to_owned();
    let (mut authorization, mut length) = (String::new(), 0);
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => value.clone_into(&mut authorization),
            "content-length" => length = value.parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Some(Asked { what, authorization, body })
}

fn answer(asked: &Asked, state: &State) -> (u16, Value) {
    let fields = state.fields.lock().expect("no panic").clone();
    let (method, path) = asked.what.split_once(' ').expect("a request line");
    let body = match (method, path) {
        ("POST", "/api/v2/deliveries") => delivery(&asked.body, &fields),
        ("POST", "/api/v2/sessions/self/end") => json!({ "id": SESSION }),
        ("POST", "/api/v2/whoami") => whoami(),
        ("GET", path) if path.starts_with("/idtoken") => json!({ "value": TOKEN }),
        ("GET", path) => {
            let path = path.trim_start_matches("/api/v2/a2a/secrets/");
            let path = path.split('?').next().expect("a part");
            json!({ "path": path, "version": 1, "fields": fields, "meta": {}, "receipt": "rcp_1" })
        }
        _ => return (404, json!({})),
    };
    (200, body)
}

fn delivery(request: &Value, fields: &Value) -> Value {
    let wanted = request["secrets"].as_array().expect("a list").iter();
    let secrets: Vec<_> = wanted
        .map(|wanted| {
            let text = wanted.as_str().expect("a text");
            let path = text.split(['#', '@']).next().expect("a part");
            json!({ "wanted": text, "path": path, "version": 1, "fields": fields })
        })
        .collect();
    json!({
        "session": { "id": SESSION, "token": "sgr_session", "expires_at": 4_000_000_000_i64 },
        "secrets": secrets,
        "receipt": "rcp_1",
        "repeated": false,
        "workload": { "issuer": "ci", "subject": "repo:acme/payments" },
    })
}

fn whoami() -> Value {
    json!({
        "issuer": "ci",
        "subject": "repo:acme/payments",
        "audience": "https://segura.example",
        "expires_at": 4_000_000_000_i64,
        "claims": { "sub": "repo:acme/payments", "repository_id": "456789" },
        "policies": [{ "policy": "payments-deploy", "matches": true }],
    })
}

pub(crate) const SESSION: &str = "01JDGW5E6Y3X9T2K8M4Q7R0BVC";
/// An identity token, to all who do not look closely.
pub(crate) const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl";

/// What the broker says when it refuses.
pub(crate) fn refusal(status: u16, code: &str) -> Value {
    json!({
        "type": format!("urn:segura:problem:{code}"),
        "title": "Refused",
        "status": status,
        "detail": "a test said so",
        "code": code,
    })
}

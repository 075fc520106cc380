//! One kept-alive HTTP/1.1 connection, written to as prepared bytes.
//!
//! It costs the machine a tenth of what a client library does, which is what a load of
//! thousands a second on the server's own two processors needs. And it says exactly what
//! a trial has to know: whether an answer arrived whole, or nobody can tell what was done.

use std::io;
use std::net::Ipv4Addr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// A connection.
pub struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer that arrived whole.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The body as JSON; null when it is none.
    pub body: Value,
    /// Whether the server closes the connection after it.
    pub closes: bool,
    /// After how many seconds one may ask again.
    pub retry_after: Option<u64>,
}

impl Reply {
    /// The problem's code, `token-replayed`.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// A text of the answer, empty when it is not there.
    pub fn text(&self, pointer: &str) -> &str {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }
}

impl Wire {
    /// Connect to a port of this machine.
    pub async fn connect(port: u16) -> io::Result<Self> {
        Self::connect_from(Ipv4Addr::LOCALHOST, port).await
    }

    /// Connect to a port of this machine from one of its loopback addresses.
    pub async fn connect_from(source: Ipv4Addr, port: u16) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        if source != Ipv4Addr::LOCALHOST {
            socket.bind((source, 0).into())?;
        }
        let stream = socket.connect((Ipv4Addr::LOCALHOST, port).into()).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 * 1024) })
    }

    /// Send a request and read its answer. After an error nobody knows whether the request
    /// was served.
    pub async fn ask(&mut self, request: &[u8]) -> io::Result<Reply> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            if let Some(end) = self.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end;
            }
            self.read_more().await?;
        };
        let text = String::from_utf8_lossy(&self.buffer[..head]).to_ascii_lowercase();
        let header = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(": "));
            lines.find(|(known, _)| *known == name).map(|(_, value)| value)
        };
        let status = text.get(9..12).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| io::Error::other("this is no HTTP answer"))?;
        let length: usize = header("content-length").and_then(|v| v.parse().ok()).unwrap_or(0);
        let closes = header("connection") == Some("close");
        let retry_after = header("retry-after").and_then(|seconds| seconds.parse().ok());
        while self.buffer.len() < head + 4 + length {
            self.read_more().await?;
        }
        let body = serde_json::from_slice(&self.buffer[head + 4..]).unwrap_or(Value::Null);
        Ok(Reply { status, body, closes, retry_after })
    }

    async fn read_more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// A `GET` of this path with this bearer token.
pub fn get(path: &str, bearer: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: trial\r\nauthorization: Bearer {bearer}\r\n\r\n")
        .into_bytes()
}

/// A request with a JSON body; an empty bearer token is none.
pub fn send(method: &str, path: &str, bearer: &str, body: &Value) -> Vec<u8> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let authorization = match bearer {
        "" => String::new(),
        _ => format!("authorization: Bearer {bearer}\r\n"),
    };
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: trial\r\n{authorization}content-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// The standard's exchange of an identity token for a session (RFC 8693).
pub fn exchange(token: &str) -> Vec<u8> {
    let body = format!(
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token={token}\
         &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt"
    );
    format!(
        "POST /oauth2/token HTTP/1.1\r\nhost: trial\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

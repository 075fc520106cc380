//! A server that answers by script, one connection at a time, and remembers.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with one request.
pub(crate) enum Step {
    /// Close the connection without a word.
    HangUp,
    /// Send these bytes.
    Raw(String),
}

impl Step {
    /// `200 OK` with this body.
    pub(crate) fn ok(body: &str) -> Self {
        Self::answer("200 OK", body)
    }

    /// This status with this body.
    pub(crate) fn answer(status: &str, body: &str) -> Self {
        Self::Raw(format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    }

    /// The same with one more header.
    pub(crate) fn header(self, header: &str) -> Self {
        match self {
            Self::HangUp => self,
            Self::Raw(text) => Self::Raw(text.replacen("\r\n", &format!("\r\n{header}\r\n"), 1)),
        }
    }
}

/// The requests that came.
#[derive(Clone, Default)]
pub(crate) struct Transcript(Arc<Mutex<Vec<(String, String)>>>);

impl Transcript {
    /// How many there were.
    pub(crate) fn requests(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Their bodies.
    pub(crate) fn bodies(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|(_, body)| body.clone()).collect()
    }

    /// The request line and headers of one.
    pub(crate) fn head(&self, at: usize) -> String {
        self.0.lock().unwrap()[at].0.clone()
    }
}

/// Serve the steps in order, then stop listening.
pub(crate) async fn serve(steps: impl IntoIterator<Item = Step>) -> (String, Transcript) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let transcript = Transcript::default();
    let (steps, seen): (Vec<_>, _) = (steps.into_iter().collect(), transcript.clone());
    tokio::spawn(async move {
        for step in steps {
            let (mut stream, _) = listener.accept().await.unwrap();
            let request = read(&mut stream).await;
            seen.0.lock().unwrap().push(request);
            if let Step::Raw(text) = step {
                stream.write_all(text.as_bytes()).await.unwrap();
            }
        }
    });
    (url, transcript)
}

async fn read(stream: &mut TcpStream) -> (String, String) {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).await.unwrap();
        bytes.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8(bytes.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse().unwrap())
        });
        if body.len() >= length.unwrap_or(0) {
            return (head.to_owned(), body.to_owned());
        }
    }
}

//! A collector of traces: OTLP over real HTTP on loopback, as an OpenTelemetry Collector
//! takes it.
//!
//! The real one is a Go program of 200 MB that no test here installs. This one decodes what
//! comes with the message types that OpenTelemetry publishes, so a span is what any
//! collector would read, and keeps every byte, headers included, for a test to look through.

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A running collector; stopped when dropped.
pub struct Collector {
    address: SocketAddr,
    taken: Arc<Mutex<Vec<Taken>>>,
    task: JoinHandle<()>,
}

/// What a collector does with what it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Take it, and say so.
    Take,
    /// Read it and never answer.
    Hang,
}

/// One request.
#[derive(Clone, Debug)]
struct Taken {
    head: Vec<u8>,
    body: Vec<u8>,
}

impl Collector {
    /// Start a collector.
    pub async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let taken = Arc::default();
        let task = tokio::spawn(serve(listener, manner, Arc::clone(&taken)));
        Self { address, taken, task }
    }

    /// What `telemetry.otlp_endpoint` is set to.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The spans of all requests so far.
    ///
    /// # Panics
    /// When what came is not OTLP.
    pub fn spans(&self) -> Vec<Span> {
        let taken = self.taken.lock().expect("no test panics while it holds the requests");
        let messages = taken.iter().map(|request| {
            let head = String::from_utf8_lossy(&request.head);
            assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
            assert!(head.contains("content-type: application/x-protobuf\r\n"), "{head}");
            ExportTraceServiceRequest::decode(&*request.body).expect("a message of OTLP")
        });
        let resources = messages.flat_map(|message| message.resource_spans);
        resources.flat_map(|of| of.scope_spans).flat_map(|of| of.spans).collect()
    }

    /// Every byte of all requests so far, heads included.
    pub fn bytes(&self) -> Vec<u8> {
        let taken = self.taken.lock().expect("no test panics while it holds the requests");
        taken.iter().flat_map(|request| [&*request.head, &*request.body].concat()).collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The names and values of a span's attributes, `http.route=/healthz`.
pub fn attributes(span: &Span) -> Vec<String> {
    span.attributes.iter().map(shown).collect()
}

fn shown(attribute: &KeyValue) -> String {
    let value = attribute.value.as_ref().and_then(|value| value.value.as_ref());
    let value = match value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    format!("{}={value}", attribute.key)
}

/// An id as a header spells it.
pub fn hex(id: &[u8]) -> String {
    id.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes any text");
        hex
    })
}

async fn serve(listener: TcpListener, manner: Manner, taken: Arc<Mutex<Vec<Taken>>>) {
    let mut hanging = Vec::new();
    while let Ok((mut stream, _)) = listener.accept().await {
        let Ok(request) = read(&mut stream).await else { continue };
        taken.lock().expect("no test panics while it holds the requests").push(request);
        match manner {
            Manner::Take => drop(stream.write_all(OK).await),
            Manner::Hang => hanging.push(stream),
        }
    }
}

async fn read(stream: &mut TcpStream) -> std::io::Result<Taken> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or_default()];
    stream.read_exact(&mut body).await?;
    Ok(Taken { head, body })
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

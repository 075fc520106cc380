//! What `/metrics` shows, and that its page in the documentation lists it.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::world::Running;

const PAGE: &str = include_str!("../../../docs/reference/metrics.md");

/// Only a failure waits so long.
const PATIENCE: Duration = Duration::from_mins(1);

async fn scrape(server: &Running) -> String {
    let answer = reqwest::get(format!("http://{}/metrics", server.metrics)).await.unwrap();
    answer.text().await.unwrap()
}

/// The names as a query spells them.
fn names(page: &str) -> BTreeSet<String> {
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let names = types.map(|(name, kind)| match kind {
        "counter" => format!("{name}_total"),
        "info" => format!("{name}_info"),
        _ => name.to_owned(),
    });
    names.collect()
}

fn documented() -> BTreeSet<String> {
    let first = PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let is_name = |name: &str| {
        (name.starts_with("segura_") || name.starts_with("process_"))
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    first.map(|(name, _)| name.to_owned()).filter(|name| is_name(name)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_lists_exactly_the_names_that_there_are() {
    let server = Running::start(&[]).await;
    server.client.get(server.url("/healthz")).send().await.unwrap();
    let text = scrape(&server).await;
    assert_eq!(names(&text), documented());
    assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1, "{text}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_connection_is_counted_and_a_closed_one_no_more() {
    let server = Running::start(&[("tls.mode", "off")]).await;
    let mut kept = TcpStream::connect(server.address).await.unwrap();
    kept.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 1024];
    assert!(kept.read(&mut answer).await.unwrap() > 0);
    let text = scrape(&server).await;
    for line in ["segura_connections_open 1\n", "segura_connections_total 1\n"] {
        assert!(text.contains(line), "{line} in {text}");
    }
    drop(kept);
    // The server finds out by itself; only a failure waits so long.
    let gone = async {
        while !scrape(&server).await.contains("segura_connections_open 0\n") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), gone).await.expect("it is counted no more");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_is_counted() {
    let server = Running::start(&[]).await;
    for path in ["/healthz", "/api/v2/trust/policies", "/nowhere"] {
        server.client.get(server.url(path)).send().await.unwrap().bytes().await.unwrap();
    }
    let text = scrape(&server).await;
    for line in [
        "segura_http_requests_total{method=\"GET\",route=\"/healthz\",outcome=\"granted\",code=\"ok\"} 1\n",
        "segura_http_requests_total{method=\"GET\",route=\"-\",outcome=\"refused\",code=\"no-such-route\"} 1\n",
        "route=\"/api/v2/trust/policies\",outcome=\"refused\",code=\"credentials-missing\"} 1\n",
        "segura_refusals_total{reason=\"credentials-missing\"} 1\n",
        "segura_writer_orders_total{fate=\"written\"} 1\n",
        "segura_writer_orders_per_commit_bucket{le=\"1.0\"} 1\n",
        "segura_requests_in_flight{line=\"jobs\"} 0\n",
        "segura_overload_refused_total{why=\"requests\"} 0\n",
        "segura_sessions_open 0\n",
        "segura_writer_queue_depth 0\n",
        "segura_writer_queue_limit 4096\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    server.stop().await;
}

/// Connect from this address of the machine's own, and ask.
async fn ask_from(server: &Running, address: &str) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
    let mut stream = socket.connect(server.metrics).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.ok()?;
    let mut answer = [0; 1024];
    let read = tokio::time::timeout(PATIENCE, stream.read(&mut answer)).await;
    read.expect("an answer, or the end").ok().filter(|length| *length > 0).map(|_| stream)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_cannot_keep_others_from_the_metrics() {
    let server = Running::start(&[("tls.mode", "off")]).await;
    let mut held = Vec::new();
    for _ in 0..32 {
        held.extend(ask_from(&server, "127.0.0.1").await);
    }
    assert_eq!(held.len(), 8);
    assert!(ask_from(&server, "127.0.0.2").await.is_some());
    assert!(scrape_from(&mut held[0]).await, "and the first goes on");
    server.stop().await;
}

/// Whether a connection that was kept answers again.
async fn scrape_from(stream: &mut TcpStream) -> bool {
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut rest = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut rest)).await.unwrap().unwrap();
    rest.matches("# EOF").count() == 2
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_trickles_holds_no_connection_to_the_metrics() {
    let settings = [("tls.mode", "off"), ("limits.keep_alive", "1s"), ("limits.body_time", "1s")];
    let server = Running::start(&settings).await;
    let stream = ask_from(&server, "127.0.0.1").await.expect("an answer");
    let (mut read, mut write) = stream.into_split();
    let trickling = tokio::spawn(async move {
        while write.write_all(b"G").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let ended = async { while read.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {} };
    tokio::time::timeout(PATIENCE, ended).await.expect("the server closes");
    trickling.abort();
    server.stop().await;
}

//! What `/metrics` shows, and that its page in the documentation lists it.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::Running;

const PAGE: &str = include_str!("../../../docs/reference/metrics.md");

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

//! What a hostile client sends.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::Running;

/// Plain HTTP: the probes are about what is inside TLS.
async fn plain(settings: &[(&str, &str)]) -> Running {
    let mut all = vec![("tls.mode", "off")];
    all.extend_from_slice(settings);
    Running::start(&all).await
}

/// Send these bytes and read until the server closes or says no more.
async fn send(server: &Running, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(bytes).await.ok();
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    tokio::time::timeout(Duration::from_millis(1500), reading).await.ok();
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("closed")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_one_reading() {
    let server = plain(&[]).await;
    let good = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert_eq!(status(&send(&server, good.as_bytes()).await), "200");
    for probe in [
        "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\nab",
        "POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "POST /healthz HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n",
        "GET http://evil.example/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET //healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET /x/../healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET /%68ealthz%2f HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET /healthz#x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET /healthz?a=b#/api/v2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET /# HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let answer = send(&server, probe.as_bytes()).await;
        let status = status(&answer);
        assert!(["400", "closed"].contains(&status), "{probe:?}: {answer}");
    }
    for method in ["TRACE", "CONNECT", "OPTIONS", "PUT"] {
        let probe = format!("{method} /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = send(&server, probe.as_bytes()).await;
        assert!(["404", "405", "400"].contains(&status(&answer)), "{method}: {answer}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fragment_is_found_behind_another_request_and_a_body_may_hold_one() {
    let server = plain(&[]).await;
    let post = |body: &str| {
        let length = body.len();
        format!(
            "POST /api/v2/whoami HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
    };
    let get = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let cut = get.replace("/healthz", "/healthz#x");
    // The bodies say nothing that is taken for a token; how each request ends is what counts.
    for (body, last, expected) in
        [(r#"{"token":"a#b GET /other#c"}"#, get, "200"), (r#"{"token":"x"}"#, cut.as_str(), "400")]
    {
        let answers = send(&server, (post(body) + last).as_bytes()).await;
        let last = answers.rsplit("HTTP/1.1 ").next().unwrap();
        assert!(last.starts_with(expected), "{body}: {answers}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_head_is_not_waited_for() {
    let server = plain(&[("limits.header_time", "1s")]).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost:").await.unwrap();
    let started = Instant::now();
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_serves_nothing_is_closed_whatever_trickles_in() {
    let server = plain(&[("limits.keep_alive", "1s"), ("limits.body_time", "1s")]).await;
    let unread = "POST /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let second = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /he";
    for (head, trickle) in [(unread, "1\r\n \r\n"), (unread, ""), (second, "a")] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let (mut read, mut write) = stream.into_split();
        let trickling = tokio::spawn(async move {
            while write.write_all(trickle.as_bytes()).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(5), read.read_to_end(&mut answer));
        // Closed, or reset because of what trickled in meanwhile.
        drop(ended.await.expect(head));
        trickling.abort();
        assert!(answer.starts_with(b"HTTP/1.1 "), "{head}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_body_is_not_waited_for() {
    let server = plain(&[("limits.body_time", "1s")]).await;
    let head = "POST /api/v2/deliveries HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let read =
        tokio::time::timeout(Duration::from_secs(5), stream.read(&mut answer)).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..read.unwrap()]).into_owned();
    assert_eq!(status(&answer), "400");
    assert!(answer.contains("body-late"), "{answer}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_head_or_body_is_refused() {
    let server = plain(&[]).await;
    let head = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "x".repeat(300_000));
    assert!(
        ["431", "400", "413", "closed"].contains(&status(&send(&server, head.as_bytes()).await))
    );
    let many = "A: b\r\n".repeat(1000);
    let head = format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{many}\r\n");
    assert!(
        ["431", "400", "413", "closed"].contains(&status(&send(&server, head.as_bytes()).await))
    );
    for (extra, expected) in
        [("", "413"), ("Content-Encoding: gzip\r\n", "400"), ("Content-Encoding: br\r\n", "400")]
    {
        let head = format!(
            "POST /api/v2/deliveries HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{extra}Content-Length: 2000000\r\n\r\n"
        );
        let answer = send(&server, head.as_bytes()).await;
        assert_eq!(status(&answer), expected, "{answer}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_request_is_finished_when_the_server_stops() {
    let mut server = plain(&[]).await;
    let body = br#"{"token":"x","request_key":"0123456789abcdef","secrets":["a/b"]}"#;
    let head = format!(
        "POST /api/v2/deliveries HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.begin_stop();
    tokio::time::sleep(Duration::from_millis(300)).await;
    stream.write_all(body).await.unwrap();
    let mut answer = vec![0; 4096];
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer[..read.unwrap().unwrap()]).into_owned();
    assert_eq!(status(&answer), "401", "{answer}");
    drop(stream);
    server.stop().await;
}

/// A connection that was let in, or `None` if it was closed at once.
async fn connect(server: &Running) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.ok()?;
    let mut answer = [0; 4096];
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut answer)).await;
    read.unwrap().ok().filter(|length| *length > 0).map(|_| stream)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_cannot_take_all_connections() {
    let settings = [("limits.connections_per_address", "3")];
    let server = plain(&settings).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(connect(&server).await.expect("as many as are allowed"));
    }
    assert!(connect(&server).await.is_none(), "one too many");
    let metrics = reqwest::get(format!("http://{}/metrics", server.metrics)).await.unwrap();
    let text = metrics.text().await.unwrap();
    assert!(text.contains("\nsegura_connections_refused_total 1\n"), "{text}");
    drop(held.pop());
    let started = Instant::now();
    while connect(&server).await.is_none() {
        assert!(started.elapsed() < Duration::from_secs(10), "a place that was left is free");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.stop().await;

    let proxied = [settings[0], ("server.trusted_proxies", "127.0.0.0/8")];
    let server = plain(&proxied).await;
    for _ in 0..8 {
        held.push(connect(&server).await.expect("a balancer's are not counted"));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_never_speaks_tls_counts_from_the_start() {
    let server = Running::start(&[("limits.connections_per_address", "2")]).await;
    let silent = [
        TcpStream::connect(server.address).await.unwrap(),
        TcpStream::connect(server.address).await.unwrap(),
    ];
    // The kernel connects before the server accepts.
    let metrics = format!("http://{}/metrics", server.metrics);
    let started = Instant::now();
    loop {
        let mut third = TcpStream::connect(server.address).await.unwrap();
        let mut byte = [0];
        let closed = tokio::time::timeout(Duration::from_secs(1), third.read(&mut byte)).await;
        if closed.is_ok() {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(4), "it is closed before TLS times out");
    }
    let text = reqwest::get(metrics).await.unwrap().text().await.unwrap();
    assert!(text.contains("\nsegura_connections_refused_total "), "{text}");
    drop(silent);
    server.stop().await;
}

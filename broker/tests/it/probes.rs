//! What a hostile client sends.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::Running;

/// Longer than anything takes on a busy machine: only a failure waits so long.
const PATIENCE: Duration = Duration::from_mins(1);

/// Plain HTTP: the probes are about what is inside TLS.
async fn plain(settings: &[(&str, &str)]) -> Running {
    let mut all = vec![("tls.mode", "off")];
    all.extend_from_slice(settings);
    Running::start(&all).await
}

/// Send these bytes and read the answer; nothing when the server closes without one.
async fn send(server: &Running, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(bytes).await.ok();
    read_answer(&mut stream).await
}

/// Read one answer to its end, whether or not the server then closes.
async fn read_answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let reading = async {
        while !is_whole(&answer) {
            match stream.read_buf(&mut answer).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("an answer, or the end");
    String::from_utf8(answer).unwrap()
}

/// Whether these bytes are a head and as much of a body as the head says.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.is_none_or(|length| length.parse() == Ok(body.len()))
}

/// Wait until the server closes, gracefully or not.
async fn closed(mut stream: impl AsyncReadExt + Unpin) {
    let ended = async { while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {} };
    tokio::time::timeout(PATIENCE, ended).await.expect("the server closes");
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
    for (body, last, expected) in [
        (r#"{"token":"a#b"}"#, get, "200"),
        // The connection ended with the first answer: that request is for another one.
        (r#"{"token":"a#b GET /other#c"}"#, get, "503"),
        (r#"{"token":"x"}"#, cut.as_str(), "503"),
    ] {
        let answers = send(&server, (post(body) + last).as_bytes()).await;
        let last = answers.rsplit("HTTP/1.1 ").next().unwrap();
        assert!(last.starts_with(expected), "{body}: {answers}");
    }
    server.stop().await;
}

/// A proxy may keep a connection for several callers.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_caller_sent_is_not_held_against_the_next() {
    let server = plain(&[]).await;
    let whoami = "POST /api/v2/whoami HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    for poison in [
        "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Note: POST /api/v2/whoami#\r\n\r\n",
        "GET /nowhere HTTP/1.1\r\nHost: x\r\nX-Note: POST /api/v2/whoami#\r\n\r\n",
        "GET //x HTTP/1.1\r\nHost: x\r\nX-Note: POST /api/v2/whoami#\r\n\r\n",
        "GET /api/v2/trust/policies HTTP/1.1\r\nHost: x\r\nX-Note: POST /api/v2/whoami#\r\n\r\n",
        // Answered before its end: the rest, with the poison in it, is still to come.
        "POST /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(poison.as_bytes()).await.unwrap();
        let answer = read_answer(&mut stream).await;
        assert!(answer.contains("\r\nconnection: close\r\n"), "{poison}: {answer}");
        if poison.contains("chunked") {
            stream.write_all(b"0\r\n\r\n").await.unwrap();
        }
        closed(stream).await;

        // Whoever was sent right behind it is told to come again, which a client of ours does.
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let chunk = "14\r\nPOST /api/v2/whoami#\r\n0\r\n\r\n";
        let rest = if poison.contains("chunked") { chunk } else { "" };
        stream.write_all([poison, rest, whoami].concat().as_bytes()).await.unwrap();
        let mut answers = String::new();
        let reading = stream.read_to_string(&mut answers);
        tokio::time::timeout(PATIENCE, reading).await.expect("the server closes").unwrap();
        let last = answers.rsplit("HTTP/1.1 ").next().unwrap();
        let again = last.starts_with("503") && last.contains("connection-closing");
        assert!(again && last.contains("\r\nconnection: close\r\n"), "{poison}: {answers}");
    }
    // Without any, it is kept.
    let kept = send(&server, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(!kept.contains("connection: close"), "{kept}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_head_is_not_waited_for() {
    let server = plain(&[("limits.header_time", "4s")]).await;
    let answer = send(&server, b"GET /healthz HTTP/1.1\r\nHost:").await;
    assert_eq!(status(&answer), "408", "{answer}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_serves_nothing_is_closed_whatever_trickles_in() {
    // Long enough for a busy machine to send a head in time.
    let server = plain(&[("limits.keep_alive", "4s"), ("limits.body_time", "4s")]).await;
    let unread = "POST /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let second = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /he";
    let trickles = [(unread, "1\r\n \r\n"), (unread, ""), (second, "a")];
    let all = trickles.map(|(head, trickle)| trickle_until_closed(&server, head, trickle));
    futures::future::join_all(all).await;
    server.stop().await;
}

/// Have this request answered, then send one thing again and again until the server closes.
async fn trickle_until_closed(server: &Running, head: &str, trickle: &'static str) {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // Read first: what trickles in at the end could reset the connection.
    let answer = read_answer(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 "), "{head}");
    let (read, mut write) = stream.into_split();
    let trickling = tokio::spawn(async move {
        while write.write_all(trickle.as_bytes()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    closed(read).await;
    trickling.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_body_is_not_waited_for() {
    let server = plain(&[("limits.body_time", "1s")]).await;
    let head = "POST /api/v2/deliveries HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    let answer = send(&server, head.as_bytes()).await;
    assert_eq!(status(&answer), "400");
    assert!(answer.contains("body-late"), "{answer}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_head_or_body_is_refused() {
    let server = plain(&[]).await;
    // As much as the server reads of a head, to the byte: more would still be unread when it
    // closes, and could reset the connection before its answer is read.
    let unfinished = |length: usize| {
        let start = "GET /healthz HTTP/1.1\r\nHost: x\r\nA: ";
        format!("{start}{}", "x".repeat(length - start.len()))
    };
    let answer = send(&server, unfinished(HEAD).as_bytes()).await;
    assert_eq!(status(&answer), "431", "{answer}");
    let shorter = unfinished(HEAD - 5) + "\r\n\r\n";
    assert_eq!(status(&send(&server, shorter.as_bytes()).await), "200");
    let head = |lines: usize| {
        format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(lines))
    };
    assert_eq!(status(&send(&server, head(HEADERS).as_bytes()).await), "431");
    assert_eq!(status(&send(&server, head(HEADERS - 1).as_bytes()).await), "200");
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
        "POST /api/v2/deliveries HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let asked_for_the_body = read_answer(&mut stream).await;
    assert_eq!(status(&asked_for_the_body), "100", "the request is running");
    server.begin_stop();
    has_begun_to_stop(&server).await;
    stream.write_all(body).await.unwrap();
    let answer = read_answer(&mut stream).await;
    assert_eq!(status(&answer), "401", "{answer}");
    drop(stream);
    server.stop().await;
}

/// A connection that was let in, or `None` if it was closed at once.
async fn connect(server: &Running) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.ok()?;
    let mut answer = [0; 4096];
    let read = tokio::time::timeout(PATIENCE, stream.read(&mut answer)).await;
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
        assert!(started.elapsed() < PATIENCE, "a place that was left is free");
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
    // So long that only the bound on connections can close one.
    let settings = [("limits.connections_per_address", "2"), ("limits.header_time", "120s")];
    let server = Running::start(&settings).await;
    let mut silent = Vec::new();
    for _ in 0..3 {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    // Which one is too many is for the workers to say: each takes its own when it comes to it.
    let all = silent.iter_mut().map(|stream| Box::pin(closed(stream)));
    futures::future::select_all(all).await;
    let metrics = format!("http://{}/metrics", server.metrics);
    let text = reqwest::get(metrics).await.unwrap().text().await.unwrap();
    assert!(text.contains("\nsegura_connections_refused_total 1\n"), "{text}");
    drop(silent);
    server.stop().await;
}

/// Wait until new connections are refused: the first thing that stopping does.
async fn has_begun_to_stop(server: &Running) {
    let refusing = async {
        while TcpStream::connect(server.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, refusing).await.expect("the server stops listening");
}

/// A client that is killed: its connection is reset, not closed.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_disconnects_before_its_answer_is_counted() {
    let server = plain(&[]).await;
    let head = "POST /api/v2/deliveries HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n";
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(status(&read_answer(&mut stream).await), "100", "the request is running");
    stream.set_zero_linger().unwrap();
    drop(stream);

    let counted = "segura_http_requests_total{method=\"POST\",route=\"/api/v2/deliveries\",outcome=\"disconnected\",code=\"disconnected\"} 1";
    let seen = async {
        loop {
            let metrics = reqwest::get(format!("http://{}/metrics", server.metrics)).await.unwrap();
            if metrics.text().await.unwrap().contains(counted) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, seen).await.expect("it is counted");
    server.stop().await;
}

/// How many bytes of a head the HTTP library reads, and how many headers it takes.
const HEAD: usize = 131_072;
const HEADERS: usize = 96;

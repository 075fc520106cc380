//! More than the server may serve at once.

use std::time::Duration;

use segura_model::api::Problem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::Running;

const BODY: &str = r#"{"token":"x","request_key":"0123456789abcdef","secrets":["a/b"]}"#;

async fn post(server: &Running) -> (u16, String, Option<String>) {
    let url = format!("http://{}/api/v2/deliveries", server.address);
    let request = server.client.post(url).header("content-type", "application/json").body(BODY);
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let after = answer.headers().get("retry-after").map(|it| it.to_str().unwrap().to_owned());
    let problem = Problem::from_answer(status, &answer.bytes().await.unwrap()).unwrap();
    (status, problem.code, after)
}

/// Until the gate says that so many are being served.
async fn served(server: &Running, count: usize) {
    let line = format!("segura_requests_in_flight{{line=\"jobs\"}} {count}\n");
    for _ in 0..500 {
        let url = format!("http://{}/metrics", server.metrics);
        if reqwest::get(url).await.unwrap().text().await.unwrap().contains(&line) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never {line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_refuses_jobs_serves_operators_and_recovers() {
    let server = Running::start(&[("tls.mode", "off"), ("limits.requests", "1")]).await;
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST /api/v2/deliveries HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        BODY.len()
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    served(&server, 1).await;

    let (status, code, after) = post(&server).await;
    assert_eq!((status, code.as_str()), (503, "overloaded"));
    assert!((1..=3).contains(&after.unwrap().parse::<u8>().unwrap()));
    for (path, expected) in [("/healthz", 200), ("/readyz", 200), ("/api/v2/trust/policies", 401)] {
        let url = format!("http://{}{path}", server.address);
        assert_eq!(server.client.get(url).send().await.unwrap().status(), expected, "{path}");
    }

    slow.write_all(BODY.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let read = slow.read(&mut answer).await.unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 401"), "what was let in is served");
    served(&server, 0).await;
    assert_eq!(post(&server).await.0, 401);
    server.stop().await;
}

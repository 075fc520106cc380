//! More than the server may serve at once.

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

/// Post at once, again and again, until there was one too many.
async fn too_many(server: &Running) -> (u16, String, Option<String>) {
    for _ in 0..100 {
        let answers = futures::future::join_all((0..64).map(|_| post(server))).await;
        if let Some(refused) = answers.into_iter().find(|answer| answer.0 != 401) {
            return refused;
        }
    }
    panic!("one at a time, and none was too many");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_refuses_jobs_serves_operators_and_recovers() {
    let server = Running::start(&[("tls.mode", "off"), ("limits.requests", "1")]).await;
    let (status, code, after) = too_many(&server).await;
    assert_eq!((status, code.as_str()), (503, "overloaded"));
    assert!((1..=3).contains(&after.unwrap().parse::<u8>().unwrap()));
    for (path, expected) in [("/healthz", 200), ("/readyz", 200), ("/api/v2/trust/policies", 401)] {
        let url = format!("http://{}{path}", server.address);
        assert_eq!(server.client.get(url).send().await.unwrap().status(), expected, "{path}");
    }
    assert_eq!(post(&server).await.0, 401);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_keep_nobody_out() {
    let server = Running::start(&[("tls.mode", "off"), ("limits.requests", "1")]).await;
    let head = format!(
        "POST /api/v2/deliveries HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        BODY.len()
    );
    let mut slow = Vec::new();
    for _ in 0..8 {
        let mut sender = TcpStream::connect(server.address).await.unwrap();
        sender.write_all(head.as_bytes()).await.unwrap();
        // Its body is awaited from now on.
        let mut going_on = [0; 25];
        sender.read_exact(&mut going_on).await.unwrap();
        assert_eq!(&going_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        slow.push(sender);
        assert_eq!(post(&server).await.0, 401);
    }
    let mut last = slow.pop().unwrap();
    last.write_all(BODY.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let read = last.read(&mut answer).await.unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 401"), "the slow are served too");
    server.stop().await;
}

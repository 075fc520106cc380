//! Overload, at the real binary: refused early, in few words, and operators can still work;
//! and a server without a descriptor to spare leaves no connection unwatched.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use acceptance::wire::{Wire, send};
use acceptance::world::Answer;
use acceptance::{Database, Run, World};
use serde_json::json;

#[tokio::test]
async fn a_full_server_refuses_in_few_words_and_operators_still_work() {
    let mut world = World::start_plain(Database::Sqlite).await;
    world.stop();
    world.set("limits.requests=1");
    // The slow sender is waited for as long as this test takes.
    world.set("limits.body_time=10m");
    world.add_node().await;
    let mut slow = TcpStream::connect(("127.0.0.1", world.nodes()[0].port())).unwrap();
    let head = "POST /api/v2/deliveries HTTP/1.1\r\nHost: x\r\n\
                Content-Type: application/json\r\nContent-Length: 2\r\n\
                Expect: 100-continue\r\n\r\n";
    slow.write_all(head.as_bytes()).unwrap();
    // Its body is awaited from now on.
    let mut going_on = [0; 25];
    slow.read_exact(&mut going_on).unwrap();
    assert_eq!(&going_on, b"HTTP/1.1 100 Continue\r\n\r\n");

    let wanted = json!({"token": "x", "request_key": "0123456789abcdef", "secrets": ["a/b"]});
    let url = format!("{}/api/v2/deliveries", world.url());
    let post = || Answer::of(world.http().post(&url).json(&wanted));
    assert_eq!(post().await.status, 401, "a slow sender takes no place");
    let began = Instant::now();
    let mut refused = 0;
    while refused < 100 {
        assert!(began.elapsed() < Duration::from_mins(5), "of many at once some are too many");
        for answer in futures::future::join_all((0..64).map(|_| post())).await {
            match answer.status {
                401 => {}
                status => {
                    assert_eq!((status, answer.code()), (503, "overloaded"));
                    refused += 1;
                }
            }
        }
    }
    world.administer(&["policy", "ls"]);

    slow.write_all(b"{}").unwrap();
    let mut answer = [0; 12];
    slow.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 400", "the slow are served too");
    assert_eq!(post().await.status, 401, "and so is what comes after");

    let logs = world.logs();
    let told = logs.lines().filter(|line| line.contains("overload: requests are refused")).count();
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap() + 2;
    assert!((1..=seconds).contains(&told), "{told} lines");
    assert!(!logs.contains("\"overloaded\""), "no line for each");
}

#[tokio::test]
async fn a_request_refused_by_its_head_leaves_its_connection_open() {
    let mut world = World::start_plain(Database::Sqlite).await;
    let mut wire = Wire::connect(world.nodes()[0].port()).await.unwrap();
    let body = json!({"token": "x".repeat(2_000)});
    for _ in 0..3 {
        let reply = wire.ask(&send("POST", "/api/v2/%64eliveries", "", &body)).await.unwrap();
        assert_eq!((reply.status, reply.code()), (400, "path-ambiguous"));
        assert!(!reply.closes, "the body had arrived: {reply:?}");
    }
    let ready = b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n";
    assert_eq!(wire.ask(ready).await.unwrap().status, 200);

    // For a body that does not come nobody waits.
    let late = "POST /api/v2/%64eliveries HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n";
    let reply = wire.ask(late.as_bytes()).await.unwrap();
    assert_eq!((reply.status, reply.closes), (400, true));
    world.stop();
}

#[tokio::test]
async fn a_connection_that_cannot_be_watched_is_closed() {
    let mut world = World::prepare(Database::Sqlite).await;
    world.speak_plain();
    world.set("limits.keep_alive=2s");
    world.set("limits.body_time=2s");
    world.add_node().await;
    let (pid, port) = (world.nodes()[0].pid(), world.nodes()[0].port());
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    let most = format!("--nofile={}:", open + 21);
    let _ = Run::of(Command::new("prlimit").args(["--pid", &pid.to_string(), &most])).ok();

    // A body that no handler reads: nothing but our watch ends such a connection.
    let head = b"POST /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut all = Vec::new();
    for _ in 0..60 {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        stream.write_all(head).unwrap();
        all.push(stream);
    }
    for mut stream in all {
        let ended = std::io::copy(&mut stream, &mut std::io::sink());
        let is_open = ended.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert!(!is_open, "nobody closes it");
    }
}

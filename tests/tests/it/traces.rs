//! Traces: what is in them, and what a collector that is away or slow can do.

use std::time::{Duration, Instant};

use acceptance::collector::{Collector, Manner, attributes, hex};
use acceptance::world::{Answer, request_key};
use acceptance::{Database, TokenIssuer, World, on_each_database};
use futures::StreamExt;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use segura_model::Algorithm;
use serde_json::{Value, json};

use crate::main_job::{claims, github_world};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";
/// The page that says what a span may hold.
const OPERATIONS: &str = include_str!("../../../docs/OPERATIONS.md");
const CANARY: &str = "canary-5d0c2b7e-never-in-a-span";

/// The main job's world, restarted with these settings.
async fn traced_world(database: Database, settings: &[&str]) -> (World, TokenIssuer) {
    let (mut world, issuer) = github_world(database).await;
    world.put_secret("db/prod/canary", CANARY);
    world.stop();
    for setting in settings {
        world.set(setting);
    }
    // What other programs on the machine are told is nothing to this one.
    for (name, value) in [
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1"),
        ("OTEL_TRACES_SAMPLER", "always_off"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "1"),
        ("OTEL_SERVICE_NAME", CANARY),
        ("OTEL_RESOURCE_ATTRIBUTES", &format!("x={CANARY}")),
        ("OTEL_EXPORTER_OTLP_HEADERS", &format!("x={CANARY}")),
    ] {
        world.set_env(name, value);
    }
    world.add_node().await;
    (world, issuer)
}

/// A delivery as part of a caller's trace.
async fn deliver_within(world: &World, traceparent: &str, token: &str, secret: &str) -> Answer {
    let body = json!({"token": token, "request_key": request_key(), "secrets": [secret]});
    let url = format!("{}/api/v2/deliveries", world.url());
    let request = world.http().post(url).header("traceparent", traceparent);
    // State and baggage are free text of whoever calls.
    let request = request.header("tracestate", format!("x={CANARY}"));
    Answer::of(request.header("baggage", format!("x={CANARY}")).json(&body)).await
}

async fn metrics(world: &World) -> String {
    let url = format!("http://127.0.0.1:{}/metrics", world.nodes()[0].metrics_port());
    world.http().get(url).send().await.expect("it answers").text().await.expect("text")
}

/// How many spans had this fate.
async fn fate(world: &World, fate: &str) -> u64 {
    let name = format!("segura_trace_spans_total{{fate=\"{fate}\"}} ");
    let text = metrics(world).await;
    let count = text.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok());
    count.unwrap_or_else(|| panic!("{name} in {text}"))
}

/// The log's lines of requests, of the first server.
fn request_lines(log: &str) -> Vec<Value> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["message"] == "request").collect()
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

fn log_of(world: &World) -> String {
    std::fs::read_to_string(world.path("node-0.log")).expect("the server logs")
}

on_each_database! {
    async fn a_delivery_is_in_its_callers_trace_with_its_steps(database: Database) {
        let collector = Collector::start(Manner::Take).await;
        let endpoint = format!("telemetry.otlp_endpoint={}", collector.endpoint());
        let (mut world, issuer) = traced_world(database, &[&endpoint]).await;

        // Once it has keys, one that it does not have yet: it asks the issuer within the
        // request, and not by chance at its start.
        world.deliver(&issuer.token(&claims()), &["db/prod/canary"]).await;
        issuer.rotate(Algorithm::RS256, "key-2");
        let token = issuer.token(&claims());
        let parent = format!("00-{TRACE}-{CALLER}-01");
        let answer = deliver_within(&world, &parent, &token, "db/prod/canary").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let refused = deliver_within(&world, &parent, &token, "db/prod/canary").await;
        assert_eq!(refused.code(), "token-replayed", "{refused:?}");
        world.stop();

        let mut spans = collector.spans();
        spans.retain(|span| hex(&span.trace_id) == TRACE);
        let requests = named(&spans, "POST /api/v2/deliveries");
        assert_eq!(requests.len(), 2, "{spans:#?}");
        let request = requests[0];
        assert_eq!(hex(&request.parent_span_id), CALLER);
        assert_eq!(request.kind(), SpanKind::Server);
        let said = attributes(request);
        for expected in [
            "http.request.method=POST",
            "http.route=/api/v2/deliveries",
            "http.response.status_code=200",
            "segura.outcome=granted",
            "segura.code=ok",
        ] {
            assert!(said.iter().any(|it| it == expected), "{expected} in {said:?}");
        }
        assert!(attributes(requests[1]).contains(&"segura.code=token-replayed".to_owned()));

        let within = |name: &str, parent: &Span| {
            let mut found = named(&spans, name).into_iter();
            let found = found.find(|span| span.parent_span_id == parent.span_id).cloned();
            found.unwrap_or_else(|| panic!("`{name}` in `{}` of {spans:#?}", parent.name))
        };
        let verify = within("verify", request);
        let keys = within("fetch keys", &verify);
        assert_eq!(attributes(&keys), ["segura.issuer=github"]);
        let commit = within("commit", request);
        assert!(attributes(&commit)[0].starts_with("segura.writer.wait_us="), "{commit:?}");
        for step in [&within("decide", request), &within("open", request), &verify, &commit] {
            assert!(step.start_time_unix_nano >= request.start_time_unix_nano, "{step:?}");
            assert!(step.end_time_unix_nano <= request.end_time_unix_nano, "{step:?}");
        }

        let lines = request_lines(&log_of(&world));
        let line = lines.iter().find(|line| line["trace_id"] == TRACE).expect("it is in the log");
        let id = line["request_id"].as_str().expect("an id");
        assert!(said.contains(&format!("segura.request_id={id}")), "{said:?}");
        assert!(line.get("span").is_none() && line.get("spans").is_none(), "{line}");
    }
}

on_each_database! {
    async fn no_secret_token_claim_path_or_query_is_in_a_trace(database: Database) {
        let collector = Collector::start(Manner::Take).await;
        let endpoint = format!("telemetry.otlp_endpoint={}", collector.endpoint());
        // The most talkative log there is: none of its lines is part of a span.
        let (mut world, issuer) = traced_world(database, &[&endpoint, "telemetry.level=trace"]).await;

        let token = issuer.token(&claims());
        let parent = format!("00-{TRACE}-{CALLER}-01");
        let answer = deliver_within(&world, &parent, &token, "db/prod/canary").await;
        assert_eq!(answer.body["secrets"][0]["fields"]["value"], CANARY, "it does arrive");
        let session = answer.body["session"]["token"].as_str().expect("a session").to_owned();
        let url = format!("{}/api/v2/a2a/secrets/db/prod/canary?field={CANARY}", world.url());
        world.http().get(url).bearer_auth(&session).send().await.expect("it answers");
        // Refusals and faults have texts of the caller's in them.
        world.deliver(CANARY, &["db/prod/canary"]).await;
        world.deliver(&issuer.token(&claims()), &[&format!("db/prod/{CANARY}")]).await;
        let mut stranger = claims();
        stranger["repository"] = json!(CANARY);
        stranger["iss"] = json!(format!("https://{CANARY}.example"));
        world.deliver(&issuer.token(&stranger), &["db/prod/canary"]).await;
        let url = format!("{}/{CANARY}", world.url());
        world.http().get(url).send().await.expect("it answers");
        let method = format!("X-{CANARY}").parse().expect("a method");
        world.http().request(method, world.url()).send().await.expect("it answers");
        issuer.stop();
        world.put_secret("db/prod/canary", CANARY);
        let operator = world.credential_text();
        world.stop();

        let spans = collector.spans();
        assert!(!named(&spans, "seal").is_empty() && !named(&spans, "open").is_empty(), "{spans:#?}");
        let bytes = String::from_utf8_lossy(&collector.bytes()).into_owned();
        assert!(bytes.contains("service.name") && bytes.contains("/api/v2/deliveries"));
        let payload = token.split('.').nth(1).expect("a token has three parts");
        let repository = claims()["repository"].as_str().expect("a name").to_owned();
        for (what, text) in [
            ("the secret", CANARY),
            ("the token", payload),
            ("the session", &session),
            ("the operator", &operator),
            ("the path", "db/prod"),
            ("the claim", &repository),
            ("the issuer", issuer.url()),
            ("the query", "field="),
        ] {
            assert!(!bytes.contains(text), "{what}: {text} in {spans:#?}");
        }
        for span in &spans {
            assert!(span.events.is_empty() && span.links.is_empty(), "{span:?}");
            assert!(span.trace_state.is_empty(), "{span:?}");
            for attribute in &span.attributes {
                let documented = OPERATIONS.contains(&format!("`{}`", attribute.key));
                assert!(documented, "docs/OPERATIONS.md does not tell of {attribute:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callers_malformed_trace_is_ignored_and_its_decision_kept() {
    let collector = Collector::start(Manner::Take).await;
    let endpoint = format!("telemetry.otlp_endpoint={}", collector.endpoint());
    let (mut world, _issuer) =
        traced_world(Database::Sqlite, &[&endpoint, "telemetry.trace_ratio=1"]).await;
    let healthz = format!("{}/healthz", world.url());
    let ask = async |traceparent: &str| {
        let request = world.http().get(&healthz).header("traceparent", traceparent);
        assert_eq!(Answer::of(request).await.status, 200);
    };
    let not_sampled = "11111111111111111111111111111111";
    ask(&format!("00-{not_sampled}-{CALLER}-00")).await;
    ask(&format!("00-{TRACE}-{CALLER}-01-more")).await;
    ask(&"0".repeat(10_000)).await;
    world.stop();

    let spans = collector.spans();
    let requests = named(&spans, "GET /healthz");
    assert_eq!(requests.len(), 2, "{spans:#?}");
    for request in requests {
        assert!(request.parent_span_id.is_empty(), "a trace of its own: {request:?}");
        assert_ne!(hex(&request.trace_id), TRACE);
    }
    let lines = request_lines(&log_of(&world));
    assert!(lines.iter().any(|line| line["trace_id"] == not_sampled), "the caller may log it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ratio_of_nothing_leaves_only_what_callers_trace() {
    let collector = Collector::start(Manner::Take).await;
    let endpoint = format!("telemetry.otlp_endpoint={}", collector.endpoint());
    let (mut world, issuer) =
        traced_world(Database::Sqlite, &[&endpoint, "telemetry.trace_ratio=0"]).await;
    world.deliver(&issuer.token(&claims()), &["db/prod/canary"]).await;
    let parent = format!("00-{TRACE}-{CALLER}-01");
    let token = issuer.token(&claims());
    assert_eq!(deliver_within(&world, &parent, &token, "db/prod/canary").await.status, 200);
    world.stop();
    let spans = collector.spans();
    assert!(!spans.is_empty());
    assert!(spans.iter().all(|span| hex(&span.trace_id) == TRACE), "{spans:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_fails_no_request_and_is_told_of_once() {
    // A port that was free a moment ago, and that this test keeps from others.
    let reserved = acceptance::node::reserved_port();
    let endpoint = format!("telemetry.otlp_endpoint=http://127.0.0.1:{}", reserved.port());
    let (mut world, issuer) = traced_world(Database::Sqlite, &[&endpoint]).await;
    // Each round is one sending at least, for they come once a second.
    for round in 1..=3 {
        let answer = world.deliver(&issuer.token(&claims()), &["db/prod/canary"]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let dropped = async {
            while fate(&world, "not-taken").await < round * 5 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), dropped).await.expect("they are counted");
    }
    assert_eq!(fate(&world, "sent").await, 0);
    world.stop();
    let log = log_of(&world);
    assert_eq!(log.matches("\"traces are dropped\"").count(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_hangs_slows_no_request_and_no_stop() {
    let collector = Collector::start(Manner::Hang).await;
    let endpoint = format!("telemetry.otlp_endpoint={}", collector.endpoint());
    let (mut world, issuer) = traced_world(Database::Sqlite, &[&endpoint]).await;
    let healthz = format!("{}/healthz", world.url());
    let (world_client, slowest) = (world.http(), std::sync::Mutex::new(Duration::ZERO));
    let ask = async |_| {
        let began = Instant::now();
        let answer = world_client.get(&healthz).send().await.expect("it answers");
        assert_eq!(answer.status(), 200);
        answer.bytes().await.expect("a whole body");
        let mut slowest = slowest.lock().expect("no test panics while it holds this");
        *slowest = began.elapsed().max(*slowest);
    };
    let fill = async {
        while fate(&world, "queue-full").await == 0 {
            futures::stream::iter(0..1024).for_each_concurrent(16, ask).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(2), fill).await.expect("its queue is bounded");
    let slowest = *slowest.lock().expect("no test panics while it holds this");
    assert!(slowest < SENDING, "a request that waited for the collector: {slowest:?}");
    let answer = world.deliver(&issuer.token(&claims()), &["db/prod/canary"]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    // Said when the sending that hangs is given up.
    let said = async {
        while !log_of(&world).contains("\"traces are dropped\"") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), said).await.expect("the loss is said");
    let began = Instant::now();
    world.stop();
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    let log = log_of(&world);
    assert_eq!(log.matches("\"traces are dropped\"").count(), 1, "{log}");
    assert_ne!(log.matches("the last traces could not be sent").count(), 0, "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_when_traces_are_off() {
    let collector = Collector::start(Manner::Take).await;
    let (mut world, issuer) = github_world(Database::Sqlite).await;
    world.stop();
    world.set_env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint());
    world.set_env("OTEL_TRACES_EXPORTER", "otlp");
    world.add_node().await;
    let parent = format!("00-{TRACE}-{CALLER}-01");
    let token = issuer.token(&claims());
    let answer = deliver_within(&world, &parent, &token, "db/prod/password").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(metrics(&world).await.contains("segura_trace_spans_total{fate=\"sent\"} 0\n"));
    world.stop();
    assert_eq!(collector.bytes(), b"");
    let log = log_of(&world);
    assert!(!request_lines(&log).is_empty() && !log.contains("trace_id"), "{log}");
    assert!(!log.contains("\"spans\""), "{log}");
}

/// How long the server gives one sending.
const SENDING: Duration = Duration::from_secs(5);

//! Every route, with every role, against the table; and what one sees from outside.

use std::sync::Arc;

use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::from_fn;
use actix_web::test::{self, TestRequest};
use actix_web::web::Data;
use actix_web::{App as HttpApp, HttpMessage, body};
use segura_model::audit::Event;
use segura_model::{Role, SecretText, Timestamp};
use segura_vault::{Keyring, OperatorTokens, SystemRandom};
use serde_json::{Value, json};

use super::{Access, NO_ROUTE, Route, all, configure, place};
use crate::http::limits::Edge;
use crate::http::metrics::Metrics;
use crate::http::overload::{Line, Overload};
use crate::http::request;
use crate::jobs::DiskGuard;
use crate::service::testing::World;

/// A route's answer.
struct Answer {
    status: StatusCode,
    body: Value,
    caller: Option<String>,
    /// As the router says it.
    route: Option<String>,
}

impl Answer {
    fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

async fn call(world: &World, request: TestRequest) -> Answer {
    call_through(Overload::new(16, || std::time::Duration::ZERO), world, request).await
}

async fn call_through(overload: Arc<Overload>, world: &World, request: TestRequest) -> Answer {
    let edge = Edge {
        trusted_proxies: Vec::new(),
        body_time: std::time::Duration::from_secs(5),
        clock: world.clock.clone(),
        random: Arc::new(SystemRandom),
        disk: Arc::new(DiskGuard::idle()),
        overload,
        connections: Arc::default(),
        metrics: Arc::new(Metrics::new()),
    };
    let app = HttpApp::new()
        .app_data(Data::new(edge))
        .app_data(Data::from(world.app.clone()))
        .wrap(from_fn(request::wrap))
        .configure(configure);
    let service = test::init_service(app).await;
    // What a middleware refuses comes as an error, which the server answers with.
    let (caller, route, answer) = match test::try_call_service(&service, request.to_request()).await
    {
        Ok(answer) => {
            let (request, answer) = answer.into_parts();
            (request::noted_caller(&request), request.match_pattern(), answer)
        }
        Err(error) => (None, None, error.error_response()),
    };
    let status = answer.status();
    let bytes = body::to_bytes(answer.into_body()).await.unwrap();
    Answer { status, body: serde_json::from_slice(&bytes).unwrap_or_default(), caller, route }
}

fn to(route: &Route, token: Option<&SecretText>) -> TestRequest {
    let path = route.path.replace("{path:.*}", "a/b").replace("{name}", "x");
    let path = path.replace("{id}", "01JDGW5E6Y3X9T2K8M4Q7R0BVC");
    let request = TestRequest::with_uri(&path).method(route.method.clone());
    match token {
        None => request,
        Some(token) => request.insert_header(bearer(token)),
    }
}

fn bearer(token: &SecretText) -> (actix_web::http::header::HeaderName, HeaderValue) {
    (AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {}", token.expose())).unwrap())
}

/// Turned away by the guard, and not by what the handler made of an empty request.
fn is_turned_away(answer: &Answer) -> bool {
    ["role-forbids", "operator-unknown", "credentials-missing"].contains(&answer.code())
        || answer.code().starts_with("session-token")
}

#[actix_web::test]
async fn every_route_lets_in_exactly_the_roles_of_the_table() {
    let world = World::new().await;
    let roles = [Role::Admin, Role::Auditor, Role::Author];
    let mut operators = Vec::new();
    for role in roles {
        operators.push((role, world.operator(role).await.1));
    }
    let session = SecretText::new("sgr_not-one");
    for route in all() {
        let at = format!("{} {}", route.method, route.path);
        let nobody = call(&world, to(route, None)).await;
        let stranger = call(&world, to(route, Some(&session))).await;
        match route.access {
            Access::Presented | Access::Public => {
                assert!(!is_turned_away(&nobody), "{at}: {}", nobody.body);
                continue;
            }
            _ => {
                assert_eq!(nobody.status, StatusCode::UNAUTHORIZED, "{at}");
                assert_eq!(stranger.status, StatusCode::UNAUTHORIZED, "{at}");
                assert!(nobody.body["denial"].is_string(), "{at}: {}", nobody.body);
                assert!(stranger.body["denial"].is_string(), "{at}: {}", stranger.body);
            }
        }
        for (role, token) in &operators {
            let answer = call(&world, to(route, Some(token))).await;
            match route.access {
                Access::Operator(permission) | Access::SessionOrOperator(permission) => {
                    let allowed = permission.roles().contains(role);
                    // Past the guard a service may ask for more: the value of a secret.
                    let reads = at == "GET /api/v2/a2a/secrets/{path:.*}" && *role != Role::Admin;
                    let expected = !allowed || reads;
                    assert_eq!(answer.code() == "role-forbids", expected, "{at} as {role}");
                }
                _ => assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{at} as {role}"),
            }
        }
    }
}

#[actix_web::test]
async fn who_is_no_operator_is_refused_among_jobs() {
    let world = World::new().await;
    let overload = Overload::new(1, || std::time::Duration::ZERO);
    let full = overload.admit(Line::Jobs, std::time::Duration::ZERO).unwrap();
    let route = all().find(|route| route.path == "/api/v2/trust/policies").unwrap();
    let list = |token| to(route, token).method(Method::GET);
    let elsewhere = OperatorTokens::new(&Keyring::make(&SystemRandom, Timestamp(0)));
    let forged = elsewhere.make(&SystemRandom).0;
    for stranger in [None, Some(&forged)] {
        let answer = call_through(overload.clone(), &world, list(stranger)).await;
        assert_eq!(answer.code(), "overloaded");
    }
    let operator = world.operator(Role::Admin).await.1;
    assert_eq!(call_through(overload.clone(), &world, list(Some(&operator))).await.status, 200);
    drop(full);
    for stranger in [None, Some(&forged)] {
        let answer = call_through(overload.clone(), &world, list(stranger)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(overload.in_flight(), [("jobs", 0), ("operators", 0)]);
}

#[actix_web::test]
async fn a_route_is_counted_under_the_pattern_that_the_router_takes() {
    let world = World::new().await;
    for route in all() {
        let request = to(route, None).to_request();
        let answer = call(&world, to(route, Some(&world.admin_token))).await;
        let (pattern, line) = place(request.method(), request.path(), request.headers());
        assert_eq!(pattern, route.path);
        assert!(answer.route.is_none_or(|router| router == pattern), "{pattern}");
        let expected = match route.access {
            Access::Operator(_) | Access::SessionOrOperator(_) => Line::Operators,
            _ => Line::Jobs,
        };
        assert_eq!(line, expected, "{} {pattern}", route.method);
    }
    let headers = |token: &str| {
        let request = TestRequest::get().insert_header((AUTHORIZATION, token)).to_request();
        request.headers().clone()
    };
    let read = "/api/v2/a2a/secrets/a/b/c";
    let line = |token| place(&Method::GET, read, &headers(token));
    assert_eq!(line("Bearer sgr_x"), ("/api/v2/a2a/secrets/{path:.*}", Line::Jobs));
    assert_eq!(line("Bearer sgo_x").1, Line::Operators);
    for path in ["/", "/nowhere", "/api/v2/deliveries/x", "/api/v2"] {
        assert_eq!(place(&Method::GET, path, &headers("")), (NO_ROUTE, Line::Free), "{path}");
    }
    let (bare, signed) = (HeaderMap::new(), headers("Bearer x"));
    assert_eq!(place(&Method::GET, "/readyz", &bare), ("/readyz", Line::Free));
    assert_eq!(place(&Method::GET, "/readyz", &signed), ("/readyz", Line::Operators));
    let wrong = place(&Method::PUT, "/api/v2/deliveries", &headers(""));
    assert_eq!(wrong, ("/api/v2/deliveries", Line::Free));
}

#[actix_web::test]
async fn whatever_changes_something_wants_to_know_who_asks() {
    for route in all().filter(|route| route.method != Method::GET) {
        assert_ne!(route.access, Access::Public, "{} {}", route.method, route.path);
    }
}

#[actix_web::test]
async fn a_delivery_over_http_and_a_read_with_its_session() {
    let world = World::with_job().await;
    let token = world.token("1", &json!({}));
    let request = json!({
        "token": token.expose(), "request_key": "0123456789abcdef", "secrets": ["db/prod/password"],
    });
    let post = |body: &Value| TestRequest::post().uri("/api/v2/deliveries").set_json(body);
    let answer = call(&world, post(&request)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.body["secrets"][0]["fields"]["value"], "hunter2-canary");
    assert!(answer.body["receipt"].as_str().unwrap().starts_with("rcp_"));
    let session = SecretText::new(answer.body["session"]["token"].as_str().unwrap());

    let get = |path: &str| {
        TestRequest::get()
            .uri(&format!("/api/v2/a2a/secrets/{path}"))
            .insert_header(bearer(&session))
    };
    let read = call(&world, get("app/login?field=user")).await;
    assert_eq!(read.body["fields"], json!({ "user": "app" }));
    assert_eq!(call(&world, get("db/prod/none")).await.status, StatusCode::NOT_FOUND);
    let outside = call(&world, get("other/none")).await;
    assert_eq!((outside.status, outside.code()), (StatusCode::FORBIDDEN, "secret-not-granted"));
    for path in ["db%2Fprod%2Fpassword", "db/%2e%2e/password", "db//password", "db/../x", "%64b/x"]
    {
        assert_eq!(call(&world, get(path)).await.status, StatusCode::BAD_REQUEST, "{path}");
    }
    let history = call(&world, get("app/login?view=history")).await;
    assert_eq!(history.status, StatusCode::FORBIDDEN);

    let mut replay = request.clone();
    replay["request_key"] = json!("another-key-0123");
    let replay = call(&world, post(&replay)).await;
    assert_eq!((replay.status, replay.code()), (StatusCode::CONFLICT, "token-replayed"));
    let denial = replay.body["denial"].as_str().unwrap();
    let open = TestRequest::get().uri(&format!("/api/v2/trust/denials/{denial}"));
    let opened = call(&world, open.insert_header(bearer(&world.admin_token))).await;
    assert_eq!(opened.body["record"]["code"], "token-replayed");
}

#[actix_web::test]
async fn the_token_endpoint_speaks_the_standard() {
    let world = World::with_job().await;
    let form = |body: &str| {
        TestRequest::post()
            .uri("/oauth2/token")
            .insert_header(("content-type", "application/x-www-form-urlencoded"))
            .set_payload(body.to_owned())
    };
    let token = world.token("1", &json!({}));
    let good = format!(
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token={}\
         &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt",
        token.expose()
    );
    let refused = [
        (form(&format!("{good}&scope=a")), "invalid_scope"),
        (form(&format!("{good}&grant_type=x")), "invalid_request"),
        (form(&good.replace("token-exchange", "jwt-bearer")), "unsupported_grant_type"),
        (form("grant_type=%ff"), "invalid_request"),
        (form(&good).uri("/oauth2/token?scope=a"), "invalid_request"),
        (TestRequest::post().uri("/oauth2/token").set_json(json!({})), "invalid_request"),
        (form(&format!("{good}&resource=https%3A%2F%2Felsewhere.example")), "invalid_target"),
    ];
    for (request, code) in refused {
        let answer = call(&world, request).await;
        assert_eq!((answer.status, &answer.body["error"]), (StatusCode::BAD_REQUEST, &json!(code)));
        assert!(answer.body["error_description"].as_str().unwrap().is_ascii());
    }
    let wrong = call(&world, TestRequest::get().uri("/oauth2/token")).await;
    assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(wrong.body["error"], "invalid_request");

    let answer = call(&world, form(&good)).await;
    assert_eq!((answer.status, &answer.body["token_type"]), (StatusCode::OK, &json!("Bearer")));
    let session = answer.body["access_token"].as_str().unwrap();
    let introspect = form(&format!("token={session}")).uri("/oauth2/introspect");
    let introspected = call(&world, introspect.insert_header(bearer(&world.admin_token))).await;
    assert_eq!(introspected.body["active"], true);
    let revoked = call(&world, form(&format!("token={session}")).uri("/oauth2/revoke")).await;
    assert_eq!(revoked.status, StatusCode::OK);
    assert_eq!(world.records(Event::SessionEnd).await.len(), 1);

    let host = TestRequest::get()
        .uri("/.well-known/oauth-authorization-server")
        .insert_header(("host", "evil.example"));
    let metadata = call(&world, host).await;
    assert_eq!(metadata.body["token_endpoint"], "https://segura.example/oauth2/token");
}

#[actix_web::test]
async fn a_read_says_in_the_log_whose_session_it_was() {
    let world = World::with_job().await;
    let given = world.deliver(world.token("1", &json!({})), "k", &["app/login"]).await.unwrap();
    let read = TestRequest::get().uri("/api/v2/a2a/secrets/app/login");
    let answer = call(&world, read.insert_header(bearer(&given.token))).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.caller, Some(format!("session {}", given.session)));
}

#[actix_web::test]
async fn a_refused_read_says_in_the_log_whose_session_it_was() {
    let world = World::with_job().await;
    let given = world.deliver(world.token("1", &json!({})), "k", &["app/login"]).await.unwrap();
    let caller = Some(format!("session {}", given.session));
    let read = |path: &str| {
        let read = TestRequest::get().uri(&format!("/api/v2/a2a/secrets/{path}"));
        read.insert_header(bearer(&given.token))
    };
    let outside = call(&world, read("other/none")).await;
    assert_eq!((outside.status, outside.caller), (StatusCode::FORBIDDEN, caller.clone()));

    let end = TestRequest::post().uri("/api/v2/sessions/self/end");
    let ended = call(&world, end.insert_header(bearer(&given.token))).await;
    assert_eq!(ended.status, StatusCode::OK);
    let over = call(&world, read("app/login")).await;
    assert_eq!((over.status, over.caller), (StatusCode::UNAUTHORIZED, caller));
}

//! What goes over the wire, seen from a server that answers by script.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod script;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use segura_sdk::model::api::{DeliveryRequest, FieldValues, SecretPut};
use segura_sdk::model::{Classify, Kind, SecretText};
use segura_sdk::{Client, ClientOptions, ProxySettings, SdkError, make_request_key};

use crate::script::{Step, serve};

const DELIVERY: &str = r#"{"session":{"id":"01JDGW5E6Y3X9T2K8M4Q7R0BVC","token":"sgr_x",
    "expires_at":0},"secrets":[],"receipt":"rcp_x","repeated":false,
    "workload":{"issuer":"github","subject":"s"}}"#;
const SELF: &str = r#"{"id":"01JDGW5E6Y3X9T2K8M4Q7R0BVC","name":"ana","role":"admin",
    "expires_at":0}"#;

/// A certificate that vouches for nobody.
const CA: &str = include_str!("nobody.pem");

fn client(url: &str) -> Client {
    Client::new(&ClientOptions::new(url)).unwrap()
}

fn impatient(url: &str) -> Client {
    let mut options = ClientOptions::new(url);
    options.patience = Duration::ZERO;
    Client::new(&options).unwrap()
}

fn delivery() -> DeliveryRequest {
    DeliveryRequest {
        token: SecretText::new("identity-token"),
        request_key: make_request_key(),
        secrets: vec!["db/prod/password".parse().unwrap()],
    }
}

fn token() -> SecretText {
    SecretText::new("sgo_x")
}

#[tokio::test]
async fn a_busy_broker_is_asked_again_after_the_time_it_named() {
    let busy = Step::answer("503 Service Unavailable", "{}").header("Retry-After: 0");
    let (url, transcript) = serve([busy, Step::ok(DELIVERY)]).await;
    client(&url).deliver(&delivery()).await.unwrap();
    assert_eq!(transcript.requests(), 2);
}

#[tokio::test]
async fn who_waits_long_is_told_why() {
    static TOLD: AtomicU32 = AtomicU32::new(0);
    let busy = Step::answer("503 Service Unavailable", "{}").header("Retry-After: 20");
    let (url, _) = serve([busy]).await;
    let mut options = ClientOptions::new(&url);
    options.on_wait = Some(|error| {
        assert_eq!(error.class().kind, Kind::Unavailable);
        TOLD.fetch_add(1, Ordering::Relaxed);
    });
    let client = Client::new(&options).unwrap();
    let request = delivery();
    let mut patient = Box::pin(client.deliver(&request));
    let told = async {
        while TOLD.load(Ordering::Relaxed) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        ended = &mut patient => panic!("it waits: {ended:?}"),
        () = told => {}
    }
    assert!(tokio::time::timeout(Duration::ZERO, patient).await.is_err(), "it waits");
    assert_eq!(TOLD.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_named_with_its_port() {
    // Port 1 is for servers of root, and nobody has run tcpmux in decades.
    let error = impatient("http://127.0.0.1:1").deliver(&delivery()).await.unwrap_err();
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
    assert_eq!(error.class().kind, Kind::Unavailable);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_under_the_same_request_key() {
    let (url, transcript) = serve([Step::HangUp, Step::ok(DELIVERY)]).await;
    let request = delivery();
    client(&url).deliver(&request).await.unwrap();
    let [first, second] = transcript.bodies().try_into().unwrap();
    assert_eq!(first, second);
    assert!(first.contains(&request.request_key.to_string()));
}

#[tokio::test]
async fn what_would_happen_twice_is_not_asked_again_when_its_answer_is_lost() {
    let (url, transcript) = serve([Step::HangUp, Step::ok("{}")]).await;
    let error = client(&url).exchange(&SecretText::new("identity-token")).await.unwrap_err();
    assert!(matches!(error, SdkError::Lost { .. }), "{error:?}");
    assert_eq!(transcript.requests(), 1);

    let (url, transcript) = serve([Step::HangUp, Step::ok("{}")]).await;
    let secret = SecretPut {
        fields: FieldValues::default(),
        owner: None,
        tags: Vec::new(),
        max_age: None,
        expires_at: None,
        clear: Vec::new(),
        expected_version: None,
    };
    let path = "db/prod/password".parse().unwrap();
    client(&url).operator(token()).secret_put(&path, &secret).await.unwrap_err();
    assert_eq!(transcript.requests(), 1);
}

#[tokio::test]
async fn a_commit_that_nobody_knows_of_is_not_asked_for_twice() {
    let problem = r#"{"type":"urn:segura:problem:commit-unresolved","title":"t","status":503,
        "detail":"not known yet","code":"commit-unresolved"}"#;
    let of_oauth = r#"{"error":"server_error","error_description":"not known yet"}"#;
    let unknown =
        |body: &str| Step::answer("503 Service Unavailable", body).header("Retry-After: 0");

    let (url, transcript) = serve([unknown(of_oauth), Step::ok("{}")]).await;
    let error = client(&url).exchange(&SecretText::new("identity-token")).await.unwrap_err();
    assert_eq!((error.code(), transcript.requests()), ("server_error", 1));

    let (url, transcript) = serve([unknown(problem), Step::ok("{}")]).await;
    let error = client(&url).operator(token()).keyring_roll(1).await.unwrap_err();
    assert_eq!((error.code(), transcript.requests()), ("commit-unresolved", 1));

    // What is the same when it is done twice is asked for again.
    let (url, transcript) = serve([unknown(problem), Step::ok(DELIVERY)]).await;
    client(&url).deliver(&delivery()).await.unwrap();
    assert_eq!(transcript.requests(), 2);
}

#[tokio::test]
async fn a_client_of_less_patience_gives_up_earlier() {
    let busy = || Step::answer("503 Service Unavailable", "{}").header("Retry-After: 0");
    let (url, transcript) = serve([busy(), busy(), Step::ok(DELIVERY)]).await;
    let patient = client(&url);
    patient.with_patience(Duration::ZERO).deliver(&delivery()).await.unwrap_err();
    assert_eq!(transcript.requests(), 1);
    patient.deliver(&delivery()).await.unwrap();
    assert_eq!(transcript.requests(), 3);
}

#[tokio::test]
async fn a_read_is_repeated_when_its_answer_is_lost() {
    let (url, transcript) = serve([Step::HangUp, Step::ok(SELF)]).await;
    let me = client(&url).operator(token()).itself().await.unwrap();
    assert_eq!(me.name.to_string(), "ana");
    assert!(transcript.head(0).contains("authorization: Bearer sgo_x"));
}

#[tokio::test]
async fn patience_ends_with_the_brokers_own_words() {
    let problem = r#"{"type":"urn:segura:problem:busy","title":"t","status":503,"detail":"later",
        "code":"busy"}"#;
    let (url, transcript) = serve([Step::answer("503 Service Unavailable", problem)]).await;
    let error = impatient(&url).deliver(&delivery()).await.unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), ("busy", "later"));
    assert_eq!(error.class().kind, Kind::Unavailable);
    assert_eq!(transcript.requests(), 1);
}

#[tokio::test]
async fn a_refusal_is_final_and_carries_its_checks() {
    let problem = r#"{"type":"urn:segura:problem:policy-mismatch","title":"t","status":403,
        "detail":"no","code":"policy-mismatch","denial":"01JDGW5E6Y3X9T2K8M4Q7R0BVC",
        "checks":[{"policy":"p","claim":"ref","expected":"a","presented":"b"}]}"#;
    let (url, transcript) = serve([Step::answer("403 Forbidden", problem)]).await;
    let error = client(&url).deliver(&delivery()).await.unwrap_err();
    assert_eq!(error.class().kind, Kind::Forbidden);
    assert_eq!(error.problem().unwrap().checks[0].claim, "ref");
    assert_eq!(transcript.requests(), 1);
}

#[tokio::test]
async fn an_oauth_refusal_is_a_problem_like_any_other() {
    let refusal = r#"{"error":"invalid_grant","error_description":"the token was spent"}"#;
    let (url, _transcript) = serve([Step::answer("400 Bad Request", refusal)]).await;
    let error = client(&url).exchange(&SecretText::new("t")).await.unwrap_err();
    assert_eq!(
        (error.code(), error.to_string().as_str()),
        ("invalid_grant", "the token was spent")
    );
}

#[tokio::test]
async fn a_page_of_somebody_else_is_not_taken_for_a_broker() {
    let page = Step::answer("404 Not Found", "<html>nginx</html>");
    let (url, _transcript) = serve([page]).await;
    let error = client(&url).deliver(&delivery()).await.unwrap_err();
    assert!(matches!(error, SdkError::Stranger { status: 404 }), "{error:?}");
    assert_eq!(
        error.class().kind,
        Kind::Unavailable,
        "the broker was not asked, so it lacks nothing"
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let away = Step::answer("307 Temporary Redirect", "").header("Location: http://127.0.0.1:9/");
    let (url, transcript) = serve([away]).await;
    let error = client(&url).deliver(&delivery()).await.unwrap_err();
    assert!(matches!(error, SdkError::Stranger { status: 307 }), "{error:?}");
    assert_eq!(transcript.requests(), 1);
}

#[tokio::test]
async fn an_answer_over_its_bound_is_not_read() {
    let huge = Step::Raw(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 1_u64 << 40));
    let (url, _transcript) = serve([huge]).await;
    let error = client(&url).operator(token()).itself().await.unwrap_err();
    assert!(matches!(error, SdkError::TooLarge { .. }), "{error:?}");
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_not_quoted() {
    let (url, _transcript) = serve([Step::ok(r#"{"session":"hunter2"}"#)]).await;
    let error = client(&url).deliver(&delivery()).await.unwrap_err();
    assert!(matches!(error, SdkError::Answer { .. }));
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[tokio::test]
async fn queries_and_paths_arrive_as_they_were_meant() {
    let (url, transcript) = serve([Step::ok(r#"{"records":[]}"#)]).await;
    let query = segura_sdk::model::api::AuditQuery {
        subject: Some("repo:acme/payments:ref:refs/heads/a&b".to_owned()),
        limit: Some(5),
        ..Default::default()
    };
    client(&format!("{url}/prefix")).operator(token()).audit_list(&query).await.unwrap();
    let line = "GET /prefix/api/v2/audit?limit=5&subject=repo%3Aacme%2Fpayments%3Aref%3Arefs%2F\
                heads%2Fa%26b HTTP/1.1";
    assert!(transcript.head(0).starts_with(line), "{}", transcript.head(0));
}

#[tokio::test]
async fn the_proxy_is_asked_for_a_tunnel_and_named_without_its_password() {
    let refused = Step::answer("407 Proxy Authentication Required", "");
    let (proxy, transcript) = serve([refused]).await;
    let proxy = proxy.replace("http://", "http://user:hunter2@");
    let mut options = ClientOptions::new("https://segura.invalid");
    options.ca_pem = Some(CA.as_bytes().to_vec());
    options.patience = Duration::ZERO;
    options.proxy = ProxySettings::from_vars(|name| (name == "HTTPS_PROXY").then(|| proxy.clone()));
    let error = Client::new(&options).unwrap().deliver(&delivery()).await.unwrap_err();

    let head = transcript.head(0);
    assert!(head.starts_with("CONNECT segura.invalid:443 HTTP/1.1"), "{head}");
    let words = format!("{error} {error:?}");
    assert!(error.to_string().contains("through the proxy http://127.0.0.1:"), "{words}");
    assert!(!words.contains("hunter2"), "{words}");
}

#[tokio::test]
async fn no_proxy_goes_around_the_proxy() {
    let (proxy, transcript) = serve([Step::HangUp]).await;
    let mut options = ClientOptions::new("https://segura.invalid");
    options.ca_pem = Some(CA.as_bytes().to_vec());
    options.patience = Duration::ZERO;
    options.proxy = ProxySettings::from_vars(|name| match name {
        "HTTPS_PROXY" => Some(proxy.clone()),
        "NO_PROXY" => Some("localhost,.invalid".to_owned()),
        _ => None,
    });
    Client::new(&options).unwrap().deliver(&delivery()).await.unwrap_err();
    assert_eq!(transcript.requests(), 0);
}

#[test]
fn a_call_may_run_on_any_thread() {
    fn is_send(_: impl Send) {}
    is_send(client("http://127.0.0.1:1").deliver(&delivery()));
}

#[test]
fn nothing_prints_a_token() {
    let client = client("http://127.0.0.1:1");
    let words = format!("{:?} {:?}", client.operator(token()), client.session(token()));
    assert!(!words.contains("sgo_x"), "{words}");
}

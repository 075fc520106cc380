//! Operators: a second `init`, roles, recovery, a credential that leaked.

use std::io::{Read, Write};
use std::net::TcpStream;

use acceptance::wire::{Wire, get};
use acceptance::world::text;
use acceptance::{Run, TokenIssuer, World, on_each_database, segura};
use segura_model::Algorithm;

use crate::main_job::claims;

on_each_database! {
    async fn a_second_init_changes_nothing_and_says_so(database: Database) {
        let world = World::start(database).await;
        let before = std::fs::read(world.credential()).expect("the first credential");
        let mut again = segura();
        again
            .args(["init", "--url", acceptance::world::AUDIENCE, "--data-dir"])
            .arg(world.path("data"))
            .arg("--config")
            .arg(world.config())
            .arg("--credential-file")
            .arg(world.path("second.token"));

        let run = Run::of(&mut again);

        assert!(format!("{}{}", run.stdout, run.stderr).contains("already"), "{run:?}");
        assert!(!world.path("second.token").exists());
        assert_eq!(std::fs::read(world.credential()).expect("still there"), before);
    }
}

on_each_database! {
    async fn roles_bound_what_an_operator_does(database: Database) {
        let world = World::start(database).await;
        world.put_secret("db/prod/password", "for admins only");
        let author = world.path("author.token");
        world.administer(&["operator", "add", "alice", "--role", "author", "--credential-file", &acceptance::world::text(&author)]);
        let as_author = |arguments: &[&str]| {
            Run::of(world.admin(arguments).env("SEGURA_TOKEN_FILE", &author))
        };

        assert_eq!(as_author(&["secret", "get", "db/prod/password"]).code, 4, "an author reads no value");
        assert_eq!(as_author(&["operator", "ls"]).code, 4);
        assert_eq!(as_author(&["secret", "ls"]).code, 0);

        world.administer(&["operator", "rm", "alice"]);
        assert_eq!(as_author(&["secret", "ls"]).code, 3, "a removed operator is nobody");
        let read = world.administer(&["secret", "get", "db/prod/password"]).stdout;
        assert_eq!(read.trim_end(), "for admins only");
    }
}

on_each_database! {
    /// Whoever writes policies decides who reads, and the ledger says who did: `SECURITY.md`.
    async fn an_author_lets_a_job_read_and_the_ledger_says_so(database: Database) {
        let world = World::start(database).await;
        let issuer = TokenIssuer::start(Algorithm::RS256).await;
        world.enrol("github", "github", &issuer);
        world.put_secret("db/prod/password", "correct horse battery staple");
        let author = world.path("author.token");
        world.administer(&["operator", "add", "alice", "--role", "author", "--credential-file", &text(&author)]);

        let mut claims = claims();
        claims["repository_id"] = "777".into();
        let job = issuer.token(&claims);
        let file = world.write("own.yaml", "policy: own\nissuer: github\nanchor: { repository_id: \"777\" }\nread: [\"**\"]\n");
        let applied = Run::of(world.admin(&["policy", "apply", "-f", &text(&file)]).env("SEGURA_TOKEN_FILE", &author));
        assert_eq!(applied.code, 0, "{applied:?}");
        let answer = world.deliver(&job, &["db/prod/password"]).await;
        assert_eq!(answer.body["secrets"][0]["fields"]["value"], "correct horse battery staple", "{answer:?}");

        let applied = &world.ledger(&["--event", "policy.apply"])[0];
        assert!(applied["record"]["actor"].to_string().contains("alice"), "{applied}");
        assert!(applied["record"]["detail"].to_string().contains("own"), "{applied}");
        let delivery = &world.ledger(&["--event", "delivery"])[0];
        assert!(delivery["record"].to_string().contains(r#""own""#), "{delivery}");
    }
}

on_each_database! {
    async fn a_rotation_in_flight_ends_with_the_credential_that_began_it(database: Database) {
        let world = World::start_plain(database).await;
        let (leaked, new) = (world.path("leaked.token"), world.path("new.token"));
        let token = |path| std::fs::read_to_string(path).expect("a credential").trim().to_owned();
        world.administer(&["operator", "add", "bob", "--role", "admin", "--credential-file", &text(&leaked)]);

        let port = world.nodes()[0].port();
        let body = r#"{"ttl":"366d"}"#;
        let rotate = "POST /api/v2/sys/operators/bob/rotate";
        let thief = let_in(port, rotate, &token(&leaked), body.len());
        world.administer(&["operator", "rotate", "bob", "--credential-file", &text(&new)]);
        let answer = send(thief, body);

        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        assert!(answer.contains("operator-unknown") && !answer.contains("sgo_"), "{answer}");
        let mut wire = Wire::connect(port).await.expect("it listens");
        for (path, expected) in [(&leaked, 401), (&new, 200)] {
            let reply = wire.ask(&get("/api/v2/sys/self", &token(path))).await.expect("an answer");
            assert_eq!(reply.status, expected, "{}", path.display());
        }
    }
}

on_each_database! {
    async fn what_a_credential_began_to_ask_is_not_answered_once_it_is_rotated(database: Database) {
        let world = World::start_plain(database).await;
        let (leaked, new) = (world.path("leaked.token"), world.path("new.token"));
        world.administer(&["operator", "add", "bob", "--role", "admin", "--credential-file", &text(&leaked)]);
        let token = std::fs::read_to_string(&leaked).expect("a credential");
        let asked = [
            ("POST /api/v2/trust/explain", r#"{"claims":{},"issuer":"github"}"#),
            ("PUT /api/v2/trust/policies?dry_run=true", r#"{"policies":[]}"#),
            ("PUT /api/v2/trust/issuers?dry_run=true", r#"{"issuers":[]}"#),
            ("POST /api/v2/audit/verify", r#"{"heads":[]}"#),
        ];
        let port = world.nodes()[0].port();
        let begin = |(route, body): (&str, &str)| let_in(port, route, token.trim(), body.len());
        let before = asked.map(|(route, body)| send(begin((route, body)), body));
        assert!(before[1..].iter().all(|answer| answer.starts_with("HTTP/1.1 200 ")), "{before:?}");
        assert!(before[0].contains("issuer-not-found"), "{before:?}");

        let begun = asked.map(begin);
        world.administer(&["operator", "rotate", "bob", "--credential-file", &text(&new)]);
        for (thief, (route, body)) in begun.into_iter().zip(asked) {
            let answer = send(thief, body);
            assert!(answer.starts_with("HTTP/1.1 401 "), "{route}: {answer}");
            assert!(answer.contains("operator-unknown"), "{route}: {answer}");
        }
    }
}

/// Send the head of a request whose body is announced, until it is let in.
fn let_in(port: u16, route: &str, token: &str, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    let head = format!(
        "{route} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\nExpect: 100-continue\r\n\r\n",
    );
    stream.write_all(head.as_bytes()).expect("sent");
    // The body is awaited from now on.
    let mut going_on = [0; 25];
    stream.read_exact(&mut going_on).expect("let in");
    assert_eq!(&going_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

/// Send the body; the answer.
fn send(mut stream: TcpStream, body: &str) -> String {
    stream.write_all(body.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

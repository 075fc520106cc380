//! An issuer that nobody here wrote: the certified `oidc-provider` from npm.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use acceptance::world::{AUDIENCE, Answer};
use acceptance::{World, on_each_database};
use serde_json::json;

struct Provider {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
    url: String,
}

impl Provider {
    fn start() -> Self {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tools/provider.mjs");
        let mut child = Command::new("node")
            .arg(script)
            .arg(AUDIENCE)
            .env("SEGURA_TEST_NODE_MODULES", crate::runners::node_modules())
            .env("NODE_ENV", "production")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node starts; `cargo xtask test` puts it on the path");
        let mut lines = BufReader::new(child.stdout.take().expect("piped"));
        let url = line(&mut lines);
        assert!(url.starts_with("http://127.0.0.1:"), "the provider said: {url}");
        Self { child, lines, url }
    }

    fn rotate(&mut self) {
        let stdin = self.child.stdin.as_mut().expect("piped");
        stdin.write_all(b"rotate\n").expect("the provider reads");
        assert_eq!(line(&mut self.lines), "rotated");
    }

    /// A job's token, as a standard client gets it.
    async fn token(&self) -> String {
        let request = reqwest_client()
            .post(format!("{}/token", self.url))
            .basic_auth("job-1", Some("a-test-secret"))
            .form(&[("grant_type", "client_credentials"), ("scope", "secrets")]);
        let answer = Answer::of(request).await;
        answer.body["access_token"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn line(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).expect("the provider talks");
    line.trim().to_owned()
}

fn reqwest_client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a plain client")
}

on_each_database! {
    async fn a_certified_provider_is_an_issuer_through_rotation_and_outage(database: Database) {
        let mut provider = Provider::start();
        let world = World::start(database).await;
        world.enrol_entry(&json!({
            "issuer": "corporate",
            "preset": "oidc",
            "iss": provider.url,
            "audiences": [AUDIENCE],
            "insecure_loopback": true,
            "shared": false,
        }));
        world.put_secret("app/key", "from a certified provider");
        world.apply_policy(
            "policy: corporate\nissuer: corporate\nclaims: { client_id: job-1, project_id: \"42\" }\nread: [\"app/key\"]\n",
        );

        let answer = world.deliver(&provider.token().await, &["app/key"]).await;
        assert_eq!(answer.status, 200, "{answer:?}");

        provider.rotate();
        let answer = world.deliver(&provider.token().await, &["app/key"]).await;
        assert_eq!(answer.status, 200, "after a rotation the next token works: {answer:?}");

        let last = provider.token().await;
        drop(provider);
        let answer = world.deliver(&last, &["app/key"]).await;
        assert_eq!(answer.status, 200, "with the provider stopped a cached key still works: {answer:?}");
    }
}

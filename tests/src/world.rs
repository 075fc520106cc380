//! A broker with everything a test needs: made by `segura init`, run by `segura
//! server`, administered by the same commands that a person types.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::{Run, segura};
use crate::database::Database;
use crate::issuer::TokenIssuer;
use crate::node::{Node, ReservedPort, Start, reserved_port};

/// The audience of every world.
pub const AUDIENCE: &str = "https://segura.test";

/// A broker, its operator, and a client that trusts its certificate authority.
pub struct World {
    folder: TempDir,
    database: Option<String>,
    nodes: Vec<Node>,
    settings: Vec<String>,
    env: Vec<(String, String)>,
    scheme: &'static str,
    client: reqwest::Client,
}

impl World {
    /// Initialise and start a broker.
    pub async fn start(database: Database) -> Self {
        let mut world = Self::prepare(database).await;
        world.add_node().await;
        world
    }

    /// Initialise and start a broker that speaks plain HTTP, for measurements.
    pub async fn start_plain(database: Database) -> Self {
        let mut world = Self::prepare(database).await;
        world.speak_plain();
        world.add_node().await;
        world
    }

    /// Speak plain HTTP, from the first server on.
    pub fn speak_plain(&mut self) {
        self.scheme = "http";
        self.set("tls.mode=off");
    }

    /// A variable in the environment of servers started from now on.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.to_owned()));
    }

    /// A setting over the configuration file, for servers started from now on.
    pub fn set(&mut self, setting: &str) {
        self.settings.push(setting.to_owned());
    }

    /// Initialise a broker and start nothing yet.
    pub async fn prepare(database: Database) -> Self {
        let folder = tempfile::Builder::new().prefix("segura-it-").tempdir().expect("a folder");
        let data = folder.path().join("data");
        let database = database.create(folder.path()).await;
        Self::prepare_at(folder, &data, database)
    }

    /// Initialise a broker whose data directory is this one, on PostgreSQL when there is
    /// an address of it, and start nothing yet.
    pub fn prepare_at(folder: TempDir, data: &Path, database: Option<String>) -> Self {
        let world = Self {
            folder,
            database,
            nodes: Vec::new(),
            settings: Vec::new(),
            env: Vec::new(),
            scheme: "https",
            client: client(None),
        };
        let mut init = segura();
        init.args(["init", "--url", AUDIENCE, "--url", "https://127.0.0.1"])
            .arg("--data-dir")
            .arg(data)
            .arg("--config")
            .arg(world.config())
            .arg("--credential-file")
            .arg(world.credential());
        if let Some(database) = &world.database {
            init.args(["--database", database]);
        }
        let _ = Run::of(&mut init).ok();
        world
    }

    /// Start one more server on the same data; the first becomes the world's address.
    pub async fn add_node(&mut self) {
        self.try_add_node().await.unwrap_or_else(|why| panic!("{why}"));
    }

    /// The same; when the server does not start, why.
    pub async fn try_add_node(&mut self) -> Result<(), String> {
        let node = self.start_node(self.nodes.len(), Arc::new(reserved_port())).await?;
        self.nodes.push(node);
        // The authority is the database's: other servers on it have the same.
        if self.nodes.len() == 1 && !self.authority().exists() {
            self.trust_authority();
        }
        Ok(())
    }

    /// Stop one server with SIGTERM, let its clients wait, and start it again on its port.
    pub async fn restart_node(&mut self, place: usize) {
        let node = self.nodes.remove(place);
        let port = node.hold_port();
        let code =
            tokio::task::spawn_blocking(move || node.stop()).await.expect("it is waited for");
        assert_eq!(code, Some(0), "a stop by SIGTERM is a clean end");
        let node = self.start_node(place, port).await.unwrap_or_else(|why| panic!("{why}"));
        self.nodes.insert(place, node);
    }

    /// Kill one server and start it again on its port.
    pub async fn crash_node(&mut self, place: usize) {
        let node = self.nodes.remove(place);
        let port = node.hold_port();
        node.kill();
        let node = self.start_node(place, port).await.unwrap_or_else(|why| panic!("{why}"));
        self.nodes.insert(place, node);
    }

    async fn start_node(&self, place: usize, port: Arc<ReservedPort>) -> Result<Node, String> {
        let flags: Vec<String> =
            self.settings.iter().map(|setting| format!("--set={setting}")).collect();
        Node::start(Start {
            config: &self.config(),
            log: &self.path(&format!("node-{place}.log")),
            port,
            flags: &flags,
            env: &self.env,
        })
        .await
    }

    /// Stop every server with SIGTERM.
    pub fn stop(&mut self) {
        for node in self.nodes.drain(..) {
            assert_eq!(node.stop(), Some(0), "a stop by SIGTERM is a clean end");
        }
    }

    /// Kill every server.
    pub fn kill(&mut self) {
        self.nodes.drain(..).for_each(Node::kill);
    }

    /// The servers.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The first server's URL.
    pub fn url(&self) -> String {
        self.url_of(0)
    }

    /// The URL of a server.
    pub fn url_of(&self, node: usize) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.nodes[node].port())
    }

    /// A client that trusts only this world's certificate authority.
    pub const fn http(&self) -> &reqwest::Client {
        &self.client
    }

    /// A path in the world's scratch folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.path("segura.toml")
    }

    /// The administrator's credential file.
    pub fn credential(&self) -> PathBuf {
        self.path("admin.token")
    }

    /// The administrator's token.
    pub fn credential_text(&self) -> String {
        let text = std::fs::read_to_string(self.credential()).expect("`segura init` wrote it");
        text.trim().to_owned()
    }

    /// The PEM file of the certificate authority.
    pub fn authority(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// Everything all servers have logged.
    pub fn logs(&self) -> String {
        self.nodes.iter().map(Node::log).collect()
    }

    /// A command of `segura` as the administrator, against the first server.
    pub fn admin(&self, arguments: &[&str]) -> Command {
        self.admin_at(&self.url(), arguments)
    }

    /// The same, against what is, or was, at this URL.
    pub fn admin_at(&self, url: &str, arguments: &[&str]) -> Command {
        let mut command = segura();
        command
            .env("SEGURA_URL", url)
            .env("SEGURA_CA_CERT", self.authority())
            .env("SEGURA_TOKEN_FILE", self.credential())
            .args(arguments);
        command
    }

    /// Run a command as the administrator; it must succeed.
    pub fn administer(&self, arguments: &[&str]) -> Run {
        Run::of(&mut self.admin(arguments)).ok()
    }

    /// Write a file into the scratch folder.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("the scratch folder takes files");
        path
    }

    /// Store a secret with one field, `value`.
    pub fn put_secret(&self, path: &str, value: &str) {
        let file = self.write("secret.value", value);
        self.administer(&["secret", "put", path, &format!("value=@{}", text(&file))]);
    }

    /// Enrol an issuer under a preset.
    pub fn enrol(&self, id: &str, preset: &str, issuer: &TokenIssuer) {
        let entry = json!({
            "issuer": id,
            "preset": preset,
            "iss": issuer.url(),
            "audiences": [AUDIENCE],
            "insecure_loopback": true,
        });
        self.enrol_entry(&entry);
    }

    /// Enrol an issuer entry as given.
    pub fn enrol_entry(&self, entry: &Value) {
        let file = self.write("issuer.yaml", &entry.to_string());
        self.administer(&["issuer", "apply", "-f", &text(&file)]);
    }

    /// Apply policies.
    pub fn apply_policy(&self, yaml: &str) {
        let file = self.write("policy.yaml", yaml);
        self.administer(&["policy", "apply", "-f", &text(&file)]);
    }

    /// Ask the first server for secrets with this token.
    pub async fn deliver(&self, token: &str, secrets: &[&str]) -> Answer {
        self.deliver_with_key(0, token, &request_key(), secrets).await
    }

    /// Ask the first server for secrets with this token, as the client of this address. The
    /// server must trust loopback as a proxy.
    pub async fn deliver_from(&self, client: &str, token: &str, secrets: &[&str]) -> Answer {
        let body = json!({"token": token, "request_key": request_key(), "secrets": secrets});
        let url = format!("{}/api/v2/deliveries", self.url());
        Answer::of(self.client.post(url).header("x-forwarded-for", client).json(&body)).await
    }

    /// Ask a server for secrets with this token and request key.
    pub async fn deliver_with_key(
        &self,
        node: usize,
        token: &str,
        request_key: &str,
        secrets: &[&str],
    ) -> Answer {
        let body = json!({"token": token, "request_key": request_key, "secrets": secrets});
        let url = format!("{}/api/v2/deliveries", self.url_of(node));
        Answer::of(self.client.post(url).json(&body)).await
    }

    /// The ledger's records, newest last, as `segura audit ls --json` prints them.
    pub fn ledger(&self, filters: &[&str]) -> Vec<Value> {
        let mut arguments = vec!["audit", "ls", "--json", "--limit", "1000"];
        arguments.extend(filters);
        let run = self.administer(&arguments);
        run.json()["records"].as_array().cloned().unwrap_or_default()
    }

    /// The one record that an answer's `denial` opens: refused, with this code.
    ///
    /// # Panics
    /// When the ledger has none, or another.
    pub fn refusal(&self, answer: &Answer, code: &str) -> Value {
        let denial = answer.body["denial"].as_str().expect("an id to open");
        let rows = self.ledger(&["--denial", denial]);
        let [row] = &rows[..] else { panic!("{denial} opens {} records: {rows:?}", rows.len()) };
        assert_eq!((&row["event"], &row["outcome"]), (&json!("refusal"), &json!("refused")));
        let record = &row["record"];
        assert_eq!((&record["denial"], &record["code"]), (&json!(denial), &json!(code)), "{row}");
        record.clone()
    }

    fn trust_authority(&mut self) {
        let pem = Run::of(segura().args(["ca", "show", "--config"]).arg(self.config())).ok().stdout;
        std::fs::write(self.authority(), &pem).expect("the scratch folder takes files");
        self.client = client(Some(&pem));
    }
}

/// An HTTP answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body as JSON; null when it is none.
    pub body: Value,
}

impl Answer {
    /// Send a request.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        let answer = request.send().await.expect("the server answers");
        let status = answer.status().as_u16();
        let body = answer.bytes().await.expect("a whole body");
        Self { status, body: serde_json::from_slice(&body).unwrap_or(Value::Null) }
    }

    /// The problem's code, `token-replayed`.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

/// A request key that no other request has.
pub fn request_key() -> String {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    format!("request-key-{:08}", NUMBER.fetch_add(1, Ordering::SeqCst))
}

/// A path as text.
pub fn text(path: &Path) -> String {
    path.display().to_string()
}

/// A client that trusts this authority and no other.
fn client(authority: Option<&str>) -> reqwest::Client {
    let roots = authority.map(|pem| {
        reqwest::Certificate::from_pem(pem.as_bytes()).expect("`segura ca show` prints PEM")
    });
    reqwest::Client::builder()
        .tls_certs_only(roots)
        .no_proxy()
        .build()
        .expect("a client with at most one root")
}

//! The GitHub action's download: a mirror on loopback, and everything it must refuse.

use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::cli::binary;
use acceptance::world::text;
use acceptance::{Run, segura};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::runners::{root, tool_path};

/// A copy of the action with its own checksums, and a mirror that serves `program`.
struct Download {
    folder: TempDir,
    mirror: String,
}

impl Download {
    async fn new(served: Vec<u8>, files: serde_json::Value) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let run = Run::of(
            Command::new("cp")
                .arg("-r")
                .arg(root().join("actions/github"))
                .arg(folder.path().join("action")),
        );
        assert_eq!(run.code, 0, "{run:?}");
        let table = json!({"version": "2.0.0", "files": files});
        std::fs::write(folder.path().join("action/checksums.json"), table.to_string())
            .expect("a table");
        Self { folder, mirror: mirror(served).await }
    }

    /// Run the action's main step with `export: none`, as a runner does.
    async fn run(&self) -> Run {
        self.run_with(&[]).await
    }

    /// The same with these variables.
    async fn run_with(&self, variables: &[(&str, &str)]) -> Run {
        let path = |name: &str| self.folder.path().join(name);
        for name in ["env", "path", "state", "output"] {
            std::fs::write(path(name), "").expect("the runner makes these files");
        }
        let mut command = Command::new("node");
        command
            .env_clear()
            .env("PATH", tool_path())
            .env("RUNNER_TEMP", path("temp"))
            .env("RUNNER_TOOL_CACHE", path("cache"))
            .env("GITHUB_ENV", path("env"))
            .env("GITHUB_PATH", path("path"))
            .env("GITHUB_STATE", path("state"))
            .env("GITHUB_OUTPUT", path("output"))
            .env("INPUT_VAULT-URL", "https://segura.test")
            .env("INPUT_EXPORT", "none")
            .env("INPUT_DOWNLOAD-URL", &self.mirror)
            .envs(variables.iter().copied())
            .arg(path("action/dist/main.mjs"));
        tokio::task::spawn_blocking(move || Run::of(&mut command)).await.expect("node runs")
    }

    /// What the step set for later ones as NAME, if it did.
    fn set(&self, name: &str) -> Option<String> {
        let env = std::fs::read_to_string(self.folder.path().join("env")).expect("it is there");
        let mut lines = env.lines();
        lines.find(|line| line.starts_with(&format!("{name}<<")))?;
        lines.next().map(str::to_owned)
    }

    /// The folder that the step put on the job's `PATH`.
    fn added_path(&self) -> PathBuf {
        let added =
            std::fs::read_to_string(self.folder.path().join("path")).expect("the file is there");
        PathBuf::from(added.trim())
    }
}

/// A mirror that serves these bytes as segura 2.0.0 for linux-x64, and nothing else.
pub(crate) async fn mirror(served: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let read = stream.read(&mut request).await.unwrap_or_default();
            let known = request[..read].starts_with(b"GET /v2.0.0/segura-2.0.0-linux-x64 ");
            let body: &[u8] = if known { &served } else { b"" };
            let status = if known { "200 OK" } else { "404 Not Found" };
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            drop(stream.write_all(head.as_bytes()).await);
            drop(stream.write_all(body).await);
        }
    });
    url
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes any text");
        hex
    })
}

/// A stand-in for the program: small, so that a test need not copy the debug build.
const PROGRAM: &[u8] = b"#!/bin/sh\necho segura stand-in\n";

fn entry(bytes: &[u8]) -> serde_json::Value {
    json!({"linux-x64": {"name": "segura-2.0.0-linux-x64", "sha256": sha256(bytes)}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_of_the_table_is_put_on_the_path() {
    let download = Download::new(PROGRAM.to_vec(), entry(PROGRAM)).await;

    let run = download.run().await;

    assert_eq!(run.code, 0, "{run:?}");
    let program = download.added_path().join("segura");
    assert_eq!(Run::of(&mut Command::new(program)).stdout, "segura stand-in\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_byte_is_refused_and_never_run() {
    let mut served = PROGRAM.to_vec();
    served[12] ^= 1;
    let download = Download::new(served, entry(PROGRAM)).await;

    let run = download.run().await;

    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stdout.contains("is not the program this action was made for"), "{run:?}");
    assert_eq!(download.added_path(), Path::new(""), "nothing was put on the path");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_program_in_the_cache_is_downloaded_anew() {
    let download = Download::new(PROGRAM.to_vec(), entry(PROGRAM)).await;
    assert_eq!(download.run().await.code, 0);
    let program = download.added_path().join("segura");
    let again = download.run().await;
    assert!(again.code == 0 && !again.stdout.contains("Downloading"), "{again:?}");

    std::fs::write(&program, "#!/bin/sh\necho another\n").expect("the cache can be written");
    let run = download.run().await;

    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("::warning::") && run.stdout.contains("Downloading"), "{run:?}");
    assert_eq!(std::fs::read(&program).expect("it is there"), PROGRAM);
    std::fs::remove_file(&program).expect("it can be removed");
    assert_eq!(download.run().await.code, 0);
    assert_eq!(std::fs::read(&program).expect("it is there"), PROGRAM);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_audience_is_set_only_where_one_is_given() {
    let download = Download::new(PROGRAM.to_vec(), entry(PROGRAM)).await;
    let url = ("INPUT_VAULT-URL", "https://Segura.test:443/");

    let run = download.run_with(&[url]).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(download.set("SEGURA_URL").as_deref(), Some(url.1));
    assert_eq!(download.set("SEGURA_AUDIENCE"), None, "the program knows how to spell it");

    let run = download.run_with(&[url, ("INPUT_AUDIENCE", "api://segura")]).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(download.set("SEGURA_AUDIENCE").as_deref(), Some("api://segura"));

    let run = download.run_with(&[url, ("SEGURA_AUDIENCE", "https://other.test")]).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(download.set("SEGURA_AUDIENCE").as_deref(), Some(""), "another broker's token");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_entry_says_what_to_do() {
    let without_checksum = json!({"linux-x64": {"name": "segura-2.0.0-linux-x64", "sha256": ""}});
    for files in [json!({}), json!({"win32-x64": {}}), without_checksum] {
        let download = Download::new(PROGRAM.to_vec(), files).await;
        // A program in the cache that nothing vouches for is not run either.
        let cached = download.folder.path().join("cache/segura/2.0.0/linux-x64");
        std::fs::create_dir_all(&cached).expect("a cache");
        std::fs::write(cached.with_extension("complete"), "").expect("a cache");
        std::fs::write(cached.join("segura"), PROGRAM).expect("a cache");
        let run = download.run().await;
        assert_eq!(run.code, 1, "{run:?}");
        assert!(run.stdout.contains("has no entry for segura 2.0.0 on linux-x64"), "{run:?}");
        assert!(run.stdout.contains("binary-path"), "{run:?}");
        assert_eq!(download.added_path(), Path::new(""), "nothing was put on the path");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirror_without_it_says_what_to_do() {
    let files = json!({"linux-x64": {"name": "elsewhere", "sha256": sha256(PROGRAM)}});
    let download = Download::new(PROGRAM.to_vec(), files).await;
    let run = download.run().await;
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stdout.contains("download-url"), "{run:?}");
}

#[test]
fn the_program_says_its_version() {
    let version = Run::of(segura().arg("--version")).ok().stdout;
    assert!(version.starts_with("segura 2."), "{version} of {}", text(&binary()));
}

//! A PostgreSQL cluster for one run of the tests: made in a scratch folder, on a
//! free port, stopped and removed at the end. Durability stays on: the store
//! refuses a server without it. Making it takes seconds, in which a port that was merely
//! free would go to whoever asks for any; so it is held, as `segura_broker::net` holds one.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use socket2::{Domain, Protocol, Socket, Type};
use tempfile::TempDir;

use crate::run;

/// A running cluster; dropped, it stops and is gone.
pub(crate) struct Cluster {
    programs: PathBuf,
    folder: TempDir,
    port: u16,
    /// Bound to that port, and never listening.
    _holder: Socket,
}

impl Cluster {
    /// Make and start a cluster.
    ///
    /// # Errors
    /// When PostgreSQL's programs are not here, or do not start.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let Some(programs) = programs() else {
            bail!("PostgreSQL is not here: `apt-get install postgresql` brings it");
        };
        let folder = tempfile::Builder::new().prefix("segura-postgres-").tempdir()?;
        let (holder, port) = hold_port()?;
        let cluster = Self { programs, folder, port, _holder: holder };
        cluster.own_folder()?;
        let data = cluster.data();
        cluster.check(
            cluster
                .program("initdb")
                .args(["--auth=trust", "--username=segura", "--encoding=UTF8", "--no-sync", "-D"])
                .arg(&data)
                .stdout(Stdio::null()),
        )?;
        cluster.check(
            cluster
                .program("pg_ctl")
                .args(["--wait", "--silent", "-l"])
                .arg(cluster.folder.path().join("log"))
                .arg("-D")
                .arg(&data)
                .arg("-o")
                .arg(cluster.settings())
                .arg("start"),
        )?;
        Ok(cluster)
    }

    /// The address for `SEGURA_TEST_POSTGRES`.
    pub(crate) fn url(&self) -> String {
        format!("postgres://segura@127.0.0.1:{}/postgres", self.port)
    }

    /// Where its programs and its data are, for the trial that stops and starts it.
    pub(crate) fn places(&self) -> [(&'static str, PathBuf); 2] {
        [
            ("SEGURA_TEST_POSTGRES_PROGRAMS", self.programs.clone()),
            ("SEGURA_TEST_POSTGRES_DATA", self.data()),
        ]
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn settings(&self) -> String {
        format!(
            "-p {} -k {} -c listen_addresses=127.0.0.1 -c max_connections=400 -c shared_buffers=64MB",
            self.port,
            self.folder.path().display()
        )
    }

    /// PostgreSQL will not run as root: root lends the folder to its user.
    fn own_folder(&self) -> anyhow::Result<()> {
        if run::is_root() {
            self.check(Command::new("chown").arg("postgres").arg(self.folder.path()))?;
        }
        Ok(())
    }

    fn program(&self, name: &str) -> Command {
        let path = self.programs.join(name);
        let mut command = if run::is_root() {
            let mut as_user = Command::new("runuser");
            as_user.args(["-u", "postgres", "--"]).arg(path);
            as_user
        } else {
            Command::new(path)
        };
        command.current_dir(self.folder.path());
        command
    }

    fn check(&self, command: &mut Command) -> anyhow::Result<()> {
        let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
        if !status.success() {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            bail!("{command:?} failed: {status}\n{log}");
        }
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let stop = self
            .program("pg_ctl")
            .args(["--mode=immediate", "--silent", "-D"])
            .arg(self.data())
            .arg("stop")
            .status();
        if let Err(error) = stop {
            eprintln!("the scratch PostgreSQL did not stop: {error}");
        }
    }
}

/// A port of loopback that the kernel gives to nobody who asks for any; PostgreSQL, which
/// names it and reuses addresses, may listen there.
fn hold_port() -> anyhow::Result<(Socket, u16)> {
    let holder = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    holder.set_reuse_address(true)?;
    holder.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    let address = holder.local_addr()?.as_socket().context("an address of TCP")?;
    Ok((holder, address.port()))
}

/// The folder that holds `initdb`: the newest Debian version, or what is on the path.
pub(crate) fn programs() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|folder| folder.join("initdb").exists())
        .collect();
    versions.sort();
    versions.pop().or_else(|| {
        let found = run::output(Command::new("sh").args(["-c", "command -v initdb"])).ok()?;
        Path::new(&found).parent().map(PathBuf::from)
    })
}

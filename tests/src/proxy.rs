//! A proxy before PostgreSQL that loses a connection in the middle of a COMMIT.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The proxy; it stops taking connections when dropped.
pub struct CommitCutter {
    address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    /// How many commits are still to be lost.
    armed: AtomicUsize,
    /// Whether the next is lost before the server has it; they take turns.
    before: AtomicBool,
    cut: AtomicUsize,
}

impl CommitCutter {
    /// A proxy before `server`, which cuts nothing yet.
    pub async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                tokio::spawn(async move {
                    // A database that is down is a connection that closes.
                    if let Ok(server) = TcpStream::connect(server).await {
                        drop(relay(client, server, &state).await);
                    }
                });
            }
        });
        Self { address, state, task }
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lose the connection of one more commit: in turns before the server has the COMMIT,
    /// and after the server has done it.
    pub fn arm(&self) {
        self.state.armed.fetch_add(1, Ordering::SeqCst);
    }

    /// How many were lost so far.
    pub fn cut(&self) -> usize {
        self.state.cut.load(Ordering::SeqCst)
    }
}

impl Drop for CommitCutter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    fn take(&self) -> bool {
        let less = |armed: usize| armed.checked_sub(1);
        let taken = self.armed.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok();
        if taken {
            self.cut.fetch_add(1, Ordering::SeqCst);
        }
        taken
    }
}

async fn relay(client: TcpStream, server: TcpStream, state: &State) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let answers = tokio::spawn(async move {
        drop(tokio::io::copy(&mut from_server, &mut to_client).await);
    });
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let read = from_client.read(&mut bytes).await.unwrap_or(0);
        let sent = &bytes[..read];
        if sent.windows(7).any(|window| window == b"COMMIT\0") && state.take() {
            answers.abort();
            if !state.before.fetch_xor(true, Ordering::SeqCst) {
                to_server.write_all(sent).await?;
                // Closing our side at once could make the server give up before it commits.
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            return Ok(());
        }
        if read == 0 || to_server.write_all(sent).await.is_err() {
            answers.abort();
            return Ok(());
        }
    }
}

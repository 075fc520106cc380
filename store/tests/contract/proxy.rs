//! A proxy before PostgreSQL that loses a connection at the moment a test chooses.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// When the next connection that sends a COMMIT is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Cut {
    /// Never.
    Not = 0,
    /// Before the server sees the COMMIT.
    Before = 1,
    /// After the server has done it, before the answer arrives.
    After = 2,
}

/// The proxy.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    cut: Arc<AtomicU8>,
}

impl Proxy {
    /// A proxy before `server`, which cuts nothing yet.
    pub(crate) async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cut = Arc::new(AtomicU8::new(0));
        let shared = Arc::clone(&cut);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let cut = Arc::clone(&shared);
                tokio::spawn(async move {
                    let server = TcpStream::connect(server).await.unwrap();
                    relay(client, server, &cut).await;
                });
            }
        });
        Self { address, cut }
    }

    /// Lose the next connection that commits.
    pub(crate) fn arm(&self, cut: Cut) {
        self.cut.store(cut as u8, Ordering::SeqCst);
    }

    /// Whether the cut was made.
    pub(crate) fn has_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst) == Cut::Not as u8
    }
}

/// Pass on what the server says, until told to lose the rest.
async fn answer(
    mut from_server: OwnedReadHalf,
    mut to_client: OwnedWriteHalf,
    losing: oneshot::Receiver<()>,
) -> (OwnedReadHalf, OwnedWriteHalf) {
    tokio::select! {
        _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
        _ = losing => {}
    }
    (from_server, to_client)
}

async fn relay(client: TcpStream, server: TcpStream, cut: &AtomicU8) {
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let (lose, losing) = oneshot::channel();
    let answers = tokio::spawn(answer(from_server, to_client, losing));
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(read) = from_client.read(&mut bytes).await {
        let sent = &bytes[..read];
        let commits = sent.windows(7).any(|window| window == b"COMMIT\0");
        if commits && cut.load(Ordering::SeqCst) != Cut::Not as u8 {
            lose.send(()).unwrap();
            let (mut from_server, _to_client) = answers.await.unwrap();
            if cut.swap(Cut::Not as u8, Ordering::SeqCst) == Cut::After as u8 {
                to_server.write_all(sent).await.unwrap();
                // Closing our side before could make the server give up before it commits.
                from_server.peek(&mut [0]).await.unwrap();
            }
            return;
        }
        if read == 0 || to_server.write_all(sent).await.is_err() {
            break;
        }
    }
    answers.abort();
}

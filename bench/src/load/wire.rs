//! One connection of HTTP/1.1, with or without TLS, that costs little.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use memchr::memmem;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::plan::Target;

/// Opens connections to one server.
#[derive(Clone)]
pub(crate) struct Dialer {
    port: u16,
    tls: Option<TlsConnector>,
}

impl Dialer {
    /// To this server.
    pub(crate) fn new(target: &Target) -> anyhow::Result<Self> {
        let tls = target.authority.as_deref().map(client_config).transpose()?;
        Ok(Self { port: target.port, tls: tls.map(|config| TlsConnector::from(Arc::new(config))) })
    }

    /// A new connection.
    pub(crate) async fn dial(&self) -> anyhow::Result<Wire> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await?;
        stream.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match &self.tls {
            None => Box::new(stream),
            Some(tls) => {
                let name = ServerName::from(std::net::IpAddr::from(Ipv4Addr::LOCALHOST));
                Box::new(tls.connect(name, stream).await.context("the TLS handshake")?)
            }
        };
        Ok(Wire { stream, buffer: vec![0; 16 * 1024] })
    }
}

fn client_config(authority: &Path) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(authority)? {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(config)
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection.
pub(crate) struct Wire {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

/// What the server said.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

impl Wire {
    /// Send a request and read the answer whole.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        let mut filled = 0;
        let (status, body, end) = loop {
            filled += self.read(filled).await?;
            let Some(head) = memmem::find(&self.buffer[..filled], b"\r\n\r\n") else { continue };
            let (status, length) = parse(&self.buffer[..head])?;
            break (status, head + 4, head + 4 + length);
        };
        while filled < end {
            filled += self.read(filled).await?;
        }
        ensure!(filled == end, "the server said more than was asked");
        Ok(Answer { status, body: &self.buffer[body..end] })
    }

    async fn read(&mut self, filled: usize) -> anyhow::Result<usize> {
        if filled == self.buffer.len() {
            self.buffer.resize(filled * 2, 0);
        }
        match self.stream.read(&mut self.buffer[filled..]).await? {
            0 => bail!("the server closed the connection"),
            read => Ok(read),
        }
    }
}

/// The status and the length of the body.
fn parse(head: &[u8]) -> anyhow::Result<(u16, usize)> {
    let text = std::str::from_utf8(head)?;
    let status = text.get(9..12).context("a status line")?.parse()?;
    let length = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(Ok(0), |(_, value)| value.trim().parse())?;
    Ok((status, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_an_answer_says_its_status_and_length() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\nvary: x";
        assert_eq!(parse(head).unwrap(), (200, 17));
        assert_eq!(parse(b"HTTP/1.1 204 No Content").unwrap(), (204, 0));
        assert!(parse(b"HTTP/1.1").is_err());
    }
}

//! The child's output, from its pipe through the masker to ours.
//!
//! A thread for each stream: a slow reader of our output must not keep signals from
//! the child. When the child is gone but a grandchild keeps the pipe, the thread is
//! left behind, and what it held back is written here.

use std::fs::File;
use std::io::{self, ErrorKind, PipeReader, Read, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::Duration;

use segura_plugins::Stream;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

/// One stream of output on its way.
pub(crate) struct Pump {
    sink: Arc<Mutex<Sink>>,
    done: oneshot::Receiver<()>,
}

impl Pump {
    /// Begin to pass on what comes from `from`.
    pub(crate) fn start(from: PipeReader, to: &impl AsFd, stream: Stream) -> io::Result<Self> {
        // A descriptor of our own: the standard library's would wait for line breaks.
        let to = File::from(to.as_fd().try_clone_to_owned()?);
        let sink = Arc::new(Mutex::new(Sink { stream, to, shown: Vec::new(), open: true }));
        let (finished, done) = oneshot::channel();
        let theirs = Arc::clone(&sink);
        std::thread::Builder::new().name("output".to_owned()).spawn(move || {
            pass_on(from, &theirs);
            let _ = finished.send(());
        })?;
        Ok(Self { sink, done })
    }

    /// Wait until the stream has ended and everything is written.
    pub(crate) async fn drained(&mut self) {
        let _ = (&mut self.done).await;
    }

    /// Write what is held back, and pass on nothing more.
    pub(crate) fn abandon(&self) {
        for _ in 0..ABANDON_TRIES {
            match self.sink.try_lock() {
                Ok(mut sink) => return sink.close(),
                Err(TryLockError::Poisoned(error)) => return error.into_inner().close(),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(2)),
            }
        }
        // The thread is inside for good, because nobody reads our output; waiting for
        // it would be waiting for them.
    }
}

struct Sink {
    stream: Stream,
    to: File,
    shown: Vec<u8>,
    open: bool,
}

impl Sink {
    /// Mask and write; an error means that nobody listens any more.
    fn take(&mut self, output: &[u8]) -> io::Result<()> {
        if !self.open {
            return Err(ErrorKind::BrokenPipe.into());
        }
        self.shown.clear();
        self.stream.push(output, &mut self.shown);
        write_all(&mut self.to, &self.shown)
    }

    fn close(&mut self) {
        if std::mem::replace(&mut self.open, false) {
            self.shown.clear();
            self.stream.finish(&mut self.shown);
            let _ = write_all(&mut self.to, &self.shown);
        }
    }
}

/// Runs on a thread of its own, until the stream ends or nobody listens. Dropping the
/// pipe then tells the child, as a closed terminal would.
fn pass_on(mut from: PipeReader, sink: &Mutex<Sink>) {
    let mut buffer = Zeroizing::new(vec![0; 64 << 10]);
    loop {
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
                if sink.take(&buffer[..count]).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    sink.lock().unwrap_or_else(PoisonError::into_inner).close();
}

/// Our output may be a pipe that somebody has set not to block; then wait a little.
fn write_all(to: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

const ABANDON_TRIES: u32 = 10;

#[cfg(test)]
mod tests {
    use segura_model::SecretText;
    use segura_plugins::{Masker, ShortValues};

    use super::*;

    fn stream() -> Stream {
        let values = [SecretText::new("hunter2")];
        Masker::new(&values, ShortValues::Refuse).unwrap().stream()
    }

    #[tokio::test]
    async fn output_is_masked_and_written_to_its_end() {
        let (from, mut child) = io::pipe().unwrap();
        let (mut seen, to) = io::pipe().unwrap();
        let mut pump = Pump::start(from, &to, stream()).unwrap();
        child.write_all(b"it is hunt").unwrap();
        child.write_all(b"er2\nhun").unwrap();
        drop(child);
        pump.drained().await;
        drop((pump, to));

        let mut text = String::new();
        seen.read_to_string(&mut text).unwrap();
        assert_eq!(text, "it is ***\nhun");
    }

    #[tokio::test]
    async fn an_abandoned_stream_writes_what_it_held_and_then_no_more() {
        let (from, mut child) = io::pipe().unwrap();
        let (mut seen, to) = io::pipe().unwrap();
        let pump = Pump::start(from, &to, stream()).unwrap();
        child.write_all(b"ok hu").unwrap();
        let mut first = [0; 3];
        seen.read_exact(&mut first).unwrap();
        // Its thread may still hold what it has written from.
        drop(pump.sink.lock().unwrap());
        pump.abandon();
        let _ = child.write_all(b"later");
        drop((child, pump, to));

        let mut text = String::new();
        seen.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hu");
    }

    #[test]
    fn a_child_whose_output_nobody_reads_is_told() {
        let (from, mut child) = io::pipe().unwrap();
        let (seen, to) = io::pipe().unwrap();
        let _pump = Pump::start(from, &to, stream()).unwrap();
        drop((seen, to));
        // Half a minute: only a failure takes so long.
        let told = (0..30_000).any(|_| {
            std::thread::sleep(Duration::from_millis(1));
            child.write_all(b"more\n").is_err()
        });
        assert!(told);
    }
}

//! Secrets typed at a terminal, or piped in; and a question before something is lost.
//!
//! At a terminal the prompt goes to standard error and typing is not shown; a pipe is
//! read whole, without a prompt. Keys are read one by one, so that Ctrl-C ends the
//! command in order: killed by the signal, it would leave the terminal silent.
//!
//! Questions are asked at a terminal only. A script never waits for an answer that nobody
//! will give, and what worked in it goes on working.

use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use segura_model::{SecretBytes, SecretText};
use zeroize::Zeroizing;

use crate::error::CliError;
use crate::files;
use crate::print;

/// A secret from standard input: one hidden line at a terminal, else all of it.
pub(crate) fn read_secret_input(prompt: &str) -> Result<SecretText, CliError> {
    if !io::stdin().is_terminal() {
        return files::read_secret(Path::new("-"), LIMIT);
    }
    let line = read_hidden_line(prompt).map_err(failed)?;
    SecretBytes::new(line.to_vec())
        .into_text()
        .ok_or_else(|| CliError::NotText { path: "what was typed".into() })
}

/// A token from standard input; white space around it is not part of it.
pub(crate) fn read_token_input(prompt: &str) -> Result<SecretText, CliError> {
    let text = read_secret_input(prompt)?;
    // EXPOSE: only to cut the white space that pasting adds.
    let token = SecretText::new(text.expose().trim());
    let empty = || CliError::EmptyToken { path: "standard input".into() };
    if token.is_empty() { Err(empty()) } else { Ok(token) }
}

/// Whether to go on is asked of a person, and of nobody else.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Confirm {
    /// Do not ask first; without a terminal nobody is asked anyway
    #[arg(long, short)]
    yes: bool,
}

impl Confirm {
    /// Ask; anything but yes cancels.
    pub(crate) fn ask(self, question: &str) -> Result<(), CliError> {
        let stdin = io::stdin();
        if self.yes || !stdin.is_terminal() || !io::stderr().is_terminal() {
            return Ok(());
        }
        let mut stderr = io::stderr();
        write!(stderr, "{} [y/N] ", print::clean(question))
            .and_then(|()| stderr.flush())
            .map_err(failed)?;
        let mut answer = String::new();
        stdin.lock().read_line(&mut answer).map_err(failed)?;
        if is_yes(&answer) { Ok(()) } else { Err(CliError::Cancelled) }
    }
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// The terminal did not do; Ctrl-C at it is the person's own will.
fn failed(source: io::Error) -> CliError {
    match source.kind() {
        io::ErrorKind::Interrupted => CliError::Cancelled,
        _ => CliError::Read { path: "the terminal".into(), source },
    }
}

fn read_hidden_line(prompt: &str) -> io::Result<Zeroizing<Vec<u8>>> {
    let (mut stderr, stdin) = (io::stderr(), io::stdin());
    // First: whoever sees the prompt may type.
    let quiet = Quiet::new(&stdin)?;
    write!(stderr, "{prompt}").and_then(|()| stderr.flush())?;
    let line = read_line(&mut stdin.lock());
    drop(quiet);
    writeln!(stderr)?;
    line
}

/// Read keys up to Enter, as a terminal's own line editing would.
fn read_line(keys: &mut impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(1024));
    let mut key = [0];
    while keys.read(&mut key)? == 1 {
        match key[0] {
            b'\r' | b'\n' | END_OF_INPUT => break,
            INTERRUPT => return Err(io::Error::new(io::ErrorKind::Interrupted, "cancelled")),
            BACKSPACE | DELETE => erase_character(&mut line),
            ERASE_LINE => line.clear(),
            other => line.push(other),
        }
    }
    Ok(line)
}

/// Remove the last character, all bytes of it.
fn erase_character(line: &mut Vec<u8>) {
    while line.pop().is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000) {}
}

/// A terminal that hands over each key and shows none, until this is dropped.
struct Quiet<'a> {
    terminal: &'a io::Stdin,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn new(terminal: &'a io::Stdin) -> io::Result<Self> {
        let before = tcgetattr(terminal.as_fd())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(terminal.as_fd(), OptionalActions::Flush, &quiet)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // Nothing to do about a terminal that has gone away.
        let _ = tcsetattr(self.terminal.as_fd(), OptionalActions::Flush, &self.before);
    }
}

const INTERRUPT: u8 = 0x03;
const END_OF_INPUT: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const ERASE_LINE: u8 = 0x15;
const DELETE: u8 = 0x7f;
const LIMIT: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_edit_the_line() {
        for (keys, line) in [
            ("hunter2\n", "hunter2"),
            ("hunter3\u{7f}2\r", "hunter2"),
            ("é\u{7f}e\n", "e"),
            ("wrong\u{15}right\n", "right"),
            ("pasted\u{4}", "pasted"),
            ("", ""),
        ] {
            assert_eq!(read_line(&mut keys.as_bytes()).unwrap().as_slice(), line.as_bytes());
        }
    }

    #[test]
    fn only_yes_is_yes() {
        assert!(["y\n", "Y", " yes \n", "YES"].iter().all(|answer| is_yes(answer)));
        assert!(!["", "\n", "n", "yep", "ye"].iter().any(|answer| is_yes(answer)));
    }

    #[test]
    fn an_interrupt_cancels() {
        let error = read_line(&mut "secr\u{3}".as_bytes()).unwrap_err();
        assert!(matches!(failed(error), CliError::Cancelled));
    }
}

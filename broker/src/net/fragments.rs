//! Request targets with a raw `#`, which the HTTP library cuts off without a word.
//!
//! A proxy in front may have judged what stands behind it, so such a request is refused; but
//! when it is routed the cut has been made. So the bytes that come in are looked at for
//! `METHOD /path#`. A body may hold that too: what counts is whether the request that is
//! served has exactly this method and target.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;

use memchr::{memchr, memrchr};

use crate::http::limits::MAX_TARGET;

/// The method and target, up to the `#`, of what may have been such a request.
#[derive(Debug, Default)]
pub struct Fragments {
    found: RefCell<HashSet<Vec<u8>>>,
    too_many: Cell<bool>,
}

impl Fragments {
    /// Whether a request of this method and target may have been cut. On a connection that
    /// brought more than can be remembered, each may.
    pub fn may_have_cut(&self, method: &str, target: &str) -> bool {
        let line = [method, target].join(" ");
        // Capitals that end a body stand right before the next request's method.
        let is_it = |found: &Vec<u8>| found.ends_with(line.as_bytes());
        self.too_many.get() || self.found.borrow().iter().any(is_it)
    }

    fn add(&self, line: Vec<u8>) {
        let mut found = self.found.borrow_mut();
        if found.len() < MOST {
            found.insert(line);
        } else {
            self.too_many.set(true);
        }
    }
}

/// Looks at what comes in, piece by piece.
#[derive(Debug, Default)]
pub(super) struct Scan {
    at: At,
    /// `GET`, `GET `, `GET /path`.
    line: Vec<u8>,
    found: Rc<Fragments>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Elsewhere,
    Method,
    Space,
    Target,
}

impl Scan {
    pub(super) fn found(&self) -> Rc<Fragments> {
        Rc::clone(&self.found)
    }

    pub(super) fn look(&mut self, bytes: &[u8]) {
        let from = if memchr(b'#', bytes).is_some() { 0 } else { self.open_end(bytes) };
        if from > 0 {
            self.at = At::Elsewhere;
        }
        for byte in &bytes[from..] {
            self.step(*byte);
        }
    }

    /// Where to begin in a piece without a `#`: only a line that it leaves open can still get
    /// one, and of that the last space, with the method before it, decides.
    fn open_end(&self, bytes: &[u8]) -> usize {
        let line = memrchr(b'\n', bytes).map_or(0, |newline| newline + 1);
        let is_open = line == 0 && matches!(self.at, At::Space | At::Target);
        match memrchr(b' ', &bytes[line..]) {
            Some(space) => line + space.saturating_sub(LONGEST_METHOD),
            None if is_open => 0,
            None => line.max(bytes.len().saturating_sub(LONGEST_METHOD)),
        }
    }

    fn step(&mut self, byte: u8) {
        self.at = match (self.at, byte) {
            (At::Target, b'#') => {
                self.found.add(std::mem::take(&mut self.line));
                At::Elsewhere
            }
            (At::Target, b'!'..) if self.line.len() < LONGEST => At::Target,
            (At::Space, b'/') => At::Target,
            (At::Method, b' ') => At::Space,
            (At::Method, b'A'..=b'Z') => {
                // Capitals of a body may stand right before the method.
                if self.line.len() == LONGEST_METHOD {
                    self.line.remove(0);
                }
                At::Method
            }
            (_, b'A'..=b'Z') => {
                self.line.clear();
                At::Method
            }
            _ => At::Elsewhere,
        };
        match self.at {
            At::Elsewhere => self.line.clear(),
            At::Method | At::Space | At::Target => self.line.push(byte),
        }
    }
}

/// A longer target is refused for that.
const LONGEST: usize = LONGEST_METHOD + 1 + MAX_TARGET;
const LONGEST_METHOD: usize = 32;
/// More than any body of ours has.
const MOST: usize = 256;

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn seen(text: &str) -> Rc<Fragments> {
        let (mut whole, mut pieces) = (Scan::default(), Scan::default());
        whole.look(text.as_bytes());
        text.bytes().for_each(|byte| pieces.look(&[byte]));
        assert_eq!(*whole.found.found.borrow(), *pieces.found.found.borrow());
        whole.found()
    }

    #[test]
    fn a_target_with_a_fragment_is_known_by_what_is_left_of_it() {
        for (text, target) in [
            ("GET /a#b HTTP/1.1\r\n", "/a"),
            ("GET /a?b=c#d HTTP/1.1\r\n", "/a?b=c"),
            ("GET /# HTTP/1.1\r\n", "/"),
            ("GET /a##b HTTP/1.1\r\n", "/a"),
            ("GET / HTTP/1.1\r\n\r\nGET /a#b HTTP/1.1\r\n", "/a"),
            ("POST /b HTTP/1.1\r\n\r\n{\"a\":1}GET /a#b HTTP/1.1\r\n", "/a"),
            ("POST /b HTTP/1.1\r\n\r\nABCGET /a#b HTTP/1.1\r\n", "/a"),
            ("POST /b HTTP/1.1\r\n\r\nX GET /a#b HTTP/1.1\r\n", "/a"),
        ] {
            assert!(seen(text).may_have_cut("GET", target), "{text:?}");
            assert!(!seen(text).may_have_cut("POST", "/b"), "{text:?}");
        }
    }

    #[test]
    fn what_a_body_holds_is_no_target() {
        for text in [
            "GET /a HTTP/1.1\r\nReferer: /a#b\r\n\r\n",
            "GET /a HTTP/1.1\r\n\r\n{\"secrets\":[\"a#b\",\"db/prod#password\"]}",
            "GET /a HTTP/1.1\r\n\r\n# a comment\n / #",
            "GET /a HTTP/1.1\r\n\r\nGET /other#fragment",
        ] {
            assert!(!seen(text).may_have_cut("GET", "/a"), "{text:?}");
        }
    }

    proptest! {
        /// However the bytes come in, and whatever of them is skipped.
        #[test]
        fn pieces_say_what_single_bytes_say(
            pieces in vec(vec("GET|P| |/|a|#|\n|\"|[A-Z]{30,40}|[a-z]{30,40}", 0..12), 0..6),
        ) {
            let (mut whole, mut bytes) = (Scan::default(), Scan::default());
            for piece in pieces.iter().map(|parts| parts.concat()) {
                whole.look(piece.as_bytes());
                piece.bytes().for_each(|byte| bytes.look(&[byte]));
            }
            prop_assert_eq!(&*whole.found.found.borrow(), &*bytes.found.found.borrow());
        }
    }

    #[test]
    fn what_cannot_be_remembered_is_refused() {
        let many: Vec<_> = (0..300).map(|number| format!("GET /{number}#")).collect();
        assert!(seen(&many.join("\n")).may_have_cut("GET", "/healthz"));
    }
}

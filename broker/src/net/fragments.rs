//! Request targets with a raw `#`, which the HTTP library cuts off without a word.
//!
//! A proxy in front may have judged what stands behind it, so such a request is refused; but
//! when it is routed the cut has been made. So the bytes that come in are looked at for
//! `METHOD /path#`. A body may hold that too: what counts is whether the request that is
//! served has exactly this method and target.

use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher, DefaultHasher, Hasher, RandomState};
use std::rc::Rc;

use memchr::{memchr, memrchr};

use crate::http::limits::MAX_TARGET;

/// What may have been such a request on one connection.
///
/// A stranger decides how many there are and for how long the connection lives: what is
/// kept of each is small, and there are few.
#[derive(Debug, Default)]
pub struct Fragments {
    /// Nobody can choose a target that is taken for another one.
    keys: RandomState,
    found: RefCell<Vec<Cut>>,
    too_many: Cell<bool>,
    is_closing: Cell<bool>,
}

/// The method, and a digest of the target up to the `#`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cut {
    method: Method,
    target: u64,
}

/// The last eight capitals before the space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Method([u8; LONGEST_METHOD]);

impl Method {
    fn then(mut self, letter: u8) -> Self {
        self.0.rotate_left(1);
        self.0[LONGEST_METHOD - 1] = letter;
        self
    }

    /// Capitals that end a body stand right before the next request's method.
    fn ends_with(self, method: &str) -> bool {
        let end = &method.as_bytes()[method.len().saturating_sub(LONGEST_METHOD)..];
        self.0.ends_with(end)
    }
}

impl Fragments {
    /// Whether a request of this method and target may have been cut. On a connection that
    /// brought more than can be remembered, each may.
    pub fn may_have_cut(&self, method: &str, target: &str) -> bool {
        if !self.any() {
            return false;
        }
        let digest = target.bytes().fold(self.digest(), with).finish();
        let is_it = |cut: &Cut| cut.target == digest && cut.method.ends_with(method);
        self.too_many.get() || self.found.borrow().iter().any(is_it)
    }

    /// Whether there was any. Nobody can tell any more which request it came with, and those
    /// of other callers may follow when a proxy keeps the connection.
    pub fn any(&self) -> bool {
        !self.found.borrow().is_empty()
    }

    /// Remember that the connection is to end with the answer that is being made.
    pub fn close(&self) {
        self.is_closing.set(true);
    }

    /// Whether an answer was made with which the connection is to end.
    pub fn is_closing(&self) -> bool {
        self.is_closing.get()
    }

    fn digest(&self) -> DefaultHasher {
        self.keys.build_hasher()
    }

    fn add(&self, cut: Cut) {
        let mut found = self.found.borrow_mut();
        if found.contains(&cut) {
            return;
        }
        if found.len() < MOST {
            found.push(cut);
        } else {
            self.too_many.set(true);
        }
    }
}

/// Looks at what comes in, piece by piece.
#[derive(Debug, Default)]
pub(super) struct Scan {
    at: At,
    method: Method,
    found: Rc<Fragments>,
}

/// After `GET`, `GET `, `GET /path`.
#[derive(Clone, Debug, Default)]
enum At {
    #[default]
    Elsewhere,
    Method,
    Space,
    Target {
        digest: DefaultHasher,
        length: usize,
    },
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
        let is_open = line == 0 && matches!(self.at, At::Space | At::Target { .. });
        match memrchr(b' ', &bytes[line..]) {
            Some(space) => line + space.saturating_sub(LONGEST_METHOD),
            None if is_open => 0,
            None => line.max(bytes.len().saturating_sub(LONGEST_METHOD)),
        }
    }

    fn step(&mut self, byte: u8) {
        self.at = match (std::mem::take(&mut self.at), byte) {
            (At::Target { digest, .. }, b'#') => {
                self.found.add(Cut { method: self.method, target: digest.finish() });
                At::Elsewhere
            }
            // A longer target is refused for that.
            (At::Target { digest, length }, b'!'..) if length < MAX_TARGET => {
                At::Target { digest: with(digest, byte), length: length + 1 }
            }
            (At::Space, b'/') => At::Target { digest: with(self.found.digest(), byte), length: 1 },
            (At::Method, b' ') => At::Space,
            (At::Method, b'A'..=b'Z') => {
                self.method = self.method.then(byte);
                At::Method
            }
            (_, b'A'..=b'Z') => {
                self.method = Method::default().then(byte);
                At::Method
            }
            _ => At::Elsewhere,
        };
    }
}

/// Byte by byte on both sides: a hasher may tell pieces from the whole.
fn with(mut digest: DefaultHasher, byte: u8) -> DefaultHasher {
    digest.write_u8(byte);
    digest
}

/// Longer ones are known by their end.
const LONGEST_METHOD: usize = 8;
/// More than any body of ours has.
const MOST: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Two that make the same digests.
    fn twins() -> [Scan; 2] {
        let keys = RandomState::new();
        [(); 2].map(|()| {
            let found = Rc::new(Fragments { keys: keys.clone(), ..Fragments::default() });
            Scan { found, ..Scan::default() }
        })
    }

    fn seen(text: &str) -> Rc<Fragments> {
        let [mut whole, mut pieces] = twins();
        whole.look(text.as_bytes());
        text.bytes().for_each(|byte| pieces.look(&[byte]));
        assert_eq!(cuts(&whole), cuts(&pieces));
        whole.found()
    }

    fn cuts(scan: &Scan) -> Vec<Cut> {
        scan.found.found.borrow().clone()
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
            let [mut whole, mut bytes] = twins();
            for piece in pieces.iter().map(|parts| parts.concat()) {
                whole.look(piece.as_bytes());
                piece.bytes().for_each(|byte| bytes.look(&[byte]));
            }
            prop_assert_eq!(cuts(&whole), cuts(&bytes));
        }
    }

    #[test]
    fn what_cannot_be_remembered_is_refused() {
        let many: Vec<_> = (0..300).map(|number| format!("GET /{number}#")).collect();
        assert!(seen(&many.join("\n")).may_have_cut("GET", "/healthz"));
    }

    #[test]
    fn a_stranger_cannot_have_much_remembered() {
        let long = |number| format!("GET /{number}{}#", "a".repeat(4000));
        let many: Vec<_> = (0..1000).map(long).collect();
        let mut scan = Scan::default();
        scan.look(many.join("\n").as_bytes());
        let found = scan.found.found.borrow();
        assert!(found.capacity() * size_of::<Cut>() <= 1024, "{}", found.capacity());
        assert!(size_of::<Scan>() + size_of::<Fragments>() <= 256, "and no text beside them");
    }

    #[test]
    fn a_long_method_is_known_by_its_end() {
        assert!(seen("PROPPATCH /a#").may_have_cut("PROPPATCH", "/a"));
        assert!(!seen("PATCH /a#").may_have_cut("PROPPATCH", "/a"));
    }
}

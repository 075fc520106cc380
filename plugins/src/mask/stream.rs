//! One stream of output, masked as it flows.

use std::sync::Arc;

use aho_corasick::automaton::StateID;
use zeroize::Zeroizing;

use super::index::Index;
use super::tail::{Step, Tail};
use super::{MASK, SHORTEST};

/// One stream of output. Standard output and standard error need one each.
///
/// How the output is cut into pieces makes no difference to what comes out.
pub struct Stream {
    index: Arc<Index>,
    state: StateID,
    /// The long forms that the output is following.
    tails: Vec<Tail>,
    /// The end of the output that may still become a form; fewer bytes than a head.
    held: Zeroizing<Vec<u8>>,
    /// Which of the held bytes are hidden already, by a form inside the one that is open.
    hidden: Vec<bool>,
    /// Bytes of the stream so far.
    seen: u64,
    /// Where the last hidden part ended.
    masked_to: Option<u64>,
}

impl Stream {
    pub(super) fn new(index: Arc<Index>) -> Self {
        let state = index.start();
        let held = Zeroizing::new(Vec::with_capacity(64));
        Self { index, state, tails: Vec::new(), held, hidden: Vec::new(), seen: 0, masked_to: None }
    }

    /// Take more output; what can be shown goes to the end of `shown`.
    pub fn push(&mut self, output: &[u8], shown: &mut Vec<u8>) {
        let mut rest = output;
        while let Some((byte, after)) = rest.split_first() {
            if self.is_idle() {
                let plain = self.index.plain(rest);
                if plain > 0 {
                    shown.extend_from_slice(&rest[..plain]);
                    self.seen += plain as u64;
                    rest = &rest[plain..];
                    continue;
                }
            }
            self.step(*byte, shown);
            rest = after;
        }
    }

    /// The stream has ended: show what is still held, unless it says too much. Four
    /// bytes are enough for that; a value cut off by a killed program is a value.
    pub fn finish(&mut self, shown: &mut Vec<u8>) {
        if self.held.len() >= SHORTEST {
            self.hidden.fill(true);
        }
        self.release(self.held.len(), shown);
        self.tails.clear();
        self.state = self.index.start();
    }

    /// Whether nothing seen so far matters to what comes.
    fn is_idle(&self) -> bool {
        self.state == self.index.start() && self.tails.is_empty() && self.held.is_empty()
    }

    fn step(&mut self, byte: u8, shown: &mut Vec<u8>) {
        self.state = self.index.next(self.state, byte);
        let part = self.step_tails(byte);
        self.held.push(byte);
        self.hidden.push(part);
        self.seen += 1;

        let index = Arc::clone(&self.index);
        if let Some(hit) = index.hit(self.state) {
            // A match that begins before what is held begins in what is out, as stars.
            let from = self.held.len().saturating_sub(hit.len);
            self.hidden[from..].fill(true);
            for long in hit.longs.into_iter().flatten() {
                if !self.tails.iter().any(|tail| tail.follows(*long)) {
                    self.tails.push(Tail::after_head(*long));
                }
            }
        }

        let open = self.index.open(self.state).min(self.held.len());
        let closed = self.held.len() - open;
        let decided = closed + self.hidden[closed..].iter().take_while(|hidden| **hidden).count();
        self.release(decided, shown);
    }

    /// Whether the byte is part of a long form that was begun before.
    fn step_tails(&mut self, byte: u8) -> bool {
        let mut part = false;
        let index = &self.index;
        self.tails.retain_mut(|tail| {
            let step = tail.step(byte, index);
            part |= step == Step::Part;
            step != Step::Lost
        });
        part
    }

    /// Let the first `count` held bytes out: as they are, or as one mask for all hidden
    /// ones in a row.
    fn release(&mut self, count: usize, shown: &mut Vec<u8>) {
        let mut place = self.seen - self.held.len() as u64;
        for (byte, hidden) in self.held.drain(..count).zip(self.hidden.drain(..count)) {
            if !hidden {
                shown.push(byte);
            } else if self.masked_to != Some(place) {
                shown.extend_from_slice(MASK);
            }
            place += 1;
            if hidden {
                self.masked_to = Some(place);
            }
        }
    }
}

//! One stream of output, masked as it flows.

use std::collections::VecDeque;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::index::{HEAD, Known};
use super::search::Search;
use super::{MASK, SHORTEST};

/// One stream of output. Standard output and standard error need one each.
///
/// How the output is cut into pieces makes no difference to what comes out.
pub struct Stream {
    known: Arc<Known>,
    exact: Search,
    broken: Search,
    /// The end of the output that may still become a form.
    held: Zeroizing<Vec<u8>>,
    /// Which of the held bytes are hidden already, by a form inside the one that is open.
    hidden: Vec<bool>,
    /// Bytes of the stream so far.
    seen: u64,
    /// Where in the stream the last bytes are that are no line breaks: at most a head's.
    places: VecDeque<u64>,
    /// With how many bytes of line breaks the output ends.
    breaks: usize,
    /// Where the last hidden part ended.
    masked_to: Option<u64>,
}

impl Stream {
    pub(super) fn new(known: Arc<Known>) -> Self {
        Self {
            exact: Search::new(&known.exact),
            broken: Search::new(&known.broken),
            known,
            held: Zeroizing::new(Vec::with_capacity(MOST_HELD)),
            hidden: Vec::with_capacity(MOST_HELD),
            seen: 0,
            places: VecDeque::with_capacity(HEAD),
            breaks: 0,
            masked_to: None,
        }
    }

    /// Take more output; what can be shown goes to the end of `shown`.
    pub fn push(&mut self, output: &[u8], shown: &mut Vec<u8>) {
        let mut rest = output;
        while let Some((byte, after)) = rest.split_first() {
            if self.is_idle() {
                let plain = self.known.plain(rest);
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
            for (byte, hidden) in self.held.iter().zip(&mut self.hidden) {
                *hidden |= !is_break(*byte);
            }
        }
        self.release(self.held.len(), shown);
        self.exact = Search::new(&self.known.exact);
        self.broken = Search::new(&self.known.broken);
    }

    /// Whether nothing seen so far matters to what comes.
    fn is_idle(&self) -> bool {
        self.held.is_empty()
            && self.exact.is_idle(&self.known.exact)
            && self.broken.is_idle(&self.known.broken)
    }

    fn step(&mut self, byte: u8, shown: &mut Vec<u8>) {
        self.held.push(byte);
        self.hidden.push(false);
        let place = self.seen;
        self.seen += 1;

        let covered = self.exact.step(&self.known.exact, byte);
        // A form that begins before what is held begins in what is out, as stars.
        let from = self.held.len().saturating_sub(covered);
        self.hidden[from..].fill(true);

        if is_break(byte) {
            self.breaks += 1;
        } else {
            self.breaks = 0;
            self.step_broken(byte, place);
        }
        self.release(self.decided(), shown);
    }

    /// One more byte for the forms that line breaks may stand in.
    fn step_broken(&mut self, byte: u8, place: u64) {
        if self.broken.is_idle(&self.known.broken) {
            if !self.known.broken.begins(byte) {
                return;
            }
            self.places.clear();
        } else if self.places.len() == HEAD {
            self.places.pop_front();
        }
        self.places.push_back(place);
        let covered = self.broken.step(&self.known.broken, byte);
        for at in 1..=covered {
            match self.in_held(at) {
                Some(held) => self.hidden[held] = true,
                None => break,
            }
        }
    }

    /// Where among the held bytes the last one but `at - 1` is that is no line break.
    fn in_held(&self, at: usize) -> Option<usize> {
        let out = self.seen - self.held.len() as u64;
        let place = self.places[self.places.len() - at];
        usize::try_from(place.checked_sub(out)?).ok()
    }

    /// How many of the held bytes can be let out: those that are hidden, and those that
    /// can become part of no form.
    fn decided(&self) -> usize {
        let exact = self.held.len().saturating_sub(self.exact.open(&self.known.exact));
        let broken = self.broken_from();
        if exact.min(broken) == self.held.len() {
            return self.held.len();
        }
        let all = self.held.iter().zip(&self.hidden).enumerate();
        all.take_while(|(at, (byte, hidden))| {
            **hidden || (*at < exact && (*at < broken || is_break(**byte)))
        })
        .count()
    }

    /// From which of the held bytes on a form may go on that line breaks may stand in.
    fn broken_from(&self) -> usize {
        let open = self.broken.open(&self.known.broken);
        // So few characters say little, and most lines that end with them mean nothing by
        // it; those lines should not wait for the next. What comes then is hidden still.
        let too_few = self.breaks > 0 && open < SHORTEST;
        if open == 0 || too_few || self.breaks > MOST_BREAKS {
            return self.held.len();
        }
        self.in_held(open).unwrap_or(0)
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

fn is_break(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Bytes of line breaks in a row that a beginning of a form is held over: `\r\n`, twice.
const MOST_BREAKS: usize = 4;
/// Bytes that are held at most, so that none is left behind where a buffer grew.
const MOST_HELD: usize = HEAD * (1 + MOST_BREAKS);

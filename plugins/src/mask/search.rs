//! The search for the forms of one index, as far as the output goes.

use aho_corasick::automaton::StateID;

use super::index::Index;
use super::tail::Tail;

/// Where a stream stands among the forms of an index.
pub(super) struct Search {
    state: StateID,
    /// The long forms that the output is following.
    tails: Vec<Tail>,
}

impl Search {
    pub(super) fn new(index: &Index) -> Self {
        Self { state: index.start(), tails: Vec::new() }
    }

    /// Whether nothing seen so far matters to what comes.
    pub(super) fn is_idle(&self, index: &Index) -> bool {
        self.state == index.start() && self.tails.is_empty()
    }

    /// How many of the last bytes may still become a head.
    pub(super) fn open(&self, index: &Index) -> usize {
        index.open(self.state)
    }

    /// Take one more byte; tells how many of the last ones belong to a form.
    pub(super) fn step(&mut self, index: &Index, byte: u8) -> usize {
        if self.is_idle(index) && !index.begins(byte) {
            return 0;
        }
        self.state = index.next(self.state, byte);
        let mut covered = 0;
        self.tails.retain_mut(|tail| {
            let goes_on = tail.step(byte, index);
            covered |= usize::from(goes_on);
            goes_on
        });
        let Some(hit) = index.hit(self.state) else { return covered };
        for long in hit.longs.into_iter().flatten() {
            if !self.tails.iter().any(|tail| tail.follows(*long)) {
                self.tails.push(Tail::after_head(*long));
            }
        }
        covered.max(hit.len)
    }
}

//! The heads of many forms in one automaton, and how much of its state is at stake.
//!
//! aho-corasick finds the matches; what its interface does not say is how many bytes
//! of the output may still become one. Walking each head once through the automaton
//! tells: in its plain (unanchored, standard) kind, the state after a prefix of a head
//! stands for exactly that prefix.

use std::collections::BTreeMap;

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::nfa::noncontiguous::NFA;
use aho_corasick::{Anchored, MatchKind};

use super::forms::{Breaks, Form};
use super::tail::Long;

/// What to look for.
pub(super) struct Known {
    /// In the output as it is.
    pub(super) exact: Index,
    /// In the output without its line breaks.
    pub(super) broken: Index,
    /// Bytes with which some form begins.
    first: [bool; 256],
    /// Bytes with which some form begins, and those that may follow them: by `256 * one + next`.
    pairs: Vec<bool>,
}

impl Known {
    pub(super) fn new(forms: impl IntoIterator<Item = Form>) -> Self {
        let (mut first, mut pairs) = ([false; 256], vec![false; 256 * 256]);
        let mut sorts = (Vec::new(), Vec::new());
        for form in forms {
            first[usize::from(form.text[0])] = true;
            pairs[pair(form.text[0], form.text[1])] = true;
            if form.breaks == Breaks::Never {
                sorts.0.push(form);
            } else {
                pairs[pair(form.text[0], b'\n')] = true;
                pairs[pair(form.text[0], b'\r')] = true;
                sorts.1.push(form);
            }
        }
        Self { exact: Index::new(sorts.0), broken: Index::new(sorts.1), first, pairs }
    }

    /// How many of these bytes are certainly in no form.
    pub(super) fn plain(&self, bytes: &[u8]) -> usize {
        let begins = |at: usize| {
            let next = bytes.get(at + 1);
            self.first[usize::from(bytes[at])]
                && next.is_none_or(|next| self.pairs[pair(bytes[at], *next)])
        };
        (0..bytes.len()).find(|at| begins(*at)).unwrap_or(bytes.len())
    }
}

fn pair(one: u8, next: u8) -> usize {
    usize::from(one) << 8 | usize::from(next)
}

/// Forms that are looked for in the same bytes.
pub(super) struct Index {
    automaton: NFA,
    start: StateID,
    heads: Vec<Head>,
    /// By state: length of the longest end of the output that is the beginning of a
    /// head and not yet all of one.
    open: Vec<u32>,
    /// Bytes with which some head begins.
    first: [bool; 256],
    longs: Vec<Long>,
}

/// The beginning of one or more forms.
struct Head {
    len: usize,
    /// The forms that go on after it: places in [`Index::longs`].
    longs: Vec<usize>,
}

/// What the automaton says after one more byte.
pub(super) struct Hit<'a> {
    /// Length of the longest head that ends here.
    pub(super) len: usize,
    /// The long forms whose head ends here.
    pub(super) longs: Vec<&'a [usize]>,
}

impl Index {
    fn new(forms: Vec<Form>) -> Self {
        let mut longs = Vec::new();
        let mut by_head: BTreeMap<Vec<u8>, Vec<usize>> = BTreeMap::new();
        for form in forms {
            let head = form.text[..form.text.len().min(HEAD)].to_vec();
            let at_head = by_head.entry(head).or_default();
            if form.text.len() > HEAD {
                at_head.push(longs.len());
                longs.push(Long::new(form));
            }
        }

        let automaton = NFA::builder()
            .match_kind(MatchKind::Standard)
            .prefilter(false)
            .build(by_head.keys())
            .expect("2 MiB of values have fewer heads than there are state ids");
        let start = automaton.start_state(Anchored::No).expect("the automaton is unanchored");
        let mut first = [false; 256];
        for head in by_head.keys() {
            first[usize::from(head[0])] = true;
        }
        let open = open_lengths(&automaton, start, by_head.keys());
        let heads =
            by_head.into_iter().map(|(head, longs)| Head { len: head.len(), longs }).collect();
        Self { automaton, start, heads, open, first, longs }
    }

    pub(super) fn start(&self) -> StateID {
        self.start
    }

    pub(super) fn next(&self, state: StateID, byte: u8) -> StateID {
        self.automaton.next_state(Anchored::No, state, byte)
    }

    /// How many bytes at the end of the output may still become a head.
    pub(super) fn open(&self, state: StateID) -> usize {
        self.open.get(state.as_usize()).map_or(0, |len| *len as usize)
    }

    pub(super) fn hit(&self, state: StateID) -> Option<Hit<'_>> {
        if !self.automaton.is_match(state) {
            return None;
        }
        let mut hit = Hit { len: 0, longs: Vec::new() };
        for at in 0..self.automaton.match_len(state) {
            let head = &self.heads[self.automaton.match_pattern(state, at).as_usize()];
            hit.len = hit.len.max(head.len);
            if !head.longs.is_empty() {
                hit.longs.push(&head.longs);
            }
        }
        Some(hit)
    }

    /// Whether some head begins with this byte.
    pub(super) fn begins(&self, byte: u8) -> bool {
        self.first[usize::from(byte)]
    }

    pub(super) fn long(&self, at: usize) -> &Long {
        &self.longs[at]
    }
}

fn open_lengths<'a>(
    automaton: &NFA,
    start: StateID,
    heads: impl Iterator<Item = &'a Vec<u8>> + Clone,
) -> Vec<u32> {
    let walk = |bytes: &[u8]| -> Vec<usize> {
        let mut state = start;
        let mut states = Vec::with_capacity(bytes.len());
        for byte in bytes {
            state = automaton.next_state(Anchored::No, state, *byte);
            states.push(state.as_usize());
        }
        states
    };

    let mut open = Vec::new();
    let set = |open: &mut Vec<u32>, state: usize, len: u32| {
        open.resize(open.len().max(state + 1), 0);
        open[state] = len;
    };
    for head in heads.clone() {
        for (state, len) in walk(&head[..head.len() - 1]).into_iter().zip(1..) {
            set(&mut open, state, len);
        }
    }

    // A whole head that no other goes on from: what is open is what its own end begins.
    // Shorter heads first, because that end may be a whole head itself.
    let mut by_length: Vec<_> = heads.collect();
    by_length.sort_by_key(|head| head.len());
    for head in by_length {
        let whole = *walk(head).last().expect("no form is empty");
        if open.get(whole).copied().unwrap_or(0) == 0 {
            let end = walk(&head[1..]).last().copied().unwrap_or(start.as_usize());
            let len = open.get(end).copied().unwrap_or(0);
            set(&mut open, whole, len);
        }
    }
    open
}

/// Bytes of a form that the automaton knows: more than most passwords have, and few enough
/// that forms of 2 MiB do not become an automaton of 2 MiB.
pub(super) const HEAD: usize = 48;

//! A long form after its head: the output compared with it, byte by byte.
//!
//! The comparison is Knuth, Morris and Pratt's, so that a form that repeats itself
//! (`aaaa…`) costs no more than any other. Its table is made when a head is first
//! seen, which for most values is never.

use std::sync::OnceLock;

use super::forms::Form;
use super::index::{HEAD, Index};

/// A form that is longer than its head.
pub(super) struct Long {
    form: Form,
    /// By length: the longest proper beginning of the form that also ends there.
    borders: OnceLock<Vec<u32>>,
}

impl Long {
    pub(super) fn new(form: Form) -> Self {
        Self { form, borders: OnceLock::new() }
    }

    fn border(&self, len: usize) -> usize {
        let borders = self.borders.get_or_init(|| borders(&self.form.text));
        borders[len] as usize
    }
}

/// A long form that the output is following just now.
pub(super) struct Tail {
    long: usize,
    /// How many bytes of the form the output ends with; at least a head's.
    matched: usize,
}

impl Tail {
    /// Follow a form whose head has just been seen.
    pub(super) fn after_head(long: usize) -> Self {
        Self { long, matched: HEAD }
    }

    pub(super) fn follows(&self, long: usize) -> bool {
        self.long == long
    }

    /// Whether the byte is the form's next one; if not, the form has ended.
    pub(super) fn step(&mut self, byte: u8, index: &Index) -> bool {
        let long = index.long(self.long);
        while long.form.text.get(self.matched) != Some(&byte) {
            self.matched = long.border(self.matched);
            if self.matched < HEAD {
                return false;
            }
        }
        self.matched += 1;
        true
    }
}

fn borders(text: &[u8]) -> Vec<u32> {
    let mut borders = vec![0_u32; text.len() + 1];
    let mut border = 0;
    for end in 1..text.len() {
        while border > 0 && text[border] != text[end] {
            border = borders[border] as usize;
        }
        if text[border] == text[end] {
            border += 1;
        }
        borders[end + 1] = u32::try_from(border).expect("2 MiB of values have forms under 4 GiB");
    }
    borders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_are_the_longest_beginnings_that_are_also_ends() {
        assert_eq!(borders(b"ababaca"), [0, 0, 0, 1, 2, 3, 0, 1]);
        assert_eq!(borders(b"aaaa"), [0, 0, 1, 2, 3]);
    }
}

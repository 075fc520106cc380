//! Bytes with lengths: what is stored, and what is authenticated along.
//!
//! Every part goes in after its length, so that no two different lists of parts give
//! the same bytes: `("ab", "c")` and `("a", "bc")` differ. Numbers are big-endian. A
//! [`Reader`] gives nothing rather than read past the end.

/// The context that an AEAD authenticates: a tag, then parts.
pub(crate) struct Context(Vec<u8>);

impl Context {
    /// A context of the kind that `tag` names; a change of layout changes the tag.
    pub(crate) fn new(tag: &'static str) -> Self {
        Self(Vec::with_capacity(128)).part(tag.as_bytes())
    }

    /// Add a part.
    pub(crate) fn part(mut self, bytes: &[u8]) -> Self {
        put_long(&mut self.0, bytes);
        self
    }

    /// Add a number.
    pub(crate) fn number(self, number: u64) -> Self {
        self.part(&number.to_be_bytes())
    }

    /// The bytes to authenticate.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Append a part of less than 4 GiB after its length.
pub(crate) fn put_long(to: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("parts are bounded far below 4 GiB");
    to.extend_from_slice(&length.to_be_bytes());
    to.extend_from_slice(bytes);
}

/// Append a part of at most 255 bytes after its length.
pub(crate) fn put_short(to: &mut Vec<u8>, bytes: &[u8]) {
    to.push(u8::try_from(bytes.len()).expect("names are bounded below 256 bytes"));
    to.extend_from_slice(bytes);
}

/// Takes a byte string apart.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    /// The next `length` bytes.
    pub(crate) fn slice(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    /// A part that [`put_long`] wrote.
    pub(crate) fn long(&mut self) -> Option<&'a [u8]> {
        let length = u32::from_be_bytes(self.array()?);
        self.slice(usize::try_from(length).ok()?)
    }

    /// A part that [`put_short`] wrote.
    pub(crate) fn short(&mut self) -> Option<&'a [u8]> {
        let [length] = self.array()?;
        self.slice(usize::from(length))
    }

    /// A part that [`put_short`] wrote, as a type that parses from text.
    pub(crate) fn short_parsed<T: std::str::FromStr>(&mut self) -> Option<T> {
        std::str::from_utf8(self.short()?).ok()?.parse().ok()
    }

    /// All that is left.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }

    /// `value`, if nothing is left behind it.
    pub(crate) fn finish<T>(self, value: T) -> Option<T> {
        self.0.is_empty().then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_one_part_ends_and_the_next_begins_is_authenticated() {
        let one = Context::new("t").part(b"ab").part(b"c");
        let two = Context::new("t").part(b"a").part(b"bc");
        assert_ne!(one.bytes(), two.bytes());
    }

    #[test]
    fn a_length_that_lies_gives_nothing() {
        assert_eq!(Reader::new(&[0, 0, 0, 9, 1, 2]).long(), None);
        assert_eq!(Reader::new(&[255, 255, 255, 255]).long(), None);
        assert_eq!(Reader::new(&[2, 1]).short(), None);
        assert_eq!(Reader::new(&[1]).finish(()), None);
    }
}

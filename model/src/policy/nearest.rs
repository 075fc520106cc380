//! The known word that an unknown one was probably meant to be.
//!
//! Suggested only when it is close: a far-fetched guess sends people the wrong way.

/// The word of `known` nearest to `word`, if one is near enough to be a slip.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Bounds the quadratic cost: no known word is that long.
    let word: String = word.chars().take(64).collect::<String>().to_ascii_lowercase();
    let allowed = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// ` (did you mean …?)`, or nothing: the tail of a message.
pub(super) fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|word| format!(" (did you mean `{word}`?)")).unwrap_or_default()
}

/// How many slips lie between two words; a word written with other separators, or cut
/// short, is one slip.
fn distance(word: &str, candidate: &str) -> usize {
    let plain = |text: &str| text.replace(['-', '_', '.', '/', ' '], "").to_ascii_lowercase();
    let (short, full) = (plain(word), plain(candidate));
    if short == full || (short.len() >= 4 && full.starts_with(&short)) {
        return 1;
    }
    strsim::damerau_levenshtein(word, &candidate.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = ["allow_events", "environment", "ref", "repository_id"];

    #[test]
    fn a_slip_finds_its_word() {
        assert_eq!(nearest("enviroment", KNOWN), Some("environment"));
        assert_eq!(nearest("repositoryId", KNOWN), Some("repository_id"));
        assert_eq!(nearest("allow-events", KNOWN), Some("allow_events"));
        assert_eq!(nearest("environ", KNOWN), Some("environment"));
    }

    #[test]
    fn a_stranger_finds_none() {
        assert_eq!(nearest("colour", KNOWN), None);
        assert_eq!(nearest("", KNOWN), None);
        assert_eq!(nearest(&"x".repeat(100_000), KNOWN), None);
    }
}

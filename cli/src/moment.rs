//! Moments on the command line: a day, or a day and a time.

use segura_model::Timestamp;

/// A moment: a day in UTC, or RFC 3339.
pub(crate) fn parse(text: &str) -> Result<Timestamp, String> {
    Timestamp::from_rfc3339(text)
        .or_else(|| Timestamp::from_rfc3339(&format!("{text}T00:00:00Z")))
        .ok_or_else(|| "expected 2027-01-31 or 2027-01-31T12:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_moment() {
        assert_eq!(parse("1970-01-02"), Ok(Timestamp(86_400)));
        assert_eq!(parse("1970-01-01T00:01:00Z"), Ok(Timestamp(60)));
        assert!(parse("tomorrow").is_err());
    }
}

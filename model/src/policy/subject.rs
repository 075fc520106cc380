//! What went wrong with a raw `sub`.
//!
//! GitHub composes it: `repo:OWNER/REPO:CONTEXT`, since 2026-07-15 for new, renamed and
//! transferred repositories `repo:OWNER@ID/REPO@ID:CONTEXT`, and the context is
//! `environment:NAME` as soon as the job has an environment. So a `sub` that was right
//! yesterday is wrong today.
//! <https://docs.github.com/en/actions/reference/security/oidc>

use super::causes::{Advice, Miss};
use super::check::Value;
use crate::preset::ClaimTrust;

/// Advice on a raw subject that does not match.
pub(super) fn advice(miss: &Miss<'_>) -> Option<Advice> {
    if miss.check.spec.trust != ClaimTrust::Raw {
        return None;
    }
    let wanted: Vec<String> = miss.check.exact().iter().map(Value::text).collect();
    wanted.iter().find_map(|wanted| compare(wanted, miss.text)).or_else(|| {
        Some(Advice::new(
            "another workload, or one whose platform composes `sub` otherwise",
            "pin the ids under `anchor`, test the separate claims, and leave `sub` out",
        ))
    })
}

fn compare(wanted: &str, presented: &str) -> Option<Advice> {
    let (wanted, presented) = (Subject::parse(wanted)?, Subject::parse(presented)?);
    if wanted.name != presented.name {
        return None;
    }
    if wanted.context != presented.context {
        let has_environment = |subject: &Subject<'_>| subject.context.starts_with("environment:");
        return match (has_environment(&wanted), has_environment(&presented)) {
            (false, true) => Some(Advice::new(
                "the job has an `environment`, which replaces the ref in `sub`",
                "test `ref` and `environment` as separate claims, and leave `sub` out",
            )),
            (true, false) => Some(Advice::new(
                "the job has no `environment`, so `sub` ends in its ref or event",
                "name the job's `environment:`, or test the separate claims",
            )),
            _ => None,
        };
    }
    (wanted.has_ids != presented.has_ids).then(|| {
        Advice::new(
            "`sub` has two formats, and the repository uses the one with immutable ids \
             (`owner@id/name@id`) where the policy has the other, or the reverse",
            "pin `repository_id` and `repository_owner_id` under `anchor`, and leave `sub` out",
        )
    })
}

/// A subject of the form `repo:NAME:CONTEXT`.
struct Subject<'a> {
    /// `owner/repo`, in lower case and without ids.
    name: String,
    has_ids: bool,
    context: &'a str,
}

impl<'a> Subject<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (full, context) = text.strip_prefix("repo:")?.split_once(':')?;
        let without_id = |part: &str| part.split('@').next().unwrap_or_default().to_owned();
        let name = full.split('/').map(without_id).collect::<Vec<_>>().join("/");
        Some(Self { name: name.to_ascii_lowercase(), has_ids: full.contains('@'), context })
    }
}

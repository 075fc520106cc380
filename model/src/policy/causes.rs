//! The likely cause of a failed check, and what to do about it.
//!
//! A list of rules, most telling first; each looks at one way in which people's policies
//! and tokens miss each other, collected from the trackers of brokers like this one. A
//! rule only advises: nothing here decides.

use super::check::{Accept, Check, Value, Verdict};
use super::describe::{escaped, presented};
use super::glob::Glob;
use super::trust::{Refusal, SamePair, TrustPolicy};
use super::{never, subject};
use crate::claims::{ClaimValue, Claims};
use crate::preset::{ClaimSpec, ClaimTrust};

/// A likely cause and a fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Advice {
    pub(super) cause: String,
    pub(super) fix: String,
}

impl Advice {
    pub(super) fn new(cause: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { cause: cause.into(), fix: fix.into() }
    }
}

/// A check that failed on a value of the right type.
pub(super) struct Miss<'a> {
    pub(super) check: &'a Check,
    pub(super) text: &'a str,
    pub(super) claims: &'a Claims,
    policy: &'a TrustPolicy,
}

const REF_PREFIXES: [&str; 2] = ["refs/heads/", "refs/tags/"];

/// Most telling first.
const RULES: [fn(&Miss<'_>) -> Option<Advice>; 12] = [
    ruled_out,
    letter_case,
    white_space,
    glob_in_exact_field,
    star_does_not_cross,
    subject::advice,
    ref_prefix,
    bare_ref,
    never_written_so,
    reusable_workflow,
    pull_request_ref,
    same_name_other_owner,
];

/// Advice on a check of a policy.
pub(super) fn of_check(
    check: &Check,
    verdict: Verdict,
    policy: &TrustPolicy,
    claims: &Claims,
) -> Option<Advice> {
    match (verdict, check.presented(claims)) {
        (Verdict::Passed, _) => None,
        (_, None) => Some(absent(&check.claim, check.spec)),
        (Verdict::WrongType, Some(value)) => Some(wrong_type(check, value)),
        (_, Some(value)) => {
            let text = value.to_string();
            let miss = Miss { check, text: &text, claims, policy };
            RULES.iter().find_map(|rule| rule(&miss)).or_else(|| other_value(&miss))
        }
    }
}

/// Advice on a value that the preset refuses.
pub(super) fn of_refusal(
    refusal: &Refusal,
    verdict: Verdict,
    value: Option<&ClaimValue>,
) -> Option<Advice> {
    match (verdict, value) {
        (Verdict::Passed, _) => None,
        (Verdict::Failed, Some(value)) => Some(Advice::new(
            format!("refused, because {}", refusal.reason),
            format!(
                "if this job runs only code that the owner has reviewed, add `allow_events: \
                 [{}]` to the policy",
                presented(value)
            ),
        )),
        (Verdict::WrongType, Some(value)) => Some(wrong_type(&refusal.check, value)),
        _ => Some(absent(&refusal.check.claim, refusal.check.spec)),
    }
}

/// Advice on two claims that differ.
pub(super) fn of_pair(pair: SamePair) -> Advice {
    Advice::new(
        format!(
            "`{}` and `{}` differ: the job runs for a fork or on behalf of another project",
            pair.names.0, pair.names.1
        ),
        "run the job in the project that owns the secrets, on a branch of its own",
    )
}

fn absent(claim: &str, spec: &ClaimSpec) -> Advice {
    let cause = match claim {
        "environment" => "the job runs in no environment".to_owned(),
        _ => {
            format!("the token has no claim `{claim}`; an absent claim fails every test, `not` too")
        }
    };
    let fix = if claim == "environment" {
        "name the job's `environment:`, or take the test out of the policy".to_owned()
    } else {
        let about = about(claim, spec.hint).unwrap_or_default();
        format!("have the platform send `{claim}`, or take the test out of the policy{about}")
    };
    Advice::new(cause, fix)
}

fn wrong_type(check: &Check, value: &ClaimValue) -> Advice {
    Advice::new(
        format!(
            "the token has {}, and `{}` is {}",
            value.kind(),
            check.claim,
            check.kind.expected()
        ),
        "compare the issuer entry's preset with the platform that signed the token",
    )
}

/// Nothing more telling is known: what may be wrong, on either side.
fn other_value(miss: &Miss<'_>) -> Option<Advice> {
    let (claim, hint) = (&miss.check.claim, miss.check.spec.hint);
    if miss.check.spec.trust == ClaimTrust::Anchor {
        return Some(Advice::new(
            "the token carries another id than the policy pins",
            format!(
                "if `{}` is your own `{claim}`, correct the policy; else this is another's \
                 job, maybe a fork's, and rightly refused",
                escaped(miss.text)
            ),
        ));
    }
    let about = about(claim, hint)?;
    Some(Advice::new(
        "the token carries another value than the policy allows",
        format!(
            "run the job so that it has what is expected, or, if it may have the secrets as it is, \
             let the policy take this value too{about}"
        ),
    ))
}

/// What is known of a claim, behind a sentence.
fn about(claim: &str, hint: &str) -> Option<String> {
    (!hint.is_empty()).then(|| format!(" (`{claim}`: {hint})"))
}

fn ruled_out(miss: &Miss<'_>) -> Option<Advice> {
    let value = miss.check.presented(miss.claims)?;
    let values =
        if let ClaimValue::List(values) = value { values } else { std::slice::from_ref(value) };
    miss.check.rejects(values).then(|| {
        Advice::new(
            "the policy rules this value out by `not`",
            "run the job otherwise, or take the value out of `not`",
        )
    })
}

fn letter_case(miss: &Miss<'_>) -> Option<Advice> {
    let folded = miss.text.to_ascii_lowercase();
    let same = match &miss.check.accept {
        Accept::Any => return None,
        Accept::Globs(globs) => refit(globs, miss.check, str::to_ascii_lowercase, &folded),
        Accept::OneOf(values) => {
            values.iter().any(|value| value.text().to_ascii_lowercase() == folded)
        }
    };
    same.then(|| {
        Advice::new(
            "the values differ in letter case only",
            format!("write `{}`: claims are compared exactly", escaped(miss.text)),
        )
    })
}

fn white_space(miss: &Miss<'_>) -> Option<Advice> {
    let plain = |text: &str| text.trim().trim_end_matches('/').to_owned();
    let close = |value: &Value| plain(&value.text()) == plain(miss.text);
    miss.check.exact().iter().any(close).then(|| {
        Advice::new(
            "the values differ in white space or a last `/` only",
            format!("write `{}` exactly", escaped(miss.text)),
        )
    })
}

fn glob_in_exact_field(miss: &Miss<'_>) -> Option<Advice> {
    let is_pattern = |value: &&Value| matches!(value, Value::Text(text) if text.contains('*'));
    let pattern = miss.check.exact().iter().find(is_pattern)?.text();
    if miss.check.spec.trust == ClaimTrust::Raw {
        return Some(Advice::new(
            format!("a `*` in `{}` is an ordinary character", miss.check.claim),
            "test the separate claims, such as `ref`, with `{ glob: … }`",
        ));
    }
    Some(Advice::new(
        "a `*` in a plain value is an ordinary character",
        format!("write `{}: {{ glob: \"{pattern}\" }}`", miss.check.claim),
    ))
}

/// Whether a glob of a failed check would fit if its `*` crossed separators.
pub(super) fn crosses_separator(check: &Check, text: &str) -> bool {
    let Accept::Globs(globs) = &check.accept else { return false };
    let wider = |source: &str| source.replace("**", "*").replace('*', "**");
    !globs.iter().any(|glob| glob.matches(text)) && refit(globs, check, wider, text)
}

fn star_does_not_cross(miss: &Miss<'_>) -> Option<Advice> {
    crosses_separator(miss.check, miss.text).then(|| {
        let separators = miss.check.spec.separators.chars().map(|sign| format!("`{sign}`"));
        Advice::new(
            format!(
                "`*` stays inside one segment, up to {}",
                separators.collect::<Vec<_>>().join(" or ")
            ),
            "write `**` where further segments may follow, if all of them may have the secrets",
        )
    })
}

fn ref_prefix(miss: &Miss<'_>) -> Option<Advice> {
    let rest_fits = |prefix: &&str| match &miss.check.accept {
        Accept::Any => false,
        Accept::Globs(globs) => {
            refit(globs, miss.check, |source| format!("{prefix}{source}"), miss.text)
        }
        Accept::OneOf(values) => {
            values.iter().any(|value| miss.text.strip_prefix(*prefix) == Some(&value.text()))
        }
    };
    let prefix = REF_PREFIXES.iter().find(|prefix| rest_fits(prefix))?;
    Some(Advice::new(
        format!("the claim is the full name of the ref, with `{prefix}`"),
        format!("write `{prefix}…` in the policy"),
    ))
}

fn reusable_workflow(miss: &Miss<'_>) -> Option<Advice> {
    const CALLER: &str = "workflow_ref";
    const CALLED: &str = "job_workflow_ref";
    let other = match &*miss.check.claim {
        CALLER => CALLED,
        CALLED => CALLER,
        _ => return None,
    };
    let file = |text: &str| text.split('@').next().unwrap_or_default().to_owned();
    if miss.check.exact().iter().any(|value| file(&value.text()) == file(miss.text)) {
        return Some(Advice::new(
            "it is this workflow file at another ref",
            "run it from the ref in the policy, or let the policy name this ref too",
        ));
    }
    if miss.check.judge(miss.claims.get(other)) != Verdict::Passed {
        return None;
    }
    let cause = "the job runs in a reusable workflow: `job_workflow_ref` is the file that runs, \
                 `workflow_ref` the one that called it";
    Some(Advice::new(cause, format!("test `{other}` instead of `{}`", miss.check.claim)))
}

fn pull_request_ref(miss: &Miss<'_>) -> Option<Advice> {
    let of_request = ["refs/pull/", "refs/merge-requests/"];
    of_request.iter().any(|prefix| miss.text.starts_with(prefix)).then(|| {
        Advice::new(
            "the job runs for a pull request, whose code nobody may have reviewed",
            "run it for a branch, after the merge",
        )
    })
}

/// A ref written in full where the platform sends the bare name.
fn bare_ref(miss: &Miss<'_>) -> Option<Advice> {
    let bare = |value: &Value| {
        REF_PREFIXES.iter().any(|prefix| value.text().strip_prefix(prefix) == Some(miss.text))
    };
    miss.check.exact().iter().any(bare).then(|| {
        Advice::new(
            "the claim is the bare name, without `refs/heads/`",
            format!("write `{}`, or test the claim that has the full ref", escaped(miss.text)),
        )
    })
}

/// A value that no token ever has.
fn never_written_so(miss: &Miss<'_>) -> Option<Advice> {
    never::cause(miss.check).map(|(cause, fix)| Advice::new(cause, fix))
}

/// An id that differs while the name fits: a fork, or a name that was taken over.
fn same_name_other_owner(miss: &Miss<'_>) -> Option<Advice> {
    let last = |text: &str| text.rsplit('/').next().map(str::to_ascii_lowercase);
    let is_copy = |check: &Check| {
        let name = check.presented(miss.claims).and_then(|value| last(value.as_text()?));
        let same = |value: &Value| last(&value.text()) == name;
        check.names_project() && name.is_some() && check.exact().iter().any(same)
    };
    let is_anchor = miss.check.spec.trust == ClaimTrust::Anchor;
    let fits = |check: &Check| check.names_project() && check.passes(miss.claims);
    if is_anchor && miss.policy.checks.iter().any(fits) {
        return Some(Advice::new(
            "the names fit and the id does not: the project was deleted and made anew, \
             transferred, or its name was taken over",
            "find out who owns it now; only then apply the policy with the new id",
        ));
    }
    let copied = is_copy(miss.check) || is_anchor && miss.policy.checks.iter().any(is_copy);
    copied.then(|| {
        Advice::new(
            "a project of this name under another owner: a fork or a copy",
            "run the job in the project that the policy names",
        )
    })
}

/// Whether one of the globs, rewritten, fits the text.
fn refit(globs: &[Glob], check: &Check, rewrite: impl Fn(&str) -> String, text: &str) -> bool {
    globs.iter().any(|glob| {
        Glob::parse(&rewrite(glob.as_str()), check.spec.separators)
            .is_ok_and(|rewritten| rewritten.matches(text))
    })
}

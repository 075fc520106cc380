//! The claims of a GitLab CI/CD id token that a policy may name, and its sanity.
//!
//! Ids and booleans are text; only `runner_id` is a number. In a merge request
//! pipeline of a fork that runs in the parent project, `project_*` and `ref` are the
//! fork's and `job_project_*` the parent's: so `job_project_id` is no anchor.
//! <https://docs.gitlab.com/ci/secrets/id_token_authentication/>

use segura_model::preset::{ClaimKind, ClaimSpec, ClaimTrust};
use segura_model::{Claims, IssuerEntry};

/// The claims, in the order in which they are best understood.
pub const CLAIMS: &[ClaimSpec] = &[
    number("project_id").trust(ClaimTrust::Anchor).hint("of the project whose code runs"),
    number("namespace_id")
        .trust(ClaimTrust::Anchor)
        .hint("of the group or user that holds the project directly"),
    ClaimSpec::text("sub").trust(ClaimTrust::Raw).hint(
        "a project may drop or reorder its parts (ci_id_token_sub_claim_components): name the \
         claims instead",
    ),
    name("project_path", "/").hint("a path can be taken by another: pin project_id"),
    name("namespace_path", "/").hint("a path can be taken by another: pin namespace_id"),
    ClaimSpec::text("ref")
        .separators("/")
        .hint("the bare name, such as main; ref_path has refs/heads/ in front"),
    ClaimSpec::text("ref_path").separators("/").hint("in full, such as refs/heads/main"),
    ClaimSpec::text("ref_type").hint("branch or tag"),
    flag("ref_protected").hint(
        "the text \"true\" or \"false\"; anyone who may push can make an unprotected branch of \
         any name",
    ),
    ClaimSpec::text("pipeline_source")
        .hint("push, web, schedule, …; merge_request_event runs code that is not merged yet"),
    ClaimSpec::text("environment").separators("/").hint("absent if the job names no environment"),
    flag("environment_protected").hint("always \"false\" in the Community Edition"),
    ClaimSpec::text("environment_action"),
    ClaimSpec::text("deployment_tier"),
    ClaimSpec::text("sha"),
    name("ci_config_ref_uri", "/@").hint("null if the configuration comes from elsewhere"),
    ClaimSpec::text("ci_config_sha"),
    number("job_project_id").hint("of the project that runs the job; it can be another's code"),
    name("job_project_path", "/"),
    number("job_namespace_id"),
    name("job_namespace_path", "/"),
    ClaimSpec::text("project_visibility"),
    number("user_id"),
    name("user_login", "").hint("a login can be taken by another: use user_id"),
    name("user_email", "").hint("an address can change hands: use user_id"),
    ClaimSpec::text("user_access_level"),
    name("groups_direct", "/")
        .kind(ClaimKind::List)
        .hint("absent if the user is in more than 200 groups"),
    number("pipeline_id"),
    number("job_id"),
    ClaimSpec::text("runner_id").kind(ClaimKind::Number),
    ClaimSpec::text("runner_environment").hint("gitlab-hosted or self-hosted"),
];

/// A token of a job, not one of those that GitLab signs with the same keys when
/// somebody signs in with it.
pub(super) fn check(claims: &Claims, _: &IssuerEntry) -> Result<(), String> {
    for name in ["project_id", "job_id"] {
        if !claims.get(name).is_some_and(|value| ClaimKind::TextNumber.accepts(value)) {
            return Err(format!(
                "the token has no `{name}` of digits, as every token of a GitLab job has; take \
                 the one that the job's `id_tokens:` gives it"
            ));
        }
    }
    Ok(())
}

const fn number(name: &'static str) -> ClaimSpec {
    ClaimSpec::text(name).kind(ClaimKind::TextNumber)
}

const fn flag(name: &'static str) -> ClaimSpec {
    ClaimSpec::text(name).kind(ClaimKind::TextBool)
}

const fn name(name: &'static str, separators: &'static str) -> ClaimSpec {
    ClaimSpec::text(name).trust(ClaimTrust::Name).separators(separators)
}

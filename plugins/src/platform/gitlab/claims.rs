//! The claims of a GitLab CI/CD id token that a policy may name, and its sanity.
//!
//! Ids and booleans are text; only `runner_id` is a number. In a merge request
//! pipeline of a fork that runs in the parent project, `project_*` and `ref` are the
//! fork's and `job_project_*` the parent's: so `job_project_id` is no anchor.
//! <https://docs.gitlab.com/ci/secrets/id_token_authentication/>

use segura_model::preset::{ClaimForm, ClaimKind, ClaimSpec, ClaimTrust};
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
    name("project_path", "/")
        .hint("a path can be taken by another: pin project_id")
        .form(PROJECT_PATH),
    name("namespace_path", "/").hint("a path can be taken by another: pin namespace_id"),
    ClaimSpec::text("ref")
        .separators("/")
        .hint("the bare name, such as main; ref_path has refs/heads/ in front")
        .form(ClaimForm::never(
            &["refs/heads/**", "refs/tags/**"],
            "the branch's or tag's name alone, such as main (`ref_path` has it in full)",
        )),
    ClaimSpec::text("ref_path")
        .separators("/")
        .hint("in full, such as refs/heads/main")
        .form(FULL_REF),
    ClaimSpec::text("ref_type")
        .hint("branch or tag")
        .form(ClaimForm::of(&["branch", "tag"], "branch or tag")),
    flag("ref_protected").hint(
        "the text \"true\" or \"false\"; anyone who may push can make an unprotected branch of \
         any name",
    ),
    ClaimSpec::text("pipeline_source")
        .hint("push, web, schedule, …; merge_request_event runs code that is not merged yet"),
    ClaimSpec::text("environment").separators("/").hint("absent if the job names no environment"),
    flag("environment_protected").hint("always \"false\" in the Community Edition"),
    ClaimSpec::text("environment_action"),
    ClaimSpec::text("deployment_tier").form(ClaimForm::of(
        &["development", "other", "production", "staging", "testing"],
        "production, staging, testing, development or other",
    )),
    ClaimSpec::text("sha"),
    name("ci_config_ref_uri", "/@").hint("null if the configuration comes from elsewhere").form(
        ClaimForm::of(
            &["*/**@**"],
            "HOST/GROUP/PROJECT//FILE@REF, such as \
             gitlab.com/acme/payments//.gitlab-ci.yml@refs/heads/main",
        ),
    ),
    ClaimSpec::text("ci_config_sha"),
    number("job_project_id").hint("of the project that runs the job; it can be another's code"),
    name("job_project_path", "/").form(PROJECT_PATH),
    number("job_namespace_id"),
    name("job_namespace_path", "/"),
    ClaimSpec::text("project_visibility")
        .form(ClaimForm::of(&["internal", "private", "public"], "public, private or internal")),
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
    ClaimSpec::text("runner_environment")
        .hint("gitlab-hosted or self-hosted")
        .form(ClaimForm::of(&["gitlab-hosted", "self-hosted"], "gitlab-hosted or self-hosted")),
];

const PROJECT_PATH: ClaimForm =
    ClaimForm::of(&["*/**"], "GROUP/PROJECT, such as acme/payments").after(&["GROUP/"]);

const FULL_REF: ClaimForm = ClaimForm::of(
    &["refs/heads/**", "refs/tags/**", "refs/merge-requests/**"],
    "the full name, refs/heads/BRANCH or refs/tags/TAG",
)
.after(&["refs/heads/", "refs/tags/"]);

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

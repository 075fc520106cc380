//! The claims of a GitHub Actions token that a policy may name.
//!
//! Every value is text, ids and numbers included. What a stranger can choose (branch
//! names, `head_ref`, an unprotected environment's name) says so in its hint.
//! <https://docs.github.com/actions/reference/security/oidc>

use segura_model::preset::{ClaimKind, ClaimSpec, ClaimTrust};

/// The claims, in the order in which they are best understood.
pub const CLAIMS: &[ClaimSpec] = &[
    id("repository_id").hint(
        "stays with a repository that is renamed or transferred: pin repository_owner_id too",
    ),
    id("repository_owner_id").hint("the account or organisation, whatever it is called"),
    id("enterprise_id"),
    ClaimSpec::text("sub").trust(ClaimTrust::Raw).hint(
        "repositories made, renamed or transferred since 15 July 2026 have \
         repo:OWNER@OWNER_ID/REPO@REPO_ID:…, older ones repo:OWNER/REPO:…, and an organisation \
         may have chosen another form; name the claims instead",
    ),
    name("repository", "/").hint("a name can be taken by another: pin repository_id"),
    name("repository_owner", "").hint("a name can be taken by another: pin repository_owner_id"),
    name("enterprise", ""),
    name("job_workflow_ref", "/@").hint(
        "the workflow file that holds the job, with its ref; for a reusable workflow this is the \
         called one, and workflow_ref the caller's",
    ),
    name("workflow_ref", "/@").hint("the workflow file that was started, with its ref"),
    ClaimSpec::text("job_workflow_sha"),
    ClaimSpec::text("workflow_sha"),
    ClaimSpec::text("workflow")
        .hint("free text that any workflow file can carry: use workflow_ref"),
    ClaimSpec::text("event_name"),
    ClaimSpec::text("ref")
        .separators("/")
        .hint("in full, such as refs/heads/main; for pull_request it is refs/pull/NUMBER/merge"),
    ClaimSpec::text("ref_type").hint("branch or tag"),
    ClaimSpec::text("ref_protected").kind(ClaimKind::TextBool),
    ClaimSpec::text("base_ref").separators("/").hint("the branch's name alone, of a pull request"),
    ClaimSpec::text("head_ref").separators("/").hint("whoever opens a pull request chooses it"),
    ClaimSpec::text("sha"),
    ClaimSpec::text("environment").separators("/").hint(
        "absent if the job names no environment; worth something only if the environment has \
         rules, since any writer can put a name into a workflow",
    ),
    ClaimSpec::text("runner_environment").hint("github-hosted or self-hosted"),
    ClaimSpec::text("repository_visibility").hint("public, private or internal"),
    ClaimSpec::text("repo_property_*").hint("a custom property, which only administrators set"),
    name("actor", "").hint("an account's name can be taken by another: use actor_id"),
    number("actor_id"),
    number("check_run_id"),
    number("run_id"),
    number("run_number"),
    number("run_attempt"),
];

const fn id(name: &'static str) -> ClaimSpec {
    number(name).trust(ClaimTrust::Anchor)
}

const fn number(name: &'static str) -> ClaimSpec {
    ClaimSpec::text(name).kind(ClaimKind::TextNumber)
}

const fn name(name: &'static str, separators: &'static str) -> ClaimSpec {
    ClaimSpec::text(name).trust(ClaimTrust::Name).separators(separators)
}

//! The claims of a GitHub Actions token that a policy may name.
//!
//! Every value is text, ids and numbers included. What a stranger can choose (branch
//! names, `head_ref`, an unprotected environment's name) says so in its hint.
//! <https://docs.github.com/actions/reference/security/oidc>

use segura_model::preset::{ClaimForm, ClaimKind, ClaimSpec, ClaimTrust};

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
    name("repository", "/")
        .hint("a name can be taken by another: pin repository_id")
        .form(ClaimForm::of(&["*/*"], "OWNER/NAME, such as acme/payments").after(&["OWNER/"])),
    name("repository_owner", "")
        .hint("a name can be taken by another: pin repository_owner_id")
        .form(ClaimForm::never(&["*/*"], "the account's or organisation's name alone")),
    name("enterprise", ""),
    name("job_workflow_ref", "/@")
        .hint(
            "the workflow file that holds the job, with its ref; for a reusable workflow this is \
             the called one, and workflow_ref the caller's",
        )
        .form(WORKFLOW_FILE),
    name("workflow_ref", "/@")
        .hint("the workflow file that was started, with its ref")
        .form(WORKFLOW_FILE),
    ClaimSpec::text("job_workflow_sha"),
    ClaimSpec::text("workflow_sha"),
    ClaimSpec::text("workflow")
        .hint("free text that any workflow file can carry: use workflow_ref"),
    ClaimSpec::text("event_name"),
    ClaimSpec::text("ref")
        .separators("/")
        .hint("in full, such as refs/heads/main; for pull_request it is refs/pull/NUMBER/merge")
        .form(FULL_REF),
    ClaimSpec::text("ref_type")
        .hint("branch or tag")
        .form(ClaimForm::of(&["branch", "tag"], "branch or tag")),
    ClaimSpec::text("ref_protected").kind(ClaimKind::TextBool),
    ClaimSpec::text("base_ref")
        .separators("/")
        .hint("the branch's name alone, of a pull request")
        .form(BARE_REF),
    ClaimSpec::text("head_ref")
        .separators("/")
        .hint("whoever opens a pull request chooses it")
        .form(BARE_REF),
    ClaimSpec::text("sha"),
    ClaimSpec::text("environment").separators("/").hint(
        "absent if the job names no environment; worth something only if the environment has \
         rules, since any writer can put a name into a workflow",
    ),
    ClaimSpec::text("runner_environment")
        .hint("github-hosted or self-hosted")
        .form(ClaimForm::of(&["github-hosted", "self-hosted"], "github-hosted or self-hosted")),
    ClaimSpec::text("repository_visibility")
        .hint("public, private or internal")
        .form(ClaimForm::of(&["internal", "private", "public"], "public, private or internal")),
    ClaimSpec::text("repo_property_*").hint("a custom property, which only administrators set"),
    name("actor", "").hint("an account's name can be taken by another: use actor_id"),
    number("actor_id"),
    number("check_run_id"),
    number("run_id"),
    number("run_number"),
    number("run_attempt"),
];

const FULL_REF: ClaimForm = ClaimForm::of(
    &["refs/heads/**", "refs/tags/**", "refs/pull/**"],
    "the full name, refs/heads/BRANCH or refs/tags/TAG",
)
.after(&["refs/heads/", "refs/tags/"]);

const BARE_REF: ClaimForm =
    ClaimForm::never(&["refs/heads/**", "refs/tags/**"], "the branch's name alone, such as main");

const WORKFLOW_FILE: ClaimForm = ClaimForm::of(
    &["*/*/**@**"],
    "OWNER/NAME/.github/workflows/FILE@REF, such as \
     acme/payments/.github/workflows/deploy.yml@refs/heads/main",
);

const fn id(name: &'static str) -> ClaimSpec {
    number(name).trust(ClaimTrust::Anchor)
}

const fn number(name: &'static str) -> ClaimSpec {
    ClaimSpec::text(name).kind(ClaimKind::TextNumber)
}

const fn name(name: &'static str, separators: &'static str) -> ClaimSpec {
    ClaimSpec::text(name).trust(ClaimTrust::Name).separators(separators)
}

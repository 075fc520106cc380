//! The claims of an Azure Pipelines token that a policy may name, and its sanity.
//!
//! The names in `sub` can change hands; the ids cannot. The same issuer signs for
//! service connections (`sc://…`), which prove a connection, not a pipeline.

use segura_model::preset::{ClaimForm, ClaimSpec, ClaimTrust};
use segura_model::{Claims, IssuerEntry};

/// The claims, in the order in which they are best understood.
pub const CLAIMS: &[ClaimSpec] = &[
    id("org_id").hint("the organisation, System.CollectionId").form(GUID),
    id("prj_id").hint("the project, System.TeamProjectId").form(GUID),
    id("def_id").hint("the pipeline, System.DefinitionId"),
    ClaimSpec::text("sub")
        .trust(ClaimTrust::Raw)
        .hint("p://ORG/PROJECT/PIPELINE: all three are names, which can change hands")
        .form(ClaimForm::of(&["p://*/*/*"], "p://ORG/PROJECT/PIPELINE").after(&["p://"])),
    ClaimSpec::text("rpo_ref")
        .separators("/")
        .hint("in full, such as refs/heads/main; a pull request's build has refs/pull/NUMBER/merge")
        .form(FULL_REF),
    ClaimSpec::text("rpo_id").separators("/").hint(
        "a GUID for Azure Repos, and owner/name for a repository on GitHub, where it is a name",
    ),
    ClaimSpec::text("rpo_uri").trust(ClaimTrust::Name).separators("/"),
    ClaimSpec::text("rpo_ver").hint("the commit"),
    ClaimSpec::text("run_id"),
];

const GUID: ClaimForm = ClaimForm::of(&["*-*-*-*-*"], "a GUID and not the name");

const FULL_REF: ClaimForm = ClaimForm::of(
    // The last is a folder of Team Foundation Version Control.
    &["refs/heads/**", "refs/tags/**", "refs/pull/**", "$/**"],
    "the full name, refs/heads/BRANCH or refs/tags/TAG",
)
.after(&["refs/heads/", "refs/tags/"]);

/// A pipeline's token, of the organisation that the issuer is for.
pub(super) fn check(claims: &Claims, entry: &IssuerEntry) -> Result<(), String> {
    if !claims.subject().is_some_and(|subject| subject.starts_with("p://")) {
        return Err(
            "the token's `sub` does not begin with `p://`, so it is not a pipeline's; ask \
                    System.OidcRequestUri without `serviceConnectionId`"
                .to_owned(),
        );
    }
    let organisation = entry.iss.as_str().rsplit('/').next().unwrap_or_default();
    match claims.text("org_id") {
        Some(id) if !is_guid(organisation) || id.eq_ignore_ascii_case(organisation) => Ok(()),
        _ => Err(format!(
            "the token's `org_id` is not `{organisation}`, the organisation in its `iss`"
        )),
    }
}

fn is_guid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

const fn id(name: &'static str) -> ClaimSpec {
    ClaimSpec::text(name).trust(ClaimTrust::Anchor)
}

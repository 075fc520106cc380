//! The policies of one organisation: one grants, the others are beside it.
//!
//! They are what a large organisation has. Each is for a repository of its own; all pin the
//! same owner; most pin the repository too, some only name it; they test branches,
//! environments and workflows, as values and as patterns.

/// The policy of this number, as a YAML document. The first is the job's own.
pub(crate) fn policy(number: u32) -> String {
    // The samples' repository is 456789.
    let (repository, path) = match number {
        0 => (456_789, "db/prod".to_owned()),
        _ => (1_000_000 + number, format!("team-{}/service-{number}", number % 200)),
    };
    let pinned = format!("repository_id: \"{repository}\", repository_owner_id: \"123456\"");
    let (anchor, claims) = match number % 10 {
        3 => (pinned, "ref: { glob: \"refs/heads/release/*\" }, environment: prod".to_owned()),
        5 => (pinned, workflow(number)),
        7 => (
            pinned,
            "environment: { in: [staging, prod] }, runner_environment: github-hosted".to_owned(),
        ),
        9 => (
            "repository_owner_id: \"123456\"".to_owned(),
            format!("repository: acme/service-{number}, ref: refs/heads/main"),
        ),
        _ => (pinned, "ref: refs/heads/main".to_owned()),
    };
    format!(
        "---\npolicy: bench-{number}\nissuer: github\ndescription: Deployments of service \
         {number}\nanchor: {{ {anchor} }}\nclaims: {{ {claims} }}\nread: [\"{path}/*\"]\n"
    )
}

fn workflow(number: u32) -> String {
    format!(
        "ref: refs/heads/main, job_workflow_ref: {{ glob: \
         \"acme/service-{number}/.github/workflows/*.yml@refs/heads/main\" }}"
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use segura_model::policy::PolicyDraft;

    use super::*;

    #[test]
    fn policies_parse_and_differ_in_who_may_have_what() {
        let file: String = (0..500).map(policy).collect();
        let drafts = PolicyDraft::parse_documents(&file).unwrap();
        assert_eq!(drafts.len(), 500);
        let who = |draft: &PolicyDraft| format!("{:?} {:?}", draft.anchor, draft.claims);
        assert_eq!(drafts.iter().map(who).collect::<BTreeSet<_>>().len(), 500);
        let what: BTreeSet<_> = drafts.iter().map(|draft| draft.read[0].as_str()).collect();
        assert_eq!(what.len(), 500);
    }
}

//! What the tests of the presets share: the vendors' published examples, and the way
//! from claims to a decision.

use std::sync::Arc;

use segura_model::issuer::KeySource;
use segura_model::policy::{PolicyDraft, PolicySet, TrustPolicy, evaluate};
use segura_model::preset::Preset;
use segura_model::workload::WorkloadError;
use segura_model::{Claims, IssuerEntry, Timestamp, Workload};
use serde_json::{Value, json};

/// Claims as the vendors' documentation shows them.
pub(crate) struct Examples {
    pub(crate) azure: &'static str,
    pub(crate) github: &'static str,
    pub(crate) gitlab: &'static str,
    pub(crate) kubernetes: &'static str,
}

pub(crate) const EXAMPLES: Examples = Examples {
    azure: include_str!("azure/example.json"),
    github: include_str!("github/example.json"),
    gitlab: include_str!("gitlab/example.json"),
    kubernetes: include_str!("kubernetes/example.json"),
};

pub(crate) fn parse(json: &str) -> Claims {
    Claims::parse(json.as_bytes()).unwrap()
}

/// An entry of this preset, of one issuer unless its platform has many.
pub(crate) fn entry(preset: &Preset) -> IssuerEntry {
    IssuerEntry {
        id: "ci".parse().unwrap(),
        preset: preset.id.to_owned(),
        iss: "https://ci.example".parse().unwrap(),
        audiences: vec!["https://segura.example".parse().unwrap()],
        algorithms: preset.algorithms.to_vec(),
        max_age: preset.max_age,
        spend: preset.spend,
        keys: KeySource::Discovery { ca_file: None, bearer_token_file: None },
        insecure_loopback: false,
        shared: preset.shared,
    }
}

/// The workload of these claims; its `iss` is taken for the entry's.
pub(crate) fn workload(preset: &Preset, claims: &Claims) -> Result<Workload, WorkloadError> {
    let mut entry = entry(preset);
    let mut json = serde_json::to_value(claims).unwrap();
    for (name, value) in [("iss", json!(entry.iss)), ("iat", json!(10)), ("exp", json!(310))] {
        if json.get(name).is_none() {
            json[name] = value;
        }
    }
    entry.iss = json["iss"].as_str().unwrap().parse().unwrap();
    let audience = entry.audiences[0].clone();
    Workload::from_claims(&entry, preset, audience, parse(&json.to_string()))
}

/// Whether this policy gives `db/prod/password` to a job with these claims.
pub(crate) fn decides(preset: &Preset, policy: &str, claims: &Value) -> bool {
    let entry = entry(preset);
    let draft = PolicyDraft::parse_documents(policy).unwrap().remove(0);
    let policy = TrustPolicy::compile(draft, &entry, preset).unwrap();
    let set = PolicySet::build(vec![Arc::new(policy)]);
    let workload = workload(preset, &parse(&claims.to_string())).unwrap();
    let wanted = ["db/prod/password".parse().unwrap()];
    evaluate(&set, &workload, &wanted, Timestamp(20)).is_granted()
}

mod tests {
    use std::collections::BTreeSet;

    use segura_model::issuer::IssuerDraft;
    use segura_model::preset::ClaimTrust;

    use super::*;
    use crate::presets;

    #[test]
    fn what_a_preset_names_it_also_lists() {
        for preset in presets() {
            let pairs = preset.require_same.iter().flat_map(|(one, other)| [*one, *other]);
            let refused = preset.refused.iter().map(|refused| refused.claim);
            for name in pairs.chain(refused) {
                assert!(preset.claim(name).is_some(), "{}: {name}", preset.id);
            }
            for name in preset.anchors.iter().copied().flatten() {
                let trust = preset.claim(name).unwrap().trust;
                assert!(
                    matches!(trust, ClaimTrust::Anchor | ClaimTrust::Raw),
                    "{}: {name}",
                    preset.id
                );
            }
        }
    }

    #[test]
    fn every_anchor_claim_can_anchor() {
        for preset in presets() {
            let anchors: BTreeSet<&str> =
                preset.anchors.iter().copied().flatten().copied().collect();
            let claims = preset.claims.iter().filter(|spec| spec.trust == ClaimTrust::Anchor);
            for spec in claims {
                assert!(anchors.contains(spec.name), "{}: {}", preset.id, spec.name);
            }
        }
    }

    #[test]
    fn a_preset_lists_a_claim_once_and_an_event_once() {
        for preset in presets() {
            let names: BTreeSet<&str> = preset.claims.iter().map(|spec| spec.name).collect();
            assert_eq!(names.len(), preset.claims.len(), "{}", preset.id);
            let events: Vec<_> = preset.refused.iter().flat_map(|refused| refused.values).collect();
            let unique: BTreeSet<_> = events.iter().collect();
            assert_eq!(unique.len(), events.len(), "{}", preset.id);
        }
    }

    #[test]
    fn the_shortest_issuer_file_of_every_preset_compiles() {
        for preset in presets() {
            let mut draft = json!({ "issuer": "ci", "preset": preset.id });
            if preset.iss.is_none() {
                draft["iss"] = json!("https://issuer.example");
            }
            if preset.audiences.is_empty() {
                draft["audiences"] = json!(["https://segura.example"]);
            }
            let draft: IssuerDraft = serde_json::from_value(draft).unwrap();
            let entry = draft.compile(preset).unwrap();
            assert_eq!((entry.max_age, entry.spend), (preset.max_age, preset.spend));
        }
    }

    #[test]
    fn a_public_issuer_cannot_be_declared_private() {
        for preset in presets().filter(|preset| preset.shared && preset.iss.is_some()) {
            let draft: IssuerDraft = serde_json::from_value(json!({
                "issuer": "ci", "preset": preset.id, "shared": false,
                "audiences": ["https://segura.example"],
            }))
            .unwrap();
            assert!(draft.compile(preset).is_err(), "{}", preset.id);
        }
    }

    /// The warnings about a value that no token has, of a policy that expects this.
    fn never(preset: &Preset, claim: &str, expected: &Value) -> Vec<String> {
        let mut policy = json!({
            "policy": "deploy", "issuer": "ci", "read": ["a"], "claims": { claim: expected },
        });
        if preset.anchors.iter().copied().flatten().any(|anchor| *anchor == claim) {
            policy["claims"] = json!({});
            policy["anchor"] = json!({ claim: expected });
        }
        let draft: PolicyDraft = serde_json::from_value(policy).unwrap();
        // One that tests nothing but a display name is refused, whatever the value.
        let Ok(policy) = TrustPolicy::compile(draft, &entry(preset), preset) else {
            return Vec::new();
        };
        let warnings = policy.lint(Timestamp(20)).into_iter();
        let never = warnings.filter(|warning| warning.code == "never-matches");
        never.map(|warning| warning.to_string()).collect()
    }

    #[test]
    fn no_value_of_the_published_examples_is_called_impossible() {
        let samples = [
            ("github", EXAMPLES.github.to_owned()),
            ("github", crate::sample::github_pull_request().to_string()),
            ("gitlab", EXAMPLES.gitlab.to_owned()),
            ("gitlab", crate::sample::gitlab_merge_request().to_string()),
            ("azure-devops", EXAMPLES.azure.to_owned()),
            ("azure-devops", crate::sample::azure_devops().to_string()),
            ("kubernetes", EXAMPLES.kubernetes.to_owned()),
        ];
        for (id, claims) in samples {
            let preset = presets().find(|preset| preset.id == id).unwrap();
            let claims = parse(&claims);
            for spec in preset.claims {
                let Some(value) = preset.value(spec.name, &claims) else { continue };
                let Some(text) = value.as_text() else { continue };
                assert_eq!(never(preset, spec.name, &json!(text)), [""; 0], "{id}: {}", spec.name);
            }
        }
    }

    #[test]
    fn what_people_write_by_mistake_is_told_with_what_they_meant() {
        for (id, claim, written, meant) in [
            ("github", "ref", "main", "`refs/heads/main` or `refs/tags/main`"),
            ("github", "repository", "payments", "`OWNER/payments`"),
            ("github", "repository", "https://github.com/acme/payments", "`acme/payments`"),
            ("github", "repository_owner", "acme/payments", "name alone"),
            ("github", "workflow_ref", ".github/workflows/deploy.yml", "FILE@REF"),
            ("github", "runner_environment", "github_hosted", "`github-hosted`"),
            ("gitlab", "ref", "refs/heads/main", "`main`"),
            ("gitlab", "ref_path", "main", "`refs/heads/main`"),
            ("gitlab", "project_path", "payments", "`GROUP/payments`"),
            ("gitlab", "deployment_tier", "prod", "`production`"),
            ("azure-devops", "rpo_ref", "main", "`refs/heads/main`"),
            ("azure-devops", "org_id", "acme", "a GUID and not the name"),
            ("azure-devops", "sub", "acme/payments/deploy", "`p://acme/payments/deploy`"),
            ("kubernetes", "sub", "payments:deploy", "`system:serviceaccount:payments:deploy`"),
            ("kubernetes", "namespace", "payments/deploy", "a name alone"),
        ] {
            let preset = presets().find(|preset| preset.id == id).unwrap();
            let told = never(preset, claim, &json!(written)).concat();
            assert!(told.contains(meant), "{id} {claim}: {told:?}");
        }
    }
}

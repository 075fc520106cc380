//! What the broker believes of an Azure Pipelines token.
//!
//! The audience is the same in every token and for every party that accepts one, so
//! another of them could present it here: the life is short, each token counts once,
//! and a policy must pin organisation, project and pipeline.

use segura_model::issuer::{Algorithm, Spend};
use segura_model::preset::Preset;

use super::claims::{CLAIMS, check};

/// Azure DevOps Pipelines.
pub static PRESET: Preset = Preset {
    id: "azure-devops",
    shared: true,
    // https://vstoken.dev.azure.com/<organisation id>
    iss: None,
    audiences: &["api://AzureADTokenExchange"],
    algorithms: &[Algorithm::RS256],
    max_age: 600,
    spend: Spend::Once,
    claims: CLAIMS,
    open_claims: false,
    anchors: &[&["org_id", "prj_id", "def_id"]],
    refused: &[],
    require_same: &[],
    everyday: EVERYDAY,
    run: &["run_id", "rpo_ref", "rpo_ver", "rpo_uri"],
    check,
};

/// What people call the claims.
const EVERYDAY: &[(&str, &str)] = &[
    ("branch", "rpo_ref"),
    ("build_id", "run_id"),
    ("commit", "rpo_ver"),
    ("definition", "def_id"),
    ("definition_id", "def_id"),
    ("org", "org_id"),
    ("organisation", "org_id"),
    ("organization", "org_id"),
    ("organization_id", "org_id"),
    ("pipeline", "def_id"),
    ("pipeline_id", "def_id"),
    ("project", "prj_id"),
    ("project_id", "prj_id"),
    ("ref", "rpo_ref"),
    ("repo", "rpo_id"),
    ("repo_id", "rpo_id"),
    ("repository", "rpo_id"),
    ("repository_id", "rpo_id"),
    ("sha", "rpo_ver"),
    ("subject", "sub"),
    ("tag", "rpo_ref"),
];

#[cfg(test)]
mod tests {
    use segura_model::IssuerEntry;
    use segura_model::issuer::IssuerDraft;

    use super::super::sample;
    use super::*;
    use crate::platform::testing::{EXAMPLES, decides, entry, parse, workload};

    const POLICY: &str = "
policy: deploy
issuer: ci
anchor:
  org_id: 6c3b9c5e-0a1b-4c2d-8e3f-112233445566
  prj_id: 0f4e2d1c-9b8a-4765-a321-66778899aabb
  def_id: '12'
read: ['db/**']";

    #[test]
    fn the_published_example_is_a_workload() {
        let workload = workload(&PRESET, &parse(EXAMPLES.azure)).unwrap();
        assert_eq!(workload.anchors.len(), 3);
        assert_eq!(workload.run["rpo_ref"], "refs/heads/main");
    }

    #[test]
    fn all_anchors_are_demanded() {
        assert!(decides(&PRESET, POLICY, &sample::azure_devops()));
        for name in ["org_id", "prj_id", "def_id"] {
            let lines: Vec<&str> =
                POLICY.lines().filter(|line| !line.contains(&format!("{name}:"))).collect();
            assert!(!decides(&PRESET, &lines.join("\n"), &sample::azure_devops()), "{name}");
        }
    }

    #[test]
    fn a_service_connection_is_no_pipeline() {
        let mut claims = sample::azure_devops();
        claims["sub"] = "sc://acme/payments/prod".into();
        let error = workload(&PRESET, &parse(&claims.to_string())).unwrap_err().to_string();
        assert!(error.contains("p://"), "{error}");
    }

    #[test]
    fn another_organisation_cannot_borrow_the_issuer() {
        let organisation = "6c3b9c5e-0a1b-4c2d-8e3f-112233445566";
        let iss = format!("https://vstoken.dev.azure.com/{organisation}").parse().unwrap();
        let entry = IssuerEntry { iss, ..entry(&PRESET) };
        let check =
            |claims: &serde_json::Value| (PRESET.check)(&parse(&claims.to_string()), &entry);
        let mut claims = sample::azure_devops();
        assert_eq!(check(&claims), Ok(()));
        claims["org_id"] = organisation.to_uppercase().into();
        assert_eq!(check(&claims), Ok(()));
        for other in ["0f4e2d1c-9b8a-4765-a321-66778899aabb", ""] {
            claims["org_id"] = other.into();
            assert!(check(&claims).unwrap_err().contains(organisation));
        }
        claims.as_object_mut().unwrap().remove("org_id");
        assert!(check(&claims).is_err());
    }

    #[test]
    fn the_audience_is_the_platforms() {
        let draft = |audiences: &[&str]| -> IssuerDraft {
            serde_json::from_value(serde_json::json!({
                "issuer": "azure", "preset": "azure-devops", "audiences": audiences,
                "iss": "https://vstoken.dev.azure.com/6c3b9c5e-0a1b-4c2d-8e3f-112233445566",
            }))
            .unwrap()
        };
        let entry = draft(&[]).compile(&PRESET).unwrap();
        assert_eq!(entry.audiences[0].as_str(), "api://AzureADTokenExchange");
        assert_eq!(entry.max_age, 600);
        assert!(draft(&["https://segura.example"]).compile(&PRESET).is_err());
    }
}

//! What the broker believes of a Kubernetes service account token.
//!
//! Each cluster is its own issuer, though many call themselves
//! `https://kubernetes.default.svc`: entries with one `iss` need different audiences.
//! The kubelet hands one token to every container of a pod for an hour, so it counts
//! while it is valid. Tekton has no token of its own: a TaskRun's pod has this one.

use segura_model::issuer::{Algorithm, Spend};
use segura_model::preset::Preset;

use super::claims::{CLAIMS, check};

/// Kubernetes, and with it Tekton.
pub static PRESET: Preset = Preset {
    id: "kubernetes",
    shared: false,
    iss: None,
    audiences: &[],
    algorithms: &[Algorithm::RS256, Algorithm::ES256],
    max_age: 3600,
    spend: Spend::WhileValid,
    claims: CLAIMS,
    open_claims: false,
    anchors: &[&["service_account_uid"]],
    refused: &[],
    require_same: &[],
    everyday: EVERYDAY,
    run: &["namespace", "service_account", "pod", "pod_uid", "node"],
    check,
};

/// What people call the claims.
const EVERYDAY: &[(&str, &str)] = &[
    ("account", "service_account"),
    ("ns", "namespace"),
    ("node_name", "node"),
    ("pod_name", "pod"),
    ("sa", "service_account"),
    ("service_account_id", "service_account_uid"),
    ("service_account_name", "service_account"),
    ("serviceaccount", "service_account"),
    ("subject", "sub"),
    ("uid", "service_account_uid"),
];

#[cfg(test)]
mod tests {
    use segura_model::IssuerEntry;

    use super::super::sample;
    use super::*;
    use crate::platform::testing::{EXAMPLES, decides, entry, parse, workload};

    #[test]
    fn the_published_example_is_a_workload() {
        let workload = workload(&PRESET, &parse(EXAMPLES.kubernetes)).unwrap();
        assert_eq!(workload.run["pod"], "my-pod");
        assert_eq!(workload.anchors["service_account_uid"], "14ee3fa4-a7e2-420f-9f9a-dbc4507c3798");
    }

    #[test]
    fn namespace_and_service_account_or_its_uid_grant() {
        let by_name = "policy: a\nissuer: ci\nread: ['db/**']\n\
                       claims: { namespace: payments, service_account: deployer }";
        let by_uid = "policy: a\nissuer: ci\nread: ['db/**']\n\
                      anchor: { service_account_uid: 1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed }";
        for policy in [by_name, by_uid] {
            assert!(decides(&PRESET, policy, &sample::kubernetes()), "{policy}");
            let mut other = sample::kubernetes();
            other["kubernetes.io"]["namespace"] = "other".into();
            other["kubernetes.io"]["serviceaccount"]["uid"] = "other".into();
            other["sub"] = "system:serviceaccount:other:deployer".into();
            assert!(!decides(&PRESET, policy, &other), "{policy}");
        }
    }

    #[test]
    fn a_pods_name_alone_grants_nothing() {
        let policy = "policy: a\nissuer: ci\nclaims: { pod: deploy-7d4f }\nread: ['db/**']";
        assert!(!decides(&PRESET, policy, &sample::kubernetes()));
    }

    #[test]
    fn subject_and_object_must_agree() {
        let mut claims = sample::kubernetes();
        claims["sub"] = "system:serviceaccount:kube-system:admin".into();
        let error = workload(&PRESET, &parse(&claims.to_string())).unwrap_err().to_string();
        assert!(error.contains("system:serviceaccount:payments:deployer"), "{error}");
    }

    #[test]
    fn a_token_from_a_secret_is_refused() {
        let mut claims = sample::kubernetes();
        claims.as_object_mut().unwrap().remove("kubernetes.io");
        claims["kubernetes.io/serviceaccount/namespace"] = "payments".into();
        let error = workload(&PRESET, &parse(&claims.to_string())).unwrap_err().to_string();
        assert!(error.contains("projected"), "{error}");
    }

    #[test]
    fn the_api_servers_audience_is_refused() {
        let claims = parse(&sample::kubernetes().to_string());
        for audience in
            ["https://kubernetes.default.svc", "https://kubernetes.default.svc.cluster.local"]
        {
            let audiences = vec![audience.parse().unwrap()];
            let entry = IssuerEntry { audiences, ..entry(&PRESET) };
            assert!((PRESET.check)(&claims, &entry).unwrap_err().contains("API server"));
        }
    }
}

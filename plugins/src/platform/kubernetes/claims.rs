//! The claims of a projected service account token, and its sanity.
//!
//! They sit in the object `kubernetes.io`; a policy names them flat. Whoever may
//! create pods in a namespace chooses its pods' service accounts and names, so
//! namespace and service account are the boundary, and a pod's name proves nothing.

use segura_model::preset::{ClaimForm, ClaimSpec, ClaimTrust};
use segura_model::{Claims, IssuerEntry};

/// The claims, in the order in which they are best understood.
pub const CLAIMS: &[ClaimSpec] = &[
    ClaimSpec::text("service_account_uid")
        .at(&["kubernetes.io", "serviceaccount", "uid"])
        .trust(ClaimTrust::Anchor)
        .hint("another one if the service account is deleted and made again"),
    ClaimSpec::text("namespace").at(&["kubernetes.io", "namespace"]).form(BARE_NAME),
    ClaimSpec::text("service_account")
        .at(&["kubernetes.io", "serviceaccount", "name"])
        .form(BARE_NAME),
    ClaimSpec::text("sub")
        .trust(ClaimTrust::Raw)
        .hint("system:serviceaccount:NAMESPACE:SERVICE_ACCOUNT")
        .form(
            ClaimForm::of(
                &["system:serviceaccount:*:*"],
                "system:serviceaccount:NAMESPACE:SERVICE_ACCOUNT",
            )
            .after(&["system:serviceaccount:", "system:serviceaccount:NAMESPACE:"]),
        ),
    ClaimSpec::text("pod")
        .at(&["kubernetes.io", "pod", "name"])
        .trust(ClaimTrust::Name)
        .hint("whoever makes pods in the namespace chooses it"),
    ClaimSpec::text("pod_uid").at(&["kubernetes.io", "pod", "uid"]),
    ClaimSpec::text("node").at(&["kubernetes.io", "node", "name"]),
    ClaimSpec::text("node_uid").at(&["kubernetes.io", "node", "uid"]),
];

const BARE_NAME: ClaimForm =
    ClaimForm::never(&["*/*", "*:*"], "a name alone, without namespace or kind in front of it");

/// A token that was projected for somebody, and says one thing about whose it is.
pub(super) fn check(claims: &Claims, entry: &IssuerEntry) -> Result<(), String> {
    let text = |pointer: &[&str]| claims.pointer(pointer).and_then(|value| value.as_text());
    let (Some(namespace), Some(account)) =
        (text(&["kubernetes.io", "namespace"]), text(&["kubernetes.io", "serviceaccount", "name"]))
    else {
        return Err(
            "the token has no `kubernetes.io` with `namespace` and `serviceaccount`, as a \
                    projected one has; tokens kept in a Secret are not taken"
                .to_owned(),
        );
    };
    if claims.subject() != Some(&format!("system:serviceaccount:{namespace}:{account}")) {
        return Err(format!(
            "the token's `sub` is not `system:serviceaccount:{namespace}:{account}`, as its \
             `kubernetes.io` says it is"
        ));
    }
    match entry.audiences.iter().find(|audience| is_api_server(audience.as_str())) {
        Some(audience) => Err(format!(
            "the issuer entry `{}` accepts the audience `{audience}`, which is the API server's: \
             every pod has such a token; give `audience` of the projected volume this broker's \
             URL, and the entry the same",
            entry.id
        )),
        None => Ok(()),
    }
}

fn is_api_server(audience: &str) -> bool {
    audience.split_once("://").is_some_and(|(_, rest)| {
        let host = rest.split(['/', ':']).next().unwrap_or_default();
        host == "kubernetes.default.svc" || host.starts_with("kubernetes.default.svc.")
    })
}

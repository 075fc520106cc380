//! Claims of Kubernetes pods that never ran: for dev tokens and tests.
//!
//! Without `iss`, `aud`, `jti` and the times, which belong to one token.

use serde_json::{Value, json};

/// A pod of the service account `deployer` in the namespace `payments`.
pub fn kubernetes() -> Value {
    json!({
        "sub": "system:serviceaccount:payments:deployer",
        "kubernetes.io": {
            "namespace": "payments",
            "serviceaccount": {
                "name": "deployer",
                "uid": "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed",
            },
            "pod": { "name": "deploy-7d4f", "uid": "5f0c2a7e-3d41-4c8b-a6f9-2e1d0c9b8a76" },
            "node": { "name": "worker-1", "uid": "9a8b7c6d-5e4f-4a3b-8c2d-1e0f9a8b7c6d" },
        },
    })
}

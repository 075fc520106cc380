//! Claims of Azure Pipelines jobs that never ran: for dev tokens and tests.
//!
//! Without `iss`, `aud`, `jti` and the times, which belong to one token.

use serde_json::{Value, json};

/// A build of `main` by the pipeline `deploy` of the project `payments`.
pub fn azure_devops() -> Value {
    json!({
        "sub": "p://acme/payments/deploy",
        "org_id": "6c3b9c5e-0a1b-4c2d-8e3f-112233445566",
        "prj_id": "0f4e2d1c-9b8a-4765-a321-66778899aabb",
        "def_id": "12",
        "rpo_id": "d2c1b0a9-8877-4665-b544-332211009988",
        "rpo_uri": "https://dev.azure.com/acme/payments/_git/payments",
        "rpo_ver": "3a9f5c7e1d2b4860a1c3e5f7092b4d6f8a0c2e41",
        "rpo_ref": "refs/heads/main",
        "run_id": "3141",
    })
}

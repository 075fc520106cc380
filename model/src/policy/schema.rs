//! The JSON schema of a policy file, for editors.
//!
//! Made from the types themselves, so that it cannot fall behind them.

use super::draft::PolicyDraft;

/// Where the schema says it lives. An identifier: nothing is fetched from it.
const ID: &str = "urn:segura:schema:policy";

/// The JSON schema (draft 2020-12) of one policy document.
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(PolicyDraft);
    schema.insert("$id".to_owned(), ID.into());
    schema.insert("title".to_owned(), "Segura trust policy".into());
    schema.to_value()
}

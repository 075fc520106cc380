//! `/openapi.json`: the description of the API, built from the types that serve it.
//!
//! Schemas come from the model's types, paths and who may call them from `routes`; only
//! what those cannot say (a summary, which types) is in `operations`. A test holds the
//! two lists against each other, so that a route cannot be forgotten.

mod operations;

use actix_web::HttpResponse;
use actix_web::web::{ServiceConfig, get};
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use segura_model::api::Problem;
use serde_json::{Map, Value, json};

use self::operations::Operation;
use super::routes::{self, Access, Route};

/// Register `/openapi.json`.
pub fn configure(config: &mut ServiceConfig) {
    config.route("/openapi.json", get().to(serve));
}

async fn serve() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(document().to_string())
}

/// The description, OpenAPI 3.1.
pub fn document() -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut schemas = SchemaGenerator::new(settings);
    let mut paths = Map::new();
    for route in routes::all() {
        let path = template(route.path);
        let operation = describe(route, &path, operations::find(route), &mut schemas);
        let verbs = paths.entry(path).or_insert_with(|| json!({}));
        verbs[route.method.as_str().to_ascii_lowercase()] = operation;
    }
    let problem = schemas.subschema_for::<Problem>();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Segura",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas.take_definitions(true),
            "responses": {"Problem": {
                "description": "A refusal or a failure (RFC 9457).",
                "content": {"application/problem+json": {"schema": problem}},
            }},
            "securitySchemes": {
                "operator": {"type": "http", "scheme": "bearer", "bearerFormat": "sgo_…"},
                "session": {"type": "http", "scheme": "bearer", "bearerFormat": "sgr_…"},
            },
        },
    })
}

fn describe(
    route: &Route,
    path: &str,
    operation: Option<&Operation>,
    schemas: &mut SchemaGenerator,
) -> Value {
    let Some(operation) = operation else { return json!({}) };
    let mut parameters = path_parameters(path);
    if let Some(query) = operation.query {
        parameters.extend(query_parameters(query(schemas), schemas));
    }
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [tag(path)],
        "parameters": parameters,
        "responses": {
            "200": {"description": "Done.", "content": body(operation.answer, schemas)},
            "4XX": {"$ref": "#/components/responses/Problem"},
            "5XX": {"$ref": "#/components/responses/Problem"},
        },
        "security": security(route.access),
    });
    if let Some(request) = operation.request {
        described["requestBody"] = json!({"required": true, "content": body(request, schemas)});
    }
    described
}

/// The resource: `/api/v2/trust/…` is about trust.
fn tag(path: &str) -> &str {
    path.strip_prefix("/api/v2/").map_or("oauth2", |rest| rest.split('/').next().unwrap_or(rest))
}

/// A body of this type, in the media type that goes with it.
fn body(schema: fn(&mut SchemaGenerator) -> Schema, schemas: &mut SchemaGenerator) -> Value {
    let schema = schema(schemas);
    let media_type = match schema.get("x-media-type").and_then(Value::as_str) {
        Some(other) => other.to_owned(),
        None => "application/json".to_owned(),
    };
    json!({media_type: {"schema": schema}})
}

fn path_parameters(path: &str) -> Vec<Value> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names
        .map(|name| {
            json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}})
        })
        .collect()
}

/// The members of a query type, each as a parameter.
fn query_parameters(schema: Schema, schemas: &SchemaGenerator) -> Vec<Value> {
    let name = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
    let resolved = match name {
        Some(name) => schemas.definitions().get(name).cloned().unwrap_or_default(),
        None => schema.to_value(),
    };
    let members = resolved["properties"].as_object().cloned().unwrap_or_default();
    members
        .into_iter()
        .map(|(name, schema)| json!({"name": name, "in": "query", "schema": schema}))
        .collect()
}

fn security(access: Access) -> Value {
    match access {
        Access::Operator(_) => json!([{"operator": []}]),
        Access::Presented | Access::Public => json!([]),
        Access::Session => json!([{"session": []}]),
        Access::SessionOrOperator(_) => json!([{"session": []}, {"operator": []}]),
    }
}

/// The router's pattern as a path template: `{path:.*}` becomes `{path}`.
fn template(pattern: &str) -> String {
    let part = |part: &str| match part.strip_prefix('{').and_then(|part| part.split_once(':')) {
        Some((name, _)) => format!("{{{name}}}"),
        None => part.to_owned(),
    };
    pattern.split('/').map(part).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::operations::OPERATIONS;
    use super::*;

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let missing: Vec<_> = routes::all()
            .filter(|route| operations::find(route).is_none())
            .map(|route| (route.method.to_string(), route.path))
            .collect();
        assert_eq!(missing, [], "describe these in openapi/operations.rs");
        let stale: Vec<_> = OPERATIONS
            .iter()
            .filter(|operation| !routes::all().any(|route| operation.is_for(route)))
            .map(|operation| operation.id)
            .collect();
        assert_eq!(stale, [""; 0], "these have no route");
    }

    #[test]
    fn every_reference_resolves() {
        let document = document();
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }

    #[test]
    fn a_pattern_becomes_a_template() {
        assert_eq!(template("/api/v2/a2a/secrets/{path:.*}"), "/api/v2/a2a/secrets/{path}");
        assert_eq!(template("/api/v2/trust/issuers/{id}"), "/api/v2/trust/issuers/{id}");
    }
}

//! Holds answers against the OpenAPI document: the path, the status, the content type and the body have to be in it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use jsonschema::Validator;
use serde_json::{Value, json};

/// The document of a server.
pub(super) struct Contract {
    pub(super) document: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Contract {
    pub(super) fn new(document: Value) -> Self {
        Self { document, validators: Mutex::default() }
    }

    /// Panics unless the document foresees this answer.
    pub(super) fn check(&self, method: &str, path: &str, status: u16, content_type: &str, body: &[u8]) {
        let Some((template, operation)) = self.operation(method, path) else {
            // What the document does not know must not be there.
            assert!(matches!(status, 404 | 405), "{method} {path} answers {status} and is not documented");
            self.check_body("problem", &json!({"$ref": "#/components/schemas/Problem"}), body);
            return;
        };
        let name = format!("{method} {template} {status}");
        let response = &operation["responses"][status.to_string()];
        assert!(response.is_object(), "{name} is not documented: {}", String::from_utf8_lossy(body));
        let Some(content) = response["content"].as_object() else {
            assert!(body.is_empty(), "{name} has an undocumented body");
            return;
        };
        let essence = content_type.split(';').next().unwrap_or_default();
        let media = content.get(essence).unwrap_or_else(|| panic!("{name} is not documented as {essence}"));
        if essence.ends_with("json") {
            self.check_body(&name, &media["schema"], body);
        }
    }

    /// Panics unless the body is JSON of this schema.
    pub(super) fn check_body(&self, name: &str, schema: &Value, body: &[u8]) {
        let body: Value = serde_json::from_slice(body).unwrap_or_else(|error| panic!("{name}: {error}"));
        let validator =
            Arc::clone(self.validators.lock().expect("not poisoned").entry(name.to_owned()).or_insert_with(|| {
                let root = json!({"allOf": [schema], "components": self.document["components"]});
                Arc::new(jsonschema::validator_for(&root).unwrap_or_else(|error| panic!("{name}: {error}")))
            }));
        let errors: Vec<String> =
            validator.iter_errors(&body).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?} in {body:#}");
    }

    /// The path template and operation of a request.
    fn operation(&self, method: &str, path: &str) -> Option<(&str, &Value)> {
        let path = path.split('?').next()?;
        let paths = self.document["paths"].as_object()?;
        let fits = |template: &str| {
            let (mut wanted, mut given) = (template.split('/'), path.split('/'));
            loop {
                match (wanted.next(), given.next()) {
                    (None, None) => return true,
                    (Some(wanted), Some(given)) if wanted == given || wanted.starts_with('{') => {}
                    _ => return false,
                }
            }
        };
        // A fixed path is nearer than one with a parameter.
        let mut found: Vec<_> = paths.iter().filter(|(template, _)| fits(template)).collect();
        found.sort_by_key(|(template, _)| template.matches('{').count());
        let (template, item) = found.into_iter().find(|(_, item)| item.get(method.to_lowercase()).is_some())?;
        Some((template, &item[method.to_lowercase()]))
    }
}

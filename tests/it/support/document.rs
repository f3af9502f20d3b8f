//! The OpenAPI document, and whether a call and its answer are as it says. Members that it does not name are refused here,
//! though it leaves room for them: a later version may have more.

use super::caller::Reply;
use jsonschema::Validator;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

pub struct Document {
    whole: Value,
    /// Those with the fewest names in braces first.
    paths: Vec<String>,
    strict: Value,
    known: Mutex<HashMap<String, Arc<Validator>>>,
}

/// Made once for all stories.
pub fn document() -> &'static Document {
    static DOCUMENT: OnceLock<Document> = OnceLock::new();
    DOCUMENT.get_or_init(|| {
        let whole = referd::http::openapi::document();
        let mut paths: Vec<String> = object(&whole["paths"]).keys().cloned().collect();
        paths.sort_by_key(|path| path.matches('{').count());
        let mut strict = whole["components"]["schemas"].clone();
        close(&mut strict);
        Document { whole, paths, strict, known: Mutex::default() }
    })
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().expect("an object stands there")
}

/// No object has members that it does not name.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.values_mut().for_each(close);
            if members.contains_key("type") && members.contains_key("properties") {
                members.entry("additionalProperties").or_insert(false.into());
            }
        }
        Value::Array(all) => all.iter_mut().for_each(close),
        _ => {}
    }
}

impl Document {
    /// What is said of a call; nothing where no route of that side takes it.
    fn operation(&self, is_private: bool, method: &str, url: &str) -> Option<&Value> {
        let path = url.split_once("://").map_or(url, |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
        let path = path.split('?').next().unwrap_or(path);
        // The app's name may be left out.
        let long = path.strip_prefix("/admin/").map(|rest| format!("/admin/alma/{rest}"));
        let found = [long.as_deref(), Some(path)].into_iter().flatten();
        let template = found.flat_map(|path| self.paths.iter().find(|template| fits(template, path))).next()?;
        let route = &self.whole["paths"][template];
        // The public side is where the document is at home.
        if route.get("servers").is_some() != is_private {
            return None;
        }
        route.get(method.to_ascii_lowercase())
    }

    fn validator(&self, schema: &Value, is_strict: bool) -> Arc<Validator> {
        let mut known = self.known.lock().expect("no panic holds this lock");
        let made = known.entry(format!("{is_strict}{schema}")).or_insert_with(|| {
            let mut whole = schema.clone();
            let components = if is_strict { &self.strict } else { &self.whole["components"]["schemas"] };
            if is_strict {
                close(&mut whole);
            }
            whole["components"] = json!({"schemas": components});
            let options = jsonschema::options().should_validate_formats(true);
            Arc::new(options.build(&whole).expect("the document's schemas can be read"))
        });
        made.clone()
    }

    /// Where it stands, for what is shared.
    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        let pointer = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        pointer.map_or(value, |pointer| self.whole.pointer(pointer).expect("references lead somewhere"))
    }

    /// An answer that is not described fails the story, and so does a body that was taken and is not described.
    pub fn check(&self, is_private: bool, method: &str, url: &str, sent: &[u8], reply: &Reply) {
        let Some(operation) = self.operation(is_private, method, url) else { return };
        let asked = format!("{method} {url}: {}", reply.status);
        let answer = operation["responses"].get(reply.status.to_string());
        let answer = self.resolved(answer.unwrap_or_else(|| panic!("{asked} is not described: {}", reply.text)));
        let media = reply.header("content-type").unwrap_or_default();
        let media = media.split(';').next().unwrap_or(media);
        let content = answer["content"].get(media);
        let content = content.unwrap_or_else(|| panic!("{asked} is not described as {media}"));
        if content["schema"]["type"] != "string" {
            self.fits(&asked, &content["schema"], true, reply.text.as_bytes());
        }
        for (name, header) in object(&answer["headers"]) {
            let is_needed = self.resolved(header)["required"] == true;
            assert!(!is_needed || reply.header(name).is_some(), "{asked} has no {name}");
        }
        let takes = &operation["requestBody"]["content"]["application/json"]["schema"];
        if (200..300).contains(&reply.status) && !takes.is_null() && !sent.is_empty() {
            self.fits(&format!("the body of {asked}"), takes, false, sent);
        }
    }

    fn fits(&self, what: &str, schema: &Value, is_strict: bool, body: &[u8]) {
        let body: Value = serde_json::from_slice(body).unwrap_or_else(|_| panic!("{what}: no JSON"));
        let validator = self.validator(schema, is_strict);
        let faults: Vec<String> =
            validator.iter_errors(&body).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
        assert!(faults.is_empty(), "{what} is not as it is described: {faults:#?}\n{body:#}");
    }
}

/// Whether a path is one of a template's.
fn fits(template: &str, path: &str) -> bool {
    let (mut template, mut path) = (template.split('/'), path.split('/'));
    loop {
        match (template.next(), path.next()) {
            (None, None) => return true,
            (Some(part), Some(given)) if part == given || (part.starts_with('{') && !given.is_empty()) => {}
            _ => return false,
        }
    }
}

//! The OpenAPI document, made of what is said of each route, of the problems, and of the schemas in `docs/schemas.json`.

use super::problem::TABLE;
use super::route::{About, Content, Query, Who};
use super::routes::described;
use hyper::StatusCode;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const SCHEMAS: &str = include_str!("../../docs/schemas.json");

/// What may happen to any request, before its route is looked at or behind it.
const ALWAYS: &[&str] = &["bad-request", "headers-too-large", "internal", "timeout", "too-large"];

/// Every name in braces of a path.
const PARTS: &[Query] = &[
    Query::needed("app", "text", "The app's name. With one app `/admin/…` is enough, without a name."),
    Query::needed("coupon", "text", "The coupon's id."),
    Query::needed("id", "text", "The id, as lists show it; of a user the user id, of a conversion the transaction."),
    Query::needed("slug", "text", "The referrer's public name."),
    Query::needed("subject", "text", "A code, a user id or an original transaction id."),
    Query::needed("what", "export", "The list."),
    Query::needed("token", "text", "The secret part of the link."),
];

const ACTING_FOR: Query =
    Query::maybe("X-Referd-User", "text", "With the server's key: the user on whose behalf it calls.");
const SIGNED: Query =
    Query::maybe("X-RevenueCat-Webhook-Signature", "text", "Needed where a signing secret is configured.");

/// Headers of what is told, by Standard Webhooks.
const TOLD: &[Query] = &[
    Query::needed("webhook-id", "text", "The event's name, the same at every attempt."),
    Query::needed("webhook-timestamp", "text", "The time of the attempt in Unix seconds."),
    Query::needed("webhook-signature", "text", "`v1,` and a signature, or several of them."),
];

pub fn document() -> Value {
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let all = described();
    for about in &all {
        let path = paths.entry(about.path.clone()).or_default();
        path.insert(about.method.to_ascii_lowercase(), operation(about));
        if about.who == Who::Admin {
            let private = json!({"url": "http://127.0.0.1:7878", "description": "The private side: `admin.listen`."});
            path.insert("servers".to_owned(), json!([private]));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "referd", "version": env!("CARGO_PKG_VERSION"), "description": env!("CARGO_PKG_DESCRIPTION"),
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{
            "url": "https://refer.example.com",
            "description": "The public side: `server.public_url`, and behind it an app's `base_path`.",
        }],
        "tags": TAGS.iter().map(|(_, name, says)| json!({"name": name, "description": says})).collect::<Vec<_>>(),
        "paths": paths,
        "webhooks": {"event": {"post": told()}},
        "components": {
            "schemas": schemas(), "responses": shared(&all), "headers": headers(), "securitySchemes": schemes(),
        },
    })
}

/// The schemas by name, as parts of the document.
fn schemas() -> Value {
    let text = SCHEMAS.replace("\"#/$defs/", "\"#/components/schemas/");
    let mut file: Value = serde_json::from_str(&text).expect("a test reads the file");
    file["$defs"].take()
}

const TAGS: &[(Who, &str, &str)] = &[
    (Who::User, "app", "What the app asks for its users."),
    (Who::RevenueCat, "revenuecat", "What RevenueCat tells."),
    (Who::Apple, "apple", "What Apple tells."),
    (Who::Tremendous, "tremendous", "What Tremendous tells."),
    (Who::Anyone, "anyone", "What needs no proof of who asks."),
    (Who::Admin, "admin", "The private side."),
];

fn operation(about: &About) -> Value {
    let tag = TAGS.iter().find(|(who, ..)| *who == about.who).map(|(_, name, _)| name);
    let mut operation = json!({
        "operationId": operation_id(about), "summary": about.summary, "tags": [tag], "security": security(about.who),
        "responses": responses(about),
    });
    let parts = about.parameters().filter_map(|name| PARTS.iter().find(|part| part.name == name));
    let mut parameters: Vec<Value> = parts.map(|part| parameter("path", part)).collect();
    parameters.extend(about.query.iter().map(|query| parameter("query", query)));
    match about.who {
        Who::User => parameters.push(parameter("header", &ACTING_FOR)),
        Who::RevenueCat => parameters.push(parameter("header", &SIGNED)),
        Who::Anyone | Who::Apple | Who::Tremendous | Who::Admin => {}
    }
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some((content, is_needed)) = about.takes {
        operation["requestBody"] = json!({"required": is_needed, "content": body(content)});
    }
    operation
}

/// `get_referral_my_code`: the path in words, without the app's name.
fn operation_id(about: &About) -> String {
    let words = about.path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !matches!(*word, "" | "app"));
    words.fold(about.method.to_ascii_lowercase(), |name, word| name + "_" + word)
}

fn parameter(place: &str, query: &Query) -> Value {
    json!({
        "name": query.name, "in": place, "required": query.is_needed, "description": query.says,
        "schema": schema(query.schema),
    })
}

fn schema(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// Media types and their schemas.
fn body(content: Content) -> Map<String, Value> {
    let list = |noun: &str, more: &[(&str, Value)]| {
        let mut members = Map::from_iter([("items".to_owned(), json!({"type": "array", "items": schema(noun)}))]);
        members.extend(more.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())));
        json!({"type": "object", "required": members.keys().collect::<Vec<_>>(), "properties": members})
    };
    let (media, schema) = match content {
        Content::One(noun) => ("application/json", schema(noun)),
        Content::Items(noun) => ("application/json", list(noun, &[])),
        Content::Page(noun) => ("application/json", list(noun, &[("next_cursor", schema("text_or_null"))])),
        Content::Text(media) => (media, json!({"type": "string"})),
    };
    Map::from_iter([(media.to_owned(), json!({"schema": schema}))])
}

type Row = (&'static str, StatusCode, &'static str);

/// The problems that a route may answer with, by status.
fn refusals(about: &About) -> BTreeMap<u16, Vec<&'static Row>> {
    let by_caller: &[&str] = match about.who {
        Who::Anyone => &[],
        Who::User => &["rate-limited", "unauthenticated", "unavailable"],
        Who::RevenueCat => &["unauthenticated", "unavailable"],
        Who::Apple | Who::Tremendous => &["bad-signature", "unavailable"],
        Who::Admin if about.method == "GET" => &["not-found", "unauthenticated"],
        Who::Admin => &["not-found", "unauthenticated", "unavailable"],
    };
    let is_one = |row: &&Row| [ALWAYS, by_caller, about.refusals].iter().any(|names| names.contains(&row.0));
    let mut all: BTreeMap<u16, Vec<&Row>> = BTreeMap::new();
    TABLE.iter().filter(is_one).for_each(|row| all.entry(row.1.as_u16()).or_default().push(row));
    all
}

fn responses(about: &About) -> Value {
    let mut media: BTreeMap<u16, Map<String, Value>> = BTreeMap::new();
    about.answers.iter().for_each(|(status, content)| media.entry(*status).or_default().extend(body(*content)));
    let mut all = Map::new();
    for (status, rows) in refusals(about) {
        let answer = match media.remove(&status) {
            Some(mut content) => {
                content.extend(problem(&rows));
                response(status, content)
            }
            None => json!({"$ref": format!("#/components/responses/{}", together(&rows))}),
        };
        all.insert(status.to_string(), answer);
    }
    all.extend(media.into_iter().map(|(status, content)| (status.to_string(), response(status, content))));
    Value::Object(all)
}

/// The answers that are problems and nothing else, each under the names of its problems.
fn shared(all: &[About]) -> Value {
    let groups = all.iter().flat_map(refusals);
    let one = |(status, rows): (u16, Vec<&Row>)| (together(&rows), response(status, problem(&rows)));
    Value::Object(groups.map(one).collect())
}

fn together(rows: &[&Row]) -> String {
    rows.iter().map(|row| row.0).collect::<Vec<_>>().join(".")
}

fn problem(rows: &[&Row]) -> Map<String, Value> {
    let kinds: Vec<String> = rows.iter().map(|row| format!("urn:referd:problem:{}", row.0)).collect();
    let titles: Vec<&str> = rows.iter().map(|row| row.2).collect();
    let kind = json!({"properties": {"type": {"enum": kinds}, "title": {"enum": titles}}});
    let schema = json!({"allOf": [schema("problem"), kind]});
    Map::from_iter([("application/problem+json".to_owned(), json!({"schema": schema}))])
}

fn response(status: u16, content: Map<String, Value>) -> Value {
    let says = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let mut headers = Map::from_iter([("X-Request-Id".to_owned(), header("request_id"))]);
    match status {
        401 => _ = headers.insert("WWW-Authenticate".to_owned(), header("authenticate")),
        429 | 503 => _ = headers.insert("Retry-After".to_owned(), header("retry_after")),
        _ => {}
    }
    json!({"description": says, "content": content, "headers": headers})
}

fn header(name: &str) -> Value {
    json!({"$ref": format!("#/components/headers/{name}")})
}

fn headers() -> Value {
    let text = schema("text");
    json!({
        "request_id": {"required": true, "description": "Names the request in the log.", "schema": text},
        "retry_after": {"required": true, "description": "Seconds.", "schema": {"type": "integer", "minimum": 1}},
        "authenticate": {"description": "With `unauthenticated` only.", "schema": text},
    })
}

fn security(who: Who) -> Value {
    match who {
        Who::Anyone | Who::Apple => json!([]),
        Who::User => json!([{"server_key": []}, {"user_token": []}]),
        Who::RevenueCat => json!([{"revenuecat": []}]),
        Who::Tremendous => json!([{"tremendous": []}]),
        Who::Admin => json!([{"admin_token": []}]),
    }
}

fn schemes() -> Value {
    json!({
        "server_key": {"type": "http", "scheme": "bearer", "description": "The team's own server, beside X-Referd-User."},
        "user_token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "The user's own token."},
        "admin_token": {"type": "http", "scheme": "bearer", "description": "The administrator's token."},
        "revenuecat": {
            "type": "apiKey", "in": "header", "name": "Authorization",
            "description": "The whole value, as it is entered at RevenueCat.",
        },
        "tremendous": {
            "type": "apiKey", "in": "header", "name": "Tremendous-Webhook-Signature",
            "description": "A signature over the body.",
        },
    })
}

/// What the team's own server is told. It answers with any 2xx.
fn told() -> Value {
    json!({
        "operationId": "event", "summary": "Something happened",
        "parameters": TOLD.iter().map(|header| parameter("header", header)).collect::<Vec<_>>(),
        "requestBody": {"required": true, "content": body(Content::One("event"))},
        "responses": {"2XX": {"description": "It was taken."}, "default": {"description": "It is told again."}},
    })
}

#[cfg(test)]
mod tests;

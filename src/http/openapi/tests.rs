use super::*;
use std::collections::BTreeSet;

/// All values at any depth, with the name that each stands under.
fn each<'a>(name: &'a str, value: &'a Value, see: &mut impl FnMut(&'a str, &'a Value)) {
    see(name, value);
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| each(name, value, see)),
        Value::Array(all) => all.iter().for_each(|value| each("", value, see)),
        _ => {}
    }
}

fn references(value: &Value) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    each("", value, &mut |name, value| found.extend(value.as_str().filter(|_| name == "$ref")));
    found
}

#[test]
fn what_is_referred_to_is_there_and_what_is_there_is_referred_to() {
    let document = document();
    let found = references(&document);
    for reference in &found {
        assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
    }
    for kind in ["schemas", "responses", "headers"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            let reference = format!("#/components/{kind}/{name}");
            assert!(found.contains(reference.as_str()), "{reference} is never used");
        }
    }
}

#[test]
fn schemas_are_schemas() {
    let schemas = schemas();
    for (name, schema) in schemas.as_object().unwrap() {
        assert!(jsonschema::draft202012::meta::is_valid(schema), "{name}");
    }
    let file: Value = serde_json::from_str(SCHEMAS).unwrap();
    assert!(references(&file).iter().all(|reference| file.pointer(&reference[1..]).is_some()));
}

#[test]
fn every_route_is_described_in_full() {
    let (all, document) = (described(), document());
    let written: usize = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .map(|path| path.as_object().unwrap().keys().filter(|name| *name != "servers").count())
        .sum();
    assert_eq!(written, all.len(), "no route is described twice");
    let names: BTreeSet<String> = all.iter().map(operation_id).collect();
    assert_eq!(names.len(), all.len(), "every operation has a name of its own");
    for about in &all {
        let route = format!("{} {}", about.method, about.path);
        for name in about.parameters() {
            assert!(PARTS.iter().any(|part| part.name == name), "{route}: say what {{{name}}} is");
        }
        let statuses: Vec<u16> = about.answers.iter().map(|(status, _)| *status).collect();
        assert!(statuses.iter().any(|status| (200..300).contains(status)), "{route}: what is the good answer?");
        assert!(!about.summary.is_empty() && !about.summary.ends_with('.'), "{route}: a summary is a line");
        let unknown: Vec<_> = about.refusals.iter().filter(|name| !TABLE.iter().any(|row| row.0 == **name)).collect();
        assert!(unknown.is_empty(), "{route}: no such problems: {unknown:?}");
        let operation = &document["paths"][&about.path][about.method.to_ascii_lowercase()];
        assert_eq!(operation["responses"].as_object().unwrap().len(), {
            let problems: BTreeSet<u16> = refusals(about).into_keys().chain(statuses).collect();
            problems.len()
        });
    }
}

#[test]
fn every_problem_is_somebodys() {
    let all: BTreeSet<&str> =
        described().iter().flat_map(refusals).flat_map(|(_, rows)| rows).map(|row| row.0).collect();
    let never: Vec<&str> = TABLE.iter().map(|row| row.0).filter(|name| !all.contains(name)).collect();
    assert_eq!(never, ["method-not-allowed"], "that is the answer to methods which no route describes");
}

//! What people are called: the tables that erasure touches.

use super::Error;
use super::load::is_partner;
use super::record::decode;
use super::store::Store;
use super::table::Tab;
use crate::domain::id::{Id, Person, UserId};
use crate::domain::partner::Contact;
use std::sync::Arc;

/// What Apple can be told of a person as an `appAccountToken`: what the app gave, or the user id where it is a
/// UUID.
pub fn token_of(store: &impl Store, person: Person) -> Result<Option<String>, Error> {
    if let Some(given) = store.get(Tab::Token, person.as_bytes())? {
        return Ok(String::from_utf8(given).ok());
    }
    Ok(user_of(store, person)?.and_then(|user| user.uuid()))
}

/// What a person calls themselves, unless they were erased.
pub fn user_of(store: &impl Store, person: Person) -> Result<Option<UserId>, Error> {
    let bytes = store.get(Tab::People, person.as_bytes())?;
    Ok(bytes.and_then(|bytes| String::from_utf8(bytes).ok()).and_then(|text| UserId::parse(&text).ok()))
}

/// What names a partner, unless they were erased.
pub fn contact(store: &impl Store, partner: Id) -> Result<Option<Contact>, Error> {
    store.get(Tab::Contact, partner.as_bytes())?.map(|bytes| decode(&bytes, Tab::Contact.name())).transpose()
}

/// Where a payout can be collected.
pub fn link(store: &impl Store, payout: Id) -> Result<Option<String>, Error> {
    Ok(store.get(Tab::Contact, payout.as_bytes())?.and_then(|bytes| String::from_utf8(bytes).ok()))
}

/// How people are called to those who may know: by their user id, or by a hash where they were erased.
pub fn names(store: Arc<impl Store>) -> impl Fn(Person) -> String {
    move |person| match user_of(&*store, person) {
        Ok(Some(user)) => user.as_str().to_owned(),
        Ok(None) if is_partner(&*store, person).unwrap_or(false) => format!("partner {person}"),
        Ok(None) | Err(_) => format!("person {person}"),
    }
}

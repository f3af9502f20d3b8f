//! One route: what answers it, and what is said of it. Routers are made of these alone, so nothing is served that is
//! not described.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodRouter, delete as on_delete, get as on_get, post as on_post, put as on_put};

/// Who may call a route, and how they prove it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Anyone,
    /// The team's own server, or a user's own token.
    User,
    RevenueCat,
    /// Proves itself by what it signed.
    Apple,
    /// By a signature over the body.
    Tremendous,
    Admin,
}

/// What a body holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A JSON object, by the name of its schema.
    One(&'static str),
    /// `{items}` of a schema.
    Items(&'static str),
    /// One page of a list: `{items, next_cursor}`.
    Page(&'static str),
    /// A media type that is not JSON.
    Text(&'static str),
}

pub const PLAIN: Content = Content::Text("text/plain");
pub const HTML: Content = Content::Text("text/html");
pub const CSV: Content = Content::Text("text/csv");

/// A parameter of the query.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    pub name: &'static str,
    pub schema: &'static str,
    pub is_needed: bool,
    pub says: &'static str,
}

impl Query {
    pub const fn maybe(name: &'static str, schema: &'static str, says: &'static str) -> Query {
        Query { name, schema, is_needed: false, says }
    }
    pub const fn needed(name: &'static str, schema: &'static str, says: &'static str) -> Query {
        Query { name, schema, is_needed: true, says }
    }
}

pub const CAMPAIGN: Query = Query::maybe("campaign", "text", "A campaign other than the app's default one.");
pub const DRY_RUN: Query = Query::maybe("dry_run", "boolean", "Only says what would come of it.");

/// How a list is filtered and paged.
pub const LIST: &[Query] = &[
    Query::maybe("status", "text", "Only those with this status."),
    Query::maybe("campaign", "text", "Only those of this campaign."),
    Query::maybe("user", "user", "Only those of this user."),
    Query::maybe("limit", "limit", "Items on a page."),
    Query::maybe("cursor", "cursor", "The `next_cursor` of the page before."),
];

/// What is said of a route.
#[derive(Clone, Debug)]
pub struct About {
    pub method: &'static str,
    pub path: String,
    pub who: Who,
    pub summary: &'static str,
    pub query: Vec<Query>,
    /// The body, and whether there must be one.
    pub takes: Option<(Content, bool)>,
    pub answers: Vec<(u16, Content)>,
    /// Problems by name, beside those that follow from who calls and with what.
    pub refusals: &'static [&'static str],
}

pub struct Route<S> {
    about: About,
    handler: MethodRouter<S>,
}

macro_rules! methods {
    ($($name:ident $on:ident $method:literal;)*) => {
        $(pub fn $name<H: Handler<T, S>, T: 'static, S: Clone + Send + Sync + 'static>(
            who: Who,
            path: &'static str,
            handler: H,
            summary: &'static str,
        ) -> Route<S> {
            Route { about: About::new($method, path, who, summary), handler: $on(handler) }
        })*
    };
}

methods! {
    get on_get "GET";
    post on_post "POST";
    put on_put "PUT";
    delete on_delete "DELETE";
}

impl<S> Route<S> {
    pub fn query(mut self, query: &[Query]) -> Route<S> {
        self.about.query.extend(query);
        self
    }
    pub fn takes(mut self, body: Content) -> Route<S> {
        self.about.takes = Some((body, true));
        self
    }
    /// Takes a body that may be left out.
    pub fn may_take(mut self, body: Content) -> Route<S> {
        self.about.takes = Some((body, false));
        self
    }
    pub fn answers(mut self, status: u16, content: Content) -> Route<S> {
        self.about.answers.push((status, content));
        self
    }
    pub fn refuses(mut self, names: &'static [&'static str]) -> Route<S> {
        self.about.refusals = names;
        self
    }
}

impl About {
    fn new(method: &'static str, path: &str, who: Who, summary: &'static str) -> About {
        let (query, takes, answers) = (Vec::new(), None, Vec::new());
        About { method, path: path.to_owned(), who, summary, query, takes, answers, refusals: &[] }
    }
    /// The same, below a path.
    pub fn under(mut self, path: &str) -> About {
        self.path.insert_str(0, path);
        self
    }
    /// The names in braces.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.path.split('{').skip(1).filter_map(|rest| rest.split('}').next())
    }
}

pub fn mount<S: Clone + Send + Sync + 'static>(routes: Vec<Route<S>>) -> Router<S> {
    routes.into_iter().fold(Router::new(), |router, route| router.route(&route.about.path, route.handler))
}

pub fn abouts<S>(routes: Vec<Route<S>>) -> impl Iterator<Item = About> {
    routes.into_iter().map(|route| route.about)
}

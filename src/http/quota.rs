//! What a user, an address and a code may ask of the app's routes. Wrong codes count heavily: guessing is hopeless.

use super::front::App;
use super::peer::Client;
use super::problem::Problem;
use super::rate::Allowance;
use crate::domain::at::Span;
use crate::domain::code::CodeText;
use crate::domain::id::Person;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;

/// 120 calls, then two a second. An app that asks for code and progress whenever a screen opens makes a few a minute.
pub const USER: Allowance =
    Allowance { number: 1, by: "user", tokens: 120, each: Span::millis(500), detail: "too many calls for one user" };

/// 1,200 calls, then a hundred a second, where the team's own server speaks for the user: it may read for every view of
/// a page, and the team can hold it back itself.
pub const SERVED: Allowance =
    Allowance { number: 6, by: "user", tokens: 1_200, each: Span::millis(10), detail: "too many calls for one user" };

/// 100 wrong codes, then ten an hour. Whoever types a code from a picture needs three or four attempts, but an app
/// that repeats a call at once pays for each in advance. At this pace one account tries 88,000 in a year, of
/// 2,000,000,000 if codes had only six characters. Apple's have eighteen.
pub const USER_MISSES: Allowance = Allowance {
    number: 2,
    by: "user",
    tokens: 100,
    each: Span::minutes(6),
    detail: "too many wrong codes of one user",
};

/// 600 calls, then ten a second: behind one address of a carrier or an office stand many users.
pub const ADDRESS: Allowance = Allowance {
    number: 3,
    by: "address",
    tokens: 600,
    each: Span::millis(100),
    detail: "too many calls from one address",
};

/// 300 wrong codes, then one a minute: three times a user's, for the same reason. Accounts in any number share it.
pub const ADDRESS_MISSES: Allowance = Allowance {
    number: 4,
    by: "address",
    tokens: 300,
    each: Span::minutes(1),
    detail: "too many wrong codes from one address",
};

/// 1,000 claims, then four a second. A code is used once, so more is a stampede; and it is far more than one user can
/// do, so that nobody alone can keep others away from a code.
pub const CODE: Allowance = Allowance {
    number: 5,
    by: "code",
    tokens: 1_000,
    each: Span::millis(250),
    detail: "too many calls about one code",
};

/// What a share link that leads to nobody costs of [`ADDRESS`]: one guess a second. Slugs have 50 bits, so that finds one
/// of a million referrers in 36 years; and a newsletter with a broken link does not shut out a whole network for long.
const WRONG_LINK: i64 = 10;

impl App {
    /// A call on behalf of a user.
    pub fn call_by_user(&self, person: Person, is_server: bool) -> Result<(), Problem> {
        self.charge(if is_server { &SERVED } else { &USER }, person.as_bytes(), 1)
    }

    fn call_by_address(&self, client: Client) -> Result<(), Problem> {
        client.key().map_or(Ok(()), |address| self.charge(&ADDRESS, &address, 1))
    }

    pub fn call_by_code(&self, code: &CodeText) -> Result<(), Problem> {
        self.charge(&CODE, code.upper().as_str().as_bytes(), 1)
    }

    /// Opens a share link. One that leads to nobody is paid for in advance; [`App::led_somewhere`] gives it back.
    pub fn follow(&self, client: Client) -> Result<(), Problem> {
        client.key().map_or(Ok(()), |address| self.charge(&ADDRESS, &address, WRONG_LINK))
    }

    pub fn led_somewhere(&self, client: Client) {
        if let Some(address) = client.key() {
            self.rate.give_back(&ADDRESS, &address, WRONG_LINK - 1);
        }
    }

    /// Answers what tells whether a code or a link is somebody's. A miss is paid for in advance, so that calls at once
    /// have no more of them than calls one after another, and a caller who hangs up gets nothing back.
    pub async fn guess<T>(
        &self,
        person: Person,
        client: Client,
        answer: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        self.charge(&USER_MISSES, person.as_bytes(), 1)?;
        let back_to_user = || self.rate.give_back(&USER_MISSES, person.as_bytes(), 1);
        if let Some(address) = client.key() {
            self.charge(&ADDRESS_MISSES, &address, 1).inspect_err(|_| back_to_user())?;
        }
        let answer = answer.await;
        if !answer.as_ref().is_err_and(is_miss) {
            back_to_user();
            client.key().inspect(|address| self.rate.give_back(&ADDRESS_MISSES, address, 1));
        }
        answer
    }

    fn charge(&self, allowance: &Allowance, key: &[u8], tokens: i64) -> Result<(), Problem> {
        self.rate.take(allowance, key, tokens, self.clock.now()).map_err(|wait| {
            self.meter.limited(allowance.by);
            // Rounded up: who comes back then finds a token.
            let seconds = wait.0.max(1).unsigned_abs().div_ceil(1000);
            Problem::rate_limited(allowance.detail).retry_after(seconds)
        })
    }
}

fn is_miss(problem: &Problem) -> bool {
    matches!(problem.name, "unknown-code" | "not-found")
}

/// Middleware around the app's routes, before anything is proved: a guesser of tokens is also held back.
pub async fn by_address(
    State(app): State<Arc<App>>,
    client: Client,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    app.call_by_address(client)?;
    Ok(next.run(request).await)
}

//! A pool that was kept in Postgres: dumps of its tables `one_time_code_pool` and `referral_completions` as CSV.

use super::csv::{Column, Row};
use super::text::{parse_date, parse_rfc3339};
use crate::domain::at::{At, Date};
use crate::domain::code::{CodeState, CodeText};
use crate::domain::id::UserId;

pub const CODES: &[Column] = &[
    Column::needed("code"),
    Column::needed("status"),
    Column::needed("assigned_to_user").or(&["assigned_to", "user_id"]),
    Column::needed("expires_at"),
    Column::optional("assigned_at"),
    Column::optional("used_at"),
    Column::optional("id"),
    Column::optional("created_at"),
];

pub const COMPLETIONS: &[Column] = &[
    Column::needed("referrer_id").or(&["referrer", "referrer_user_id"]),
    Column::needed("referee_id").or(&["referee", "referee_user_id"]),
    Column::needed("code").or(&["referral_code"]),
    Column::needed("completed_at"),
    Column::optional("days").or(&["reward_days"]),
    Column::optional("granted_until"),
    Column::optional("reward").or(&["reward_status"]),
    Column::optional("source"),
    Column::optional("id"),
    Column::optional("created_at"),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PooledCode {
    pub text: CodeText,
    pub expires_at: At,
    pub held: Option<Held>,
}

/// Somebody has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub holder: UserId,
    pub assigned_at: Option<At>,
    pub state: CodeState,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed {
    pub referrer: UserId,
    pub referee: UserId,
    pub code: CodeText,
    pub at: At,
    pub days: Option<u32>,
    pub granted_until: Option<At>,
    /// The referrer has not had their reward yet.
    pub is_owed: bool,
}

/// A row of `one_time_code_pool`; nothing where nobody ever had the code and nobody can get it any more.
pub fn code(row: &Row<'_>) -> Result<Option<PooledCode>, String> {
    let text = text(row)?;
    let expires_at = row.need("expires_at")?;
    let expires_at = parse_date(expires_at).map(Date::codes_stop).or_else(|| time(expires_at));
    let expires_at = expires_at.ok_or("expires_at is no date and no time")?;
    let (assigned_at, used_at) = (optional_time(row, "assigned_at")?, optional_time(row, "used_at")?);
    let holder = row.get("assigned_to_user").map(|_| user(row, "assigned_to_user")).transpose()?;
    let state = match row.need("status")?.to_ascii_lowercase().as_str() {
        "available" => match holder {
            None => return Ok(Some(PooledCode { text, expires_at, held: None })),
            Some(_) => return Err("an available code has no user".to_owned()),
        },
        "pending" | "assigned" => CodeState::Pending,
        "used" | "redeemed" => CodeState::Used { at: used_at.or(assigned_at).unwrap_or(expires_at) },
        "expired" => CodeState::Expired { at: expires_at },
        "void" | "revoked" => CodeState::Void { at: assigned_at.unwrap_or(expires_at) },
        _ => return Err("status is none of available, pending, used, expired, void".to_owned()),
    };
    match (holder, state) {
        (Some(holder), _) => Ok(Some(PooledCode { text, expires_at, held: Some(Held { holder, assigned_at, state }) })),
        (None, CodeState::Expired { .. } | CodeState::Void { .. }) => Ok(None),
        (None, _) => Err("assigned_to_user is empty: whose code is it?".to_owned()),
    }
}

/// A row of `referral_completions`.
pub fn completion(row: &Row<'_>) -> Result<Completed, String> {
    let days = row.get("days").map(|days| days.parse().ok().filter(|days| *days <= MOST_DAYS));
    Ok(Completed {
        referrer: user(row, "referrer_id")?,
        referee: user(row, "referee_id")?,
        code: text(row)?,
        at: time(row.need("completed_at")?).ok_or("completed_at is no time")?,
        days: days.map(|days| days.ok_or("days is a whole number")).transpose()?,
        granted_until: optional_time(row, "granted_until")?,
        is_owed: row.get("reward").is_some_and(|reward| OWED.iter().any(|word| reward.eq_ignore_ascii_case(word))),
    })
}

/// A century: more is a slip.
const MOST_DAYS: u32 = 36_525;
const OWED: [&str; 4] = ["owed", "pending", "waiting", "failed"];

fn text(row: &Row<'_>) -> Result<CodeText, String> {
    CodeText::parse(row.need("code")?).ok_or_else(|| "code is not letters and digits".to_owned())
}

fn user(row: &Row<'_>, column: &'static str) -> Result<UserId, String> {
    UserId::parse(row.need(column)?).map_err(|fault| format!("{column}: {fault}"))
}

fn optional_time(row: &Row<'_>, column: &str) -> Result<Option<At>, String> {
    row.get(column).map(|text| time(text).ok_or_else(|| format!("{column} is no time"))).transpose()
}

/// As Postgres writes it, `2026-11-21 09:30:00.123+00`, or as RFC 3339 does. One without an offset is UTC.
fn time(text: &str) -> Option<At> {
    parse_rfc3339(text).or_else(|| parse_rfc3339(&format!("{text}Z"))).or_else(|| parse_date(text).map(Date::start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::csv::Table;

    fn at(text: &str) -> At {
        parse_rfc3339(text).unwrap()
    }

    #[test]
    fn times() {
        let noon = Some(at("2026-11-21T12:00:00Z"));
        for (text, expected) in [
            ("2026-11-21 12:00:00+00", noon),
            ("2026-11-21 12:00:00.000000+00", noon),
            ("2026-11-21 13:00:00+01", noon),
            ("2026-11-21 17:30:00+05:30", noon),
            ("2026-11-21 12:00:00", noon),
            ("2026-11-21T12:00:00Z", noon),
            ("2026-11-21", Some(at("2026-11-21T00:00:00Z"))),
            ("21.11.2026", None),
            ("yesterday", None),
        ] {
            assert_eq!(time(text), expected, "{text}");
        }
    }

    #[test]
    fn codes() {
        let heading = "code,status,assigned_to_user,expires_at,assigned_at,used_at\n";
        let read = |line: &str| {
            let body = format!("{heading}{line}\n");
            let mut table = Table::read(body.as_bytes(), CODES).unwrap();
            let (_, row) = table.rows().next().unwrap();
            code(&row.unwrap())
        };
        let (end, then, used) = (at("2027-05-01T07:00:00Z"), at("2026-11-01T10:00:00Z"), at("2026-11-02T10:00:00Z"));
        let held = |assigned_at, state| {
            let held = Held { holder: UserId::parse("ann").unwrap(), assigned_at, state };
            Ok(Some(PooledCode { text: CodeText::parse("AAA").unwrap(), expires_at: end, held: Some(held) }))
        };
        let free = PooledCode { text: CodeText::parse("AAA").unwrap(), expires_at: end, held: None };
        let no = |why: &str| Err(why.to_owned());
        for (line, expected) in [
            ("AAA,available,,2027-05-01,,", Ok(Some(free.clone()))),
            ("AAA,available,,2027-05-01 07:00:00+00,,", Ok(Some(free))),
            ("AAA,pending,ann,2027-05-01,2026-11-01 10:00:00+00,", held(Some(then), CodeState::Pending)),
            ("AAA,assigned,ann,2027-05-01,,", held(None, CodeState::Pending)),
            (
                "AAA,USED,ann,2027-05-01,2026-11-01 10:00:00+00,2026-11-02 10:00:00+00",
                held(Some(then), CodeState::Used { at: used }),
            ),
            ("AAA,used,ann,2027-05-01,2026-11-01 10:00:00+00,", held(Some(then), CodeState::Used { at: then })),
            ("AAA,expired,ann,2027-05-01,,", held(None, CodeState::Expired { at: end })),
            ("AAA,void,ann,2027-05-01,,", held(None, CodeState::Void { at: end })),
            ("AAA,expired,,2027-05-01,,", Ok(None)),
            ("AAA,available,ann,2027-05-01,,", no("an available code has no user")),
            ("AAA,used,,2027-05-01,,", no("assigned_to_user is empty: whose code is it?")),
            ("AAA,lost,ann,2027-05-01,,", no("status is none of available, pending, used, expired, void")),
            ("A-A,available,,2027-05-01,,", no("code is not letters and digits")),
            (",available,,2027-05-01,,", no("code is empty")),
            ("AAA,available,,,,", no("expires_at is empty")),
            ("AAA,available,,soon,,", no("expires_at is no date and no time")),
            ("AAA,pending,null,2027-05-01,,", no("assigned_to_user: RevenueCat refuses this value as a user id")),
            ("AAA,pending,ann,2027-05-01,soon,", no("assigned_at is no time")),
        ] {
            assert_eq!(read(line), expected, "{line}");
        }
    }

    #[test]
    fn completions() {
        let heading = "referrer_id,referee_id,code,source,completed_at,reward,days,granted_until\n";
        let read = |line: &str| {
            let body = format!("{heading}{line}\n");
            let mut table = Table::read(body.as_bytes(), COMPLETIONS).unwrap();
            let (_, row) = table.rows().next().unwrap();
            completion(&row.unwrap())
        };
        let plain = Completed {
            referrer: UserId::parse("ann").unwrap(),
            referee: UserId::parse("bob").unwrap(),
            code: CodeText::parse("AAA").unwrap(),
            at: at("2026-11-01T10:00:00Z"),
            days: None,
            granted_until: None,
            is_owed: false,
        };
        let until = Some(at("2027-01-01T00:00:00Z"));
        let no = |why: &str| Err(why.to_owned());
        for (line, expected) in [
            ("ann,bob,AAA,ios,2026-11-01 10:00:00+00,granted,,", Ok(plain.clone())),
            (
                "ann,bob,AAA,ios,2026-11-01 10:00:00+00,granted,30,2027-01-01",
                Ok(Completed { days: Some(30), granted_until: until, ..plain.clone() }),
            ),
            ("ann,bob,AAA,,2026-11-01 10:00:00+00,Owed,,", Ok(Completed { is_owed: true, ..plain })),
            ("ann,bob,AAA,,,,,", no("completed_at is empty")),
            ("ann,bob,AAA,,then,,,", no("completed_at is no time")),
            ("ann,bob,AAA,,2026-11-01,,a month,", no("days is a whole number")),
            ("ann,bob,AAA,,2026-11-01,,999999,", no("days is a whole number")),
            ("ann,,AAA,,2026-11-01,,,", no("referee_id is empty")),
        ] {
            assert_eq!(read(line), expected, "{line}");
        }
    }
}

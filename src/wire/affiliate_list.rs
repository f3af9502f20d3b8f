//! Affiliates as the services that run such programmes list them, Rewardful and Tolt among them.

use super::csv::{Column, Row};
use crate::domain::money::BasisPoints;

pub const COLUMNS: &[Column] = &[
    Column::needed("email").or(&["email address", "affiliate email", "partner email"]),
    Column::optional("name").or(&["full name", "affiliate name", "partner name", "affiliate", "partner"]),
    Column::optional("first_name").or(&["affiliate first name"]),
    Column::optional("last_name").or(&["affiliate last name"]),
    Column::optional("payout_email").or(&["payment email"]),
    Column::optional("paypal_email").or(&["paypal", "affiliate paypal email"]),
    Column::optional("wise_email").or(&["wise"]),
    Column::optional("commission").or(&["commission rate", "commission percent", "commission percentage"]),
    Column::optional("custom_code").or(&["coupon", "coupon code", "promo code", "promotion code", "discount code"]),
    Column::optional("offer").or(&["offer name", "own offer"]),
    Column::optional("country").or(&["country code"]),
    Column::optional("status").or(&["state"]),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affiliate {
    pub name: String,
    pub email: String,
    pub payout_email: Option<String>,
    pub commission: Option<BasisPoints>,
    pub custom_code: Option<String>,
    pub offer: Option<String>,
    pub country: Option<String>,
}

pub fn affiliate(row: &Row<'_>) -> Result<Affiliate, String> {
    let email = row.need("email")?.to_owned();
    let text = |column: &str| row.get(column).map(str::to_owned);
    if let Some(status) =
        row.get("status").filter(|status| !ACTIVE.iter().any(|word| status.eq_ignore_ascii_case(word)))
    {
        return Err(format!("not active there: {status}"));
    }
    let parts: Vec<&str> = [row.get("first_name"), row.get("last_name")].into_iter().flatten().collect();
    let name = text("name").or((!parts.is_empty()).then(|| parts.join(" "))).unwrap_or_else(|| email.clone());
    let payout_email = ["payout_email", "paypal_email", "wise_email"].into_iter().find_map(text);
    Ok(Affiliate {
        name,
        payout_email: payout_email.filter(|other| !other.eq_ignore_ascii_case(&email)),
        email,
        commission: row
            .get("commission")
            .map(|text| percent(text).ok_or("commission is a percentage, as 20 or 12.5%"))
            .transpose()?,
        custom_code: text("custom_code"),
        offer: text("offer"),
        country: text("country"),
    })
}

const ACTIVE: [&str; 3] = ["active", "approved", "enabled"];

/// `20`, `20%`, `12.5 %`: hundredths of a percent, and no more of them than a whole.
pub fn percent(text: &str) -> Option<BasisPoints> {
    let number = text.trim().trim_end_matches('%').trim_end();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 3 || fraction.len() > 2 || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    BasisPoints::new(format!("{whole}{fraction:0<2}").parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::csv::Table;

    #[test]
    fn percentages() {
        for (text, points) in [
            ("20", Some(2_000)),
            ("20%", Some(2_000)),
            ("12.5 %", Some(1_250)),
            ("0.25", Some(25)),
            ("100", Some(10_000)),
            ("0", Some(0)),
            ("100.01", None),
            ("1.234", None),
            ("-5", None),
            ("", None),
            ("%", None),
            ("$5", None),
        ] {
            assert_eq!(percent(text).map(BasisPoints::get), points, "{text}");
        }
    }

    #[test]
    fn lists() {
        let read = |text: &str| {
            let mut table = Table::read(text.as_bytes(), COLUMNS).unwrap();
            let (_, row) = table.rows().next().unwrap();
            affiliate(&row.unwrap())
        };
        let jen = Affiliate {
            name: "Jen Doe".into(),
            email: "jen@example.com".into(),
            payout_email: None,
            commission: None,
            custom_code: None,
            offer: None,
            country: None,
        };
        let pays = |to: &str| Affiliate { payout_email: Some(to.into()), ..jen.clone() };
        for (text, expected) in [
            ("Name,Email\nJen Doe,jen@example.com", Ok(jen.clone())),
            ("email\njen@example.com", Ok(Affiliate { name: "jen@example.com".into(), ..jen.clone() })),
            (
                "stripe_customer_id,first_name,last_name,email,paypal_email,wise_email,token\n\
                 cus_1,Jen,Doe,jen@example.com,,money@example.com,jen",
                Ok(pays("money@example.com")),
            ),
            (
                "firstName,lastName,email,payoutMethod,payoutEmail,param,url,promoCode\n\
                 Jen,Doe,jen@example.com,paypal,money@example.com,ref,jen,JEN20",
                Ok(Affiliate { custom_code: Some("JEN20".into()), ..pays("money@example.com") }),
            ),
            (
                "Affiliate Name,Email Address,Commission Rate,Own offer,Country,PayPal Email,State\n\
                 Jen Doe,jen@example.com,12.5%,PARTNER_JEN,DE,JEN@example.com,Active",
                Ok(Affiliate {
                    commission: BasisPoints::new(1_250),
                    offer: Some("PARTNER_JEN".into()),
                    country: Some("DE".into()),
                    ..jen
                }),
            ),
            ("email,state\njen@example.com,suspicious", Err("not active there: suspicious".into())),
            ("email,name\n,Jen", Err("email is empty".into())),
            ("email,commission\nj@e.com,a lot", Err("commission is a percentage, as 20 or 12.5%".into())),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }
}

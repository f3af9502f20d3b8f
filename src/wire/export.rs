//! Whole lists that leave the house: CSV with a heading, or one JSON object a line.

use super::csv::csv_row;
use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Csv,
    Ndjson,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Codes,
    Completions,
    Conversions,
    Partners,
    Payouts,
    Journal,
}

impl Format {
    pub fn parse(word: &str) -> Option<Format> {
        [Format::Csv, Format::Ndjson].into_iter().find(|format| format.word() == word)
    }
    pub fn word(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Ndjson => "ndjson",
        }
    }
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Csv => "text/csv; charset=utf-8",
            Format::Ndjson => "application/x-ndjson",
        }
    }
    /// What stands above the first line.
    pub fn heading(self, what: What) -> String {
        match self {
            Format::Csv => csv_row(what.columns().iter().copied()),
            Format::Ndjson => String::new(),
        }
    }
    /// An item of a list, its line's end included.
    pub fn line(self, what: What, item: &Value) -> String {
        match self {
            Format::Csv => {
                let cells: Vec<String> = what.columns().iter().map(|column| cell(&item[column])).collect();
                csv_row(cells.iter().map(String::as_str))
            }
            Format::Ndjson => format!("{item}\n"),
        }
    }
}

impl What {
    pub const ALL: [What; 6] =
        [What::Codes, What::Completions, What::Conversions, What::Partners, What::Payouts, What::Journal];

    pub fn parse(word: &str) -> Option<What> {
        What::ALL.into_iter().find(|what| what.word() == word)
    }
    pub fn word(self) -> &'static str {
        match self {
            What::Codes => "codes",
            What::Completions => "completions",
            What::Conversions => "conversions",
            What::Partners => "partners",
            What::Payouts => "payouts",
            What::Journal => "journal",
        }
    }
    fn columns(self) -> &'static [&'static str] {
        match self {
            What::Codes => &[
                "code",
                "campaign",
                "batch",
                "status",
                "assigned_to",
                "label",
                "claimed_by",
                "expires_at",
                "assigned_at",
                "used_at",
            ],
            What::Completions => &[
                "id",
                "campaign",
                "referrer",
                "referee",
                "code",
                "status",
                "method",
                "reasons",
                "is_test",
                "days",
                "original_transaction_id",
                "claimed_at",
                "redeemed_at",
                "credited_at",
                "hold_until",
                "rules",
            ],
            What::Conversions => &[
                "transaction_id",
                "original_transaction_id",
                "partner",
                "campaign",
                "coupon",
                "kind",
                "product_id",
                "price",
                "currency",
                "commission",
                "commission_currency",
                "status",
                "reasons",
                "is_test",
                "purchased_at",
                "approved_at",
                "paid_at",
                "payout",
            ],
            What::Partners => &[
                "id",
                "campaign",
                "status",
                "name",
                "email",
                "country",
                "has_tax_form",
                "commission",
                "recurring",
                "products",
                "payout",
                "created_at",
                "changed_at",
            ],
            What::Payouts => &[
                "id",
                "partner",
                "campaign",
                "amount",
                "currency",
                "status",
                "rail",
                "external_id",
                "conversions",
                "counted",
                "carried",
                "order",
                "link",
                "trouble",
                "error",
                "created_at",
                "sent_at",
                "settled_at",
                "ended_at",
            ],
            What::Journal => &["seq", "at", "kind", "by", "reason", "subjects", "summary", "detail"],
        }
    }
}

/// Words in a list stand one after another; what has parts stands as JSON.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let words: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            words.map_or_else(|| value.to_string(), |words| words.join(";"))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words() {
        for what in What::ALL {
            assert_eq!(What::parse(what.word()), Some(what));
        }
        for format in [Format::Csv, Format::Ndjson] {
            assert_eq!(Format::parse(format.word()), Some(format));
        }
        assert_eq!((What::parse("claims"), Format::parse("xml")), (None, None));
    }

    #[test]
    fn cells() {
        for (value, expected) in [
            (Value::Null, ""),
            (json!("text"), "text"),
            (json!(-500), "-500"),
            (json!(true), "true"),
            (json!([]), ""),
            (json!(["refund", "by_hand"]), "refund;by_hand"),
            (json!([{"code": 1}]), r#"[{"code":1}]"#),
            (json!({"rail": "csv"}), r#"{"rail":"csv"}"#),
        ] {
            assert_eq!(cell(&value), expected, "{value}");
        }
    }

    #[test]
    fn lines() {
        let code = json!({"code": "AAA", "status": "pending", "assigned_to": "=cmd()", "label": "a,b", "more": 1});
        let heading = "code,campaign,batch,status,assigned_to,label,claimed_by,expires_at,assigned_at,used_at\r\n";
        assert_eq!(Format::Csv.heading(What::Codes), heading);
        assert_eq!(Format::Csv.line(What::Codes, &code), "AAA,,,pending,'=cmd(),\"a,b\",,,,\r\n");
        assert_eq!(Format::Ndjson.heading(What::Codes), "");
        assert_eq!(Format::Ndjson.line(What::Codes, &json!({"code": "A\nB"})), "{\"code\":\"A\\nB\"}\n");
    }
}

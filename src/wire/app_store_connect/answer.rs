//! What App Store Connect says besides the data: errors, and how many requests are left.

use serde_json::Value;

/// All errors of an answer, those that others point at included. The one that decides need not be the first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiErrors(pub Vec<ApiError>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiError {
    pub status: String,
    /// Hierarchical, with dots: compare by prefix.
    pub code: String,
    pub title: String,
    pub detail: String,
    /// The member of the request, or the query parameter, that it is about.
    pub source: String,
}

/// How many errors one line of a log names, and how long that line grows.
const SHOWN: usize = 4;
const LINE: usize = 600;

impl ApiErrors {
    /// Empty when the body is something else: a wrong `Accept` for one is answered in plain text.
    pub fn parse(body: &[u8]) -> ApiErrors {
        let mut found = Vec::new();
        if let Ok(body) = serde_json::from_slice::<Value>(body) {
            collect(&body["errors"], &mut found);
        }
        ApiErrors(found)
    }

    /// Whether any error has this code or one below it.
    pub fn any(&self, code: &str) -> bool {
        self.0
            .iter()
            .any(|error| error.code.strip_prefix(code).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
    }

    /// Whether any error has this word, given in small letters, in its texts.
    pub fn mention(&self, word: &str) -> bool {
        let has = |text: &str| text.to_lowercase().contains(word);
        self.0.iter().any(|error| has(&error.title) || has(&error.detail))
    }

    /// One line for a log.
    pub fn describe(&self) -> String {
        if self.0.is_empty() {
            return "no reason given".to_owned();
        }
        let mut parts: Vec<String> = self.0.iter().take(SHOWN).map(ApiError::describe).collect();
        if self.0.len() > SHOWN {
            parts.push(format!("and {} more", self.0.len() - SHOWN));
        }
        parts.join("; ").chars().map(|c| if c.is_control() { ' ' } else { c }).take(LINE).collect()
    }
}

impl ApiError {
    fn describe(&self) -> String {
        let mut line = self.code.clone();
        for (before, text, after) in [(": ", &self.title, ""), (" - ", &self.detail, ""), (" (", &self.source, ")")] {
            if !text.is_empty() {
                line.extend([before, text, after]);
            }
        }
        line
    }
}

/// Depth is bounded by the JSON reader.
fn collect(errors: &Value, found: &mut Vec<ApiError>) {
    for error in errors.as_array().into_iter().flatten() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let source = &error["source"];
        found.push(ApiError {
            status: text(&error["status"]),
            code: text(&error["code"]),
            title: text(&error["title"]),
            detail: text(&error["detail"]),
            source: text(source.get("pointer").unwrap_or(&source["parameter"])),
        });
        for associated in error["meta"]["associatedErrors"].as_object().into_iter().flat_map(|map| map.values()) {
            collect(associated, found);
        }
    }
}

/// The header `X-Rate-Limit`: a list of `name:number;`, of which any part may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimit {
    pub hour_limit: Option<u32>,
    pub hour_left: Option<u32>,
    pub minute_limit: Option<u32>,
    pub minute_left: Option<u32>,
}

impl RateLimit {
    pub fn parse(header: &str) -> RateLimit {
        let mut limit = RateLimit::default();
        for (name, number) in header.split(';').filter_map(|part| part.split_once(':')) {
            let field = match name.trim() {
                "user-hour-lim" => &mut limit.hour_limit,
                "user-hour-rem" => &mut limit.hour_left,
                "user-minute-lim" => &mut limit.minute_limit,
                "user-minute-rem" => &mut limit.minute_left,
                _ => continue,
            };
            *field = number.trim().parse().ok();
        }
        limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors() {
        let expired = r#"{"errors":[
            {"id":"1","status":"409","code":"STATE_ERROR","title":"Not possible.","detail":"The offer is\ninactive."},
            {"status":"409","code":"ENTITY_ERROR.ATTRIBUTE.INVALID","title":"Invalid.","detail":"Too late.",
             "source":{"pointer":"/data/attributes/expirationDate"}}]}"#;
        let nested = r#"{"errors":[{"status":"409","code":"ENTITY_ERROR","title":"See below.",
            "meta":{"associatedErrors":{"/v1/x":[{"status":"409","code":"STATE_ERROR.X","title":"Inner."}]}}}]}"#;
        let parameter = r#"{"errors":[{"status":"400","code":"PARAMETER_ERROR.INVALID","title":"Bad.","source":{"parameter":"limit"}}]}"#;
        let rows = [
            (
                expired,
                "STATE_ERROR: Not possible. - The offer is inactive.; \
                 ENTITY_ERROR.ATTRIBUTE.INVALID: Invalid. - Too late. (/data/attributes/expirationDate)",
            ),
            (nested, "ENTITY_ERROR: See below.; STATE_ERROR.X: Inner."),
            (parameter, "PARAMETER_ERROR.INVALID: Bad. (limit)"),
            ("Not Acceptable", "no reason given"),
            ("", "no reason given"),
            ("{}", "no reason given"),
            (r#"{"errors":7}"#, "no reason given"),
        ];
        for (body, expected) in rows {
            assert_eq!(ApiErrors::parse(body.as_bytes()).describe(), expected, "{body}");
        }
        let many = format!(r#"{{"errors":[{}]}}"#, [r#"{"code":"A"}"#; 9].join(","));
        assert_eq!(ApiErrors::parse(many.as_bytes()).describe(), "A; A; A; A; and 5 more");
        let long = format!(r#"{{"errors":[{{"code":"A","title":"{}"}}]}}"#, "x".repeat(5_000));
        assert_eq!(ApiErrors::parse(long.as_bytes()).describe().len(), LINE);
    }

    #[test]
    fn codes_by_prefix_and_words() {
        let errors = ApiErrors(vec![
            ApiError { code: "STATE_ERROR".to_owned(), ..ApiError::default() },
            ApiError { code: "ENTITY_ERROR.ATTRIBUTE.INVALID".to_owned(), ..ApiError::default() },
        ]);
        let rows = [
            ("STATE_ERROR", true),
            ("ENTITY_ERROR", true),
            ("ENTITY_ERROR.ATTRIBUTE", true),
            ("ENTITY_ERROR.ATTRIBUTE.INVALID", true),
            ("ENTITY_ERR", false),
            ("STATE_ERROR.X", false),
        ];
        for (code, expected) in rows {
            assert_eq!(errors.any(code), expected, "{code}");
        }
        let said = r#"{"errors":[{"code":"A"},{"title":"Given Code is Inactive","detail":"So it stays"}]}"#;
        let errors = ApiErrors::parse(said.as_bytes());
        assert_eq!(["inactiv", "stays", "active.", "a"].map(|word| errors.mention(word)), [true, true, false, true]);
    }

    #[test]
    fn rate_limits() {
        let hour = |limit, left| RateLimit { hour_limit: limit, hour_left: left, ..RateLimit::default() };
        let all = RateLimit { minute_limit: Some(150), minute_left: Some(149), ..hour(Some(3_600), Some(3_598)) };
        let rows = [
            ("user-hour-lim:3500;user-hour-rem:500;", hour(Some(3_500), Some(500))),
            ("user-hour-lim:3600; user-hour-rem:0", hour(Some(3_600), Some(0))),
            ("user-hour-lim:3600;user-hour-rem:3598;user-minute-lim:150;user-minute-rem:149;", all),
            ("user-hour-lim:many;other:3;user-hour-rem:-1", hour(None, None)),
            ("", hour(None, None)),
            (";;:;", hour(None, None)),
        ];
        for (header, expected) in rows {
            assert_eq!(RateLimit::parse(header), expected, "{header}");
        }
    }
}

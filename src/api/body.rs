//! Strict reading of JSON bodies: every wrong field is named at once, nothing unknown is passed over.
//!
//! A body is read field by field ([`Fields`]) instead of by serde, whose first error ends it. A missing field and
//! null are the same but where null says something of its own ([`Fields::nullable_number`], [`Fields::change`]).
//! An empty body is an empty object.
//!
//! The structs that OpenAPI shows stand beside their readers; a test holds the two equal.

use std::ops::RangeInclusive;

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::header,
};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use serde_json::{Map, Value};

use super::problem::{Code, Problem};
use crate::domain::{LineId, Millis, rejection::FieldError};

/// The most bytes of a body.
pub const BODY_LEN_MAX: usize = 64 * 1_024;

/// The most bytes of a body that is refused for its length.
const DISCARDED_LEN_MAX: usize = 1_024 * 1_024;

/// Largest time accepted, in milliseconds: the year 2286. Redis's scripts count exactly far beyond it.
const MILLIS_MAX: i64 = 9_999_999_999_999;

/// A body, not looked at yet.
pub struct RawBody {
    content_type: Option<String>,
    bytes: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        // Bytes that are not text name no type that is known.
        let content_type = content_type.map(|value| value.to_str().unwrap_or_default().to_owned());
        let announced =
            request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if announced.is_some_and(|len: u64| len > DISCARDED_LEN_MAX as u64) {
            return Err(Problem::new(Code::TooLarge));
        }
        Ok(Self { content_type, bytes: read(request.into_body()).await? })
    }
}

/// A body that is a little too long is read to its end, but not kept: its sender is then told why, where a connection
/// that is closed on what is still being sent may be reset before anything is heard.
async fn read(body: Body) -> Result<Bytes, Problem> {
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut len) = (BytesMut::new(), 0);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Problem::new(Code::Malformed))?;
        len += chunk.len();
        if len > DISCARDED_LEN_MAX {
            break;
        }
        if len <= BODY_LEN_MAX {
            bytes.extend_from_slice(&chunk);
        }
    }
    if len <= BODY_LEN_MAX { Ok(bytes.freeze()) } else { Err(Problem::new(Code::TooLarge)) }
}

impl RawBody {
    /// What was sent, in one spelling for the same JSON, to compare a retry with.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        match serde_json::from_slice::<Value>(&self.bytes) {
            // `Map` keeps its keys sorted.
            Ok(value) => value.to_string().into_bytes(),
            Err(_) => self.bytes.to_vec(),
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// `unsupported_media_type`, `malformed`, or `invalid` with every field that is wrong.
    pub fn read<T: FromFields>(&self) -> Result<T, Problem> {
        Fields::read(self.value()?, T::from_fields).map_err(Problem::invalid)
    }

    fn value(&self) -> Result<Value, Problem> {
        if self.bytes.is_empty() {
            return Ok(Value::Object(Map::new()));
        }
        if !self.content_type.as_deref().is_some_and(is_json) {
            return Err(Problem::new(Code::UnsupportedMediaType));
        }
        serde_json::from_slice(&self.bytes).map_err(|error| {
            Problem::new(Code::Malformed).detail(format!(
                "not JSON at line {}, column {}",
                error.line(),
                error.column()
            ))
        })
    }
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// A body that can be read.
pub trait FromFields: Sized {
    /// Reads every field. The value counts only if no field was wrong.
    fn from_fields(fields: &mut Fields) -> Self;
}

/// A call without a body.
pub struct Nothing;

impl FromFields for Nothing {
    fn from_fields(_: &mut Fields) -> Self {
        Self
    }
}

/// The fields of an object. Reading a wrong one notes it and answers a placeholder, so that the others are looked at,
/// too.
pub struct Fields {
    map: Map<String, Value>,
    path: String,
    errors: Vec<FieldError>,
    /// Fields asked for: name, and whether it has to be there.
    asked: Vec<(&'static str, bool)>,
}

impl Fields {
    fn read<T>(value: Value, from_fields: impl FnOnce(&mut Self) -> T) -> Result<T, Vec<FieldError>> {
        let Value::Object(map) = value else { return Err(vec![FieldError::new("", "type")]) };
        let mut fields = Self { map, path: String::new(), errors: Vec::new(), asked: Vec::new() };
        let value = from_fields(&mut fields);
        let errors = fields.finish();
        if errors.is_empty() { Ok(value) } else { Err(errors) }
    }

    fn finish(mut self) -> Vec<FieldError> {
        for name in self.map.keys() {
            self.errors.push(FieldError::new(format!("{}{name}", self.path), "unknown"));
        }
        self.errors
    }

    /// Notes that a field is wrong.
    pub fn wrong(&mut self, name: &str, code: &str) {
        self.errors.push(FieldError::new(format!("{}{name}", self.path), code));
    }

    fn take(&mut self, name: &'static str, required: bool) -> Option<Value> {
        self.asked.push((name, required));
        let value = self.map.remove(name).filter(|value| !value.is_null());
        if required && value.is_none() {
            self.wrong(name, "required");
        }
        value
    }

    fn number_of(&mut self, name: &'static str, value: &Value, range: &RangeInclusive<i64>) -> Option<i64> {
        let Value::Number(number) = value else {
            self.wrong(name, "type");
            return None;
        };
        let Some(number) = number.as_i64() else {
            // An integer beyond 64 bits is out of range, a fraction is no integer.
            self.wrong(name, if number.is_u64() { "range" } else { "type" });
            return None;
        };
        if !range.contains(&number) {
            self.wrong(name, "range");
            return None;
        }
        Some(number)
    }

    /// An integer that has to be there.
    pub fn number(&mut self, name: &'static str, range: RangeInclusive<i64>) -> i64 {
        let value = self.take(name, true);
        value.and_then(|value| self.number_of(name, &value, &range)).unwrap_or(*range.start())
    }

    /// An integer that may be left out.
    pub fn optional_number(&mut self, name: &'static str, range: RangeInclusive<i64>) -> Option<i64> {
        let value = self.take(name, false)?;
        self.number_of(name, &value, &range)
    }

    /// An integer or null, one of which has to be there.
    pub fn nullable_number(&mut self, name: &'static str, range: RangeInclusive<i64>) -> Option<i64> {
        self.asked.push((name, true));
        match self.map.remove(name) {
            None => {
                self.wrong(name, "required");
                None
            }
            Some(Value::Null) => None,
            Some(value) => self.number_of(name, &value, &range),
        }
    }

    /// A time in milliseconds that may be left out.
    pub fn optional_millis(&mut self, name: &'static str) -> Option<Millis> {
        self.optional_number(name, 0..=MILLIS_MAX)
    }

    fn text_of(&mut self, name: &'static str, value: Value, len_max: usize) -> Option<String> {
        let Value::String(text) = value else {
            self.wrong(name, "type");
            return None;
        };
        if text.chars().count() > len_max {
            self.wrong(name, "too_long");
            return None;
        }
        if text.chars().any(char::is_control) {
            self.wrong(name, "format");
            return None;
        }
        Some(text)
    }

    /// Text that has to be there; it may be empty.
    pub fn text(&mut self, name: &'static str, len_max: usize) -> String {
        let value = self.take(name, true);
        value.and_then(|value| self.text_of(name, value, len_max)).unwrap_or_default()
    }

    /// Text that has to be there, of any characters, control characters included: a secret.
    pub fn secret(&mut self, name: &'static str, len_max: usize) -> String {
        match self.take(name, true) {
            None => String::new(),
            Some(Value::String(text)) if text.chars().count() <= len_max => text,
            Some(Value::String(_)) => {
                self.wrong(name, "too_long");
                String::new()
            }
            Some(_) => {
                self.wrong(name, "type");
                String::new()
            }
        }
    }

    /// Text that may be left out; blank text is none.
    pub fn optional_text(&mut self, name: &'static str, len_max: usize) -> Option<String> {
        let value = self.take(name, false)?;
        let text = self.text_of(name, value, len_max)?;
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Text that may be left alone (`None`), set, or cleared by null or blank text (`Some(None)`).
    pub fn change(&mut self, name: &'static str, len_max: usize) -> Option<Option<String>> {
        self.asked.push((name, false));
        let value = self.map.remove(name)?;
        if value.is_null() {
            return Some(None);
        }
        let text = self.text_of(name, value, len_max)?;
        let text = text.trim();
        Some((!text.is_empty()).then(|| text.to_owned()))
    }

    /// Text of a form of its own that may be left out.
    pub fn optional_parsed<T>(
        &mut self,
        name: &'static str,
        len_max: usize,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.optional_text(name, len_max)?;
        let parsed = parse(&text);
        if parsed.is_none() {
            self.wrong(name, "format");
        }
        parsed
    }

    fn word_of<T: Copy>(&mut self, name: &'static str, value: &Value, words: &[(&str, T)]) -> Option<T> {
        let Value::String(text) = value else {
            self.wrong(name, "type");
            return None;
        };
        let found = words.iter().find(|(word, _)| word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            self.wrong(name, "unknown_value");
        }
        found
    }

    /// One of these words.
    pub fn word<T: Copy>(&mut self, name: &'static str, words: &[(&str, T)]) -> T {
        let value = self.take(name, true);
        value.and_then(|value| self.word_of(name, &value, words)).unwrap_or(words[0].1)
    }

    /// One of these words, or left out.
    pub fn optional_word<T: Copy>(&mut self, name: &'static str, words: &[(&str, T)]) -> Option<T> {
        let value = self.take(name, false)?;
        self.word_of(name, &value, words)
    }

    /// A line's letter. Text that cannot be one is a line that does not exist.
    pub fn line(&mut self, name: &'static str) -> LineId {
        let value = self.take(name, true);
        value.and_then(|value| self.line_of(name, &value)).unwrap_or_else(any_line)
    }

    /// A line's letter, or left out.
    pub fn optional_line(&mut self, name: &'static str) -> Option<LineId> {
        let value = self.take(name, false)?;
        self.line_of(name, &value)
    }

    fn line_of(&mut self, name: &'static str, value: &Value) -> Option<LineId> {
        let Value::String(text) = value else {
            self.wrong(name, "type");
            return None;
        };
        let line = text.parse().ok();
        if line.is_none() {
            self.wrong(name, "not_found");
        }
        line
    }

    /// A list of objects that may be left out.
    pub fn objects<T>(&mut self, name: &'static str, len_max: usize, read: impl Fn(&mut Self) -> T) -> Vec<T> {
        let list = match self.take(name, false) {
            None => return Vec::new(),
            Some(Value::Array(list)) => list,
            Some(_) => {
                self.wrong(name, "type");
                return Vec::new();
            }
        };
        if list.len() > len_max {
            self.wrong(name, "too_long");
            return Vec::new();
        }
        let mut values = Vec::with_capacity(list.len());
        for (index, value) in list.into_iter().enumerate() {
            let path = format!("{}{name}[{index}]", self.path);
            let Value::Object(map) = value else {
                self.errors.push(FieldError::new(path, "type"));
                continue;
            };
            let mut fields = Self { map, path: format!("{path}."), errors: Vec::new(), asked: Vec::new() };
            values.push(read(&mut fields));
            self.errors.extend(fields.finish());
        }
        values
    }

    /// What is left, as it is: for bodies that another type checks.
    pub fn rest(&mut self) -> Map<String, Value> {
        std::mem::take(&mut self.map)
    }

    /// Names that a body asks for, and whether they have to be there, for the test that compares them with OpenAPI.
    #[cfg(test)]
    pub fn asked_by<T: FromFields>() -> Vec<(&'static str, bool)> {
        let mut fields = Self { map: Map::new(), path: String::new(), errors: Vec::new(), asked: Vec::new() };
        T::from_fields(&mut fields);
        fields.asked
    }
}

fn any_line() -> LineId {
    "A".parse().expect("Invariant: A is a letter")
}

/// A number checked to be within the range of its type.
#[must_use]
pub fn small(number: i64) -> u32 {
    u32::try_from(number).expect("Invariant: the range given for this field is one of u32")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Party;

    impl FromFields for Party {
        fn from_fields(fields: &mut Fields) -> Self {
            fields.line("line");
            fields.number("adults", 1..=20);
            fields.optional_number("children", 0..=19);
            fields.optional_text("name", 5);
            fields.word("channel", &[("onsite", 1), ("remote", 2)]);
            fields.nullable_number("left", 0..=9);
            fields.objects("items", 2, |fields| fields.number("quantity", 1..=99));
            Self
        }
    }

    fn check(body: Value) -> String {
        let errors = Fields::read(body, Party::from_fields).err().unwrap_or_default();
        errors.iter().map(|error| format!("{} {}", error.field, error.code)).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn every_wrong_field_is_named() {
        let fine = json!({"line": "A", "adults": 2, "channel": "onsite", "left": null});
        assert_eq!(check(fine.clone()), "");
        assert_eq!(check(json!({})), "line required, adults required, channel required, left required");
        assert_eq!(check(json!([])), " type");
        for (field, value, expected) in [
            ("adults", json!(0), "adults range"),
            ("adults", json!(2.5), "adults type"),
            ("adults", json!("2"), "adults type"),
            ("adults", json!(u64::MAX), "adults range"),
            ("adults", json!(null), "adults required"),
            ("children", json!(null), ""),
            ("children", json!(-1), "children range"),
            ("line", json!("AA"), "line not_found"),
            ("line", json!(1), "line type"),
            ("name", json!("가나다라마"), ""),
            ("name", json!("가나다라마바"), "name too_long"),
            ("name", json!("a\u{0}"), "name format"),
            ("channel", json!("elsewhere"), "channel unknown_value"),
            ("left", json!(10), "left range"),
            ("items", json!({}), "items type"),
            (
                "items",
                json!([{"quantity": 0, "price": 1}, 5]),
                "items[1] type, items[0].quantity range, items[0].price unknown",
            ),
            ("items", json!([{}, {}, {}]), "items too_long"),
            ("role", json!("admin"), "role unknown"),
        ] {
            let mut body = fine.clone();
            body[field] = value;
            let sorted = |text: &str| {
                let mut parts: Vec<_> = text.split(", ").map(str::to_owned).collect();
                parts.sort();
                parts
            };
            assert_eq!(sorted(&check(body)), sorted(expected), "{field}");
        }
    }

    #[test]
    fn only_json_is_json() {
        for (content_type, json) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/merge-patch+json", true),
            ("text/plain", false),
            ("text/json", false),
            ("application/x-www-form-urlencoded", false),
        ] {
            assert_eq!(is_json(content_type), json, "{content_type}");
        }
    }

    #[test]
    fn the_same_json_is_one_text() {
        let canonical =
            |text: &'static str| RawBody { content_type: None, bytes: Bytes::from_static(text.as_bytes()) }.canonical();
        assert_eq!(canonical(r#"{"a":1, "b":[2]}"#), canonical(r#"{ "b": [2],"a":1}"#));
        assert_ne!(canonical(r#"{"a":1}"#), canonical(r#"{"a":2}"#));
        assert_eq!(canonical("{"), b"{");
    }
}

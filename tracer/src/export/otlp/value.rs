//! Values as OTLP has them. Whole numbers stay whole; the nesting stays as it is.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use serde_json::Value;

/// A key with its value.
#[must_use]
pub fn attribute(key: &str, value: &Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(any(value)), ..KeyValue::default() }
}

/// Text.
pub(super) fn string(text: impl Into<String>) -> AnyValue {
    AnyValue { value: Some(Any::StringValue(text.into())) }
}

fn any(value: &Value) -> AnyValue {
    let value = match value {
        Value::Null => None,
        Value::Bool(truth) => Some(Any::BoolValue(*truth)),
        Value::Number(number) => Some(match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Any::IntValue(whole),
            // OTLP has no whole number so large: its digits are kept.
            (None, Some(_)) => Any::StringValue(number.to_string()),
            (None, None) => Any::DoubleValue(number.as_f64().unwrap_or(f64::NAN)),
        }),
        Value::String(text) => Some(Any::StringValue(text.clone())),
        Value::Array(values) => {
            Some(Any::ArrayValue(ArrayValue { values: values.iter().map(any).collect() }))
        }
        Value::Object(fields) => {
            let values = fields.iter().map(|(key, value)| attribute(key, value)).collect();
            Some(Any::KvlistValue(KeyValueList { values }))
        }
    };
    AnyValue { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_stays_what_it_is_and_no_digit_is_lost() {
        let value = serde_json::json!({
            "whole": -7, "large": u64::MAX, "real": 0.5, "one": 1.0, "text": "a", "truth": true,
            "list": [1, "b"], "none": {},
        });
        let Some(Any::KvlistValue(fields)) = any(&value).value else { unreachable!() };
        let of = |key: &str| {
            let field = fields.values.iter().find(|field| field.key == key).unwrap();
            field.value.clone().unwrap().value.unwrap()
        };
        assert_eq!(of("whole"), Any::IntValue(-7));
        assert_eq!(of("large"), Any::StringValue("18446744073709551615".into()));
        assert_eq!((of("real"), of("one")), (Any::DoubleValue(0.5), Any::DoubleValue(1.0)));
        assert_eq!((of("text"), of("truth")), (Any::StringValue("a".into()), Any::BoolValue(true)));
        let Any::ArrayValue(list) = of("list") else { unreachable!() };
        assert_eq!(list.values[0].value, Some(Any::IntValue(1)));
        assert_eq!(of("none"), Any::KvlistValue(KeyValueList::default()));
    }
}

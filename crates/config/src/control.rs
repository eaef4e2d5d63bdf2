//! Control variables as the file gives them: opaque to baton, but sent as JSON, which has no NaN and no infinity.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use toml::Value;

use crate::BadValue;

/// Reads a table of control variables.
pub fn variables<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Value>, D::Error> {
    let variables = BTreeMap::<String, Value>::deserialize(from)?;
    for (name, value) in &variables {
        if name.is_empty() {
            return Err(serde::de::Error::custom(BadValue::new("a control variable has no name", "give it one")));
        }
        if !is_finite(value) {
            let bad = BadValue::new(format_args!("the control variable {name:?} is {value}"), "a number is finite");
            return Err(serde::de::Error::custom(bad));
        }
    }
    Ok(variables)
}

fn is_finite(value: &Value) -> bool {
    match value {
        Value::Float(number) => number.is_finite(),
        Value::Array(values) => values.iter().all(is_finite),
        Value::Table(table) => table.values().all(is_finite),
        _ => true,
    }
}

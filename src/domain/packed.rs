//! Values that lie packed (MessagePack) as a text within a packed value: an event carries records as Redis keeps them.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, Visitor},
};

/// A value that is unpacked from its text when the value around it is.
struct Packed<T>(T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Packed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text<T>(PhantomData<T>);

        impl<T: DeserializeOwned> Visitor<'_> for Text<T> {
            type Value = Packed<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a packed value")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                rmp_serde::from_slice(bytes).map(Packed).map_err(E::custom)
            }

            // Lua's texts are bytes: some of them happen to be UTF-8.
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                self.visit_bytes(text.as_bytes())
            }
        }

        deserializer.deserialize_bytes(Text(PhantomData))
    }
}

/// A list of packed values.
pub(super) fn list<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let packed = Vec::<Packed<T>>::deserialize(deserializer)?;
    Ok(packed.into_iter().map(|Packed(value)| value).collect())
}

/// A packed value, or none.
pub(super) fn one<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    let packed = Option::<Packed<T>>::deserialize(deserializer)?;
    Ok(packed.map(|Packed(value)| value))
}

/// Packed values by name.
pub(super) fn map<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<BTreeMap<String, T>, D::Error> {
    let packed = BTreeMap::<String, Packed<T>>::deserialize(deserializer)?;
    Ok(packed.into_iter().map(|(name, Packed(value))| (name, value)).collect())
}

//! A field's value in any of its shapes: a scalar, an array of scalars, a raw tuple `[hex, position, length,
//! bitmask, type]`, an array of raw tuples.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A value as text.
#[derive(Debug, Clone)]
pub(super) enum Text<'a> {
    /// A string, borrowed unless it had escapes; a whole number's digits; `1` or `0` for true and false.
    Written(Cow<'a, [u8]>),
    /// A number with a fraction, whose digits are not kept.
    Fraction,
}

impl Text<'_> {
    /// The text; `None` for a number with a fraction.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Written(text) => Some(text),
            Self::Fraction => None,
        }
    }
}

/// A key: a string whose bytes may be anything.
pub(super) struct Key;

impl<'a> DeserializeSeed<'a> for Key {
    type Value = Text<'a>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Text<'a>, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl<'a> Visitor<'a> for Key {
    type Value = Text<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_bytes<E: Error>(self, bytes: &'a [u8]) -> Result<Text<'a>, E> {
        Ok(Text::Written(Cow::Borrowed(bytes)))
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Text<'a>, E> {
        Ok(Text::Written(Cow::Owned(bytes.to_vec())))
    }
}

/// A single value, or the hex of a raw tuple.
pub(super) enum Shaped<'a> {
    Plain(Text<'a>),
    Tuple(Text<'a>),
}

/// Calls `one` for each value of a scalar, an array of scalars, a raw tuple, or an array of raw tuples.
pub(super) struct Shape<'a, F> {
    one: F,
    text: PhantomData<&'a ()>,
}

impl<'a, F: FnMut(Shaped<'a>)> Shape<'a, F> {
    pub(super) const fn new(one: F) -> Self {
        Self { one, text: PhantomData }
    }
}

impl<'a, F: FnMut(Shaped<'a>)> Visitor<'a> for Shape<'a, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's value")
    }

    fn visit_seq<S: SeqAccess<'a>>(mut self, mut seq: S) -> Result<(), S::Error> {
        let Some(first) = seq.next_element_seed(Element)? else { return Ok(()) };
        let mut previous = first;
        let mut at_second = true;
        while let Some(element) = seq.next_element_seed(Element)? {
            // A string followed by a bare number is [hex, position, length, bitmask, type].
            if at_second && let (Item::Text(hex), Item::Number(_)) = (&previous, &element) {
                (self.one)(Shaped::Tuple(hex.clone()));
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(());
            }
            at_second = false;
            previous.pass_to(&mut self.one);
            previous = element;
        }
        previous.pass_to(&mut self.one);
        Ok(())
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        while map.next_key_seed(Key)?.is_some() {
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }

    fn visit_borrowed_str<E: Error>(mut self, text: &'a str) -> Result<(), E> {
        (self.one)(Shaped::Plain(Text::Written(Cow::Borrowed(text.as_bytes()))));
        Ok(())
    }

    fn visit_borrowed_bytes<E: Error>(mut self, text: &'a [u8]) -> Result<(), E> {
        (self.one)(Shaped::Plain(Text::Written(Cow::Borrowed(text))));
        Ok(())
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<(), E> {
        (self.one)(Shaped::Plain(Text::Written(Cow::Owned(text.as_bytes().to_vec()))));
        Ok(())
    }

    fn visit_u64<E: Error>(mut self, number: u64) -> Result<(), E> {
        (self.one)(Shaped::Plain(Text::Written(Cow::Owned(number.to_string().into_bytes()))));
        Ok(())
    }

    fn visit_i64<E: Error>(mut self, number: i64) -> Result<(), E> {
        (self.one)(Shaped::Plain(Text::Written(Cow::Owned(number.to_string().into_bytes()))));
        Ok(())
    }

    fn visit_f64<E: Error>(mut self, _: f64) -> Result<(), E> {
        (self.one)(Shaped::Plain(Text::Fraction));
        Ok(())
    }

    fn visit_bool<E: Error>(mut self, value: bool) -> Result<(), E> {
        (self.one)(Shaped::Plain(Text::Written(Cow::Borrowed(if value { b"1" } else { b"0" }))));
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

/// One element of a field's array.
enum Item<'a> {
    Text(Text<'a>),
    Number(Text<'a>),
    Tuple(Text<'a>),
    Nothing,
}

impl<'a> Item<'a> {
    fn pass_to(self, one: &mut impl FnMut(Shaped<'a>)) {
        match self {
            Self::Text(text) | Self::Number(text) => one(Shaped::Plain(text)),
            Self::Tuple(text) => one(Shaped::Tuple(text)),
            Self::Nothing => {}
        }
    }
}

struct Element;

impl<'a> DeserializeSeed<'a> for Element {
    type Value = Item<'a>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Item<'a>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Element {
    type Value = Item<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an element of a field's array")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'a str) -> Result<Item<'a>, E> {
        Ok(Item::Text(Text::Written(Cow::Borrowed(text.as_bytes()))))
    }

    fn visit_borrowed_bytes<E: Error>(self, text: &'a [u8]) -> Result<Item<'a>, E> {
        Ok(Item::Text(Text::Written(Cow::Borrowed(text))))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Item<'a>, E> {
        Ok(Item::Text(Text::Written(Cow::Owned(text.as_bytes().to_vec()))))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Item<'a>, E> {
        Ok(Item::Number(Text::Written(Cow::Owned(number.to_string().into_bytes()))))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Item<'a>, E> {
        Ok(Item::Number(Text::Written(Cow::Owned(number.to_string().into_bytes()))))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Item<'a>, E> {
        Ok(Item::Number(Text::Fraction))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Item<'a>, E> {
        Ok(Item::Text(Text::Written(Cow::Borrowed(if value { b"1" } else { b"0" }))))
    }

    fn visit_unit<E: Error>(self) -> Result<Item<'a>, E> {
        Ok(Item::Nothing)
    }

    fn visit_seq<S: SeqAccess<'a>>(self, mut seq: S) -> Result<Item<'a>, S::Error> {
        // A tuple inside an array of tuples: its first element is the hex, the rest are places and types.
        let first = seq.next_element_seed(Self)?;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(match first {
            Some(Item::Text(text)) => Item::Tuple(text),
            _ => Item::Nothing,
        })
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<Item<'a>, M::Error> {
        while map.next_key_seed(Key)?.is_some() {
            map.next_value::<IgnoredAny>()?;
        }
        Ok(Item::Nothing)
    }
}

/// The third element of a raw tuple: how long the layer is.
pub(super) struct TupleLen<'f>(pub(super) &'f mut Option<u64>);

impl<'a> DeserializeSeed<'a> for TupleLen<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        let mut index = 0;
        let len = self.0;
        deserializer.deserialize_any(Shape::new(|value| {
            // The hex of a tuple says its length as well.
            if let (0, Shaped::Tuple(text) | Shaped::Plain(text)) = (index, value) {
                *len = text.bytes().map(|hex| hex.len() as u64 / 2);
            }
            index += 1;
        }))
    }
}

//! One packet object, parsed without a tree: the needed fields are kept as slices of the text, everything
//! else is stepped over. Duplicate keys are all seen, in order.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Limits;
use super::express::Express;
use super::names::{Field, Layer};
use super::value::{Key, Shape, Shaped, Text, TupleLen};

/// What the needed fields of one object say.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    slots: [Slot<'a>; Field::COUNT],
    /// What the object is.
    pub(super) kind: Kind,
    /// Every `tcp.segment_data` and every `data.data`: a packet may have several.
    pub(super) segment_data: Parts<'a>,
    pub(super) data: Parts<'a>,
    /// Layers seen beside each other.
    pub(super) tcp_layers: u32,
    pub(super) ip_layers: u32,
    /// Any field of TCP that stands without its layer, as `-e` selects.
    pub(super) flat_tcp: bool,
    /// The outermost layer after `frame`, and the length of its header where raw bytes tell it.
    pub(super) outermost: Option<Text<'a>>,
    pub(super) outermost_len: Option<u64>,
    /// How the object is written, for naming the variant.
    pub(super) style: Style,
}

/// What kind of object it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Kind {
    /// It has `layers`.
    Packet,
    /// A line that tells Elasticsearch what to do with the next one.
    Index,
    /// Anything else.
    #[default]
    Other,
}

/// Signs of the options that an export was written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Style {
    /// `layers` without `_source` around them: `-T ek`.
    pub(super) ek: bool,
    /// Fields without their layers: `-e`.
    pub(super) flat: bool,
    /// `frame_raw`: `-x` or jsonraw.
    pub(super) raw: bool,
    /// Fields with their dissected values: not jsonraw.
    pub(super) plain: bool,
    /// `{"filtered": …}`: `-j` or `-J`.
    pub(super) filtered: bool,
    /// A repeated field as an array: `--no-duplicate-keys`.
    pub(super) grouped: bool,
}

impl Style {
    /// Adds the signs of another packet.
    pub(super) const fn merge(&mut self, other: Self) {
        self.ek |= other.ek;
        self.flat |= other.flat;
        self.raw |= other.raw;
        self.plain |= other.plain;
        self.filtered |= other.filtered;
        self.grouped |= other.grouped;
    }
}

/// One field: its first two values and how many there were, and its raw bytes.
#[derive(Debug, Default)]
pub(super) struct Slot<'a> {
    pub(super) first: Option<Text<'a>>,
    pub(super) second: Option<Text<'a>>,
    pub(super) count: u32,
    pub(super) raw: Option<Text<'a>>,
}

/// The values of a field that may come several times. The usual few need no allocation.
#[derive(Debug, Default)]
pub(super) struct Parts<'a> {
    few: [Option<Text<'a>>; 2],
    more: Vec<Text<'a>>,
}

impl<'a> Parts<'a> {
    fn push(&mut self, text: Text<'a>) {
        match self.few.iter_mut().find(|slot| slot.is_none()) {
            Some(slot) => *slot = Some(text),
            None => self.more.push(text),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Text<'a>> {
        self.few.iter().flatten().chain(&self.more)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.few[0].is_none()
    }
}

impl<'a> Fields<'a> {
    /// Parses one whole object.
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, serde_json::Error> {
        let mut fields = Self::new();
        let mut parser = serde_json::Deserializer::from_slice(text);
        At(&mut fields, Object).deserialize(&mut parser)?;
        parser.end()?;
        Ok(fields)
    }

    /// Takes in the plain object that `text` begins with, and says how long it is; `None` when it is not that plain, and
    /// then these fields are of no use.
    pub(super) fn read_plain(&mut self, text: &'a [u8], limits: Limits) -> Option<usize> {
        text.starts_with(b"{").then_some(())?;
        let mut parser = Express::new(text, limits);
        At(self, Object).deserialize(&mut parser).ok()?;
        Some(parser.read()).filter(|len| *len <= limits.packet_bytes)
    }

    /// Those of nothing.
    pub(super) fn new() -> Self {
        Self {
            slots: std::array::from_fn(|_| Slot::default()),
            kind: Kind::default(),
            segment_data: Parts::default(),
            data: Parts::default(),
            tcp_layers: 0,
            ip_layers: 0,
            flat_tcp: false,
            outermost: None,
            outermost_len: None,
            style: Style::default(),
        }
    }

    /// One field.
    pub(super) const fn slot(&self, field: Field) -> &Slot<'a> {
        &self.slots[field as usize]
    }

    /// The text of a field's first value.
    pub(super) fn text(&self, field: Field) -> Option<&[u8]> {
        self.slot(field).first.as_ref()?.bytes()
    }

    /// A field's first value as a number: decimal, `0x` hexadecimal, or, without a value, its raw bytes.
    pub(super) fn number(&self, field: Field) -> Option<u64> {
        let slot = self.slot(field);
        match &slot.first {
            Some(text) => number(text.bytes()?),
            None => u64::from_str_radix(std::str::from_utf8(slot.raw.as_ref()?.bytes()?).ok()?, 16).ok(),
        }
    }

    /// A field's second value as a number.
    pub(super) fn second_number(&self, field: Field) -> Option<u64> {
        number(self.slot(field).second.as_ref()?.bytes()?)
    }

    fn put(&mut self, field: Field, value: Text<'a>) {
        match field {
            Field::SegmentData => self.segment_data.push(value),
            Field::Data => self.data.push(value),
            _ => {
                let slot = &mut self.slots[field as usize];
                slot.count = slot.count.saturating_add(1);
                match slot.count {
                    1 => slot.first = Some(value),
                    2 => slot.second = Some(value),
                    _ => {}
                }
            }
        }
        self.style.plain = true;
    }

    fn put_raw(&mut self, field: Field, value: Text<'a>) {
        match field {
            Field::SegmentData if self.segment_data.is_empty() => self.segment_data.push(value),
            Field::Data if self.data.is_empty() => self.data.push(value),
            _ => {
                self.slots[field as usize].raw.get_or_insert(value);
            }
        }
    }
}

fn number(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Where the parser stands, and where what it finds goes.
struct At<'f, 'a, P>(&'f mut Fields<'a>, P);

/// The object of one packet.
struct Object;
/// The value of `_source`.
struct Source;
/// The value of `layers`.
struct Layers;
/// The value of one needed layer; only the first of its kind gives fields.
#[derive(Clone, Copy)]
struct Within(Layer);
/// The value of a needed field.
struct Value(Field);
/// The value of a needed field's raw key.
struct RawValue(Field);

/// A place that is a map: what is done with each key, and with what is no map.
trait Place<'a>: Sized {
    fn enter(&self, _fields: &mut Fields<'a>) {}
    fn entry<M: MapAccess<'a>>(&self, key: Text<'a>, fields: &mut Fields<'a>, map: &mut M) -> Result<(), M::Error>;
    fn element<S: SeqAccess<'a>>(&self, _fields: &mut Fields<'a>, seq: &mut S) -> Result<bool, S::Error> {
        Ok(seq.next_element::<IgnoredAny>()?.is_some())
    }
}

impl<'a, P: Place<'a>> DeserializeSeed<'a> for At<'_, 'a, P> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a, P: Place<'a>> Visitor<'a> for At<'_, 'a, P> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        let Self(fields, place) = self;
        place.enter(fields);
        while let Some(key) = map.next_key_seed(Key)? {
            place.entry(key, fields, &mut map)?;
        }
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'a>>(self, mut seq: S) -> Result<(), S::Error> {
        let Self(fields, place) = self;
        while place.element(fields, &mut seq)? {}
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

fn skip<'a, M: MapAccess<'a>>(map: &mut M) -> Result<(), M::Error> {
    map.next_value::<IgnoredAny>().map(drop)
}

impl<'a> Place<'a> for Object {
    fn entry<M: MapAccess<'a>>(&self, key: Text<'a>, fields: &mut Fields<'a>, map: &mut M) -> Result<(), M::Error> {
        match key.bytes() {
            Some(b"_source") => map.next_value_seed(At(fields, Source)),
            Some(b"layers") => {
                fields.style.ek = true;
                map.next_value_seed(At(fields, Layers))
            }
            Some(b"timestamp") => map.next_value_seed(Put(fields, Value(Field::EkTimestamp))),
            Some(b"index") => {
                if fields.kind == Kind::Other {
                    fields.kind = Kind::Index;
                }
                skip(map)
            }
            _ => skip(map),
        }
    }
}

impl<'a> Place<'a> for Source {
    fn entry<M: MapAccess<'a>>(&self, key: Text<'a>, fields: &mut Fields<'a>, map: &mut M) -> Result<(), M::Error> {
        match key.bytes() {
            Some(b"layers") => map.next_value_seed(At(fields, Layers)),
            _ => skip(map),
        }
    }
}

impl<'a> Place<'a> for Layers {
    fn enter(&self, fields: &mut Fields<'a>) {
        fields.kind = Kind::Packet;
    }

    fn entry<M: MapAccess<'a>>(&self, key: Text<'a>, fields: &mut Fields<'a>, map: &mut M) -> Result<(), M::Error> {
        let Some(name) = key.bytes() else { return skip(map) };
        if let Some(layer) = Layer::named(name) {
            if layer == Layer::Ip && fields.outermost.is_none() {
                fields.outermost = Some(key);
            }
            return map.next_value_seed(At(fields, Within(layer)));
        }
        if name == b"frame_raw" {
            fields.style.raw = true;
            return map.next_value_seed(Put(fields, RawValue(Field::FrameBytes)));
        }
        if let Some(field) = Field::named(name) {
            fields.style.flat = true;
            fields.flat_tcp |= name.starts_with(b"tcp");
            return map.next_value_seed(Put(fields, Value(field)));
        }
        if name.starts_with(b"tcp.") || name.starts_with(b"tcp_") && !name.ends_with(b"_raw") {
            fields.flat_tcp = true;
        } else if name == b"sll_raw" && fields.outermost_len.is_none() {
            let mut len = None;
            map.next_value_seed(TupleLen(&mut len))?;
            fields.outermost_len = len;
            return Ok(());
        } else if fields.outermost.is_none() && !name.contains(&b'.') && !name.ends_with(b"_raw") {
            fields.outermost = Some(key);
        }
        skip(map)
    }
}

impl<'a> Place<'a> for Within {
    fn enter(&self, fields: &mut Fields<'a>) {
        match self.0 {
            Layer::Tcp => fields.tcp_layers = fields.tcp_layers.saturating_add(1),
            Layer::Ip => fields.ip_layers = fields.ip_layers.saturating_add(1),
            Layer::Frame | Layer::Data => {}
        }
    }

    fn entry<M: MapAccess<'a>>(&self, key: Text<'a>, fields: &mut Fields<'a>, map: &mut M) -> Result<(), M::Error> {
        let Some(name) = key.bytes() else { return skip(map) };
        let inner = match self.0 {
            Layer::Tcp => fields.tcp_layers > 1,
            Layer::Ip => fields.ip_layers > 1,
            Layer::Frame | Layer::Data => false,
        };
        if inner {
            return skip(map);
        }
        if let Some(field) = Field::named(name) {
            return map.next_value_seed(Put(fields, Value(field)));
        }
        if let Some(field) = Field::raw_named(name) {
            return map.next_value_seed(Put(fields, RawValue(field)));
        }
        fields.style.filtered |= name == b"filtered";
        skip(map)
    }

    fn element<S: SeqAccess<'a>>(&self, fields: &mut Fields<'a>, seq: &mut S) -> Result<bool, S::Error> {
        Ok(seq.next_element_seed(At(fields, *self))?.is_some())
    }
}

/// Puts a field's value, in whichever shape it comes, where it belongs.
struct Put<'f, 'a, V>(&'f mut Fields<'a>, V);

impl<'a> DeserializeSeed<'a> for Put<'_, 'a, Value> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self(fields, Value(field)) = self;
        let mut group = 0_u32;
        deserializer.deserialize_any(Shape::new(|value: Shaped<'a>| match value {
            Shaped::Plain(text) => {
                group += 1;
                fields.style.grouped |= group > 1;
                fields.put(field, text);
            }
            Shaped::Tuple(text) => fields.put_raw(field.raw_homonym(), text),
        }))
    }
}

impl<'a> DeserializeSeed<'a> for Put<'_, 'a, RawValue> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self(fields, RawValue(field)) = self;
        deserializer.deserialize_any(Shape::new(|value: Shaped<'a>| {
            let (Shaped::Plain(text) | Shaped::Tuple(text)) = value;
            fields.put_raw(field, text);
        }))
    }
}

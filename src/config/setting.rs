//! How a row of the table is bound to a Rust type: a value is decoded, merged and shown by the
//! row's own type, so that a key is named once.

use super::fault::Report;
use super::reader::{Fields, Value};
use super::schema::{Absent, Key, Kind, Scope};
use super::tree::Tree;
use super::yaml;

/// A type that the value of a key has.
pub(super) trait Setting: Sized {
    /// The value as it is written; `None` where a fault was found.
    fn decode(value: &Value<'_>, key: &'static Key, report: &mut Report) -> Option<Self>;

    /// The value as it would be written; `None` where nothing would be.
    fn show(&self, key: &Key) -> Option<Tree>;

    /// Puts what is written in the place of what held before.
    fn merge(&mut self, value: &Value<'_>, key: &'static Key, report: &mut Report) {
        if let Some(written) = Self::decode(value, key, report) {
            *self = written;
        }
    }

    /// What holds where the key is left out.
    fn absent(key: &'static Key) -> Option<Self> {
        let Absent::Value(text) = key.absent else { return None };
        // A default has no faults: tests/config.rs writes each of them out.
        let mut report = Report::new("".as_ref());
        let node = yaml::parse(text, &mut report)?;
        Self::decode(&Value::root(&node), key, &mut report)
    }
}

/// A value that may be left out.
impl<T: Setting> Setting for Option<T> {
    fn decode(value: &Value<'_>, key: &'static Key, report: &mut Report) -> Option<Self> {
        T::decode(value, key, report).map(Some)
    }

    fn show(&self, key: &Key) -> Option<Tree> {
        self.as_ref()?.show(key)
    }

    fn absent(_: &'static Key) -> Option<Self> {
        Some(None)
    }
}

/// What is written under a key, or its default; `None` where it is wrong, or missing and required.
pub(super) fn decode<T: Setting>(
    fields: &Fields<'_>,
    key: &'static Key,
    report: &mut Report,
) -> Option<T> {
    match fields.get(key) {
        Some(value) => T::decode(value, key, report),
        None => T::absent(key),
    }
}

/// A type whose fields are keys, all of which may be left out: what is written is merged into it.
pub(super) trait Table: Sized + 'static {
    /// Its rows.
    const ROWS: &'static [Row<Self>];

    /// Sets every field to the default of its key.
    fn set_defaults(&mut self) {
        for row in Self::ROWS {
            (row.set_default)(self, row.key);
        }
    }

    /// Merges what is written among `fields`.
    fn merge_fields(&mut self, fields: &Fields<'_>, report: &mut Report) {
        for row in Self::ROWS {
            if let Some(value) = fields.get(row.key) {
                (row.merge)(self, value, row.key, report);
            }
        }
    }

    /// The keys as they would be written.
    fn entries(&self) -> Vec<(&'static str, Option<Tree>)> {
        Self::ROWS.iter().map(|row| (row.key.name, (row.show)(self, row.key))).collect()
    }
}

/// A key, and the field of a [`Table`] that holds its value.
pub(super) struct Row<T> {
    pub(super) key: &'static Key,
    pub(super) merge: fn(&mut T, &Value<'_>, &'static Key, &mut Report),
    pub(super) set_default: fn(&mut T, &'static Key),
    pub(super) show: fn(&T, &Key) -> Option<Tree>,
}

/// Declares the keys of a [`Table`], each with the field that holds its value.
macro_rules! table {
    ($(#[$doc:meta])* $visibility:vis $keys:ident of $table:ty { $($($field:ident).+ => $key:expr;)* }) => {
        $(#[$doc])*
        $visibility const $keys: &[Key] = &[$($key),*];

        impl Table for $table {
            const ROWS: &'static [Row<Self>] = &[$(Row {
                key: &$key,
                merge: |table, value, key, report| table.$($field).+.merge(value, key, report),
                set_default: |table, key| {
                    if let Some(value) = Setting::absent(key) {
                        table.$($field).+ = value;
                    }
                },
                show: |table, key| table.$($field).+.show(key),
            }),*];
        }

    };
}

/// Makes a [`Table`] the value of a key: a section, all of whose keys have defaults or none.
macro_rules! section {
    ($table:ty) => {
        impl Setting for $table {
            fn decode(value: &Value<'_>, key: &'static Key, report: &mut Report) -> Option<Self> {
                let mut table = Self::default();
                table.merge(value, key, report);
                Some(table)
            }

            fn merge(&mut self, value: &Value<'_>, key: &'static Key, report: &mut Report) {
                if let Some(fields) =
                    key.kind.scope().and_then(|scope| Fields::open(value, scope, report))
                {
                    self.merge_fields(&fields, report);
                }
            }

            fn show(&self, _: &Key) -> Option<Tree> {
                Some(Tree::mapping(self.entries()))
            }
        }

        impl Default for $table {
            fn default() -> Self {
                let mut table = Self::blank();
                table.set_defaults();
                table
            }
        }
    };
}

/// A type whose fields are keys, some of which are required: it is read as a whole.
pub(super) trait Record: Sized {
    /// What is written among `fields`; `None` where anything required is missing or wrong.
    fn decode_fields(fields: &Fields<'_>, report: &mut Report) -> Option<Self>;

    /// The keys as they would be written.
    fn entries(&self) -> Vec<(&'static str, Option<Tree>)>;
}

/// What two keys of one mapping, or two elements of one list, can have wrong together.
pub(super) trait Coherence {
    /// Reports keys that contradict each other.
    fn check(_: &Fields<'_>, _: &mut Report) {}

    /// What tells the elements of a list apart, with the value that holds it; `None` where it is
    /// wrong, or two elements may be the same.
    fn identity<'f, 't>(_: &'f Fields<'t>) -> Option<(String, &'f Value<'t>)> {
        None
    }

    /// The fault of an element that is in the list already, and what corrects it.
    const TWICE: (&'static str, &'static str) = ("", "");
}

/// Declares the keys of a [`Record`], each with the field that holds its value.
macro_rules! record {
    ($(#[$doc:meta])* $keys:ident of $record:ty { $($field:ident => $key:expr;)* }) => {
        $(#[$doc])*
        const $keys: &[Key] = &[$($key),*];

        impl Record for $record {
            fn decode_fields(fields: &Fields<'_>, report: &mut Report) -> Option<Self> {
                $(let $field = setting::decode(fields, const { &$key }, report);)*
                Self::check(fields, report);
                Some(Self { $($field: $field?),* })
            }

            fn entries(&self) -> Vec<(&'static str, Option<Tree>)> {
                vec![$((const { $key.name }, self.$field.show(const { &$key }))),*]
            }
        }
    };
}

pub(super) use {record, section, table};

/// The elements of a list, each a mapping of one scope.
impl<T: Record + Coherence> Setting for Vec<T> {
    fn decode(value: &Value<'_>, key: &'static Key, report: &mut Report) -> Option<Self> {
        let Kind::List { scope, max } = key.kind else { return None };
        let elements = value.elements(key.kind.noun(), &key.kind.example(), report)?;
        if max < elements.len() {
            let message = format!("the list has {} elements", elements.len());
            value.fault(report, message, format!("at most {max} are allowed"));
            return None;
        }
        let mut seen = std::collections::BTreeMap::new();
        let mut records = Self::with_capacity(elements.len());
        for element in &elements {
            let Some(fields) = Fields::open(element, scope, report) else { continue };
            records.extend(T::decode_fields(&fields, report));
            let Some((identity, place)) = T::identity(&fields) else { continue };
            if let Some(line) = seen.insert(identity, place.place().line) {
                let (message, remedy) = T::TWICE;
                place.fault(report, message, format!("it is in line {line} already, so {remedy}"));
            }
        }
        Some(records)
    }

    fn show(&self, _: &Key) -> Option<Tree> {
        let shown = self.iter().map(|record| Tree::mapping(record.entries()));
        Some(Tree::List(shown.collect()))
    }
}

/// The one record of a mapping.
pub(super) fn open<T: Record>(
    value: &Value<'_>,
    scope: &'static Scope,
    report: &mut Report,
) -> Option<T> {
    let fields = Fields::open(value, scope, report)?;
    T::decode_fields(&fields, report)
}

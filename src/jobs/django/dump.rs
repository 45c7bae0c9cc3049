//! The output of `manage.py dumpdata`, as JSON or JSON Lines, read as a stream.

use std::cell::Cell;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::error::ImportError;
use super::record::Record;

/// Bytes that are read at a time.
const BUFFER_BYTES: usize = 256 * 1024;

/// One object of the dump.
#[derive(Deserialize)]
struct DumpObject {
    model: String,
    #[serde(default)]
    pk: Value,
    #[serde(default)]
    fields: Map<String, Value>,
}

/// Hands over every object of the dump with the name of its model in lower case, and how many bytes
/// were read so far.
pub(super) fn read(
    path: &Path,
    each: &mut dyn FnMut(&str, Record, u64) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let unreadable = |cause: String| ImportError::Source {
        path: path.to_owned(),
        cause,
    };
    let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    let mut input = BufReader::with_capacity(BUFFER_BYTES, file);
    let start = input
        .fill_buf()
        .map_err(|error| unreadable(error.to_string()))?;
    if let Some(cause) = wrong_start(start) {
        return Err(unreadable(cause.to_owned()));
    }
    if start.starts_with("\u{feff}".as_bytes()) {
        input.consume(3);
    }
    let mut failure = None;
    let count = Rc::new(Cell::new(0));
    let mut reader = serde_json::Deserializer::from_reader(Counting {
        input,
        count: count.clone(),
    });
    let mut take = |object: DumpObject| {
        let record = Record {
            key: object.pk,
            fields: object.fields,
        };
        each(&object.model.to_lowercase(), record, count.get())
    };
    // The whole dump is one list, or one object after another.
    while reader.end().is_err() {
        let objects = Objects {
            take: &mut take,
            failure: &mut failure,
        };
        if let Err(error) = objects.deserialize(&mut reader) {
            return Err(failure.unwrap_or_else(|| unreadable(explained(&error))));
        }
    }
    Ok(())
}

/// The first bytes of other kinds of files, with what to do about each.
fn wrong_start(start: &[u8]) -> Option<&'static str> {
    const UTF_16: &str = "it is UTF-16, as a redirection in PowerShell writes it; write it with: manage.py dumpdata --output FILE";
    const COMPRESSED: &str = "it is compressed; unpack it first";
    match start {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some(UTF_16),
        [0x1f, 0x8b, ..] | [b'B', b'Z', b'h', ..] | [0xfd, b'7', b'z', ..] | [b'P', b'K', ..] => {
            Some(COMPRESSED)
        }
        [] => Some("it is empty"),
        _ => {
            let text = start.strip_prefix("\u{feff}".as_bytes()).unwrap_or(start);
            let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
            (!matches!(first, Some(b'[' | b'{'))).then_some(
                "it is neither a SQLite database nor JSON; give the database of Django, or the output of: \
                 manage.py dumpdata --output FILE",
            )
        }
    }
}

fn explained(error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    match error.classify() {
        Category::Eof => format!("it ends in the middle ({error}); dump it again"),
        _ => format!(
            "it is not the output of manage.py dumpdata ({error}); write it with: manage.py dumpdata --output FILE"
        ),
    }
}

/// Counts the bytes that it reads.
struct Counting<R> {
    input: R,
    count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.count.set(self.count.get() + read as u64);
        Ok(read)
    }
}

/// A list of objects, each of which is handed over as soon as it was read, or one object.
struct Objects<'a, F> {
    take: &'a mut F,
    /// Why `take` failed: the library's own errors are text.
    failure: &'a mut Option<ImportError>,
}

impl<F: FnMut(DumpObject) -> Result<(), ImportError>> Objects<'_, F> {
    fn hand_over<E: serde::de::Error>(&mut self, object: DumpObject) -> Result<(), E> {
        (self.take)(object).map_err(|error| {
            *self.failure = Some(error);
            E::custom("stopped")
        })
    }
}

impl<'de, F> DeserializeSeed<'de> for Objects<'_, F>
where
    F: FnMut(DumpObject) -> Result<(), ImportError>,
{
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de, F> Visitor<'de> for Objects<'_, F>
where
    F: FnMut(DumpObject) -> Result<(), ImportError>,
{
    type Value = ();

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("objects with model, pk and fields")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while let Some(object) = list.next_element()? {
            self.hand_over(object)?;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, map: A) -> Result<(), A::Error> {
        let object = DumpObject::deserialize(MapAccessDeserializer::new(map))?;
        self.hand_over::<A::Error>(object)
    }
}

//! What uses a bundle, as it is written.

use super::fault::Report;
use super::place::quoted;
use super::reader::{Fields, Value};
use super::schema::Key;
use super::setting::{self, Setting};
use super::suggest;
use super::table::{CACHE, CACHE_CONSUMER};
use super::tree::Tree;
use anchorwatch_core::bundle::consumer::{Consumer, ConsumerError};

impl Setting for Vec<Consumer> {
    fn decode(value: &Value<'_>, key: &'static Key, report: &mut Report) -> Option<Self> {
        let elements = value.elements(key.kind.noun(), &key.kind.example(), report)?;
        if elements.is_empty() {
            let hint = "name one at least, or remove the key";
            value.fault(report, "the list of consumers is empty", hint);
            return None;
        }
        let mut consumers = Self::with_capacity(elements.len());
        let mut all = true;
        for element in &elements {
            match consumer(element, report) {
                Some(consumer) if consumers.contains(&consumer) => {
                    let message = format!("{} is listed twice", quoted(&consumer.to_string()));
                    element.fault(report, message, "remove one");
                }
                Some(consumer) => consumers.push(consumer),
                None => all = false,
            }
        }
        all.then_some(consumers)
    }

    fn show(&self, _: &Key) -> Option<Tree> {
        let shown = self.iter().map(|consumer| match consumer {
            Consumer::Cache(held) => Tree::mapping([(CACHE.name, held.show(&CACHE))]),
            Consumer::Spire | Consumer::SpireAt(_) | Consumer::GoSpiffe | Consumer::Istio => {
                Tree::text(consumer.to_string())
            }
        });
        Some(Tree::List(shown.collect()))
    }
}

fn consumer(value: &Value<'_>, report: &mut Report) -> Option<Consumer> {
    let Some(written) = value.as_text() else {
        let fields = Fields::open(value, &CACHE_CONSUMER, report)?;
        return setting::decode(&fields, &CACHE, report).map(Consumer::Cache);
    };
    let fault = match written.parse::<Consumer>() {
        // A cache is a mapping here, so that its duration is read as every other is.
        Ok(Consumer::Cache(_)) | Err(ConsumerError::Duration) => ConsumerError::Unknown,
        Ok(consumer) => return Some(consumer),
        Err(fault) => fault,
    };
    match (fault, written.split_once('@')) {
        (ConsumerError::Version, Some((name @ ("go-spiffe" | "istio"), _))) => {
            let message = format!("{} names a version, and {name} is one profile", quoted(written));
            value.fault(report, message, format!("write {name}"));
        }
        (ConsumerError::Version, _) => {
            let message = format!("{} names no version of SPIRE", quoted(written));
            value.fault(report, message, "write for example spire@1.15.3");
        }
        (ConsumerError::Unknown | ConsumerError::Duration, _) => {
            let hint = match suggest::nearest(written, Consumer::WORDS) {
                Some(near) => format!("did you mean {near}?"),
                None => "write spire, spire@1.15.3, go-spiffe, istio or {cache: 10m}".to_owned(),
            };
            value.fault(report, format!("{} is no known consumer", quoted(written)), hint);
        }
    }
    None
}

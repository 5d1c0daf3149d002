//! YAML as a tree with places.
//!
//! Configuration is not derived from types, since what Go's YAML gives its readers shows in every message that a
//! user knows: lines and columns, the difference between absent, null and empty, scalars by their text
//! (`1.50` as a string stays `1.50`), and the name of the type in which a field was not found.
//! Only the first document of a text is read. Aliases are put in, merge keys (`<<`) too.
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use serde_saphyr::granit_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use crate::Error;

/// How deep collections may nest.
const MAX_DEPTH: usize = 100;
/// How many nodes a text may have once its aliases are put in.
const MAX_NODES: usize = 10_000_000;

/// A place in a text, both counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// A value and where it begins.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Scalar {
        text: String,
        /// Written without quotes, so that it may be a number or a boolean.
        plain: bool,
    },
    Sequence(Vec<Node>),
    /// Keys as they were written, in their order, also those that are there twice.
    Mapping(Vec<(Key, Node)>),
}

#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) line: usize,
}

impl Node {
    /// The type that Go's YAML sees in the node, and the text of a scalar: ``!!str `abc` ``.
    pub(crate) fn described(&self) -> String {
        match &self.value {
            Value::Null => "!!null".to_owned(),
            Value::Sequence(_) => "!!seq".to_owned(),
            Value::Mapping(_) => "!!map".to_owned(),
            Value::Scalar { text, plain } => {
                let kind = match *plain {
                    true if as_bool(text).is_some() => "!!bool",
                    true if text.parse::<i64>().is_ok() => "!!int",
                    true if text.parse::<f64>().is_ok() => "!!float",
                    _ => "!!str",
                };
                match text.char_indices().nth(10) {
                    Some(_) => {
                        let short: String = text.chars().take(7).collect();
                        format!("{kind} `{short}...`")
                    }
                    None => format!("{kind} `{text}`"),
                }
            }
        }
    }
}

/// The boolean that a plain scalar is, by YAML 1.1.
pub(crate) fn as_bool(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Some(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Some(false)
        }
        _ => None,
    }
}

/// Reads the first document of `text`; an empty text is null.
pub(crate) fn parse(text: &str) -> Result<Node, Error> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| Error::Syntax {
            line: error.marker().line().max(1),
            what: error.info().to_owned(),
        })?;
        let place = place(&span.start);
        match event {
            Event::DocumentEnd => break,
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar(&text, style, tag.as_deref(), place.line)?;
                builder.leaf(Node { place, value }, anchor)?;
            }
            Event::Alias(anchor) => builder.alias(anchor, place)?,
            Event::SequenceStart(_, anchor, _) => builder.open(Open::sequence(place, anchor))?,
            Event::MappingStart(_, anchor, _) => builder.open(Open::mapping(place, anchor))?,
            Event::SequenceEnd | Event::MappingEnd => builder.close()?,
            _ => {}
        }
    }
    Ok(builder.root.unwrap_or(Node {
        place: Place { line: 1, column: 1 },
        value: Value::Null,
    }))
}

fn place(marker: &Marker) -> Place {
    Place {
        line: marker.line(),
        column: marker.col() + 1,
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, line: usize) -> Result<Value, Error> {
    let tag = tag.map(Tag::suffix);
    if tag == Some("binary") {
        return Err(Error::invalid(line, "!!binary is no text"));
    }
    let plain = style == ScalarStyle::Plain && tag != Some("str");
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" if plain => Value::Null,
        _ => Value::Scalar {
            text: text.to_owned(),
            plain,
        },
    })
}

/// A collection whose end is still to come.
struct Open {
    place: Place,
    anchor: usize,
    items: Items,
}

enum Items {
    Sequence(Vec<Node>),
    Mapping {
        pairs: Vec<(Key, Node)>,
        /// The key whose value comes next.
        key: Option<Key>,
        merged: Vec<Node>,
    },
}

impl Open {
    fn sequence(place: Place, anchor: usize) -> Self {
        let items = Items::Sequence(Vec::new());
        Self {
            place,
            anchor,
            items,
        }
    }

    fn mapping(place: Place, anchor: usize) -> Self {
        let items = Items::Mapping {
            pairs: Vec::new(),
            key: None,
            merged: Vec::new(),
        };
        Self {
            place,
            anchor,
            items,
        }
    }
}

#[derive(Default)]
struct Builder {
    stack: Vec<Open>,
    anchors: HashMap<usize, Node>,
    n_nodes: usize,
    root: Option<Node>,
}

impl Builder {
    fn open(&mut self, open: Open) -> Result<(), Error> {
        if self.stack.len() == MAX_DEPTH {
            return Err(Error::Syntax {
                line: open.place.line,
                what: format!("exceeded max depth of {MAX_DEPTH}"),
            });
        }
        self.stack.push(open);
        Ok(())
    }

    fn leaf(&mut self, node: Node, anchor: usize) -> Result<(), Error> {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        self.add(node)
    }

    fn alias(&mut self, anchor: usize, place: Place) -> Result<(), Error> {
        let node = self.anchors.get(&anchor).ok_or_else(|| Error::Syntax {
            line: place.line,
            what: "anchor value contains itself".to_owned(),
        })?;
        self.n_nodes += n_nodes(node);
        let node = node.clone();
        self.add(node)
    }

    fn close(&mut self) -> Result<(), Error> {
        let Some(Open {
            place,
            anchor,
            items,
        }) = self.stack.pop()
        else {
            return Ok(());
        };
        let value = match items {
            Items::Sequence(items) => Value::Sequence(items),
            Items::Mapping { pairs, merged, .. } => Value::Mapping(merge(pairs, merged)?),
        };
        self.leaf(Node { place, value }, anchor)
    }

    /// Puts `node` where the text has it: into the innermost open collection, as a key or as a value.
    fn add(&mut self, node: Node) -> Result<(), Error> {
        self.n_nodes += 1;
        let line = node.place.line;
        if self.n_nodes > MAX_NODES {
            let what = "document contains excessive aliasing".to_owned();
            return Err(Error::Syntax { line, what });
        }
        match self.stack.last_mut().map(|open| &mut open.items) {
            None => self.root = Some(node),
            Some(Items::Sequence(items)) => items.push(node),
            Some(Items::Mapping { pairs, key, merged }) => match key.take() {
                Some(key) if key.text == "<<" => merged.push(node),
                Some(key) => pairs.push((key, node)),
                None => {
                    let text = match node.value {
                        Value::Scalar { text, .. } => text,
                        Value::Null => String::new(),
                        _ => {
                            let what = "invalid map key".to_owned();
                            return Err(Error::Syntax { line, what });
                        }
                    };
                    *key = Some(Key { text, line });
                }
            },
        }
        Ok(())
    }
}

fn n_nodes(node: &Node) -> usize {
    match &node.value {
        Value::Null | Value::Scalar { .. } => 1,
        Value::Sequence(items) => 1 + items.iter().map(n_nodes).sum::<usize>(),
        Value::Mapping(pairs) => 1 + pairs.iter().map(|(_, n)| n_nodes(n)).sum::<usize>(),
    }
}

/// Adds the pairs of `merged` mappings, or of sequences of them, whose keys are not there yet.
fn merge(mut pairs: Vec<(Key, Node)>, merged: Vec<Node>) -> Result<Vec<(Key, Node)>, Error> {
    for node in merged {
        let line = node.place.line;
        let sources = match node.value {
            Value::Sequence(items) => items,
            value => vec![Node { value, ..node }],
        };
        for source in sources {
            let Value::Mapping(more) = source.value else {
                let what = "map merge requires map or sequence of maps as the value".to_owned();
                return Err(Error::Syntax { line, what });
            };
            for (key, value) in more {
                if !pairs.iter().any(|(known, _)| known.text == key.text) {
                    pairs.push((key, value));
                }
            }
        }
    }
    Ok(pairs)
}

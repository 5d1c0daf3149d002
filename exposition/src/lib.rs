//! Bytes to entries: the formats in which targets expose their metrics, and how a target and a
//! scraper agree on one of them.
//!
//! ```text
//! Accept  <- accept_header(protocols)                      ask
//! Content-Type -> choose_format(…) -> Encoding             agree
//! page  -> Parser -> Entry, Entry, … or one SyntaxError    read lines
//! page  -> read_collated -> Item, Item, … or that error    read lines of which several make one sample
//! page  -> read_protobuf -> Item, Item, … or that error    read messages
//! Series::labels()                                         only for a series text not seen before
//! ```
//!
//! A [`Parser`] takes any bytes, borrows from them and allocates nothing for a series. Bad input is data: it
//! ends the entries with a [`SyntaxError`] whose text is Prometheus'. The rules and the texts are those of
//! Prometheus 3.14, `model/textparse`.

mod collate;
mod content_type;
mod entry;
mod error;
mod float;
mod labels;
mod lexer;
mod names;
mod negotiate;
mod parser;
mod protobuf;
mod quote;
mod sample;
mod series_text;

pub use collate::read_collated;
pub use entry::{Entry, Exemplar, Expected, Print, Series};
pub use error::SyntaxError;
pub use labels::{EXEMPLAR_LABELS_LIMIT, LabelsError, exemplar_labels_length};
pub use names::{EscapingScheme, UnknownEscapingScheme, ValidationScheme};
pub use negotiate::{
    Chosen, DEFAULT_SCRAPE_PROTOCOLS, NegotiationError, ScrapeProtocol, UnknownScrapeProtocol,
    accept_header, choose_format,
};
pub use parser::{Encoding, Format, Parser};
pub use protobuf::read_protobuf;
pub use sample::{HistogramRules, Item, Sample};

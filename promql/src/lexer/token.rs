//! The words of PromQL, and how error texts name them.
use crate::{
    ast::{AggregateOp, BinaryOp, Span},
    quote::quote,
};

/// A word and where it stood.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    pub(crate) start: usize,
}

/// The kinds of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Eof,
    Comma,
    Colon,
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Number,
    Duration,
    String,
    /// A name without colons.
    Identifier,
    /// A name with colons.
    MetricIdentifier,
    /// `=`
    Assign,
    /// `=~`
    Matches,
    /// `!~`
    MatchesNot,
    At,
    Binary(BinaryOp),
    Aggregate(AggregateOp),
    Keyword(Keyword),
    Time(TimeWord),
}

/// Words that are names elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keyword {
    Anchored,
    Bool,
    By,
    /// This and the next two only before a parenthesis.
    Fill,
    FillLeft,
    FillRight,
    GroupLeft,
    GroupRight,
    Ignoring,
    Offset,
    On,
    Smoothed,
    Without,
}

/// Functions that may also stand where a time or a duration is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeWord {
    Start,
    End,
    Step,
    Range,
    MaxOf,
    MinOf,
}

/// What `word` is if it is none of the user's names; case is ignored.
pub(crate) fn keyword(word: &str) -> Option<Kind> {
    use AggregateOp as A;
    use BinaryOp as B;
    // The longest keyword has twelve letters; nothing longer needs a copy.
    if word.len() > 12 {
        return None;
    }
    Some(match word.to_ascii_lowercase().as_str() {
        "and" => Kind::Binary(B::And),
        "or" => Kind::Binary(B::Or),
        "unless" => Kind::Binary(B::Unless),
        "atan2" => Kind::Binary(B::Atan2),
        "sum" => Kind::Aggregate(A::Sum),
        "avg" => Kind::Aggregate(A::Avg),
        "count" => Kind::Aggregate(A::Count),
        "min" => Kind::Aggregate(A::Min),
        "max" => Kind::Aggregate(A::Max),
        "group" => Kind::Aggregate(A::Group),
        "stddev" => Kind::Aggregate(A::Stddev),
        "stdvar" => Kind::Aggregate(A::Stdvar),
        "topk" => Kind::Aggregate(A::Topk),
        "bottomk" => Kind::Aggregate(A::Bottomk),
        "count_values" => Kind::Aggregate(A::CountValues),
        "quantile" => Kind::Aggregate(A::Quantile),
        "limitk" => Kind::Aggregate(A::Limitk),
        "limit_ratio" => Kind::Aggregate(A::LimitRatio),
        "offset" => Kind::Keyword(Keyword::Offset),
        "smoothed" => Kind::Keyword(Keyword::Smoothed),
        "anchored" => Kind::Keyword(Keyword::Anchored),
        "by" => Kind::Keyword(Keyword::By),
        "without" => Kind::Keyword(Keyword::Without),
        "on" => Kind::Keyword(Keyword::On),
        "ignoring" => Kind::Keyword(Keyword::Ignoring),
        "group_left" => Kind::Keyword(Keyword::GroupLeft),
        "group_right" => Kind::Keyword(Keyword::GroupRight),
        "fill" => Kind::Keyword(Keyword::Fill),
        "fill_left" => Kind::Keyword(Keyword::FillLeft),
        "fill_right" => Kind::Keyword(Keyword::FillRight),
        "bool" => Kind::Keyword(Keyword::Bool),
        "start" => Kind::Time(TimeWord::Start),
        "end" => Kind::Time(TimeWord::End),
        "inf" | "nan" => Kind::Number,
        _ => return length_word(word),
    })
}

/// What `word` is if it may stand in place of a duration.
pub(crate) fn length_word(word: &str) -> Option<Kind> {
    let words = [
        ("step", TimeWord::Step),
        ("range", TimeWord::Range),
        ("max_of", TimeWord::MaxOf),
        ("min_of", TimeWord::MinOf),
    ];
    let found = words.iter().find(|(w, _)| word.eq_ignore_ascii_case(w))?;
    Some(Kind::Time(found.1))
}

impl Kind {
    /// True if the word, standing where an expression begins, names a metric.
    pub(crate) const fn may_name_metric(self) -> bool {
        match self {
            Self::Identifier | Self::MetricIdentifier | Self::Aggregate(_) | Self::Time(_) => true,
            Self::Binary(op) => op.is_set(),
            Self::Keyword(k) => !matches!(
                k,
                Keyword::Bool
                    | Keyword::On
                    | Keyword::Ignoring
                    | Keyword::GroupLeft
                    | Keyword::GroupRight
            ),
            _ => false,
        }
    }

    /// True if the word, standing in a list of labels, names a label.
    pub(crate) const fn may_name_label(self) -> bool {
        match self {
            Self::Identifier | Self::MetricIdentifier | Self::Aggregate(_) | Self::Time(_) => true,
            Self::Binary(op) => op.is_set() || matches!(op, BinaryOp::Atan2),
            Self::Keyword(k) => !matches!(k, Keyword::Without),
            _ => false,
        }
    }

    /// True if an expression may begin with the word.
    pub(crate) const fn may_begin_expr(self) -> bool {
        self.may_name_metric()
            || matches!(
                self,
                Self::Number
                    | Self::Duration
                    | Self::String
                    | Self::LeftParen
                    | Self::LeftBrace
                    | Self::Binary(BinaryOp::Add | BinaryOp::Sub)
            )
    }
}

impl Token<'_> {
    /// The byte after the word.
    pub(crate) const fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// The word's bytes.
    pub(crate) const fn span(&self) -> Span {
        self.start..self.end()
    }

    /// How "unexpected …" names the word.
    ///
    /// Source: `Item.desc` in Prometheus, `promql/parser/lex.go`.
    pub(crate) fn describe(&self) -> String {
        let text = self.text;
        match self.kind {
            Kind::Eof => "end of input".to_owned(),
            Kind::Identifier => format!("identifier {}", quote(text)),
            Kind::MetricIdentifier => format!("metric identifier {}", quote(text)),
            Kind::String => format!("string {}", shortened(text)),
            Kind::Number => format!("number {}", shortened(text)),
            Kind::Duration => format!("duration {}", shortened(text)),
            Kind::Keyword(_) => format!("<{text}>"),
            Kind::Aggregate(_) => format!("<aggr:{text}>"),
            Kind::Binary(_) | Kind::At | Kind::Matches | Kind::MatchesNot => {
                format!("<op:{text}>")
            }
            _ => quote(text),
        }
    }
}

/// The text in quotes, cut after ten characters if it is longer than ten bytes.
fn shortened(text: &str) -> String {
    if text.len() <= 10 {
        return quote(text);
    }
    format!("{}...", quote(&text.chars().take(10).collect::<String>()))
}

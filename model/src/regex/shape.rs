//! What a pattern amounts to: a few literals, literals between `.*`, or more.
use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// The most literals that a product such as `[ab][cd]` may give; a plain choice `a|b|…` may be longer.
const MAX_PRODUCT: usize = 256;

/// A pattern that must match a whole text, by how that is found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// One of these, sorted, each once.
    Set(Vec<String>),
    /// `first.*middle.*last`: at least two pieces, any of them may be empty.
    Pieces(Vec<String>),
    /// `.+`
    NonEmpty,
    /// It takes an automaton.
    Other,
}

impl Shape {
    /// The shape of `hir`.
    pub(super) fn of(hir: &Hir) -> Self {
        if let Some(mut literals) = literals(hir) {
            literals.sort_unstable();
            literals.dedup();
            return Self::Set(literals);
        }
        let hir = inner(hir);
        if at_least_any(hir) == Some(1) {
            return Self::NonEmpty;
        }
        let parts = match hir.kind() {
            HirKind::Concat(parts) => parts.as_slice(),
            _ => std::slice::from_ref(hir),
        };
        let mut pieces = vec![String::new()];
        for part in parts {
            match (part.kind(), pieces.last_mut()) {
                (HirKind::Literal(literal), Some(piece)) => match std::str::from_utf8(&literal.0) {
                    Ok(text) => piece.push_str(text),
                    Err(_) => return Self::Other,
                },
                _ if at_least_any(part) == Some(0) => pieces.push(String::new()),
                _ => return Self::Other,
            }
        }
        Self::Pieces(pieces)
    }

    /// True for `.*`.
    pub(super) fn is_everything(&self) -> bool {
        matches!(self, Self::Pieces(pieces) if pieces.iter().all(String::is_empty))
    }

    /// Whether `text` matches, unless that takes an automaton.
    pub(super) fn is_match(&self, text: &str) -> Option<bool> {
        match self {
            Self::Set(literals) => {
                Some(literals.binary_search_by(|l| l.as_str().cmp(text)).is_ok())
            }
            Self::Pieces(pieces) => Some(pieces_match(pieces, text)),
            Self::NonEmpty => Some(!text.is_empty()),
            Self::Other => None,
        }
    }
}

/// Takes the first piece from the front, the last from the back, and finds the others in turn, leftmost first.
fn pieces_match(pieces: &[String], text: &str) -> bool {
    let [first, middle @ .., last] = pieces else {
        return false;
    };
    let between = text
        .strip_prefix(first.as_str())
        .and_then(|rest| rest.strip_suffix(last.as_str()));
    let rest = middle.iter().try_fold(between, |rest, piece| {
        let rest = rest?;
        let at = rest.find(piece.as_str())?;
        Some(Some(&rest[at + piece.len()..]))
    });
    rest.flatten().is_some()
}

/// What every match of `hir` begins with.
pub(super) fn prefix(hir: &Hir) -> Option<String> {
    let hir = inner(hir);
    let first = match hir.kind() {
        HirKind::Concat(parts) => parts
            .iter()
            .find(|part| !matches!(part.kind(), HirKind::Look(Look::Start)))?,
        _ => hir,
    };
    match first.kind() {
        HirKind::Literal(literal) => String::from_utf8(literal.0.to_vec()).ok(),
        HirKind::Capture(capture) => prefix(&capture.sub),
        _ => None,
    }
}

/// The texts that `hir`, a whole pattern or a branch of one, matches, if they are few.
fn literals(hir: &Hir) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Alternation(branches) => {
            branches
                .iter()
                .map(literals)
                .try_fold(Vec::new(), |mut all, branch| {
                    all.append(&mut branch?);
                    Some(all)
                })
        }
        HirKind::Capture(capture) => literals(&capture.sub),
        HirKind::Look(Look::Start | Look::End) => Some(vec![String::new()]),
        // Anchors say nothing new where the whole text must match anyway.
        HirKind::Concat(parts) => {
            let mut parts = parts.as_slice();
            while let [first, rest @ ..] = parts
                && matches!(first.kind(), HirKind::Look(Look::Start))
            {
                parts = rest;
            }
            while let [rest @ .., last] = parts
                && matches!(last.kind(), HirKind::Look(Look::End))
            {
                parts = rest;
            }
            match parts {
                [part] => literals(part),
                parts => product(parts),
            }
        }
        _ => product(std::slice::from_ref(hir)),
    }
}

/// All texts made of one choice for each of `parts`.
fn product(parts: &[Hir]) -> Option<Vec<String>> {
    let mut texts = vec![String::new()];
    for part in parts {
        let choices = choices(part)?;
        if choices.len() > 1 && texts.len() * choices.len() > MAX_PRODUCT {
            return None;
        }
        texts = texts
            .iter()
            .flat_map(|text| choices.iter().map(move |choice| format!("{text}{choice}")))
            .collect();
    }
    Some(texts)
}

/// The texts that `hir`, inside a pattern, matches, if they are few.
fn choices(hir: &Hir) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Empty => Some(vec![String::new()]),
        HirKind::Literal(literal) => Some(vec![String::from_utf8(literal.0.to_vec()).ok()?]),
        HirKind::Class(Class::Unicode(class)) => {
            let n_chars: usize = class.iter().map(|range| range.len()).sum();
            (n_chars <= MAX_PRODUCT).then(|| {
                class
                    .iter()
                    .flat_map(|range| range.start()..=range.end())
                    .map(String::from)
                    .collect()
            })
        }
        HirKind::Capture(capture) => choices(&capture.sub),
        HirKind::Concat(parts) => product(parts),
        HirKind::Alternation(branches) => {
            branches
                .iter()
                .map(choices)
                .try_fold(Vec::new(), |mut all, branch| {
                    all.append(&mut branch?);
                    Some(all)
                })
        }
        HirKind::Repetition(repetition) if (repetition.min, repetition.max) == (0, Some(1)) => {
            let mut all = choices(&repetition.sub)?;
            all.push(String::new());
            Some(all)
        }
        HirKind::Class(Class::Bytes(_)) | HirKind::Look(_) | HirKind::Repetition(_) => None,
    }
}

/// The minimum of a repetition without maximum of any character, line feeds too: 0 for `.*`, 1 for `.+`.
fn at_least_any(hir: &Hir) -> Option<u32> {
    match hir.kind() {
        HirKind::Repetition(repetition) if repetition.max.is_none() => {
            match inner(&repetition.sub).kind() {
                HirKind::Class(Class::Unicode(class)) if is_any(class) => Some(repetition.min),
                _ => None,
            }
        }
        HirKind::Capture(capture) => at_least_any(&capture.sub),
        _ => None,
    }
}

fn is_any(class: &regex_syntax::hir::ClassUnicode) -> bool {
    matches!(class.ranges(), [all] if all.start() == '\0' && all.end() == char::MAX)
}

/// `hir` without the groups around it.
fn inner(mut hir: &Hir) -> &Hir {
    while let HirKind::Capture(capture) = hir.kind() {
        hir = &capture.sub;
    }
    hir
}

//! Character classes as RE2 knows them: Perl's and POSIX' are ASCII, Unicode's go by category and script.
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

const DIGIT: &[(char, char)] = &[('0', '9')];
const SPACE: &[(char, char)] = &[('\t', '\n'), ('\x0c', '\r'), (' ', ' ')];
const WORD: &[(char, char)] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];

/// The class of `\d`, `\s`, `\w` and, negated, of `\D`, `\S`, `\W`.
pub(super) fn perl(letter: char, fold: bool) -> Option<ClassUnicode> {
    let ranges = match letter.to_ascii_lowercase() {
        'd' => DIGIT,
        's' => SPACE,
        'w' => WORD,
        _ => return None,
    };
    Some(finished(of(ranges), fold, letter.is_ascii_uppercase()))
}

/// The class of `[:name:]` and `[:^name:]`, given without the colons.
pub(super) fn posix(name: &str, fold: bool) -> Option<ClassUnicode> {
    let (negated, name) = negation(name);
    let ranges: &[(char, char)] = match name {
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => &[('A', 'Z'), ('a', 'z')],
        "ascii" => &[('\0', '\x7f')],
        "blank" => &[('\t', '\t'), (' ', ' ')],
        "cntrl" => &[('\0', '\x1f'), ('\x7f', '\x7f')],
        "digit" => DIGIT,
        "graph" => &[('!', '~')],
        "lower" => &[('a', 'z')],
        "print" => &[(' ', '~')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => &[('\t', '\r'), (' ', ' ')],
        "upper" => &[('A', 'Z')],
        "word" => WORD,
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return None,
    };
    Some(finished(of(ranges), fold, negated))
}

/// The class of `\p{name}`: a general category or a script.
pub(super) fn unicode(name: &str, negated: bool, fold: bool) -> Option<ClassUnicode> {
    let (inverted, name) = negation(name);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ' ');
    if name.is_empty() || !name.chars().all(plain) {
        return None;
    }
    let class = ["gc", "sc"].into_iter().find_map(|property| {
        let hir = regex_syntax::parse(&format!(r"\p{{{property}={name}}}")).ok()?;
        match hir.into_kind() {
            HirKind::Class(Class::Unicode(class)) => Some(class),
            // A class of one character has become a literal.
            HirKind::Literal(literal) => {
                let text = std::str::from_utf8(&literal.0).ok()?;
                Some(ClassUnicode::new(
                    text.chars().map(|c| ClassUnicodeRange::new(c, c)),
                ))
            }
            _ => None,
        }
    })?;
    Some(finished(class, fold, negated != inverted))
}

/// The code points from `low` to `high`, less the surrogates, which no text holds.
pub(super) fn range(low: u32, high: u32) -> ClassUnicode {
    let low = if (0xd800..0xe000).contains(&low) {
        0xe000
    } else {
        low
    };
    let high = if (0xd800..0xe000).contains(&high) {
        0xd7ff
    } else {
        high
    };
    let ends = char::from_u32(low).zip(char::from_u32(high));
    let range = ends.filter(|(low, high)| low <= high);
    ClassUnicode::new(range.map(|(low, high)| ClassUnicodeRange::new(low, high)))
}

fn of(ranges: &[(char, char)]) -> ClassUnicode {
    ClassUnicode::new(ranges.iter().map(|(a, b)| ClassUnicodeRange::new(*a, *b)))
}

fn negation(name: &str) -> (bool, &str) {
    match name.strip_prefix('^') {
        Some(name) => (true, name),
        None => (false, name),
    }
}

/// Folds before it negates, as Go does.
fn finished(mut class: ClassUnicode, fold: bool, negated: bool) -> ClassUnicode {
    if fold {
        class.case_fold_simple();
    }
    if negated {
        class.negate();
    }
    class
}

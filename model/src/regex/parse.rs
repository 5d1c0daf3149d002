//! Go's regular expression syntax (RE2's, with Perl's classes and flags), read into a [`Hir`].
//!
//! The pattern is read once, left to right, over a stack of open groups; errors carry the texts of Go's `regexp`.
//! `.` matches a line feed from the start, since Prometheus wraps each pattern in `(?s:…)`.
//!
//! Source: `regexp/syntax/parse.go` in Go.
use regex_syntax::hir::{Capture, Class, ClassUnicode, Dot, Hir, HirKind, Look, Repetition};

use super::{RegexError, class};

/// How often a part may be repeated, also as the product of nested repetitions.
const MAX_REPEAT: u32 = 1000;
/// How deep groups may nest. Go allows 1000; the automaton's compiler goes down the tree on the stack.
const MAX_DEPTH: usize = 100;

const MISSING_ARGUMENT: &str = "missing argument to repetition operator";
const NESTED_REPETITION: &str = "invalid nested repetition operator";
const REPEAT_COUNT: &str = "invalid repeat count";
const MISSING_PAREN: &str = "missing closing )";
const UNEXPECTED_PAREN: &str = "unexpected )";
const MISSING_BRACKET: &str = "missing closing ]";
const CLASS_RANGE: &str = "invalid character class range";
const ESCAPE: &str = "invalid escape sequence";
const TRAILING_BACKSLASH: &str = "trailing backslash at end of expression";
const NAMED_CAPTURE: &str = "invalid named capture";
const PERL: &str = "invalid or unsupported Perl syntax";
const TOO_DEEP: &str = "expression nests too deeply";
/// The pattern's automaton would be too large.
pub(super) const TOO_LARGE: &str = "expression too large";

/// True if an error of this kind shows the whole pattern.
pub(super) fn is_about_whole(what: &str) -> bool {
    [MISSING_PAREN, UNEXPECTED_PAREN, TOO_DEEP, TOO_LARGE].contains(&what)
}

/// A pattern's tree, and the names of its groups from group 1 on.
pub(super) struct Parsed {
    pub(super) hir: Hir,
    pub(super) groups: Vec<Option<Box<str>>>,
}

/// Reads `pattern`.
pub(super) fn parse(pattern: &str) -> Result<Parsed, RegexError> {
    Parser {
        pattern,
        at: 0,
        flags: Flags::default(),
        open: Vec::new(),
        level: Level::default(),
        groups: Vec::new(),
    }
    .parse()
}

/// What `(?i)` and its like switch.
#[derive(Clone, Copy)]
struct Flags {
    fold_case: bool,
    multi_line: bool,
    dot_matches_newline: bool,
    swap_greed: bool,
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            fold_case: false,
            multi_line: false,
            dot_matches_newline: true,
            swap_greed: false,
        }
    }
}

/// The branches of a choice: those that are finished, and the parts of the one being read.
#[derive(Default)]
struct Level {
    branches: Vec<Hir>,
    parts: Vec<Hir>,
}

impl Level {
    fn end_branch(&mut self) {
        let branch = Hir::concat(std::mem::take(&mut self.parts));
        self.branches.push(branch);
    }

    fn finish(mut self) -> Hir {
        self.end_branch();
        Hir::alternation(self.branches)
    }
}

/// What is restored and built at a closing parenthesis.
struct Open {
    outer: Level,
    outer_flags: Flags,
    /// The group's number, if it captures.
    capture: Option<u32>,
}

struct Parser<'p> {
    pattern: &'p str,
    at: usize,
    flags: Flags,
    open: Vec<Open>,
    level: Level,
    groups: Vec<Option<Box<str>>>,
}

impl<'p> Parser<'p> {
    fn parse(mut self) -> Result<Parsed, RegexError> {
        // Where the repetition began that the last round read, if it read one.
        let mut last_repeat = None;
        while let Some(c) = self.peek() {
            let start = self.at;
            let mut repeat = None;
            match c {
                '(' if self.rest().starts_with("(?") => self.perl_group()?,
                '(' => {
                    self.at += 1;
                    let number = self.new_group(None);
                    self.open(Some(number))?;
                }
                '|' => {
                    self.at += 1;
                    self.level.end_branch();
                }
                ')' => self.close()?,
                '^' if self.flags.multi_line => self.look(Look::StartLF, 1),
                '^' => self.look(Look::Start, 1),
                '$' if self.flags.multi_line => self.look(Look::EndLF, 1),
                '$' => self.look(Look::End, 1),
                '.' => {
                    self.at += 1;
                    self.level
                        .parts
                        .push(Hir::dot(if self.flags.dot_matches_newline {
                            Dot::AnyChar
                        } else {
                            Dot::AnyCharExceptLF
                        }));
                }
                '[' => self.bracketed_class()?,
                '*' | '+' | '?' => {
                    self.at += 1;
                    let (min, max) = match c {
                        '*' => (0, None),
                        '+' => (1, None),
                        _ => (0, Some(1)),
                    };
                    self.repeat(start, min, max, last_repeat)?;
                    repeat = Some(start);
                }
                '{' => match self.repeat_counts()? {
                    Some((min, max)) => {
                        self.repeat(start, min, max, last_repeat)?;
                        if (min >= 2 || max.is_some_and(|max| max >= 2))
                            && !self
                                .level
                                .parts
                                .last()
                                .is_none_or(|part| repeats_within(part, MAX_REPEAT))
                        {
                            return self.fail_from(start, REPEAT_COUNT);
                        }
                        repeat = Some(start);
                    }
                    None => {
                        self.at += 1;
                        self.literal('{');
                    }
                },
                '\\' => self.escaped()?,
                c => {
                    self.at += c.len_utf8();
                    self.literal(c);
                }
            }
            last_repeat = repeat;
        }
        if !self.open.is_empty() {
            return fail(MISSING_PAREN, self.pattern);
        }
        Ok(Parsed {
            hir: self.level.finish(),
            groups: self.groups,
        })
    }

    fn rest(&self) -> &'p str {
        &self.pattern[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// Fails with the text from `start` up to here.
    fn fail_from<T>(&self, start: usize, what: &'static str) -> Result<T, RegexError> {
        fail(what, &self.pattern[start..self.at])
    }

    fn look(&mut self, look: Look, width: usize) {
        self.at += width;
        self.level.parts.push(Hir::look(look));
    }

    /// Adds one character; more than one if it stands for all its cases.
    fn literal(&mut self, c: char) {
        self.code_point(c.into());
    }

    fn code_point(&mut self, code_point: u32) {
        let mut class = class::range(code_point, code_point);
        if self.flags.fold_case {
            class.case_fold_simple();
        }
        self.class(class);
    }

    fn class(&mut self, class: ClassUnicode) {
        self.level.parts.push(Hir::class(Class::Unicode(class)));
    }

    fn new_group(&mut self, name: Option<&str>) -> u32 {
        self.groups.push(name.map(Into::into));
        self.groups.len() as u32
    }

    fn open(&mut self, capture: Option<u32>) -> Result<(), RegexError> {
        if self.open.len() == MAX_DEPTH {
            return fail(TOO_DEEP, self.pattern);
        }
        self.open.push(Open {
            outer: std::mem::take(&mut self.level),
            outer_flags: self.flags,
            capture,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), RegexError> {
        self.at += 1;
        let Some(Open {
            outer,
            outer_flags,
            capture,
        }) = self.open.pop()
        else {
            return fail(UNEXPECTED_PAREN, self.pattern);
        };
        let inner = std::mem::replace(&mut self.level, outer).finish();
        self.flags = outer_flags;
        self.level.parts.push(match capture {
            Some(index) => Hir::capture(Capture {
                index,
                name: None,
                sub: Box::new(inner),
            }),
            None => inner,
        });
        Ok(())
    }

    /// Reads `(?P<name>`, `(?<name>`, `(?flags)` or `(?flags:`.
    fn perl_group(&mut self) -> Result<(), RegexError> {
        let (start, rest) = (self.at, self.rest());
        let name_at = if rest.starts_with("(?P<") && rest.len() > 4 {
            Some(4)
        } else if rest.starts_with("(?<") && rest.len() > 3 {
            Some(3)
        } else {
            None
        };
        if let Some(name_at) = name_at {
            let Some(end) = rest.find('>') else {
                return fail(NAMED_CAPTURE, rest);
            };
            let name = rest.get(name_at..end).unwrap_or("");
            self.at += end + 1;
            let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
            if name.is_empty() || !name.bytes().all(word) {
                return self.fail_from(start, NAMED_CAPTURE);
            }
            let number = self.new_group(Some(name));
            return self.open(Some(number));
        }
        self.at += 2;
        let mut flags = self.flags;
        let (mut on, mut flag_follows) = (true, false);
        while let Some(c) = self.next() {
            match c {
                'i' => flags.fold_case = on,
                'm' => flags.multi_line = on,
                's' => flags.dot_matches_newline = on,
                'U' => flags.swap_greed = on,
                '-' if on => {
                    (on, flag_follows) = (false, true);
                    continue;
                }
                ':' if !flag_follows => {
                    self.open(None)?;
                    self.flags = flags;
                    return Ok(());
                }
                ')' if !flag_follows => {
                    self.flags = flags;
                    return Ok(());
                }
                _ => break,
            }
            flag_follows = false;
        }
        self.fail_from(start, PERL)
    }

    /// Reads `{2}`, `{2,}` or `{2,3}`; nothing if the brace stands for itself.
    fn repeat_counts(&mut self) -> Result<Option<(u32, Option<u32>)>, RegexError> {
        let start = self.at;
        let Some((min, max, after)) = repeat_counts(self.rest()) else {
            return Ok(None);
        };
        self.at = self.pattern.len() - after.len();
        let ordered = max.is_none_or(|max| min <= max && max <= MAX_REPEAT);
        if min > MAX_REPEAT || !ordered {
            return self.fail_from(start, REPEAT_COUNT);
        }
        Ok(Some((min, max)))
    }

    /// Repeats the last part; the operator began at `start` and is read, but for its `?`.
    fn repeat(
        &mut self,
        start: usize,
        min: u32,
        max: Option<u32>,
        last_repeat: Option<usize>,
    ) -> Result<(), RegexError> {
        let mut greedy = !self.flags.swap_greed;
        if self.peek() == Some('?') {
            self.at += 1;
            greedy = !greedy;
        }
        if let Some(last) = last_repeat {
            return self.fail_from(last, NESTED_REPETITION);
        }
        let Some(part) = self.level.parts.pop() else {
            return self.fail_from(start, MISSING_ARGUMENT);
        };
        self.level.parts.push(Hir::repetition(Repetition {
            min,
            max,
            greedy,
            sub: Box::new(part),
        }));
        Ok(())
    }

    /// Reads what begins with a backslash, outside of brackets.
    fn escaped(&mut self) -> Result<(), RegexError> {
        let start = self.at;
        match self.rest()[1..].chars().next() {
            Some('A') => self.look(Look::Start, 2),
            Some('z') => self.look(Look::End, 2),
            Some('b') => self.look(Look::WordAscii, 2),
            Some('B') => self.look(Look::WordAsciiNegate, 2),
            Some('C') => {
                self.at += 2;
                return self.fail_from(start, ESCAPE);
            }
            Some('Q') => {
                let quoted = &self.rest()[2..];
                let (text, skipped) = match quoted.split_once(r"\E") {
                    Some((text, _)) => (text, text.len() + 2),
                    None => (quoted, quoted.len()),
                };
                self.at += 2 + skipped;
                text.chars().for_each(|c| self.literal(c));
            }
            _ => match self.escaped_class()? {
                Some(class) => self.class(class),
                None => {
                    let code_point = self.escape()?;
                    self.code_point(code_point);
                }
            },
        }
        Ok(())
    }

    /// Reads `\d`, `\pL`, `\p{Greek}` and their like, which may stand in brackets too.
    fn escaped_class(&mut self) -> Result<Option<ClassUnicode>, RegexError> {
        let (start, rest) = (self.at, self.rest());
        let mut chars = rest.chars();
        let (Some('\\'), Some(letter)) = (chars.next(), chars.next()) else {
            return Ok(None);
        };
        if !matches!(letter, 'p' | 'P') {
            let class = class::perl(letter, self.flags.fold_case);
            self.at += if class.is_some() { 2 } else { 0 };
            return Ok(class);
        }
        let name = match chars.next() {
            Some('{') => {
                let Some(end) = rest.find('}') else {
                    return fail(CLASS_RANGE, rest);
                };
                self.at += end + 1;
                &rest[3..end]
            }
            first => {
                let width = first.map_or(0, char::len_utf8);
                self.at += 2 + width;
                &rest[2..2 + width]
            }
        };
        match class::unicode(name, letter == 'P', self.flags.fold_case) {
            Some(class) => Ok(Some(class)),
            None => self.fail_from(start, CLASS_RANGE),
        }
    }

    /// Reads an escape that stands for one code point.
    fn escape(&mut self) -> Result<u32, RegexError> {
        let start = self.at;
        self.at += 1;
        let Some(c) = self.next() else {
            return fail(TRAILING_BACKSLASH, "");
        };
        let octal = |c: Option<char>| c.and_then(|c| c.to_digit(8));
        match c {
            // One digit alone would be a reference back, which RE2 has not.
            '0'..='7' if c == '0' || octal(self.peek()).is_some() => {
                let mut value = u32::from(c) - u32::from('0');
                for _ in 0..2 {
                    let Some(digit) = octal(self.peek()) else {
                        break;
                    };
                    self.at += 1;
                    value = value * 8 + digit;
                }
                Ok(value)
            }
            'x' => match self.hexadecimal() {
                Some(value) => Ok(value),
                None => self.fail_from(start, ESCAPE),
            },
            'a' => Ok(0x07),
            'f' => Ok(0x0c),
            'n' => Ok(0x0a),
            'r' => Ok(0x0d),
            't' => Ok(0x09),
            'v' => Ok(0x0b),
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => Ok(c.into()),
            _ => self.fail_from(start, ESCAPE),
        }
    }

    /// Reads the `41` of `\x41` or the `{1f600}` of `\x{1f600}`.
    fn hexadecimal(&mut self) -> Option<u32> {
        let digit = |c: char| c.to_digit(16);
        let first = self.next()?;
        if first != '{' {
            let second = self.next()?;
            return Some(digit(first)? * 16 + digit(second)?);
        }
        let mut value = None;
        loop {
            match self.next()? {
                '}' => return value,
                c => {
                    let next = value.unwrap_or(0) * 16 + digit(c)?;
                    value = Some(next).filter(|v| *v <= u32::from(char::MAX));
                    value?;
                }
            }
        }
    }

    /// Reads `[…]`.
    fn bracketed_class(&mut self) -> Result<(), RegexError> {
        let whole = self.rest();
        self.at += 1;
        let negated = self.peek() == Some('^');
        self.at += usize::from(negated);
        let mut class = ClassUnicode::empty();
        // A closing bracket stands for itself where it comes first.
        let mut first = true;
        while first || self.peek() != Some(']') {
            first = false;
            if let Some(named) = self.named_class()? {
                class.union(&named);
                continue;
            }
            if let Some(escaped) = self.escaped_class()? {
                class.union(&escaped);
                continue;
            }
            let start = self.at;
            let low = self.class_char(whole)?;
            let mut high = low;
            let mut ahead = self.rest().chars();
            if ahead.next() == Some('-') && ahead.next().is_some_and(|c| c != ']') {
                self.at += 1;
                high = self.class_char(whole)?;
                if high < low {
                    return self.fail_from(start, CLASS_RANGE);
                }
            }
            let mut range = class::range(low, high);
            if self.flags.fold_case {
                range.case_fold_simple();
            }
            class.union(&range);
        }
        self.at += 1;
        if negated {
            class.negate();
        }
        self.class(class);
        Ok(())
    }

    /// Reads `[:alpha:]`, inside of brackets.
    fn named_class(&mut self) -> Result<Option<ClassUnicode>, RegexError> {
        let rest = self.rest();
        let Some((name, _)) = rest.strip_prefix("[:").and_then(|r| r.split_once(":]")) else {
            return Ok(None);
        };
        let start = self.at;
        self.at += name.len() + 4;
        match class::posix(name, self.flags.fold_case) {
            Some(class) => Ok(Some(class)),
            None => self.fail_from(start, CLASS_RANGE),
        }
    }

    fn class_char(&mut self, whole: &str) -> Result<u32, RegexError> {
        match self.peek() {
            None => fail(MISSING_BRACKET, whole),
            Some('\\') => self.escape(),
            Some(c) => {
                self.at += c.len_utf8();
                Ok(c.into())
            }
        }
    }
}

fn fail<T>(what: &'static str, expr: &str) -> Result<T, RegexError> {
    Err(RegexError {
        what,
        expr: expr.to_owned(),
    })
}

/// The counts of the `{2,3}` that `text` begins with, and what comes after it.
fn repeat_counts(text: &str) -> Option<(u32, Option<u32>, &str)> {
    let (min, rest) = count(text.strip_prefix('{')?)?;
    if let Some(rest) = rest.strip_prefix('}') {
        return Some((min, Some(min), rest));
    }
    let rest = rest.strip_prefix(',')?;
    if let Some(rest) = rest.strip_prefix('}') {
        return Some((min, None, rest));
    }
    let (max, rest) = count(rest)?;
    Some((min, Some(max), rest.strip_prefix('}')?))
}

/// The number that `text` begins with, without leading zeros; too large a one is the largest.
fn count(text: &str) -> Option<(u32, &str)> {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at(end);
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    Some((digits.parse().unwrap_or(u32::MAX), rest))
}

/// True if nested counted repetitions in `hir` multiply to no more than `limit`.
fn repeats_within(hir: &Hir, limit: u32) -> bool {
    let mut limit = limit;
    if let HirKind::Repetition(Repetition { min, max, .. }) = hir.kind()
        // `*`, `+` and `?` do not count.
        && (*min > 1 || max.is_some_and(|max| max != 1))
    {
        match max.unwrap_or(*min) {
            0 => return true,
            times if times > limit => return false,
            times => limit /= times,
        }
    }
    hir.kind()
        .subs()
        .iter()
        .all(|sub| repeats_within(sub, limit))
}

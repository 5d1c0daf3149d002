//! Patterns of paths: `*`, `?` and `[a-z]` stand for characters other than the slash.
//!
//! Source: `Glob` and `Match` in Go's `path/filepath`.
use std::{fs, io, path::Path};

/// True if `pattern` holds more than a plain path.
pub(crate) fn is_magic(pattern: &str) -> bool {
    pattern.contains(['*', '?', '[', '\\'])
}

/// True if `pattern` stands for `path`.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    let (mut patterns, mut parts) = (pattern.split('/'), path.split('/'));
    loop {
        match (patterns.next(), parts.next()) {
            (None, None) => return true,
            (Some(pattern), Some(part)) if matches_part(pattern, part) => {}
            _ => return false,
        }
    }
}

/// True if `pattern`, in which no slash matters, stands for all of `text`.
fn matches_part(pattern: &str, text: &str) -> bool {
    let mut pattern_chars = pattern.chars();
    let Some(first) = pattern_chars.next() else {
        return text.is_empty();
    };
    let rest = pattern_chars.as_str();
    let mut text_chars = text.chars();
    match first {
        '*' => text
            .char_indices()
            .map(|(at, _)| at)
            .chain([text.len()])
            .any(|at| matches_part(rest, &text[at..])),
        '?' => text_chars.next().is_some() && matches_part(rest, text_chars.as_str()),
        '[' => match (text_chars.next(), class(rest)) {
            (Some(c), Some((class, rest))) => {
                class.holds(c) && matches_part(rest, text_chars.as_str())
            }
            _ => false,
        },
        '\\' => match pattern_chars.next() {
            Some(c) => {
                text_chars.next() == Some(c)
                    && matches_part(pattern_chars.as_str(), text_chars.as_str())
            }
            None => false,
        },
        c => text_chars.next() == Some(c) && matches_part(rest, text_chars.as_str()),
    }
}

/// The characters between brackets.
struct Class {
    negated: bool,
    ranges: Vec<(char, char)>,
}

impl Class {
    fn holds(&self, c: char) -> bool {
        self.ranges
            .iter()
            .any(|(low, high)| (*low..=*high).contains(&c))
            != self.negated
    }
}

/// The class that `text`, which follows the opening bracket, begins with, and what comes after it.
fn class(text: &str) -> Option<(Class, &str)> {
    let (negated, text) = match text.strip_prefix('^') {
        Some(text) => (true, text),
        None => (false, text),
    };
    let (mut ranges, mut chars) = (Vec::new(), text.chars());
    let next = |chars: &mut std::str::Chars<'_>| match chars.next()? {
        '\\' => chars.next(),
        c => Some(c),
    };
    while ranges.is_empty() || !chars.as_str().starts_with(']') {
        let low = next(&mut chars)?;
        let mut high = low;
        if let Some(after) = chars.as_str().strip_prefix('-') {
            chars = after.chars();
            high = next(&mut chars)?;
        }
        ranges.push((low, high));
    }
    Some((Class { negated, ranges }, &chars.as_str()[1..]))
}

/// The paths below which there is something that `pattern` stands for, sorted; a directory that cannot be read
/// holds nothing.
pub(crate) fn glob(pattern: &str) -> Vec<String> {
    if !is_magic(pattern) {
        let exists = Path::new(pattern).exists();
        return exists.then(|| pattern.to_owned()).into_iter().collect();
    }
    let (directories, last) = match pattern.rsplit_once('/') {
        Some(("", last)) => (vec!["/".to_owned()], last),
        Some((directory, last)) => (glob(directory), last),
        None => (vec![String::new()], pattern),
    };
    let mut paths: Vec<String> = directories
        .iter()
        .flat_map(|directory| {
            let mut names = names(directory).unwrap_or_default();
            names.retain(|name| matches_part(last, name));
            names.into_iter().map(move |name| match directory.as_str() {
                "" => name,
                "/" => format!("/{name}"),
                directory => format!("{directory}/{name}"),
            })
        })
        .collect();
    paths.sort_unstable();
    paths
}

fn names(directory: &str) -> io::Result<Vec<String>> {
    let directory = if directory.is_empty() { "." } else { directory };
    fs::read_dir(directory)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_paths() {
        for (pattern, path) in [
            ("a/*.yml", "a/b.yml"),
            ("a/*.yml", "a/.yml"),
            ("a/?[b-d]x", "a/zcx"),
            ("a/[^b]", "a/c"),
            (r"a\*", "a*"),
            ("/a", "/a"),
            ("*", "x"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("a/*.yml", "a/b/c.yml"),
            ("*.yml", "a.yaml"),
            ("a/[^b]", "a/b"),
            ("a[", "a["),
            ("a?", "a"),
            ("a/b", "a"),
        ] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn files_are_found_in_order() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["b.yml", "a.yml", "c.txt"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let root = directory.path().to_str().unwrap();
        let found = glob(&format!("{root}/*.yml"));
        assert_eq!(found, [format!("{root}/a.yml"), format!("{root}/b.yml")]);
        assert_eq!(glob(&format!("{root}/c.txt")), [format!("{root}/c.txt")]);
        assert_eq!(glob(&format!("{root}/d.txt")), [""; 0]);
    }
}

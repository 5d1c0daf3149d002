//! What stands at a line of a file that was written by us: errors of configuration tell lines, and nobody sees that file.
use config::Error;
use serde_json::Deserializer;

/// What is open above a line.
enum Open {
    Object,
    /// How many items there were.
    List(usize),
}

/// What `error` says of `text`, with the names of fields in place of lines.
pub(crate) fn told(error: &Error, text: &str) -> String {
    let tell = |line: usize, what: &str| match path(text, line).as_str() {
        "" => what.to_owned(),
        path => format!("{path}: {what}"),
    };
    match error {
        Error::Shape(misfits) => {
            let misfits = misfits.iter().map(|misfit| tell(misfit.line, &misfit.what));
            misfits.collect::<Vec<_>>().join("; ")
        }
        Error::Invalid { line, what } => tell(*line, what),
        Error::Syntax { .. } => error.to_string(),
    }
}

/// The path of what stands at `line` of `text`, which is JSON with a line for each value: `scrape_configs[0].scheme`.
/// Lines are counted from 1.
fn path(text: &str, line: usize) -> String {
    let (mut open, mut path) = (Vec::new(), Vec::<String>::new());
    for text in text.lines().take(line).map(str::trim_start) {
        if text.starts_with(['}', ']']) {
            open.pop();
            continue;
        }
        path.truncate(open.len().saturating_sub(1));
        match open.last_mut() {
            None => {}
            Some(Open::Object) => {
                let key = Deserializer::from_str(text).into_iter::<String>().next();
                path.push(format!(".{}", key.and_then(Result::ok).unwrap_or_default()));
            }
            Some(Open::List(n)) => {
                path.push(format!("[{n}]"));
                *n += 1;
            }
        }
        match text.chars().last() {
            Some('{') => open.push(Open::Object),
            Some('[') => open.push(Open::List(0)),
            _ => {}
        }
    }
    path.concat().trim_start_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::path;

    #[test]
    fn each_line_has_its_path() {
        let value =
            json!({"a": [{"b": ": {", "c": [1, "x", []]}, {}, {"d": {"e": null}}], "f": true});
        let text = serde_json::to_string_pretty(&value).unwrap();
        let paths = text.lines().enumerate().filter_map(|(i, text)| {
            let closes = text.trim_start().starts_with(['}', ']']);
            (!closes).then(|| path(&text_of(&value), i + 1))
        });
        let expected = [
            "",
            "a",
            "a[0]",
            "a[0].b",
            "a[0].c",
            "a[0].c[0]",
            "a[0].c[1]",
            "a[0].c[2]",
            "a[1]",
            "a[2]",
            "a[2].d",
            "a[2].d.e",
            "f",
        ];
        assert_eq!(paths.collect::<Vec<_>>(), expected);
    }

    fn text_of(value: &Value) -> String {
        serde_json::to_string_pretty(value).unwrap()
    }
}

//! Text into plain pieces and the tokens of actions.

/// Where and why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    /// From 1.
    pub(super) line: usize,
    pub(super) what: String,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    /// Text that stands as it is.
    Text(String),
    /// What stands between `{{` and `}}`.
    Action { line: usize, tokens: Vec<Token> },
}

/// A token of an action.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// `$x`, with the dollar; `$` alone is the data.
    Variable(String),
    /// `.x`; `.` alone has no name.
    Field(String),
    /// A keyword, a function, `true`, `false` or `nil`.
    Word(String),
    Int(i64),
    Float(f64),
    Text(String),
    /// `:=`
    Declare,
    /// `=`
    Assign,
    Pipe,
    Comma,
    Open,
    Close,
    /// A blank: it parts arguments, where `a.b` and `a .b` differ.
    Blank,
}

/// Splits `text` into its pieces.
pub(super) fn lex(text: &str) -> Result<Vec<Piece>, SyntaxError> {
    let (mut pieces, mut rest, mut line) = (Vec::new(), text, 1);
    let mut trim_next = false;
    loop {
        let action = rest.find("{{");
        let mut plain = &rest[..action.unwrap_or(rest.len())];
        line += plain.matches('\n').count();
        if trim_next {
            plain = plain.trim_start();
        }
        let Some(start) = action else {
            push_text(&mut pieces, plain);
            return Ok(pieces);
        };
        rest = &rest[start + 2..];
        if let Some(trimmed) = rest
            .strip_prefix('-')
            .filter(|r| r.starts_with(char::is_whitespace))
        {
            plain = plain.trim_end();
            rest = trimmed;
        }
        push_text(&mut pieces, plain);
        let unclosed = |what: &str| SyntaxError {
            line,
            what: what.to_owned(),
        };
        let inside = rest.trim_start();
        let (action, end) = if inside.starts_with("/*") {
            let end = inside
                .find("*/")
                .ok_or_else(|| unclosed("unclosed comment"))?;
            rest = &inside[end + 2..];
            let end = rest
                .find("}}")
                .ok_or_else(|| unclosed("comment ends before closing delimiter"))?;
            (None, end)
        } else {
            let end = end_of_action(rest).ok_or_else(|| unclosed("unclosed action"))?;
            (Some(rest), end)
        };
        let body = &rest[..end];
        let closing = body
            .strip_suffix('-')
            .filter(|b| b.is_empty() || b.ends_with(char::is_whitespace));
        trim_next = closing.is_some();
        if action.is_some() {
            let tokens =
                tokens(closing.unwrap_or(body)).map_err(|what| SyntaxError { line, what })?;
            pieces.push(Piece::Action { line, tokens });
        }
        line += body.matches('\n').count();
        rest = &rest[end + 2..];
    }
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    if !text.is_empty() {
        pieces.push(Piece::Text(text.to_owned()));
    }
}

/// Where the `}}` stands that is not within a quoted text.
fn end_of_action(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' | b'`' | b'\'' => at = end_of_quoted(bytes, at)?,
            b'}' if bytes.get(at + 1) == Some(&b'}') => return Some(at),
            _ => at += 1,
        }
    }
    None
}

/// The byte after the quoted text that begins at `start`.
fn end_of_quoted(bytes: &[u8], start: usize) -> Option<usize> {
    let quote = bytes[start];
    let mut at = start + 1;
    loop {
        match bytes.get(at)? {
            b'\\' if quote != b'`' => at += 2,
            byte if *byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}

fn tokens(action: &str) -> Result<Vec<Token>, String> {
    let (mut tokens, mut at) = (Vec::new(), 0);
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    while let Some(first) = action[at..].chars().next() {
        let rest = &action[at..];
        let name_from = |skip: usize| {
            let tail = &rest[skip..];
            skip + tail.find(|c| !is_name(c)).unwrap_or(tail.len())
        };
        let (token, len) = match first {
            c if c.is_whitespace() => {
                let len = rest
                    .find(|c: char| !c.is_whitespace())
                    .unwrap_or(rest.len());
                (Token::Blank, len)
            }
            '|' => (Token::Pipe, 1),
            ',' => (Token::Comma, 1),
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            ':' if rest.starts_with(":=") => (Token::Declare, 2),
            '=' => (Token::Assign, 1),
            '$' => {
                let len = name_from(1);
                (Token::Variable(rest[..len].to_owned()), len)
            }
            '.' if !rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                let len = name_from(1);
                (Token::Field(rest[1..len].to_owned()), len)
            }
            '"' | '`' | '\'' => {
                let end = end_of_quoted(rest.as_bytes(), 0).ok_or("unterminated quoted string")?;
                (quoted(&rest[..end])?, end)
            }
            c if c.is_ascii_digit() || matches!(c, '.' | '-' | '+') => {
                let mut len = 1;
                for c in rest[1..].chars() {
                    let exponent = matches!(rest.as_bytes()[len - 1], b'e' | b'E');
                    if !(is_name(c) || c == '.' || (exponent && matches!(c, '+' | '-'))) {
                        break;
                    }
                    len += c.len_utf8();
                }
                (number(&rest[..len])?, len)
            }
            c if is_name(c) => {
                let len = name_from(0);
                (Token::Word(rest[..len].to_owned()), len)
            }
            c => return Err(format!("unexpected {c:?} in command")),
        };
        tokens.push(token);
        at += len;
    }
    Ok(tokens)
}

fn number(text: &str) -> Result<Token, String> {
    let plain = text.replace('_', "");
    let int = match plain.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16),
        None => plain.parse(),
    };
    if let Ok(int) = int {
        return Ok(Token::Int(int));
    }
    let float = plain
        .parse()
        .map_err(|_| format!("bad number syntax: {text:?}"))?;
    Ok(Token::Float(float))
}

fn quoted(text: &str) -> Result<Token, String> {
    let inner = &text[1..text.len() - 1];
    if text.starts_with('`') {
        return Ok(Token::Text(inner.to_owned()));
    }
    let (mut unquoted, mut chars) = (String::new(), inner.chars());
    while let Some(c) = chars.next() {
        if c != '\\' {
            unquoted.push(c);
            continue;
        }
        let escaped = chars.next().ok_or("unterminated quoted string")?;
        let mut code = |digits: usize| {
            let hex: String = chars.by_ref().take(digits).collect();
            let code = u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32);
            code.ok_or_else(|| format!("bad escape in {text}"))
        };
        unquoted.push(match escaped {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'v' => '\x0b',
            '\\' | '"' | '\'' => escaped,
            'x' => code(2)?,
            'u' => code(4)?,
            'U' => code(8)?,
            _ => return Err(format!("bad escape \\{escaped} in {text}")),
        });
    }
    if text.starts_with('\'') {
        let mut chars = unquoted.chars();
        let character = chars.next().filter(|_| chars.next().is_none());
        let character = character.ok_or_else(|| format!("malformed character constant: {text}"))?;
        return Ok(Token::Int(i64::from(u32::from(character))));
    }
    Ok(Token::Text(unquoted))
}

//! Go's `printf` for the values of templates.
use super::{
    humanize::significant,
    value::{Value, go_float},
};

/// A directive: `%-08.2f`.
#[derive(Default)]
struct Directive {
    left: bool,
    zero: bool,
    plus: bool,
    width: usize,
    precision: Option<usize>,
}

/// The widest field that is filled.
const MAX_WIDTH: usize = 10_000;

/// Writes `args` as `format` says; what does not fit is told in the text, as Go does.
pub(super) fn printf(format: &str, args: &[Value]) -> String {
    let (mut text, mut chars, mut args) = (String::new(), format.chars().peekable(), args.iter());
    while let Some(c) = chars.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        let mut directive = Directive::default();
        while let Some(flag) = chars.next_if(|c| "-0+ #".contains(*c)) {
            match flag {
                '-' => directive.left = true,
                '0' => directive.zero = true,
                '+' => directive.plus = true,
                _ => {}
            }
        }
        let mut number = || {
            let mut number = None;
            while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                let digit = digit.to_digit(10).expect("a digit was asked for") as usize;
                number = Some((number.unwrap_or(0) * 10 + digit).min(MAX_WIDTH));
            }
            number
        };
        directive.width = number().unwrap_or(0);
        let point = chars.next_if_eq(&'.').is_some();
        let mut number = || {
            let mut number = None;
            while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                let digit = digit.to_digit(10).expect("a digit was asked for") as usize;
                number = Some((number.unwrap_or(0) * 10 + digit).min(MAX_WIDTH));
            }
            number
        };
        if point {
            directive.precision = Some(number().unwrap_or(0));
        }
        let Some(verb) = chars.next() else {
            text.push_str("%!(NOVERB)");
            break;
        };
        if verb == '%' {
            text.push('%');
            continue;
        }
        match args.next() {
            Some(arg) => text.push_str(&directive.write(verb, arg)),
            None => text.push_str(&format!("%!{verb}(MISSING)")),
        }
    }
    let extra: Vec<String> = args
        .map(|a| format!("{}={}", a.type_name(), a.print()))
        .collect();
    if !extra.is_empty() {
        text.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    text
}

impl Directive {
    fn write(&self, verb: char, arg: &Value) -> String {
        let body = match (verb, arg) {
            ('v', Value::Float(number)) => self.signed(*number, go_float(*number)),
            ('v', other) => other.print(),
            ('s', Value::Text(text)) => match self.precision {
                Some(length) => text.chars().take(length).collect(),
                None => text.clone(),
            },
            ('q', Value::Text(text)) => format!("{text:?}"),
            ('d', Value::Int(number)) => self.signed(*number as f64, number.to_string()),
            ('x', Value::Int(number)) => format!("{number:x}"),
            ('X', Value::Int(number)) => format!("{number:X}"),
            ('o', Value::Int(number)) => format!("{number:o}"),
            ('b', Value::Int(number)) => format!("{number:b}"),
            ('c', Value::Int(number)) => {
                let code = u32::try_from(*number).ok().and_then(char::from_u32);
                code.unwrap_or(char::REPLACEMENT_CHARACTER).to_string()
            }
            ('t', Value::Bool(truth)) => truth.to_string(),
            ('f' | 'F', Value::Float(number)) if number.is_finite() => {
                let decimals = self.precision.unwrap_or(6);
                self.signed(*number, format!("{number:.decimals$}"))
            }
            ('e', Value::Float(number)) if number.is_finite() => {
                let decimals = self.precision.unwrap_or(6);
                let text = format!("{number:.decimals$e}");
                let (mantissa, exponent) =
                    text.split_once('e').expect("the format writes an exponent");
                let exponent: i32 = exponent.parse().expect("the exponent is a whole number");
                let sign = if exponent < 0 { '-' } else { '+' };
                self.signed(*number, format!("{mantissa}e{sign}{:02}", exponent.abs()))
            }
            ('g', Value::Float(number)) => match self.precision {
                Some(digits) => self.signed(*number, significant(*number, digits.max(1))),
                None => self.signed(*number, go_float(*number)),
            },
            ('f' | 'F' | 'e', Value::Float(number)) => go_float(*number),
            (verb, other) => format!("%!{verb}({}={})", other.type_name(), other.print()),
        };
        self.padded(body, matches!(arg, Value::Int(_) | Value::Float(_)))
    }

    fn signed(&self, number: f64, text: String) -> String {
        match self.plus && number >= 0.0 {
            true => format!("+{text}"),
            false => text,
        }
    }

    fn padded(&self, body: String, is_number: bool) -> String {
        let missing = self.width.saturating_sub(body.chars().count());
        match (self.left, self.zero && is_number) {
            (true, _) => format!("{body}{}", " ".repeat(missing)),
            (false, true) => {
                let at = usize::from(body.starts_with(['-', '+']));
                format!("{}{}{}", &body[..at], "0".repeat(missing), &body[at..])
            }
            (false, false) => format!("{}{body}", " ".repeat(missing)),
        }
    }
}

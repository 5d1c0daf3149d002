//! A table in Markdown, so that it can be shown as it is.
use std::fmt;

/// Rows under a head; the first column is aligned left, all others right.
#[derive(Clone, Debug)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub(super) fn new<const N: usize>(head: [&str; N]) -> Self {
        Self {
            rows: vec![head.map(str::to_owned).to_vec()],
        }
    }

    /// Adds a row.
    pub(super) fn push<const N: usize>(&mut self, row: [String; N]) {
        self.rows.push(row.to_vec());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |i: usize| self.rows.iter().map(|row| row[i].chars().count()).max();
        let widths: Vec<usize> = (0..self.rows[0].len()).filter_map(width).collect();
        for (n, row) in self.rows.iter().enumerate() {
            for (i, (cell, width)) in row.iter().zip(&widths).enumerate() {
                match i {
                    0 => write!(f, "| {cell:<width$} |")?,
                    _ => write!(f, " {cell:>width$} |")?,
                }
            }
            writeln!(f)?;
            if n == 0 {
                for (i, width) in widths.iter().enumerate() {
                    let line = "-".repeat(*width);
                    match i {
                        0 => write!(f, "| {line} |")?,
                        _ => write!(f, " {}: |", &line[1..])?,
                    }
                }
                writeln!(f)?;
            }
        }
        Ok(())
    }
}

/// `value` with about three digits that mean something.
pub(super) fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// `value` and, in parentheses, how many times `unit` it is.
pub(super) fn beside(value: f64, unit: f64) -> String {
    match value / unit {
        ratio if ratio.is_finite() && value != unit => format!("{} ({ratio:.1}x)", short(value)),
        _ => short(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn a_table_is_markdown() {
        let mut table = Table::new(["system", "CPU"]);
        table.push(["a".to_owned(), beside(2.0, 2.0)]);
        table.push(["b".to_owned(), beside(6.04, 2.0)]);
        expect![[r#"
            | system |         CPU |
            | ------ | ----------: |
            | a      |        2.00 |
            | b      | 6.04 (3.0x) |
        "#]]
        .assert_eq(&table.to_string());
        assert_eq!(
            short(0.1234) + &short(1234.4) + &short(12.34),
            "0.123123412.3"
        );
    }
}

//! How many series each metric has.
use std::fmt::Write as _;

use model::MetricType;

use super::family::Family;

/// What stands between two columns.
const PADDING: usize = 4;

/// A table of the series of each family, the most first, and of all.
pub(super) fn table(families: &[Family]) -> String {
    let mut counts: Vec<(&str, usize)> = families
        .iter()
        .map(|family| (family.name.as_str(), n_series(family)))
        .collect();
    counts.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
    let total: usize = counts.iter().map(|(_, n)| n).sum();
    let header = ["Metric", "Cardinality", "Percentage"].map(str::to_owned);
    let rows = counts.into_iter().map(|(name, n)| {
        let share = n as f64 / total as f64 * 100.0;
        [name.to_owned(), n.to_string(), format!("{share:.2}%")]
    });
    let last = ["Total".to_owned(), total.to_string(), "100%".to_owned()];
    let rows: Vec<[String; 3]> = [header].into_iter().chain(rows).chain([last]).collect();
    let widths = [0, 1, 2].map(|column| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or(0) + PADDING
    });
    let mut table = String::new();
    for row in &rows {
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(table, "{cell:width$}");
        }
        table.push('\n');
    }
    table
}

/// The series of `family`: those of a histogram or summary by its first metric, as promtool counts.
fn n_series(family: &Family) -> usize {
    let each = match family.kind() {
        MetricType::Histogram | MetricType::Summary => {
            2 + family.metrics.first().map_or(0, |metric| metric.n_parts)
        }
        _ => 1,
    };
    family.metrics.len() * each
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use model::NameValidation;

    use super::*;
    use crate::check::metrics::family;

    #[test]
    fn the_table_is_promtools() {
        let page = b"a 1\nb{c=\"1\"} 1\nb{c=\"2\"} 1\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n";
        let families = family::read(page, NameValidation::Utf8).unwrap();
        expect![[r#"
            Metric....Cardinality....Percentage....
            h.........4..............57.14%........
            b.........2..............28.57%........
            a.........1..............14.29%........
            Total.....7..............100%..........
        "#]]
        .assert_eq(&table(&families).replace(' ', "."));
    }
}

//! The table of functions: names, argument types, and what calls are checked against.
//!
//! Source: Prometheus, `promql/parser/functions.go`.
use crate::ast::ValueType::{self, Matrix, Scalar, String, Vector};

/// A function's signature.
#[derive(Debug, PartialEq)]
pub struct Function {
    /// Its name in PromQL.
    pub name: &'static str,
    /// The types of its arguments.
    pub args: &'static [ValueType],
    /// 0: all arguments are needed; n > 0: up to n of the last may be left out or, beyond `args`, repeated; below 0: any number.
    pub variadic: i8,
    /// What it gives.
    pub returns: ValueType,
    /// Only with `--enable-feature=promql-experimental-functions`.
    pub experimental: bool,
}

impl Function {
    /// The function called `name`; names are case-sensitive.
    pub fn named(name: &str) -> Option<&'static Self> {
        let place = FUNCTIONS.binary_search_by(|f| f.name.cmp(name)).ok()?;
        Some(&FUNCTIONS[place])
    }

    const fn variadic(mut self, variadic: i8) -> Self {
        self.variadic = variadic;
        self
    }

    const fn experimental(mut self) -> Self {
        self.experimental = true;
        self
    }
}

const fn function(name: &'static str, args: &'static [ValueType], returns: ValueType) -> Function {
    Function {
        name,
        args,
        variadic: 0,
        returns,
        experimental: false,
    }
}

/// All functions, sorted by name.
pub static FUNCTIONS: &[Function] = &[
    function("abs", &[Vector], Vector),
    function("absent", &[Vector], Vector),
    function("absent_over_time", &[Matrix], Vector),
    function("acos", &[Vector], Vector),
    function("acosh", &[Vector], Vector),
    function("asin", &[Vector], Vector),
    function("asinh", &[Vector], Vector),
    function("atan", &[Vector], Vector),
    function("atanh", &[Vector], Vector),
    function("avg_over_time", &[Matrix], Vector),
    function("ceil", &[Vector], Vector),
    function("changes", &[Matrix], Vector),
    function("clamp", &[Vector, Scalar, Scalar], Vector),
    function("clamp_max", &[Vector, Scalar], Vector),
    function("clamp_min", &[Vector, Scalar], Vector),
    function("cos", &[Vector], Vector),
    function("cosh", &[Vector], Vector),
    function("count_over_time", &[Matrix], Vector),
    function("day_of_month", &[Vector], Vector).variadic(1),
    function("day_of_week", &[Vector], Vector).variadic(1),
    function("day_of_year", &[Vector], Vector).variadic(1),
    function("days_in_month", &[Vector], Vector).variadic(1),
    function("deg", &[Vector], Vector),
    function("delta", &[Matrix], Vector),
    function("deriv", &[Matrix], Vector),
    function(
        "double_exponential_smoothing",
        &[Matrix, Scalar, Scalar],
        Vector,
    )
    .experimental(),
    function("end", &[], Scalar).experimental(),
    function("exp", &[Vector], Vector),
    function("first_over_time", &[Matrix], Vector),
    function("floor", &[Vector], Vector),
    function("histogram_avg", &[Vector], Vector),
    function("histogram_count", &[Vector], Vector),
    function("histogram_fraction", &[Scalar, Scalar, Vector], Vector),
    function("histogram_quantile", &[Scalar, Vector], Vector),
    function(
        "histogram_quantiles",
        &[Vector, String, Scalar, Scalar],
        Vector,
    )
    .variadic(9)
    .experimental(),
    function("histogram_stddev", &[Vector], Vector),
    function("histogram_stdvar", &[Vector], Vector),
    function("histogram_sum", &[Vector], Vector),
    function("hour", &[Vector], Vector).variadic(1),
    function("idelta", &[Matrix], Vector),
    function("increase", &[Matrix], Vector),
    function("info", &[Vector, Vector], Vector)
        .variadic(1)
        .experimental(),
    function("irate", &[Matrix], Vector),
    function("label_join", &[Vector, String, String, String], Vector).variadic(-1),
    function(
        "label_replace",
        &[Vector, String, String, String, String],
        Vector,
    ),
    function("last_over_time", &[Matrix], Vector),
    function("ln", &[Vector], Vector),
    function("log10", &[Vector], Vector),
    function("log2", &[Vector], Vector),
    function("mad_over_time", &[Matrix], Vector).experimental(),
    function("max_of", &[Scalar, Scalar], Scalar).experimental(),
    function("max_over_time", &[Matrix], Vector),
    function("min_of", &[Scalar, Scalar], Scalar).experimental(),
    function("min_over_time", &[Matrix], Vector),
    function("minute", &[Vector], Vector).variadic(1),
    function("month", &[Vector], Vector).variadic(1),
    function("pi", &[], Scalar),
    function("predict_linear", &[Matrix, Scalar], Vector),
    function("present_over_time", &[Matrix], Vector),
    function("quantile_over_time", &[Scalar, Matrix], Vector),
    function("rad", &[Vector], Vector),
    function("range", &[], Scalar).experimental(),
    function("rate", &[Matrix], Vector),
    function("resets", &[Matrix], Vector),
    function("round", &[Vector, Scalar], Vector).variadic(1),
    function("scalar", &[Vector], Scalar),
    function("sgn", &[Vector], Vector),
    function("sin", &[Vector], Vector),
    function("sinh", &[Vector], Vector),
    function("sort", &[Vector], Vector),
    function("sort_by_label", &[Vector, String], Vector)
        .variadic(-1)
        .experimental(),
    function("sort_by_label_desc", &[Vector, String], Vector)
        .variadic(-1)
        .experimental(),
    function("sort_desc", &[Vector], Vector),
    function("sqrt", &[Vector], Vector),
    function("start", &[], Scalar).experimental(),
    function("start_timestamp", &[Vector], Vector).experimental(),
    function("stddev_over_time", &[Matrix], Vector),
    function("stdvar_over_time", &[Matrix], Vector),
    function("step", &[], Scalar).experimental(),
    function("sum_over_time", &[Matrix], Vector),
    function("tan", &[Vector], Vector),
    function("tanh", &[Vector], Vector),
    function("time", &[], Scalar),
    function("timestamp", &[Vector], Vector),
    function("ts_of_first_over_time", &[Matrix], Vector).experimental(),
    function("ts_of_last_over_time", &[Matrix], Vector).experimental(),
    function("ts_of_max_over_time", &[Matrix], Vector).experimental(),
    function("ts_of_min_over_time", &[Matrix], Vector).experimental(),
    function("vector", &[Scalar], Vector),
    function("year", &[Vector], Vector).variadic(1),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_each_name_is_found() {
        assert!(FUNCTIONS.is_sorted_by(|a, b| a.name < b.name));
        for f in FUNCTIONS {
            assert_eq!(Function::named(f.name), Some(f));
        }
        assert_eq!(Function::named("Rate"), None);
    }

    #[test]
    fn only_the_last_arguments_are_optional() {
        let round = Function::named("round").unwrap();
        assert_eq!((round.args, round.variadic), (&[Vector, Scalar][..], 1));
        let info = Function::named("info").unwrap();
        assert!(info.experimental && !round.experimental);
    }
}

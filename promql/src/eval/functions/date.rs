//! Functions of a time in seconds since the epoch, in UTC.
use crate::calendar::Civil;

/// The function called `name`, from seconds to a number.
pub(crate) fn named(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "year" => |t| civil(t).year as f64,
        "month" => |t| civil(t).month as f64,
        "day_of_month" => |t| civil(t).day as f64,
        "day_of_week" => |t| civil(t).weekday() as f64,
        "day_of_year" => |t| civil(t).day_of_year() as f64,
        "days_in_month" => |t| civil(t).days_in_month() as f64,
        "hour" => |t| (civil(t).second / 3600) as f64,
        "minute" => |t| (civil(t).second / 60 % 60) as f64,
        _ => return None,
    })
}

/// Parts of a second are cut off; what is no time is taken as the earliest one.
fn civil(seconds: f64) -> Civil {
    let whole = match seconds.is_nan() {
        true => i64::MIN,
        false => seconds as i64,
    };
    Civil::from_unix(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_date_are_told() {
        let of = |name| named(name).unwrap()(1_136_239_445.5);
        let all = ["year", "month", "day_of_month", "hour", "minute"].map(of);
        assert_eq!(all, [2006.0, 1.0, 2.0, 22.0, 4.0]);
        let all = ["day_of_week", "day_of_year", "days_in_month"].map(of);
        assert_eq!(all, [1.0, 2.0, 31.0]);
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(named("day_of_year").unwrap()(value).is_finite());
        }
    }
}

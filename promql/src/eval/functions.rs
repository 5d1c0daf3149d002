//! Functions of instant vectors and scalars, one file a family.
mod buckets;
pub(crate) mod date;
mod histogram;
mod info;
mod labels;
pub(crate) mod math;
pub(crate) mod native;
mod natural;
mod simple;
mod sort;

pub(crate) use sort::LabelOrder;
